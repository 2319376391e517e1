"""Two classic small problems: which row goes with which column, and clusters of points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def assign(costs: Floats) -> NDArray[np.intp]:
    """(n,) the column of each row of (n, n) costs, each column once, of least total cost.

    Source: Kuhn, "The Hungarian method for the assignment problem", 1955, in the form with potentials and shortest
    augmenting paths.
    """
    n = len(costs)
    padded = np.zeros((n + 1, n + 1))
    padded[1:, 1:] = costs
    rows, columns = np.zeros(n + 1), np.zeros(n + 1)  # potentials
    row_of, way = np.zeros(n + 1, np.intp), np.zeros(n + 1, np.intp)
    for row in range(1, n + 1):
        row_of[0], at = row, 0
        least, is_used = np.full(n + 1, np.inf), np.zeros(n + 1, bool)
        while row_of[at]:
            is_used[at] = True
            reduced = padded[row_of[at]] - rows[row_of[at]] - columns
            nearer = ~is_used & (reduced < least)
            least[nearer], way[nearer] = reduced[nearer], at
            free = np.where(is_used, np.inf, least)
            free[0] = np.inf
            following = int(free.argmin())
            step = free[following]
            rows[row_of[is_used]] += step
            columns[is_used] -= step
            least[~is_used] -= step
            at = following
        while at:
            row_of[at] = row_of[way[at]]
            at = int(way[at])
    found = np.empty(n, np.intp)
    found[row_of[1:] - 1] = np.arange(n)
    return found


def cluster(points: Floats, n_clusters: int, n_rounds: int = 10) -> NDArray[np.intp]:
    """(n,) cluster of each of (n, d) points, by k-means; the same points give the same clusters.

    Source: Lloyd, "Least squares quantization in PCM", 1982; Arthur and Vassilvitskii, "k-means++", 2007 (the start).
    """
    rng = np.random.default_rng(0)
    centers = points[[int(rng.integers(len(points)))]]
    squares = _squares(points, centers)[:, 0]
    while len(centers) < n_clusters:
        total = squares.sum()
        odds = squares / total if total > 0 else np.full(len(points), 1 / len(points))
        centers = np.concatenate([centers, points[[int(rng.choice(len(points), p=odds))]]])
        squares = np.minimum(squares, _squares(points, centers[-1:])[:, 0])
    for _ in range(n_rounds):
        labels = _squares(points, centers).argmin(1)
        for c in np.unique(labels):
            centers[c] = points[labels == c].mean(0)
    return np.asarray(_squares(points, centers).argmin(1), np.intp)


def _squares(points: Floats, centers: Floats) -> Floats:
    """(n, m) squared distances."""
    found = (points**2).sum(1)[:, None] - 2 * points @ centers.T + (centers**2).sum(1)
    return np.asarray(np.maximum(found, 0.0), np.float64)
