"""Which texels are valid: bytes <-> (H, W) bool. FORMAT.md "Mask".

Masks of atlases are unions of near-rectangles, so what is stored are the distances from corner to corner.
"""

from __future__ import annotations

import numpy as np

from .container import Container
from .errors import InvalidMetadataError
from .forks import Lock
from .grid import ceil_div
from .metadata import LightmapEntry

ROWS, COLUMNS, PACKED = 0, 1, 2
STRIP_TEXELS = 1 << 22  # at a time, so that a mask of gigatexels is held once


def decode_mask(data: bytes, height: int, width: int) -> np.ndarray:
    """Decode a mask.

    Args:
        data: Kind byte and payload.
        height: H, rows.
        width: W, columns.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: not a mask of this size.
    """
    n_texels = height * width
    if not data or data[0] > PACKED:
        raise ValueError("expected a mask of kind 0, 1 or 2, found another")
    stored = np.frombuffer(data, np.uint8, offset=1)
    if data[0] == PACKED:
        if stored.size != ceil_div(n_texels, 8):
            raise ValueError(f"expected one bit for each of {n_texels} texels, found {stored.size} bytes")
        return np.unpackbits(stored, count=n_texels).astype(bool).reshape(height, width)
    if stored.size > n_texels + n_texels // 255 + 1:
        raise ValueError(f"expected at most one corner for each of {n_texels} texels, found {stored.size} bytes")
    corners = np.cumsum(stored, dtype=np.int64)[stored < 255]
    if corners.size and corners[-1] >= n_texels:
        raise ValueError("a corner lies beyond the last texel")
    filled = np.zeros((height, width) if data[0] == ROWS else (width, height), bool)
    filled.ravel()[corners] = True
    step = max(1, STRIP_TEXELS // filled.shape[1])
    above = np.zeros(filled.shape[1], bool)
    for top in range(0, len(filled), step):
        strip = filled[top : top + step]
        strip[0] ^= above
        np.logical_xor.accumulate(strip, axis=0, out=strip)
        above = strip[-1].copy()
        np.logical_xor.accumulate(strip, axis=1, out=strip)
    return filled if data[0] == ROWS else np.ascontiguousarray(filled.T)


def corner_runs(valid: np.ndarray) -> bytes:
    """Distances between the corners of an (H, W) mask in raster order, in bytes; 255 = 255 texels without a corner."""
    above = np.zeros(valid.shape[1], bool)
    places = []
    for y, row in enumerate(valid):  # row by row: a mask of gigatexels needs no second one
        corners = row ^ above
        corners[1:] ^= row[:-1] ^ above[:-1]
        places.append(np.flatnonzero(corners) + y * row.size)
        above = row
    distances = np.diff(np.concatenate(places), prepend=0)
    pieces = distances // 255 + 1
    out = np.full(int(pieces.sum()), 255, np.uint8)
    out[np.cumsum(pieces) - 1] = distances % 255
    return out.tobytes()


def read_mask(container: Container, lightmap: LightmapEntry) -> np.ndarray:
    """The lightmap's mask: (H, W) bool, read-only.

    Raises:
        ArchiveError: the section is missing, damaged or no mask, or does not have the stated number of valid texels.
    """
    if lightmap.mask is None:
        valid = np.broadcast_to(np.True_, (lightmap.height, lightmap.width))
    else:
        try:
            valid = decode_mask(container.read_bytes(lightmap.mask), lightmap.height, lightmap.width)
        except ValueError as error:
            raise container.invalid(lightmap.mask, error) from error
    if int(valid.sum()) != lightmap.n_valid:
        raise InvalidMetadataError(
            f"{container.path}: lightmap {lightmap.name}: expected {lightmap.n_valid} valid texels, "
            f"found {int(valid.sum())}"
        )
    valid.flags.writeable = False
    return valid


class Mask:
    """The mask of a lightmap, read when it is first asked for, by whichever thread comes first."""

    def __init__(self, container: Container, lightmap: LightmapEntry) -> None:
        self._container, self._lightmap, self._lock = container, lightmap, Lock()
        self._valid: np.ndarray | None = None

    @property
    def valid(self) -> np.ndarray:
        """(H, W) bool, read-only; errors as of `read_mask`."""
        with self._lock:
            if self._valid is None:
                self._valid = read_mask(self._container, self._lightmap)
            return self._valid
