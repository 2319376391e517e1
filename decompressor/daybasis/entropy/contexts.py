"""Context model: what is decoded already -> an integer energy -> a fine class (FORMAT.md "Context model").

Order of coding: level (coarse to fine), orientation (lh, hl, hh), phase (quincunx.py), and all K components of one
phase at once. Energy of a coefficient: a weighted sum of capped magnitudes around it. Its class is the energy's
logarithm in quarter octaves, plus in phase 0 a shift for the level, in phase 1 one for the activity of the other
components at that place. All arithmetic is in integers without overflow, so every machine finds the same classes.

Source: context quantization by a weighted energy of neighbors, as in ECECOW (Wu, "High-order context modeling and
embedded conditional entropy coding of wavelet coefficients for image compression", 1997), with fixed weights and all
maps of a tile at once; the checkerboard makes each half of a band one vector step.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .quincunx import Phase, above_below, adjacent_maps, left_right, other_parity_sum, site_phases

ClassArray: TypeAlias = npt.NDArray[np.uint8]

N_FINE_CLASSES = 100
N_ENERGIES = 1 << 20
COARSE_CAP = 2047
N_FINE_LEVELS = 2  # the finest levels hold nearly all coefficients: 16-bit sums, cap FINE_CAP
FINE_CAP = 48
MAPS_CAP = 1023
MEAN_CAP = 4095
MAX_MEAN_CODE = 48
HH = 2
N_SIGN_CLASSES = 5
NO_SITE = 255  # class of what is not coded
LEVEL_SHIFT = (0, 1, 1, 2, 3)  # phase 0, [levels above the finest, at most 4]: quarter octaves


Array: TypeAlias = npt.NDArray[Any]  # uint16 or uint32, as the level says


@dataclass(frozen=True)
class Weights:
    """Weights of one (orientation, phase); names say whose magnitudes they multiply."""

    parent: int  # same orientation, coarser level
    parent_ring: int  # its 8 neighbors
    parent_others: int  # the other two orientations there
    mean: int  # mean magnitude of this band of this component (sent)
    sibling: int  # earlier orientations, same place
    sibling_cross: int  # their 4 neighbors
    sibling_diagonal: int  # their diagonal neighbors
    left_right: int  # phase 1 only, from phase 0: horizontal neighbors
    above_below: int  # vertical neighbors
    adjacent_maps: int  # same place, components k - 1 and k + 1


# [orientation][phase]; fitted by maximum likelihood, then by search on coded bytes
WEIGHTS = (
    (Weights(269, 20, 65, 159, 0, 0, 0, 0, 0, 0), Weights(42, 0, 14, 11, 0, 0, 0, 298, 134, 18)),
    (Weights(205, 18, 39, 53, 140, 60, 32, 0, 0, 0), Weights(45, 0, 7, 5, 35, 8, 0, 133, 272, 13)),
    (Weights(88, 0, 0, 3, 183, 41, 0, 0, 0, 0), Weights(29, 0, 0, 6, 85, 4, 0, 166, 133, 13)),
)


def _log_classes() -> ClassArray:
    """(2**20,) table of quarter octaves: 0 for 0, else 1 + 4 floor(log2 E) + the two bits under the leading one."""
    octave, quarter = np.divmod(np.arange(4 * N_ENERGIES.bit_length() - 3), 4)
    first = ((4 + quarter) << octave) + 3 >> 2  # lowest energy of each quarter octave; of some there is none
    return np.repeat(np.arange(first.size, dtype=np.uint8), np.diff(first, prepend=0))


LOG_CLASS = _log_classes()
MAPS_SHIFT = np.searchsorted([1, 4, 11, 31, 85, 231, 624], np.arange(MAPS_CAP + 1), side="right").astype(np.uint8)


def mean_energy(code: npt.NDArray[np.int64], weight: int) -> npt.NDArray[np.int64]:
    """Energy of mean code m, 0..48: floor of weight * 2 ** ((m - 24) / 2), in integers; code 0 means an empty band."""
    root = np.array([1 << 16, 92682])[code & 1]  # 2 ** 16 and 2 ** 16.5
    energy: npt.NDArray[np.int64] = weight * root * (1 << (code >> 1)) >> 28
    return energy


def fit_shape(array: Array, shape: tuple[int, int, int]) -> Array:
    """Crop or zero-pad to a shape: the orientations of a level differ by one row or column where a size is odd."""
    if array.shape == shape:
        return array
    out = np.zeros(shape, array.dtype)
    height, width = min(shape[1], array.shape[1]), min(shape[2], array.shape[2])
    out[:, :height, :width] = array[:, :height, :width]
    return out


def upsample_add(out: Array, coarse: Array) -> None:
    """Add to each sample of a (K, h, W2) phase its parent: row y // 2, column j of a (K, hp, wp) array."""
    width = min(out.shape[2], coarse.shape[2])
    for row in (0, 1):
        target = out[:, row::2, :width]
        n = min(target.shape[1], coarse.shape[1])
        target[:, :n] += coarse[:, :n, :width]


def ring(band: Array) -> Array:
    """Sum of the 8 neighbors of each sample of a (K, h, w) band; nothing comes from outside."""
    rows = above_below(band) + band
    out = rows.copy()
    out[..., 1:] += rows[..., :-1]
    out[..., :-1] += rows[..., 1:]
    out -= band
    return out


