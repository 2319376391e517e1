"""Charts: the connected components of the mask, which the shape-adaptive transform must not mix.

In an atlas, texels that touch belong to one surface, and texels across a gap to others: a filter that crossed the gap
would smear one surface over the other.
"""

import numpy as np
from numpy.typing import NDArray


def label_charts(valid: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Label the 4-connected components of the valid texels.

    Works on horizontal runs: runs of adjacent rows that touch are joined, and every run hooks to the smallest run it
    reaches until nothing changes (pointer jumping; a handful of rounds in practice).

    Args:
        valid: (H, W) bool, the mask of one tile.

    Returns:
        (H, W) int32, 0 at invalid texels, else a positive label that is equal inside a component and differs between
        components. Labels are not consecutive.

    Source: FastSV, Zhang, Azad and Hu, "FastSV: a distributed-memory connected component algorithm", 2020.
    """
    h, w = valid.shape
    padded = np.zeros((h, w + 1), bool)
    padded[:, :w] = valid
    flat = padded.ravel()
    starts = flat.copy()
    starts[1:] &= ~flat[:-1]
    run_of = np.cumsum(starts, dtype=np.int32)
    run_of *= flat
    grid = run_of.reshape(h, w + 1)[:, :w]
    parent = np.arange(int(starts.sum()) + 1, dtype=np.int32)
    upper, lower = grid[:-1], grid[1:]
    touching = (upper > 0) & (lower > 0)
    first = touching.copy()
    if w > 1:
        first[:, 1:] &= ~(touching[:, :-1] & (upper[:, 1:] == upper[:, :-1]) & (lower[:, 1:] == lower[:, :-1]))
    a, b = upper[first], lower[first]
    while a.size:
        ra, rb = parent[a], parent[b]
        low, high = np.minimum(ra, rb), np.maximum(ra, rb)
        apart = low != high
        if not apart.any():
            break
        a, b = a[apart], b[apart]
        np.minimum.at(parent, high[apart], low[apart])
        while True:
            grand = parent[parent]
            if np.array_equal(grand, parent):
                break
            parent = grand
    return parent[grid]
