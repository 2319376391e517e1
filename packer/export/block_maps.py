"""Maps in block-compressed textures: the encoder in the loop, and the matrix fitted to what came back.

Groups of maps are coded one after another. Each is asked to give what all others leave over, so that errors of one
texture are mended by the next; the matrix is fitted anew after each. A second and third round gain a few tenths of dB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .blocks import decode_blocks, encode_blocks
from .coded_maps import CodedMaps, refit
from .grouping import group_maps, leading_basis, sparse_basis
from .mips import Level
from .source import AffineDay
from .textures import BC4, BC7, Texture, TextureFormat

CHANNELS = {BC7: (3, 4), BC4: (1,)}
"""Maps in a texture, at choice. Three are coded better than four, but may leave too much of the day out."""
LEFT_OUT = 2.0
"""Mean squared error in codes, of the directions that have no map, at which BC7 takes the fourth."""
ROUNDS = 3
PROFILE = "basic"
CLIPPED = 1e-3
"""Share of the values at each end that a texture's range leaves out: worth 0.4 dB; other textures mend them."""
EVENNESS = 0.2
"""How far the scales of maps that share a texture differ: 0 not at all, 1 as their ranges do."""
MIDDLE = 127.5
PEAK = 255.0
PEAK_SHARE = 0.999

Progress = Callable[[int, int], object]


class _Layers:
    """Textures in the making: one image at a time is coded and read back.

    Args:
        level: Whose texels they are.
        format: BC7 or BC4.
    """

    def __init__(self, level: Level, format: TextureFormat) -> None:
        self._level, self._format = level, format

    def code(self, wanted: np.ndarray) -> tuple[bytes, np.ndarray]:
        """The blocks for codes (N, C) float, and the (N, C) uint8 that they give back."""
        rounded = np.rint(np.clip(wanted, 0.0, 255.0)).astype(np.uint8)
        image = self._level.fill(rounded, int(MIDDLE))
        stored = encode_blocks(image[..., 0] if self._format == BC4 else image, self._format, PROFILE)
        back = decode_blocks(stored, self._format, *image.shape[:2])
        texels = back[self._level.valid].reshape(len(rounded), -1)[:, : rounded.shape[1]]
        return stored, np.ascontiguousarray(texels)


