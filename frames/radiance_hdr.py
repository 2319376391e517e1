"""Radiance pictures (.hdr): three mantissas and a common exponent per texel.

Source: Greg Ward, "Real Pixels", Graphics Gems II; Radiance "File Formats", Picture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from todpack.decompressor.errors import needs

from .color_profile import BT709, WHITE
from .errors import DataError
from .picture import MAX_TEXELS, Picture

EQUAL_WHITE, NEAR_PLACE = (1 / 3, 1 / 3), 0.02
"""The white of Radiance's own primaries, whose green is at 0.29 and not 0.30."""
_MAX_HEADER = 1 << 16
_SIZE_LINE = re.compile(rb"([-+])([XY]) +(\d{1,9}) +([-+])([XY]) +(\d{1,9})")


def read_radiance(path: Path) -> Picture:
    """Read a picture, divided by EXPOSURE and COLORCORR of its header, upright.

    Raises:
        DataError: it is damaged, its colors are XYZ, or its values not linear.
    """
    with needs("hdr", f"{path}: a Radiance picture"):
        import imagecodecs
    data = path.read_bytes()
    head, found, body = data[:_MAX_HEADER].partition(b"\n\n")
    if not data.startswith(b"#?") or not found:
        raise DataError(f"{path}: expected a Radiance picture, found something else")
    size_line, body = body.partition(b"\n")[0], data[len(head) + 2 :].partition(b"\n")[2]
    size = _SIZE_LINE.fullmatch(size_line.strip())
    if size is None or {size[2], size[5]} != {b"X", b"Y"}:
        raise DataError(f"{path}: expected a size such as -Y 256 +X 512, found {size_line[:40]!r}")
    exposure, colors = np.ones(3), None
    for line in head.splitlines():
        if line[:1] in (b"\t", b" "):  # of the pictures that it was made of
            continue
        name, _, value = line.partition(b"=")
        if name.strip() == b"FORMAT" and value.strip() != b"32-bit_rle_rgbe":
            raise DataError(f"{path}: expected FORMAT=32-bit_rle_rgbe, found {value.strip()[:40].decode('latin-1')}")
        if name.strip() == b"GAMMA" and (gamma := _number(value, "a GAMMA", path)) != 1:
            raise DataError(f"{path}: expected linear values, found GAMMA={gamma:g}")
        if name.strip() == b"PRIMARIES":
            is_other = min(_off(value.split(), white) for white in (WHITE, EQUAL_WHITE)) > NEAR_PLACE
            colors = "PRIMARIES of its own" if is_other else None
        if name.strip() == b"EXPOSURE":
            exposure *= _number(value, "an EXPOSURE", path)
        if name.strip() == b"COLORCORR":
            factors = (*value.split(), b"", b"", b"")[:3]
            exposure *= [_number(factor, "three numbers of COLORCORR", path) for factor in factors]
    n_lines, length = int(size[3]), int(size[6])
    if n_lines * length > MAX_TEXELS:
        raise DataError(f"{path}: expected at most {MAX_TEXELS} texels, found {n_lines} x {length}")
    _refuse_old_runs(body, n_lines * length, path)
    # the pixels are stored in lines of the second axis; whatever it is called, the library reads it as +X
    plain = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (n_lines, length)
    try:
        values: np.ndarray = imagecodecs.rgbe_decode(plain + body)
    except (RuntimeError, ValueError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as a Radiance picture: {error}") from error
    if size[2] == b"X":
        values = values.swapaxes(0, 1)
    signs = {size[2]: size[1], size[5]: size[4]}
    values = values[:: 1 if signs[b"Y"] == b"-" else -1, :: 1 if signs[b"X"] == b"+" else -1]
    with np.errstate(over="ignore"):  # infinite radiance is refused with its place, as in any format
        rgb = np.ascontiguousarray(values / exposure.astype(np.float32), np.float32)
    return Picture(rgb, colors=colors)


def _off(places: Sequence[bytes], white: tuple[float, float]) -> float:
    """How far x and y of red, green, blue and white are from those of sRGB, with another white."""
    try:
        return max(abs(float(found) - wanted) for found, wanted in zip(places, (*BT709, *white), strict=True))
    except ValueError:  # other than eight numbers
        return float("inf")


def _refuse_old_runs(body: bytes, n_texels: int, path: Path) -> None:
    """Refuse runs as texels 1, 1, 1, n, which the format had before runs within lines; no texel of colors is that.

    Raises:
        DataError: there are some.
    """
    if body[:2] == b"\2\2":  # runs within lines
        return
    texels = np.frombuffer(body[: 4 * min(n_texels, len(body) // 4)], np.uint8).reshape(-1, 4)
    if (texels[:, :3] == 1).all(axis=1).any():
        raise DataError(f"{path}: expected flat texels or runs within lines, found runs of the format's first kind")


def _number(value: bytes, what: str, path: Path) -> float:
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise DataError(f"{path}: expected {what} > 0, found {value.strip()[:40].decode('latin-1')}")
    return number
