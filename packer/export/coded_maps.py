"""Maps as textures without block compression: 8 bits for sampling, 16 for expanding at load."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..daybasis.basis import BasisFit
from ..daybasis.transform.klt import TemporalBasis
from .mips import Level
from .source import AffineDay
from .textures import RGBA8, RGBA16_SINT, Texture

RGBA_CHANNELS = 4
INT16_MAX = 32767


@dataclass(frozen=True)
class CodedMaps:
    """Maps as a shader reads them: v = matrix @ codes + offset at the stored times.

    Attributes:
        texture: An array; layer l holds the maps from l * channels on.
        channels: Maps in a layer.
        matrix: (3T, layers * channels) float64, of the codes as integers; 0 for channels without a map.
        offset: (3T,) float64.
        codes: (N, layers * channels) integers, what a GPU reads of the valid texels of level 0.
        n_coarse: Maps with a coarser step than the archive's.
    """

    texture: Texture
    channels: int
    matrix: np.ndarray
    offset: np.ndarray
    codes: np.ndarray
    n_coarse: int = 0

    def values(self) -> np.ndarray:
        """(N, 3T) float32 v of the valid texels."""
        values: np.ndarray = self.codes.astype(np.float32) @ self.matrix.T.astype(np.float32)
        values += self.offset.astype(np.float32)
        return values


def refit(codes: np.ndarray, days: np.ndarray, matrix: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and offset that give the days (N, 3T) best from float32 codes (N, K); those given are near them."""
    fit = BasisFit(TemporalBasis(matrix, offset, np.ones(len(offset) // 3)))
    fit.add(codes, days)
    fitted, shift, _ = fit.fit()
    return fitted, shift


def _layers(codes: np.ndarray, level: Level, far: np.ndarray) -> list[np.ndarray]:
    """(H, W, 4) images of the codes (N, 4 L)."""
    image = level.fill(codes, far)
    return [image[..., first : first + RGBA_CHANNELS] for first in range(0, codes.shape[1], RGBA_CHANNELS)]


def _padded(values: np.ndarray) -> np.ndarray:
    """Columns filled up by zeros to whole layers."""
    return np.pad(values, ((0, 0), (0, -values.shape[1] % RGBA_CHANNELS)))


def rgba8_maps(day: AffineDay, maps: np.ndarray, levels: Sequence[Level]) -> CodedMaps:
    """Maps in 8 bits, one scale for each; the matrix is fitted to what they became.

    Args:
        day: Of the maps.
        maps: (N, K) float32, at the valid texels.
        levels: Mip levels.
    """
    low, high = maps.min(0).astype(np.float64), maps.max(0).astype(np.float64)
    scale = np.where(high > low, (high - low) / 255.0, 1.0)
    codes = np.rint((maps - low) / scale).astype(np.uint8)
    matrix, offset = refit(
        codes.astype(np.float32), day.values(maps), day.matrix * scale, day.offset + day.matrix @ low
    )
    images, averaged = [], _padded(codes).astype(np.float64)
    for level in levels:
        averaged = level.averaged(averaged)
        rounded = np.rint(averaged).astype(np.uint8)
        far = np.rint(averaged.mean(0)).astype(np.uint8)
        images.append([layer.tobytes() for layer in _layers(rounded, level, far)])
    return CodedMaps(Texture(RGBA8, *day.size, images), RGBA_CHANNELS, _padded(matrix), offset, _padded(codes))


def int16_maps(day: AffineDay, maps: np.ndarray, steps: np.ndarray, level: Level) -> CodedMaps:
    """Maps in 16 bits: the archive's own numbers, where they fit.

    Args:
        day: Of the maps.
        maps: (N, K) float32, multiples of `steps`.
        steps: (K,) float64 powers of two; a map whose codes would be larger than 16 bits takes coarser ones.
        level: Level 0.
    """
    peaks = np.abs(maps).max(0, initial=0).astype(np.float64)
    shifts = np.ceil(np.log2(np.maximum(peaks / steps / INT16_MAX, 1.0)))
    widths = steps * np.exp2(shifts)
    codes = _padded(np.rint(maps / widths).astype("<i2"))
    images = [layer.tobytes() for layer in _layers(codes, level, np.zeros(codes.shape[1], codes.dtype))]
    texture, matrix = Texture(RGBA16_SINT, *day.size, [images]), _padded(day.matrix * widths)
    return CodedMaps(texture, RGBA_CHANNELS, matrix, day.offset, codes, int((shifts > 0).sum()))
