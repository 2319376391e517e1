"""Constants of the context model: weights of what is decoded, shifts, logarithms (FORMAT.md "Context model")."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ClassArray = npt.NDArray[np.uint8]

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


@dataclass(frozen=True)
class Weights:
    """Weights of one (orientation, phase); names say whose magnitudes they multiply."""

    parent: int  # same orientation, coarser level
    parent_ring: int  # its 8 neighbours
    parent_others: int  # the other two orientations there
    mean: int  # mean magnitude of this band of this component (sent)
    sibling: int  # earlier orientations, same place
    sibling_cross: int  # their 4 neighbours
    sibling_diagonal: int  # their diagonal neighbours
    left_right: int  # phase 1 only, from phase 0: horizontal neighbours
    above_below: int  # vertical neighbours
    adjacent_maps: int  # same place, components k - 1 and k + 1


# [orientation][phase]; fitted by maximum likelihood, then by search on coded bytes
WEIGHTS = (
    (Weights(269, 20, 65, 159, 0, 0, 0, 0, 0, 0), Weights(42, 0, 14, 11, 0, 0, 0, 298, 134, 18)),
    (Weights(205, 18, 39, 53, 140, 60, 32, 0, 0, 0), Weights(45, 0, 7, 5, 35, 8, 0, 133, 272, 13)),
    (Weights(88, 0, 0, 3, 183, 41, 0, 0, 0, 0), Weights(29, 0, 0, 6, 85, 4, 0, 166, 133, 13)),
)


def log_classes() -> ClassArray:
    """(2**20,) table of quarter octaves: 0 for 0, else 1 + 4 floor(log2 E) + the two bits under the leading one."""
    octaves = [np.repeat(np.arange(4), 1 << max(0, e - 2))[:: 1 << max(0, 2 - e)] + 1 + 4 * e for e in range(20)]
    return np.concatenate([[0], *octaves]).astype(np.uint8)


LOG_CLASS = log_classes()
MAPS_SHIFT = np.searchsorted([1, 4, 11, 31, 85, 231, 624], np.arange(MAPS_CAP + 1), side="right").astype(np.uint8)


def mean_energy(code: npt.NDArray[np.int64], weight: int) -> npt.NDArray[np.int64]:
    """Energy of mean code m, 0..48: floor of weight * 2 ** ((m - 24) / 2), in integers; code 0 means an empty band."""
    root = np.array([1 << 16, 92682])[code & 1]  # 2 ** 16 and 2 ** 16.5
    energy: npt.NDArray[np.int64] = weight * root * (1 << (code >> 1)) >> 28
    return energy
