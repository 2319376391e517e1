"""Symbols from the ANS coder of the package `constriction`, with models from integers only (FORMAT.md "ANS models").

A class of bits has one 16-bit probability; eight bits of it are coded as one byte, whose 256 probabilities follow from
it, and what is left over singly. Tokens have a table of log-scaled frequencies. The arrays given to constriction hold
integers under 2**48, exact in float64, with exact sums, and constriction turns them into 24-bit fixed point with single
IEEE operations (perfect=False), so the models do not depend on the machine.

Source: Duda, "Asymmetric numeral systems", arXiv:1311.2540, 2013; Bamler, "Understanding entropy coding with
asymmetric numeral systems (ANS)", arXiv:2201.01741, 2022 (constriction).
"""

from typing import Any, TypeAlias

import constriction
import numpy as np
import numpy.typing as npt

from ...bits import EntropyError
from .tables import FREQUENCIES, Tables

ByteArray = npt.NDArray[np.uint8]
Model: TypeAlias = Any  # a constriction model; the package has no types
N_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)


def bit_models(probability: int) -> tuple[Model, Model]:
    """Model of eight bits of one class as one byte (first bit highest), and of one bit; probability is P(1) * 65536."""
    p, rest = probability, 65536 - probability
    by_ones = np.array([max(1, p**ones * rest ** (8 - ones) >> 88) for ones in range(9)], np.float64)
    return categorical(by_ones[N_ONES]), categorical(np.array([rest, p], np.float64))


def magnitude_model(codes: ByteArray) -> Model:
    """Model of tokens from their log-scaled frequency codes; an empty table knows token 0 only."""
    return categorical(FREQUENCIES[codes].astype(np.float64) if codes.size else np.ones(1))


def categorical(weights: npt.NDArray[np.float64]) -> Model:
    """Categorical model over 0..n-1, n >= 2 (one more symbol is appended to a single one)."""
    if weights.size < 2:
        weights = np.append(weights, 1.0)
    return constriction.stream.model.Categorical(weights, perfect=False)


class AnsModels:
    """Models of all classes and tables of a stream, for the decoder and the encoder."""

    def __init__(self, tables: Tables) -> None:
        groups = (*tables.significance, tables.signs)
        self.bits = [[bit_models(int(p)) for p in probabilities] for probabilities in groups]
        self.tokens = [magnitude_model(codes) for codes in (*tables.magnitudes, tables.low_tokens)]


class AnsSource:
    """Decodes symbols one class run after the other; a damaged stream gives wrong symbols."""

    def __init__(self, tables: Tables, words: bytes) -> None:
        if len(words) % 4 or words[-4:] == bytes(4):
            raise EntropyError("ANS section is not whole words ending in a nonzero one")
        self.coder = constriction.stream.stack.AnsCoder(np.frombuffer(words, "<u4").astype(np.uint32))
        self.models = AnsModels(tables)

    def bits(self, group: int, index: int, count: int) -> ByteArray:
        """Next bits of a class: whole bytes, then up to seven single bits."""
        byte, bit = self.models.bits[group][index]
        n_bytes, n_bits = divmod(count, 8)
        pieces = []
        if n_bytes:
            pieces.append(np.unpackbits(self.coder.decode(byte, n_bytes).astype(np.uint8)))
        if n_bits:
            pieces.append(self.coder.decode(bit, n_bits).astype(np.uint8))
        return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]

    def tokens(self, table: int, count: int) -> npt.NDArray[np.int32]:
        """Next tokens of a table."""
        out: npt.NDArray[np.int32] = self.coder.decode(self.models.tokens[table], count)
        return out


def _start() -> None:
    """Have the package make what it makes once, at its first use; a child that is forked meanwhile never would."""
    coder = constriction.stream.stack.AnsCoder(np.ones(2, np.uint32))
    for model in (*bit_models(1 << 15), magnitude_model(np.ones(2, np.uint8))):
        coder.decode(model, 1)


_start()