def _scaled(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and step (C,) with which targets (N, C) become codes around MIDDLE."""
    low, high = np.quantile(targets, [CLIPPED, 1.0 - CLIPPED], axis=0)
    ranges = np.maximum(high - low, 1e-6 * max(float((high - low).max()), 1e-6))
    return (low + high) / 2, ranges.max() / 255.0 * (ranges / ranges.max()) ** EVENNESS


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """The nearest thing to (3T, C) columns in which an error counts alike in every direction."""
    q, r = np.linalg.qr(columns)
    return np.asarray(q * np.where(np.diag(r) < 0, -1.0, 1.0))


def block_maps(
    day: AffineDay,
    maps: np.ndarray,
    levels: Sequence[Level],
    format: TextureFormat,
    n_textures: int,
    progress: Progress | None = None,
) -> CodedMaps:
    """Maps in block-compressed textures.

    Args:
        day: Of the maps.
        maps: (N, K) float32, at the valid texels.
        levels: Mip levels.
        format: BC7 or BC4.
        n_textures: Layers at most; BC7 takes a byte per texel for each, BC4 half a byte.
        progress: Told of the textures coded.

    Raises:
        MissingPackageError: the encoder is not installed.
    """
    days = day.values(maps)
    weights = PEAK / _peaks(days, day.transfer)
    days *= weights.astype(np.float32)
    mean = days.mean(0, dtype=np.float64)
    centered = days - mean.astype(np.float32)
    directions, variances = leading_basis(centered)
    channels = _channels(variances, format, n_textures)
    n_textures = min(n_textures, -(-len(directions) // channels))  # a day of few hours has no more directions
    basis = np.zeros((len(directions), channels * n_textures))
    basis[:, : len(directions)] = directions[:, : basis.shape[1]]
    basis, covariances = sparse_basis(centered, levels[0], basis)
    del centered
    groups = group_maps(covariances, n_textures)
    work = _BlockFit(days, mean, [basis[:, group] for group in groups], _Layers(levels[0], format))
    for step in range(ROUNDS * n_textures):
        work.code(step % n_textures)
        if progress is not None:
            progress(step + 1, ROUNDS * n_textures)
    matrix = work.matrix / weights[:, None]
    offset = work.offset / weights - MIDDLE * matrix.sum(1)
    images = [work.stored]
    codes = np.concatenate(work.codes, axis=1)
    averaged = codes.astype(np.float64)
    for level in levels[1:]:
        averaged = level.averaged(averaged)
        images.append(_code_averages(averaged, work.matrix, n_textures, _Layers(level, format)))
    return CodedMaps(Texture(format, *day.size, images), channels, matrix, offset, codes)


def _channels(variances: np.ndarray, format: TextureFormat, n_textures: int) -> int:
    """Maps in a texture: the fewest that leave little out; variances of all directions, falling."""
    for channels in CHANNELS[format]:
        if float(variances[channels * n_textures :].sum()) / len(variances) <= LEFT_OUT:
            return channels
    return CHANNELS[format][-1]


def _peaks(days: np.ndarray, transfer: str) -> np.ndarray:
    """(3T,) what counts as white: of radiance the brightest of each time, but for the last texels in a thousand."""
    if transfer == "srgb8":
        return np.full(days.shape[1], PEAK)
    peaks = np.quantile(np.abs(days), PEAK_SHARE, axis=0).reshape(-1, 3).max(1)
    return np.repeat(np.maximum(peaks, 1e-6 * max(float(peaks.max()), 1e-30)), 3)


class _BlockFit:
    """The rounds over groups of maps.

    Attributes:
        codes: Per group, (N, C) uint8 that the GPU reads.
        stored: Per group, its blocks.
        matrix: (3T, groups * C) float64, of codes minus MIDDLE; 0 for groups that are not coded yet.
        offset: (3T,) float64.
    """

    def __init__(self, days: np.ndarray, mean: np.ndarray, bases: Sequence[np.ndarray], layers: _Layers) -> None:
        self._days, self._bases, self._layers = days, bases, layers
        self._channels = bases[0].shape[1]
        self._used: list[int] = []
        self.codes = [np.zeros((len(days), self._channels), np.uint8) for _ in bases]
        self.stored = [b"" for _ in bases]
        self.matrix, self.offset = np.zeros((days.shape[1], len(bases) * self._channels)), mean

    def _columns(self, group: int) -> slice:
        return slice(group * self._channels, (group + 1) * self._channels)

    def code(self, group: int) -> None:
        """Code one group for what the others leave over, and fit the matrix."""
        own = self._columns(group)
        basis = _orthonormal(self.matrix[:, own]) if group in self._used else self._bases[group]
        rest = self._days - self.offset.astype(np.float32)
        for other in self._used:
            if other != group:
                rest -= self._centered(other) @ self.matrix[:, self._columns(other)].T.astype(np.float32)
        targets = rest @ basis.astype(np.float32)
        middle, step = _scaled(targets)
        self.stored[group], self.codes[group] = self._layers.code((targets - middle) / step + MIDDLE)
        self._used = sorted({*self._used, group})
        self.matrix[:, own], self.offset = basis * step, self.offset + basis @ middle
        self._fit()

    def _centered(self, group: int) -> np.ndarray:
        return np.asarray(self.codes[group], np.float32) - np.float32(MIDDLE)

    def _fit(self) -> None:
        """The matrix of all groups coded so far."""
        numbers = np.arange(self.matrix.shape[1])
        columns = np.concatenate([numbers[self._columns(group)] for group in self._used])
        codes = np.concatenate([self._centered(group) for group in self._used], axis=1)
        self.matrix[:, columns], self.offset = refit(codes, self._days, self.matrix[:, columns], self.offset)


def _code_averages(averaged: np.ndarray, matrix: np.ndarray, n_textures: int, layers: _Layers) -> list[bytes]:
    """Code the averages (N, K) of one mip level, each group with what the groups before it missed."""
    channels = averaged.shape[1] // n_textures
    missed, stored = np.zeros((len(averaged), len(matrix))), []
    for first in range(0, averaged.shape[1], channels):
        columns = matrix[:, first : first + channels]
        inverse = np.linalg.pinv(columns)
        wanted = averaged[:, first : first + channels] + missed @ inverse.T
        blocks, back = layers.code(wanted)
        stored.append(blocks)
        missed += (averaged[:, first : first + channels] - back) @ columns.T
    return stored