class ContextState:
    """Walks over the bands in coding order; encoder and decoder feed it the same magnitudes, phase by phase.

    For each level `begin_level`; for each of its bands `begin_band`; for both phases `classes`, then `put`.
    """

    def __init__(self, n_levels: int) -> None:
        self._n_levels = n_levels
        self._above_finest = 0  # levels between this one and the finest
        self._dtype: np.dtype[Any] = np.dtype(np.uint32)
        self._cap = COARSE_CAP
        self._parents: list[Array] = []  # magnitudes (lh, hl, hh) of the coarser level
        self._siblings: dict[Phase, Array] = {}  # sums of magnitudes over the earlier orientations of this level
        self._orientation = 0
        self._mean_codes = np.zeros(0, np.int64)
        self._shape = (0, 0, 0)
        self._outside: tuple[Array, Array] = site_phases(np.zeros((0, 0), bool))
        self._decoded: dict[Phase, Array] = {}  # magnitudes of the current band
        self._signs = np.zeros((0, 0, 0), np.int8)  # of its phase 0

    def begin_level(self, level: int, parents: list[Array]) -> None:
        """Start level 1..n_levels; parents are the magnitudes (lh, hl, hh) of the level before, none at the first."""
        self._above_finest = self._n_levels - level
        fine = self._above_finest < N_FINE_LEVELS
        self._cap = FINE_CAP if fine else COARSE_CAP
        self._dtype = np.dtype(np.uint16 if fine else np.uint32)
        self._parents = [np.minimum(p, self._cap).astype(self._dtype) for p in parents]
        self._siblings = {}

    def begin_band(self, orientation: int, sites: npt.NDArray[np.bool_], mean_codes: npt.NDArray[np.int64]) -> None:
        """Start a band of the level.

        Args:
            orientation: 0, 1, 2 for lh, hl, hh.
            sites: (h, w), where coefficients are coded.
            mean_codes: (K,), see `mean_energy`.
        """
        self._orientation, self._mean_codes = orientation, mean_codes
        height, width = sites.shape
        self._shape = (mean_codes.size, height, (width + 1) // 2)
        self._outside = site_phases(sites)
        self._decoded = {}

    def put(self, phase: Phase, values: npt.NDArray[np.signedinteger]) -> None:
        """Take the (K, h, W2) values of the phase just coded."""
        self._decoded[phase] = np.minimum(np.abs(values), self._cap).astype(self._dtype)
        if phase == 0:
            self._signs = np.sign(values).astype(np.int8)
        else:
            for which, magnitudes in self._decoded.items():
                if which in self._siblings:
                    magnitudes = fit_shape(self._siblings[which], magnitudes.shape) + magnitudes
                self._siblings[which] = magnitudes

    def classes(self, phase: Phase) -> ClassArray:
        """(K, h, W2) fine classes 0..99 of a phase of the band; NO_SITE where nothing is coded."""
        out: ClassArray = LOG_CLASS.take(self._energy(phase))
        if phase == 0:
            out += np.uint8(LEVEL_SHIFT[min(self._above_finest, 4)])
        else:
            shift = MAPS_SHIFT[np.minimum(other_parity_sum(self._decoded[0]), MAPS_CAP)]
            for map_parity in (0, 1):
                out[map_parity::2] += shift[map_parity]
        for map_parity in (0, 1):
            out[map_parity::2] |= self._outside[phase][map_parity]
        out[self._mean_codes == 0] = NO_SITE
        return out

    def _energy(self, phase: Phase) -> Array:
        """(K, h, W2) uint16 or uint32 energies of a phase of the band, below 2**20."""
        w, number = WEIGHTS[self._orientation][phase], self._dtype.type
        out: Array = np.empty(self._shape, self._dtype)
        out[:] = np.minimum(mean_energy(self._mean_codes, w.mean), MEAN_CAP).astype(self._dtype)[:, None, None]
        if self._parents:
            upsample_add(out, self._parent_energy(w))
        if self._siblings:
            other: Phase = 0 if phase else 1
            same, cross = fit_shape(self._siblings[phase], self._shape), fit_shape(self._siblings[other], self._shape)
            out += same * number(w.sibling)
            out += (above_below(cross) + left_right(cross, phase)) * number(w.sibling_cross)
            if w.sibling_diagonal:
                out += left_right(above_below(same), phase) * number(w.sibling_diagonal)
        if phase == 1:
            first = self._decoded[0]
            out += left_right(first, phase) * number(w.left_right)
            out += above_below(first) * number(w.above_below)
            out += adjacent_maps(first) * number(w.adjacent_maps)
        return out if self._dtype.itemsize == 2 else np.minimum(out, number(N_ENERGIES - 1))

    def _parent_energy(self, w: Weights) -> Array:
        """What the coarser level says, at its own resolution, (K, hp, wp)."""
        number = self._dtype.type
        parent = self._parents[self._orientation]
        out: Array = parent * number(w.parent)
        if w.parent_ring:
            out += ring(parent) * number(w.parent_ring)
        if w.parent_others:
            one, two = (p for j, p in enumerate(self._parents) if j != self._orientation)
            height, width = (min(a.shape[i] for a in (one, two, parent)) for i in (1, 2))
            both = one[:, :height, :width] + two[:, :height, :width]
            out[:, :height, :width] += both * number(w.parent_others)
        return out

    def sign_score(self, phase: Phase, positions: npt.NDArray[np.intp]) -> npt.NDArray[np.int8]:
        """Signs around the coefficients at flat positions of a phase: sum along an edge minus sum across, -4..4.

        A score s and the flipped score -s are mirror images: class |s|, and the sign is coded relative to that of s.
        """
        if phase == 0 or self._orientation == HH:
            return np.zeros(positions.size, np.int8)
        score = left_right(self._signs, phase) - above_below(self._signs)
        at: npt.NDArray[np.int8] = score.ravel()[positions]
        return at if self._orientation == 0 else -at
