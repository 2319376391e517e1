"""Targets that compare two ways to one answer: both give the same bytes, or the same kind of error."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np

from tests.conftest import make_day
from tests.fuzz.scratch import DefectError, scratch
from todpack.decompressor import Lightmap, TodpackError, open_archive
from todpack.decompressor.daybasis import native
from todpack.frames import Day
from todpack.frames.psnr import psnr_db
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

MOST_ROWS, MOST_COLUMNS = 40, 50


def _same(one: np.ndarray, other: np.ndarray, what: str) -> None:
    if one.shape != other.shape or one.tobytes() != other.tobytes():
        raise DefectError(f"{what}: another answer")


def _written(data: bytes) -> Path:
    path = scratch("differential.tod")
    path.write_bytes(data)
    return path


def _corner(lightmap: Lightmap) -> tuple[int, int, int, int]:
    return 0, min(lightmap.height, MOST_ROWS), 0, min(lightmap.width, MOST_COLUMNS)


def _times(lightmap: Lightmap) -> tuple[float, float]:
    return float(lightmap.hours[0]), 5.25


def region(data: bytes) -> None:
    """Frame, region, texel and float32 of one place."""
    try:
        with open_archive(_written(data), threads=1, provider="cpu") as archive:
            lightmap = archive.lightmaps[0]
            _, rows, _, columns = _corner(lightmap)
            for time_h in _times(lightmap):
                values = lightmap.decode(time_h, (0, rows, 0, columns), "float32")
                y, x = rows // 2, columns // 2
                _same(lightmap.decode(time_h, (y, rows, x, columns), "float32"), values[y:, x:], "region")
                _same(lightmap.texel(y, x, time_h, "float32"), values[y, x], "texel")
                if lightmap.transfer == "srgb8":
                    codes = lightmap.decode(time_h, (0, rows, 0, columns))
                    _same(np.rint(values).astype(np.uint8), codes, "codes")
                    _same(lightmap.texel(y, x, time_h), codes[y, x], "texel of codes")
    except TodpackError:
        return


def threads(data: bytes) -> None:
    """One thread and four."""
    answers: list[list[np.ndarray] | None] = []
    for n in (1, 4):
        try:
            with open_archive(_written(data), threads=n, provider="cpu") as archive:
                lightmap = archive.lightmaps[-1]
                part = _corner(lightmap)
                answers.append([lightmap.decode(time_h, part, "float32") for time_h in _times(lightmap)])
        except TodpackError:
            answers.append(None)
    one, four = answers
    if (one is None) != (four is None):
        raise DefectError("an error by one number of threads only")
    for frame, other in zip(one or (), four or (), strict=True):
        _same(frame, other, "threads")


def decoders(data: bytes) -> None:
    """The native core and NumPy, at a stored hour and between; either may take less of what no writer makes."""
    if not native.IS_THERE:
        return
    frames = []
    for decoder in ("native", "reference"):
        try:
            with open_archive(_written(data), threads=1, provider="cpu", decoder=decoder) as archive:
                lightmap = archive.lightmaps[0]
                if archive.model_type != "daybasis":
                    return
                frames.append([lightmap.decode(t, _corner(lightmap), "float32") for t in _times(lightmap)])
        except TodpackError:
            continue
    if len(frames) == 2:
        for one, other in zip(*frames, strict=True):
            _same(one, other, "decoders")


def encode(data: bytes) -> None:
    """A day of at most 8 x 8 texels and 3 hours, of the input: what its encoder measured is what the reader gives."""
    head, body = data[:8].ljust(8, b"\0"), np.frombuffer(data[8:].ljust(1, b"\0"), np.uint8)
    height, width, n_hours = 2 + head[0] % 7, 2 + head[1] % 7, 2 + head[2] % 2
    frames, valid = make_day(height, width, n_hours, seed=head[3])
    frames = frames ^ np.resize(body, frames.shape) if head[4] & 1 else frames
    valid = np.resize(body, valid.shape) % 3 > 0 if head[4] & 2 else valid
    if not valid.any():
        return
    hours = np.arange(n_hours) * 24.0 / n_hours
    day = Day(frames.astype(np.float32), valid, hours, "srgb8", "day")
    config = DayBasisConfig(q_step=1.0 + head[5], tile=8, n_levels=1 + head[7] % 4)
    options = DayBasisPackOptions(entropy="ans" if head[4] & 4 else "zstd")
    encoded = encode_day(day, config, options)
    with open_archive(BytesIO(encoded.writer.to_bytes()), threads=1, provider="cpu") as archive:
        decoded = np.stack([archive.decode(float(t)) for t in hours])
    errors = (decoded.astype(np.float64) - frames)[:, valid]
    found = psnr_db(float(np.mean(errors**2)))
    if found != encoded.psnr_db and abs(found - encoded.psnr_db) > 1e-9 * found:
        raise DefectError(f"the encoder measured {encoded.psnr_db} dB, the reader gives {found}")


DIFFERENTIAL: dict[str, Callable[[bytes], None]] = {
    "region": region,
    "threads": threads,
    "decoders": decoders,
    "encode": encode,
}
