"""Where the encoder's symbols go: the ANS coder of `constriction`, or streams under zstd; and raw bits."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import zstandard

from todpack.decompressor.daybasis.entropy.tables import Tables

BoolArray = npt.NDArray[np.bool_]
Int64Array = npt.NDArray[np.int64]


class SymbolSink(Protocol):
    """Takes symbols in coding order; groups and tables as in the decoder's `SymbolSource` (entropy/stream.py)."""

    def bits(self, group: int, index: int, bits: BoolArray) -> None:
        """Bits of a class."""

    def tokens(self, table: int, tokens: Int64Array) -> None:
        """Tokens of a table."""

    def finish(self) -> bytes:
        """The symbol section."""


class AnsSink:
    """Keeps symbols and models, and pushes them on the ANS stack backwards at the end."""

    def __init__(self, tables: Tables) -> None:
        from todpack.decompressor.daybasis.entropy.ans import (
            AnsModels,  # imports constriction, which zstd does without
        )

        self.models = AnsModels(tables)
        self.jobs: list[tuple[npt.NDArray[np.int32], Any]] = []

    def bits(self, group: int, index: int, bits: BoolArray) -> None:
        """Whole bytes, then up to seven single bits."""
        byte, bit = self.models.bits[group][index]
        cut = bits.size // 8 * 8
        self.jobs += [(np.packbits(bits[:cut]).astype(np.int32), byte), (bits[cut:].astype(np.int32), bit)]

    def tokens(self, table: int, tokens: Int64Array) -> None:
        """Tokens of a table."""
        self.jobs.append((tokens.astype(np.int32), self.models.tokens[table]))

    def finish(self) -> bytes:
        """ANS words, little-endian."""
        import constriction

        coder = constriction.stream.stack.AnsCoder()
        for symbols, model in reversed(self.jobs):
            if symbols.size:
                coder.encode_reverse(symbols, model)
        words: bytes = coder.get_compressed().astype("<u4").tobytes()
        return words


class ZstdSink:
    """One stream per class, so that each gets Huffman tables of its own."""

    def __init__(self, tables: Tables) -> None:
        counts = tables.n_streams()
        self.first = np.cumsum((0, *counts)).tolist()
        self.streams: list[list[bytes]] = [[] for _ in range(sum(counts))]

    def bits(self, group: int, index: int, bits: BoolArray) -> None:
        """Packed to whole bytes."""
        self.streams[self.first[group] + index].append(np.packbits(bits).tobytes())

    def tokens(self, table: int, tokens: Int64Array) -> None:
        """One byte each; the low band's stream is the last."""
        stream = self.first[3] + table if table >= 0 else self.first[4] - 1
        self.streams[stream].append(tokens.astype(np.uint8).tobytes())

    def finish(self) -> bytes:
        """Directory and pieces."""
        streams = [b"".join(parts) for parts in self.streams]
        pieces = [min(s, magicless(s), key=len) for s in streams]
        lengths = np.array([[len(s) for s in streams], [len(p) for p in pieces]], "<u4")
        directory = zstandard.ZstdCompressor(level=19).compress(lengths.tobytes())
        return b"".join([len(directory).to_bytes(4, "little"), directory, *pieces])


def magicless(data: bytes) -> bytes:
    """One zstd frame without magic number and content size; at least as long as data where that cannot be shortened."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        19, source_size=len(data), format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def without_models(tables: Tables) -> Tables:
    """The tables with neutral probabilities, which zstd does not use."""
    empty = np.zeros(0, np.uint8)
    even = tuple(np.full_like(p, 32768) for p in tables.significance)
    return replace(
        tables,
        magnitudes=tuple(empty for _ in tables.magnitudes),
        significance=(even[0], even[1]),
        signs=np.full_like(tables.signs, 32768),
        low_tokens=empty,
    )


def pack_bits(values: Int64Array, widths: Int64Array) -> bytes:
    """Write each value with its width in bits (0..24), most significant bit first; zero bits fill the last byte."""
    ends = np.cumsum(widths)
    bits = np.zeros(int(ends[-1]) if ends.size else 0, np.uint8)
    for b in range(int(widths.max(initial=0))):
        has = widths > b
        bits[ends[has] - 1 - b] = values[has] >> b & 1
    return np.packbits(bits).tobytes()
