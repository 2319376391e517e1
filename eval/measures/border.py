"""Bilinear lookups over the borders of charts, which read texels that no surface has.

A renderer that samples a lightmap near the edge of a chart mixes the last valid texel with its neighbor in the gutter.
Both sides are filled by one rule, FORMAT.md "Gutters", so this is the error that the codec makes there; against the
original's own gutter, filled by another rule, even the uncompressed original has an error: the ceiling.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.daybasis.gutter import dilate
from todpack.frames.psnr import CODE_PEAK, psnr_db

OFFSETS = (0.25, 0.5)
"""Texels from the center of the last valid texel towards the gutter; also the weight of the gutter's texel."""


@dataclass(frozen=True)
class BorderScore:
    """PSNR in dB at each of OFFSETS, over all frames, channels and pairs of a valid and an invalid neighbor.

    Attributes:
        psnr_db: Against the original whose gutter was filled by the rule.
        own_gutter_db: Against the original with the gutter it has.
        ceiling_db: The filled original against that.
    """

    psnr_db: tuple[float, ...]
    own_gutter_db: tuple[float, ...]
    ceiling_db: tuple[float, ...]


def filled(frame: np.ndarray, valid: np.ndarray, tile: int) -> np.ndarray:
    """(H, W, 3) float64 with the gutter filled, in tiles of this side."""
    planes = np.moveaxis(frame, -1, 0).astype(np.float64)
    for top in range(0, valid.shape[0], tile):
        for left in range(0, valid.shape[1], tile):
            at = slice(top, top + tile), slice(left, left + tile)
            part = np.ascontiguousarray(planes[(slice(None), *at)])
            dilate(part, valid[at])
            planes[(slice(None), *at)] = part
    return np.moveaxis(planes, 0, -1)


def _pairs(valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Raveled indices of valid texels and of an invalid neighbor of each, one for each of the four directions."""
    index = np.arange(valid.size).reshape(valid.shape)

    def both(one: tuple[slice, slice], other: tuple[slice, slice]) -> Iterator[np.ndarray]:
        for a, b in ((one, other), (other, one)):
            at = valid[a] & ~valid[b]
            yield np.stack([index[a][at], index[b][at]])

    everything, rest, last = slice(None), slice(1, None), slice(None, -1)
    found = [*both((rest, everything), (last, everything)), *both((everything, rest), (everything, last))]
    inside, outside = np.concatenate(found, axis=1)
    return inside, outside


def border_score(
    reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray, tile: int | None = None
) -> BorderScore | None:
    """Measure the lookups.

    Args:
        reference: (T, H, W, 3) uint8 codes or float32 radiance, with the original's own gutter.
        decoded: Same shape and type, with the gutter that the decoder gives.
        valid: (H, W) bool.
        tile: Side of the archive's tiles, in which the original is filled; None: the whole frame is one.

    Returns:
        The figures; None where no valid texel has an invalid neighbor, or radiance is black.
    """
    inside, outside = _pairs(valid)
    peak = CODE_PEAK if reference.dtype.kind == "u" else float(reference[:, valid].max(initial=0.0))
    if not inside.size or peak <= 0.0:
        return None
    squares, side = np.zeros((3, len(OFFSETS))), tile or max(valid.shape)
    for original, reconstruction in zip(reference, decoded, strict=True):
        sides = [image.reshape(-1, 3) for image in (filled(original, valid, side), original, reconstruction)]
        for number, weight in enumerate(OFFSETS):
            rule, own, ours = ((1.0 - weight) * side[inside] + weight * side[outside] for side in sides)
            for row, error in enumerate((ours - rule, ours - own, rule - own)):
                squares[row, number] += float(np.square(error, dtype=np.float64).sum())
    means = squares / (3 * inside.size * len(reference))
    figures = [tuple(psnr_db(float(mse), peak) for mse in row) for row in means]
    return BorderScore(*figures)
