"""The model section: class boundaries, probabilities and side values of one stream (FORMAT.md "Model section")."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...bits import EntropyError
from .contexts import MAX_MEAN_CODE, N_FINE_CLASSES, N_SIGN_CLASSES
from .quincunx import PHASES
from .symbols import N_TOKENS

ByteArray: TypeAlias = npt.NDArray[np.uint8]
Int64Array: TypeAlias = npt.NDArray[np.int64]

MAX_RICE = 16
SIGNS = 2  # group of sign bits; groups 0 and 1 are the significance bits of the phases
LOW = -1  # token table of the low band
EIGHTH_OCTAVES = (256, 279, 304, 332, 362, 395, 431, 470)  # round(256 * 2 ** (i / 8))
FREQUENCIES = np.array([max(1, EIGHTH_OCTAVES[c & 7] << (c >> 3) >> 8) for c in range(128)])


@dataclass(frozen=True)
class Tables:
    """What the model section says.

    Attributes:
        magnitude_starts: (n,) first fine class of each magnitude table; ascending from 0.
        magnitudes: n arrays of log-scaled frequency codes (0..127) of the tokens of |q| - 1, possibly empty.
        starts: For each phase, first fine class of each significance class; includes all of magnitude_starts.
        significance: For each phase and class, P(nonzero) * 65536, in 1..65535.
        signs: (5,) P(sign differs from its score's) * 65536 by |score|; the first is 32768.
        mean_codes: (n_bands, K) mean codes, 0 for an empty band.
        low_predicted: Whether the low band is coded as differences.
        low_rice: (K,) count of low bits stored raw.
        low_tokens: Log-scaled frequency codes of the low band's tokens, possibly empty.
    """

    magnitude_starts: Int64Array
    magnitudes: tuple[ByteArray, ...]
    starts: tuple[Int64Array, Int64Array]
    significance: tuple[Int64Array, Int64Array]
    signs: Int64Array
    mean_codes: Int64Array
    low_predicted: bool
    low_rice: Int64Array
    low_tokens: ByteArray

    def limits(self, phase: int) -> Int64Array:
        """(n,) fine class after the last of each significance class of a phase."""
        return np.append(self.starts[phase][1:], N_FINE_CLASSES)

    def n_streams(self) -> tuple[int, int, int, int]:
        """Counts of bit classes per group, and of token tables (the low band's is the last)."""
        return len(self.starts[0]), len(self.starts[1]), len(self.signs), len(self.magnitudes) + 1

    def magnitude_ends(self, phase: int) -> Int64Array:
        """(n,) count of a phase's significance classes up to the end of each magnitude table."""
        return np.append(np.searchsorted(self.starts[phase], self.magnitude_starts[1:]), len(self.starts[phase]))


class SectionReader:
    """Takes bytes off the front of the model section."""

    def __init__(self, data: bytes) -> None:
        self.data = np.frombuffer(data, np.uint8)
        self.position = 0

    def take(self, count: int) -> ByteArray:
        """Next count bytes; EntropyError if they are not there."""
        end = self.position + count
        if end > self.data.size:
            raise EntropyError(f"model section ends early: {end} bytes needed, {self.data.size} stored")
        out = self.data[self.position : end]
        self.position = end
        return out

    def starts(self) -> Int64Array:
        """A count, then as many ascending fine classes, the first 0."""
        starts = self.take(int(self.take(1)[0])).astype(np.int64)
        if starts.size == 0 or starts[0] != 0 or (np.diff(starts) <= 0).any() or starts[-1] >= N_FINE_CLASSES:
            raise EntropyError("class starts are not ascending from 0")
        return starts

    def probabilities(self, count: int) -> Int64Array:
        """Probabilities * 65536, none of them 0."""
        out = self.take(2 * count).view("<u2").astype(np.int64)
        if (out == 0).any():
            raise EntropyError("a probability is 0")
        return out

    def frequencies(self) -> ByteArray:
        """A count (0..48), then as many frequency codes (0..127)."""
        codes = self.take(int(self.take(1)[0]))
        if codes.size > N_TOKENS or (codes > 127).any():
            raise EntropyError("bad frequency table")
        return codes


def parse_tables(data: bytes, n_components: int, n_bands: int) -> Tables:
    """Read the (decompressed) model section and check every field; EntropyError says which is wrong."""
    section = SectionReader(data)
    magnitude_starts = section.starts()
    magnitudes = tuple(section.frequencies() for _ in magnitude_starts)
    starts, significance = [], []
    for _ in PHASES:
        starts.append(section.starts())
        significance.append(section.probabilities(len(starts[-1])))
        if not np.isin(magnitude_starts, starts[-1]).all():
            raise EntropyError("a magnitude table starts inside a significance class")
    signs = np.append(32768, section.probabilities(N_SIGN_CLASSES - 1))
    predicted = int(section.take(1)[0])
    low_rice = section.take(n_components).astype(np.int64)
    low_tokens = section.frequencies()
    deltas = section.take(n_components * n_bands).reshape(n_bands, n_components)
    mean_codes = np.cumsum(deltas, axis=0, dtype=np.uint8).astype(np.int64)
    if predicted > 1 or (low_rice > MAX_RICE).any() or (mean_codes > MAX_MEAN_CODE).any():
        raise EntropyError("low band parameters or mean codes out of range")
    if section.position != section.data.size:
        raise EntropyError("model section is too long")
    return Tables(
        magnitude_starts,
        magnitudes,
        (starts[0], starts[1]),
        (significance[0], significance[1]),
        signs,
        mean_codes,
        bool(predicted),
        low_rice,
        low_tokens,
    )
