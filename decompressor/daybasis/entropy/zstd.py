"""Symbols from zstd pieces, for machines without `constriction` (FORMAT.md "zstd streams").

The section is u32 (little-endian) size of the directory, the directory (a zstd frame: length, then stored size of every
stream, u32), and the pieces of all streams: the bit classes of phase 0, of phase 1 and of the signs, then the token
tables, the low band's last. A piece is a zstd frame without magic number and content size, or the bytes themselves
where its stored size is the length. Bits are packed eight to a byte, the first highest, each run padded with zeros to
whole bytes; tokens are bytes.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ...bits import EntropyError, OverBudget
from ...grid import ceil_div
from ...zstd_frames import unzstd, unzstd_magicless
from .symbols import N_TOKENS
from .tables import Tables

ByteArray = npt.NDArray[np.uint8]

MAX_PADDING = 1 << 20  # bytes: far above one byte for every run of bits


def _stream(piece: bytes, length: int) -> ByteArray:
    """A stream from its piece: as it is where nothing was gained by compression, else a frame."""
    return np.frombuffer(piece if len(piece) == length else unzstd_magicless(piece, length), np.uint8)


class ZstdSource:
    """Takes symbols off the streams of a file.

    Args:
        tables: Of the model.
        section: The coded symbols.
        n_values: Coefficients.
        most_bytes: That the streams may take, decoded; 0: as many as there are.

    Raises:
        EntropyError: the section is damaged.
        OverBudget: they would take more.
    """

    def __init__(self, tables: Tables, section: bytes, n_values: int, most_bytes: int = 0) -> None:
        counts = tables.n_streams()
        n_streams = sum(counts)
        head = 4 + int.from_bytes(section[:4], "little")
        directory = np.frombuffer(unzstd(section[4:head], 8 * n_streams), "<u4").astype(np.int64)
        if directory.size != 2 * n_streams or head + directory[n_streams:].sum() != len(section):
            raise EntropyError("zstd streams: the directory does not fit the section")
        lengths, ends = directory[:n_streams], head + np.cumsum(directory[n_streams:])
        if lengths.sum() > 3 * n_values + MAX_PADDING:
            raise EntropyError(f"zstd streams: {lengths.sum()} bytes for {n_values} coefficients")
        if 0 < most_bytes < lengths.sum():
            raise OverBudget(f"zstd streams: {lengths.sum()} bytes, over the {most_bytes} that there are")
        pieces = [section[a:b] for a, b in pairwise([head, *ends.tolist()])]
        self.streams = [_stream(p, n) for p, n in zip(pieces, lengths.tolist(), strict=True)]
        self.positions = [0] * n_streams
        self.first = np.cumsum((0, *counts)).tolist()

    def take(self, stream: int, count: int) -> ByteArray:
        """Next bytes of a stream."""
        start = self.positions[stream]
        self.positions[stream] = end = start + count
        if end > self.streams[stream].size:
            raise EntropyError(f"zstd stream {stream} ends early")
        return self.streams[stream][start:end]

    def bits(self, group: int, index: int, count: int) -> ByteArray:
        """Next bits of a class."""
        return np.unpackbits(self.take(self.first[group] + index, ceil_div(count, 8)), count=count)

    def tokens(self, table: int, count: int) -> npt.NDArray[np.int32]:
        """Next tokens of a table; LOW = -1 is the last stream."""
        out = self.take(self.first[3] + table if table >= 0 else self.first[4] - 1, count).astype(np.int32)
        if (out >= N_TOKENS).any():
            raise EntropyError("zstd streams: a token out of range")
        return out
