"""The model section in adaptive bits: nearly all of its bytes can be told from others. FORMAT.md "Packed model".

What a walk codes is the plain section, byte for byte; `tables.py` reads and checks that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ...adaptive_bits import AdaptiveCoder, AdaptiveDecoder, Integers, Model, half_octave
from ...bits import EntropyError
from .contexts import MAX_MEAN_CODE, N_FINE_CLASSES, N_SIGN_CLASSES
from .symbols import N_TOKENS
from .tables import EIGHTH_OCTAVES

Tape: TypeAlias = Callable[[], int]
"""Gives the next byte of the plain section; for a decoder, any number."""

MOST_ENERGY = 8  # classes of the rests beside
USUAL_TOKENS = 16
FIRST_FREQUENCY = 96
SIGNIFICANCE_SLOPE, FIRST_SIGNIFICANCE = 2, -110
"""Log odds of a nonzero, in eighths of an octave, by fine class."""
FIRST_MEAN = 24
ODDS_RANGE = range(-128, 129)


def probability_of(log_odds: int) -> int:
    """Probability over 65536 of odds 2^(log_odds / 8)."""
    octaves, eighths = log_odds >> 3, log_odds & 7
    odds, even = EIGHTH_OCTAVES[eighths] << (octaves + 16), 256 << 16
    return min(max((odds << 16) // (odds + even), 1), 65535)


PROBABILITIES = tuple(probability_of(log_odds) for log_odds in ODDS_RANGE)
LOG_ODDS = {probability_of(log_odds): log_odds for log_odds in sorted(ODDS_RANGE, key=abs, reverse=True)}
"""Of each probability, the nearest to 0 of those that give it."""


class ModelWalk:
    """Codes the plain section from front to end.

    Attributes:
        plain: Its bytes so far.
    """

    def __init__(self, coder: AdaptiveCoder, tape: Tape) -> None:
        self._coder, self._tape, self.plain = coder, tape, bytearray()

    def _put(self, value: int) -> int:
        self.plain.append(value & 0xFF)
        return value

    def _put_byte(self, value: int) -> int:
        if not 0 <= value <= 0xFF:
            raise EntropyError("packed model: an integer that no byte holds")
        return self._put(value)

    def _starts(self, integers: Integers, last: Model, inner: list[int]) -> list[int]:
        """First classes of runs; each of `inner` is one of them."""
        count = self._tape()
        starts, ends, at = [0], [*inner[1:], N_FINE_CLASSES], 0
        if count:
            self._tape()
        while True:
            end = next(end for end in ends if end > at)
            following = self._tape() if len(starts) < count else N_FINE_CLASSES
            if self._coder.bit(last, following >= end):
                at = end
            else:
                at += 1 + integers.integer(self._coder, 0, None, following - at - 1)
                if at >= end:
                    raise EntropyError("packed model: a class starts beyond the next")
            if at == N_FINE_CLASSES:
                break
            starts.append(at)
        self._put(len(starts))
        for start in starts:
            self._put(start)
        return starts

    def _frequencies(self, integers: Integers, usual_count: int) -> int:
        """Log-scaled counts of tokens, each by the one before."""
        count = usual_count + integers.integer(self._coder, 0, 0, self._tape() - usual_count)
        if not 0 <= count <= N_TOKENS:
            raise EntropyError("packed model: too many tokens")
        self._put(count)
        code, rest = FIRST_FREQUENCY, 0
        for _ in range(count):
            kind = 1 + half_octave(abs(rest), MOST_ENERGY)
            rest = integers.integer(self._coder, kind, 1, self._tape() - code)
            code = self._put_byte(code + rest)
        return count

    def _probability(self, integers: Integers, kind: int, predicted: int) -> int:
        """A probability; returns its log odds."""
        stored = self._tape() | self._tape() << 8
        wanted = LOG_ODDS.get(stored, 0)
        log_odds = predicted + integers.integer(self._coder, kind, 0, wanted - predicted)
        if log_odds not in ODDS_RANGE:
            raise EntropyError("packed model: a probability out of range")
        probability = PROBABILITIES[log_odds - ODDS_RANGE.start]
        self._put(probability)
        self._put(probability >> 8)
        return log_odds

    def _means(self, n_components: int, n_bands: int) -> None:
        """Mean codes: by the band before and by the third before, moved as the earlier maps are on the average."""
        integers, zeros = Integers(), [Model() for _ in range(27)]
        means, rests = list[list[int]](), list[list[int]]()
        for band in range(n_bands):
            row, rest_row = list[int](), [0, 0]
            above, third = [means[band - back] if band >= back else None for back in (1, 3)]
            drifts = [_Drift(above), _Drift(third)]
            for k in range(n_components):
                mean = self._tape() + (above[k] if above else 0) & 0xFF
                known = [above[k] if above else -1, third[k] if third else -1, row[k - 1] if k else -1]
                zero_kind = sum((1 + min(value, 1)) * 3**i for i, value in enumerate(known))
                rest = 0
                if not self._coder.bit(zeros[zero_kind], mean == 0):
                    told = [drift.predict(k) for drift in drifts if drift.knows(k)]
                    if told:
                        predicted = (sum(told) + 32 * len(told)) // (64 * len(told))
                    else:
                        predicted = known[2] if known[2] > 0 else FIRST_MEAN
                    energy = 2 * abs(rest_row[-1]) + abs(rest_row[-2]) + (2 * abs(rests[-1][k + 2]) if band else 0)
                    rest = integers.integer(self._coder, half_octave(energy, MOST_ENERGY), 0, mean - predicted)
                    mean = predicted + rest
                    if not 0 < mean <= MAX_MEAN_CODE:
                        raise EntropyError("packed model: a mean code out of range")
                else:
                    mean = 0
                self._put(mean - (above[k] if above else 0))
                row.append(mean)
                rest_row.append(rest)
                for drift in drifts:
                    drift.add(k, mean)
            means.append(row)
            rests.append(rest_row)

    def walk(self, n_components: int, n_bands: int) -> None:
        """Code all of it."""
        coder, inner = self._coder, Model()
        starts, magnitudes, significance = Integers(), Integers(), Integers()
        magnitude_starts = self._starts(starts, inner, [0])
        count = USUAL_TOKENS
        for _ in magnitude_starts:
            count = self._frequencies(magnitudes, count)
        last = Model()
        for _ in range(2):
            excess, rest = 0, 0
            for start in self._starts(starts, last, magnitude_starts):
                usual = SIGNIFICANCE_SLOPE * start + FIRST_SIGNIFICANCE
                log_odds = self._probability(significance, half_octave(abs(rest), MOST_ENERGY), usual + excess)
                rest = log_odds - usual - excess
                excess = log_odds - usual
        signs = Integers()
        for _ in range(N_SIGN_CLASSES - 1):
            self._probability(signs, 0, 0)
        self._put(coder.bit(None, self._tape()))
        rices, rice = Integers(), 0
        for k in range(n_components):
            rice = self._put_byte(rice + rices.integer(coder, min(k, 1), min(k, 1), self._tape() - rice))
        self._frequencies(Integers(), USUAL_TOKENS)
        self._means(n_components, n_bands)


class _Drift:
    """How much the mean codes of a band differ from those of an earlier one, over the maps so far."""

    def __init__(self, earlier: list[int] | None) -> None:
        self._earlier, self._sum, self._count = earlier, 0, 0

    def knows(self, k: int) -> bool:
        return self._earlier is not None and self._earlier[k] > 0

    def predict(self, k: int) -> int:
        """In 64ths."""
        assert self._earlier is not None
        return 64 * self._earlier[k] + (64 * self._sum // self._count if self._count else 0)

    def add(self, k: int, mean: int) -> None:
        if mean > 0 and self.knows(k):
            assert self._earlier is not None
            self._sum += mean - self._earlier[k]
            self._count += 1


def unpack_model(data: bytes, n_components: int, n_bands: int) -> bytes:
    """The plain model section of a packed one.

    Raises:
        EntropyError: no writer makes such bits.
    """
    walk = ModelWalk(AdaptiveDecoder(data), lambda: 0)
    walk.walk(n_components, n_bands)
    return bytes(walk.plain)
