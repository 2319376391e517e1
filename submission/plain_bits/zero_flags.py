"""Bitmaps of what is not zero, with flags for empty groups: a binary tree over squares of 16 x 16 and their halves.

A node of level s stands for 2^s samples of one map: level 1 pairs neighbors of a row, level 2 of a column, and so on.

    level 8                 16 x 16
                         /          \\              pairs of rows
    level 7         8 x 16          8 x 16
                   /      \\
    level 6     8 x 8    8 x 8                       pairs of columns
                 ...
    level 0     one sample

A flag says whether a node holds anything but zeros. Not every node has one: the parts of an empty node have none, nor
have nodes without a site; and where a node is not empty but its first part is, or has no site, the second must hold
something. A map's flags may begin at any level, with one for each node there.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from todpack.decompressor.bits import BitReader

N_LEVELS = 9
"""Levels of nodes, 0 (one sample) to 8 (16 x 16)."""


class FlagWriter(Protocol):
    """Takes bits, as `BitReader.flags` gives them back."""

    def flags(self, values: np.ndarray) -> None:
        """Bools, one after another."""


def halves(array: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """The two parts of the nodes of `level`, as views of the nodes (K, h, w) of the level below."""
    return (array[:, :, 0::2], array[:, :, 1::2]) if level % 2 else (array[:, 0::2], array[:, 1::2])


def padded(array: np.ndarray) -> np.ndarray:
    """(K, h, w) bool, filled up with False to whole squares of 16 x 16."""
    _, h, w = array.shape
    return np.pad(array, ((0, 0), (0, -h % 16), (0, -w % 16)))


def pooled(leaves: np.ndarray) -> list[np.ndarray]:
    """Whether each node holds a True leaf: one array per level, of `padded` leaves."""
    levels = [leaves]
    for level in range(1, N_LEVELS):
        first, second = halves(levels[-1], level)
        levels.append(first | second)
    return levels


def read_flags(reader: BitReader, sites: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Read which samples are not zero.

    Args:
        reader: At the first flag.
        sites: (K, h, w) bool, where a sample may be other than zero.
        starts: (K,) level with which the flags of a map begin; N_LEVELS for a map of zeros.

    Returns:
        (K, h, w) bool.

    Raises:
        ValueError: the bits end early.
    """

    def asked(where: np.ndarray) -> np.ndarray:
        flags = np.zeros_like(where)
        flags[where] = reader.flags(int(np.count_nonzero(where)))
        return flags

    exists, above = pooled(padded(sites)), np.zeros(0, bool)
    for level in range(N_LEVELS - 1, -1, -1):
        begins = (starts == level)[:, None, None] & exists[level]
        here = np.zeros_like(begins)
        if above.any():
            (first, second), (on_first, on_second) = halves(here, level + 1), halves(exists[level], level + 1)
            both = above & on_first & on_second
            first[...] = asked(both)
            second[...] = asked(both & first)
            first |= above & on_first & ~on_second
            second |= above & on_second & ~first
        above = here | asked(begins)
    return above[:, : sites.shape[1], : sites.shape[2]]


def write_flags(writer: FlagWriter, sites: np.ndarray, nonzero: np.ndarray, starts: np.ndarray) -> None:
    """Write which samples are not zero: what `read_flags` reads; nonzero is (K, h, w) bool within the sites."""
    exists, truth = pooled(padded(sites)), pooled(padded(nonzero))
    for level in range(N_LEVELS - 1, -1, -1):
        if level + 1 < N_LEVELS:
            (first, second), (on_first, on_second) = halves(truth[level], level + 1), halves(exists[level], level + 1)
            both = truth[level + 1] & (starts > level)[:, None, None] & on_first & on_second
            writer.flags(first[both])
            writer.flags(second[both & first])
        writer.flags(truth[level][(starts == level)[:, None, None] & exists[level]])
