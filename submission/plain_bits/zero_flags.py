"""Bitmaps of what is not zero, with flags for empty groups: a binary tree over squares of 16 x 16 and their halves.

A node of level s stands for 2^s samples of one map: level 1 pairs neighbours of a row, level 2 of a column, and so on.
A flag says whether a node holds anything but zeros; the parts of an empty node have no flags, nor do nodes without a
site, nor a part that must hold something because the other part of its node does not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

N_LEVELS = 9
"""Levels of nodes, 0 (one sample) to 8 (16 x 16)."""

Ask = Callable[[int, int, np.ndarray], np.ndarray]
"""(level, part, asked): the flags of the nodes where `asked` is True, elsewhere False; part 0 and 1 are the first and
the second of a pair, 2 means whole levels."""

FIRST, SECOND, WHOLE = 0, 1, 2


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


def descend(exists: list[np.ndarray], starts: np.ndarray, ask: Ask) -> np.ndarray:
    """Walk down the trees; the same for the reader and the writer, which differ in what `ask` does.

    Args:
        exists: `pooled` sites.
        starts: (K,) level whose flags a map begins with; N_LEVELS for a map without anything but zeros.
        ask: See above.

    Returns:
        (K, h, w) bool leaves, padded: what is not zero.
    """
    above = np.zeros_like(exists[-1])
    for level in range(N_LEVELS - 1, -1, -1):
        here = np.zeros_like(exists[level])
        if level + 1 < N_LEVELS and above.any():
            first, second = halves(here, level + 1)
            on_first, on_second = halves(exists[level], level + 1)
            both = above & on_first & on_second
            first[...] = ask(level, FIRST, both)
            ask_second = both & first
            first |= above & on_first & ~on_second
            second[...] = ask(level, SECOND, ask_second)
            second |= above & on_second & ~first
        begins = starts == level
        if begins.any():
            here |= ask(level, WHOLE, exists[level] & begins[:, None, None])
        above = here
    return above
