"""Lists of flags with flags for groups that hold none: a binary tree over the places of each list.

A node of level s stands for 2^s neighbors in a list, the last one for what is left: level 0 is a flag itself. As in
zero_flags.py there is no flag where the answer follows: for parts of empty nodes, for a part whose sibling is not
there, for a second part whose sibling is empty. A list may begin at any level, and may be inverted: then zeros are what
is rare.
"""

from __future__ import annotations

import numpy as np

from todpack.decompressor.bits import BitReader

N_STARTS = 16
"""What a field of 4 bits says: the level that a list begins with, from INVERTED on of the inverted list."""
INVERTED = 12
FIRST_INVERTED = 1  # level of the start INVERTED


def level_of(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Level of each start, and whether it is of the inverted list."""
    inverted = starts >= INVERTED
    return np.where(inverted, starts - INVERTED + FIRST_INVERTED, starts), inverted


def first_nodes(sizes: np.ndarray, begins: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """First places of all nodes of a level, and the end of the list of each.

    Args:
        sizes: (L,) flags in each list.
        begins: (L,) places of their first flags.
        level: Of the nodes.
    """
    counts = -(-sizes >> level)
    number = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(begins, counts) + (number << level), np.repeat(begins + sizes, counts)


def read_lists(reader: BitReader, sizes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Read lists of flags, one after another in the result.

    Args:
        reader: At the first flag.
        sizes: (L,) flags in each list.
        starts: (L,) below N_STARTS.

    Returns:
        (sum of sizes,) bool.

    Raises:
        ValueError: the bits end early.
    """
    begins = np.cumsum(sizes) - sizes
    levels, inverted = level_of(starts)
    nodes = ends = np.zeros(0, np.int64)
    for level in range(int(levels.max(initial=0)), -1, -1):
        second = nodes + (1 << level)
        first_holds, asked = np.ones(nodes.size, bool), second < ends
        second_holds = asked.copy()
        first_holds[asked] = reader.flags(int(np.count_nonzero(asked)))
        asked &= first_holds
        second_holds[asked] = reader.flags(int(np.count_nonzero(asked)))
        holds = np.stack([first_holds, second_holds], axis=1)
        nodes, ends = np.stack([nodes, second], axis=1)[holds], np.stack([ends, ends], axis=1)[holds]
        starting = levels == level
        if starting.any():
            fresh, fresh_ends = first_nodes(sizes[starting], begins[starting], level)
            kept = reader.flags(fresh.size)
            nodes, ends = np.concatenate([nodes, fresh[kept]]), np.concatenate([ends, fresh_ends[kept]])
            order = np.argsort(nodes, kind="stable")
            nodes, ends = nodes[order], ends[order]
    flags = np.repeat(inverted, sizes)
    flags[nodes] ^= True
    return flags
