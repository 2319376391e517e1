"""Context model: what is decoded already -> an integer energy -> a fine class (FORMAT.md "Context model").

Order of coding: level (coarse to fine), orientation (lh, hl, hh), phase (quincunx.py), and all K components of one
phase at once. Energy of a coefficient: a weighted sum of capped magnitudes with the integer weights of weights.py. Its
class is the energy's logarithm in quarter octaves, plus a shift for the level and, in phase 1, for the activity of
the other components at that place. All arithmetic is in integers without overflow, so every machine finds the same
classes.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .quincunx import (
    LEFT,
    RIGHT,
    above_below,
    adjacent_maps,
    left_right,
    other_parity_sum,
)
from .weights import (
    COARSE_CAP,
    FINE_CAP,
    HH,
    LEVEL_SHIFT,
    LOG_CLASS,
    MAPS_CAP,
    MAPS_SHIFT,
    MEAN_CAP,
    N_ENERGIES,
    N_FINE_LEVELS,
    WEIGHTS,
    ClassArray,
    Weights,
    mean_energy,
)

UIntArray: TypeAlias = npt.NDArray[Any]  # uint16 or uint32, as the level says


def fit_shape(array: UIntArray, shape: tuple[int, int, int]) -> UIntArray:
    """Crop or zero-pad to a shape: the orientations of a level differ by one row or column where a size is odd."""
    if array.shape == shape:
        return array
    out = np.zeros(shape, array.dtype)
    height, width = min(shape[1], array.shape[1]), min(shape[2], array.shape[2])
    out[:, :height, :width] = array[:, :height, :width]
    return out


def upsample_add(out: UIntArray, coarse: UIntArray) -> None:
    """Add to each sample of a (K, h, W2) phase its parent: row y // 2, column j of a (K, hp, wp) array."""
    width = min(out.shape[2], coarse.shape[2])
    for row in (0, 1):
        target = out[:, row::2, :width]
        n = min(target.shape[1], coarse.shape[1])
        target[:, :n] += coarse[:, :n, :width]


def ring(band: UIntArray) -> UIntArray:
    """Sum of the 8 neighbours of each sample of a (K, h, w) band; nothing comes from outside."""
    rows = above_below(band) + band
    out = rows.copy()
    out[..., 1:] += rows[..., :-1]
    out[..., :-1] += rows[..., 1:]
    out -= band
    return out


class ContextState:
    """Walks over the bands in coding order; encoder and decoder feed it the same magnitudes, phase by phase."""

    def __init__(self, n_levels: int) -> None:
        self.n_levels = n_levels
        self.above_finest = 0
        self.dtype: np.dtype[Any] = np.dtype(np.uint32)
        self.cap = COARSE_CAP
        self.parents: list[UIntArray] = []
        self.phases: list[UIntArray] = []  # magnitudes of the current band, by phase
        self.siblings: list[UIntArray] = []  # sums over the earlier orientations, by phase
        self.signs = np.zeros((0, 0, 0), np.int8)  # of phase 0 of the current band

    def begin_level(self, level: int, parents: list[UIntArray]) -> None:
        """Start level 1..n_levels; parents are the magnitudes (lh, hl, hh) of the level before, none at the first."""
        self.above_finest = self.n_levels - level
        fine = self.above_finest < N_FINE_LEVELS
        self.cap = FINE_CAP if fine else COARSE_CAP
        self.dtype = np.dtype(np.uint16 if fine else np.uint32)
        self.parents = [np.minimum(p, self.cap).astype(self.dtype) for p in parents]
        self.siblings, self.phases = [], []

    def put(self, values: npt.NDArray[np.signedinteger]) -> None:
        """Take the (K, h, W2) values of the phase just coded."""
        if not self.phases:
            self.signs = np.sign(values).astype(np.int8)
        self.phases.append(np.minimum(np.abs(values), self.cap).astype(self.dtype))
        if len(self.phases) == 2:
            before = self.siblings or [np.zeros_like(p) for p in self.phases]
            self.siblings = [fit_shape(a, b.shape) + b for a, b in zip(before, self.phases, strict=True)]
            self.phases = []

    def classes(self, orientation: int, shape: tuple[int, int, int], mean_code: npt.NDArray[np.int64]) -> ClassArray:
        """Fine classes (0..99) of the next phase of a band, (K, h, W2); arguments as for energy."""
        phase = len(self.phases)
        out: ClassArray = LOG_CLASS.take(self.energy(orientation, shape, mean_code))
        if phase == 0:
            out += np.uint8(LEVEL_SHIFT[min(self.above_finest, 4)])
        else:
            shift = MAPS_SHIFT[np.minimum(other_parity_sum(self.phases[0]), MAPS_CAP)]
            for parity in (0, 1):
                out[parity::2] += shift[parity]
        return out

    def energy(self, orientation: int, shape: tuple[int, int, int], mean_code: npt.NDArray[np.int64]) -> UIntArray:
        """Energies of the next phase of a band.

        Args:
            orientation: 0, 1, 2 for lh, hl, hh.
            shape: (K, h, W2) of the phase.
            mean_code: (K,) mean codes of the band.

        Returns:
            (K, h, W2) uint16 or uint32, below 2**20.
        """
        phase = len(self.phases)
        w, side = WEIGHTS[orientation][phase], RIGHT if phase else LEFT
        number = self.dtype.type
        out: UIntArray = np.empty(shape, self.dtype)
        out[:] = np.minimum(mean_energy(mean_code, w.mean), MEAN_CAP).astype(self.dtype)[:, None, None]
        if self.parents:
            upsample_add(out, self.parent_energy(orientation, w))
        if self.siblings:
            same, cross = fit_shape(self.siblings[phase], shape), fit_shape(self.siblings[1 - phase], shape)
            out += same * number(w.sibling)
            out += (above_below(cross) + left_right(cross, side)) * number(w.sibling_cross)
            if w.sibling_diagonal:
                out += left_right(above_below(same), side) * number(w.sibling_diagonal)
        if phase:
            first = self.phases[0]
            out += left_right(first, side) * number(w.left_right)
            out += above_below(first) * number(w.above_below)
            out += adjacent_maps(first) * number(w.adjacent_maps)
        return out if self.dtype.itemsize == 2 else np.minimum(out, number(N_ENERGIES - 1))

    def sign_score(self, orientation: int, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.int8]:
        """Signs around the coefficients at flat positions of the next phase: sum along an edge minus sum across, -4..4.

        A score s and the flipped score -s are mirror images: class |s|, and the sign is coded relative to that of s.
        """
        if not self.phases or orientation == HH:
            return np.zeros(positions.size, np.int8)
        score = left_right(self.signs, RIGHT) - above_below(self.signs)
        at: npt.NDArray[np.int8] = score.ravel()[positions]
        return at if orientation == 0 else -at

    def parent_energy(self, orientation: int, w: Weights) -> UIntArray:
        """What the coarser level says, at its own resolution, (K, hp, wp)."""
        number = self.dtype.type
        parent = self.parents[orientation]
        out: UIntArray = parent * number(w.parent)
        if w.parent_ring:
            out += ring(parent) * number(w.parent_ring)
        if w.parent_others:
            one, two = (p for j, p in enumerate(self.parents) if j != orientation)
            height, width = (min(a.shape[i] for a in (one, two, parent)) for i in (1, 2))
            both = one[:, :height, :width] + two[:, :height, :width]
            out[:, :height, :width] += both * number(w.parent_others)
        return out
