"""Write lists of flags: what plain_bits/flag_lists.py reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..plain_bits.flag_lists import FIRST_INVERTED, INVERTED, N_STARTS, first_nodes, level_of
from ..plain_bits.zero_flags import FlagWriter

N_INVERTED = N_STARTS - INVERTED


@dataclass(frozen=True)
class _Level:
    """The nodes of one level that hold something, in order, by their pairs.

    Attributes:
        nodes: First places of the nodes.
        lists: Of the pairs.
        two: Whether the pair has two parts.
        first: Whether its first part holds something.
        second: Whether its second does.
    """

    nodes: np.ndarray
    lists: np.ndarray
    two: np.ndarray
    first: np.ndarray
    second: np.ndarray


def _levels(places: np.ndarray, sizes: np.ndarray, n_levels: int) -> Iterator[_Level]:
    """Levels from 0 of lists that hold something at these places, which are in order."""
    begins = np.cumsum(sizes) - sizes
    lists = np.repeat(np.arange(sizes.size), sizes)[places]
    number = places - begins[lists]
    for level in range(n_levels):
        nodes = begins[lists] + (number << level)
        fresh = np.ones(number.size, bool)
        fresh[1:] = (np.diff(number >> 1) != 0) | (np.diff(lists) != 0)
        last = np.append(fresh[1:], True)[: number.size]
        first, second = number[fresh] % 2 == 0, number[last] % 2 == 1
        lists, number = lists[fresh], number[fresh] >> 1
        yield _Level(nodes, lists, (2 * number + 1) << level < sizes[lists], first, second)


def count_flags(flags: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(N_STARTS, L) flags that each start takes; of inverted lists, where they are mostly ones."""
    counts = np.zeros((N_STARTS, sizes.size), np.int64)
    n_ones = np.bincount(np.repeat(np.arange(sizes.size), sizes)[flags], minlength=sizes.size)
    below = np.zeros(sizes.size, np.int64)
    for level, pairs in enumerate(_levels(np.flatnonzero(flags), sizes, INVERTED)):
        counts[level] = below + (-(-sizes >> level))
        below = below + np.bincount(pairs.lists, pairs.two * (1 + pairs.first), sizes.size).astype(np.int64)
    dense = 2 * n_ones > sizes
    inverted = np.repeat(dense, sizes) & ~flags
    below = np.zeros(sizes.size, np.int64)
    for level, pairs in enumerate(_levels(np.flatnonzero(inverted), sizes, FIRST_INVERTED + N_INVERTED)):
        if level >= FIRST_INVERTED:
            cost = below + (-(-sizes >> level))
            counts[INVERTED + level - FIRST_INVERTED] = np.where(dense, cost, 2 * sizes)
        below = below + np.bincount(pairs.lists, pairs.two * (1 + pairs.first), sizes.size).astype(np.int64)
    return counts


def write_lists(writer: FlagWriter, flags: np.ndarray, sizes: np.ndarray, starts: np.ndarray) -> None:
    """Write lists of flags: what `read_lists` reads.

    Args:
        writer: Takes the bits.
        flags: (sum of sizes,) bool.
        sizes: (L,) flags in each list.
        starts: (L,) below N_STARTS.
    """
    begins = np.cumsum(sizes) - sizes
    levels, inverted = level_of(starts)
    held = np.flatnonzero(flags ^ np.repeat(inverted, sizes))
    n_levels = int(levels.max(initial=0)) + 1
    known = list(_levels(held, sizes, n_levels))
    for level in range(n_levels - 1, -1, -1):
        pairs = known[level]
        asked = pairs.two & (levels[pairs.lists] > level)
        writer.flags(pairs.first[asked])
        writer.flags(pairs.second[asked & pairs.first])
        starting = levels == level
        if starting.any():
            writer.flags(np.isin(first_nodes(sizes[starting], begins[starting], level)[0], pairs.nodes))
