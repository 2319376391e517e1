"""Mip levels that respect charts: a texel is an average over one chart only, and gutters are filled at every level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from todpack.decompressor.daybasis.gutter import nearest_valid
from todpack.decompressor.daybasis.transform.charts import label_charts

from .textures import level_size


@dataclass(frozen=True)
class Level:
    """One level of a lightmap.

    Attributes:
        valid: (H, W) bool, texels that belong to a chart.
        labels: (H, W) int, the chart of each; 0 where there is none.
        masses: (N,) float64, valid texels of level 0 that each valid texel stands for.
        average: (N, N of the finer level) sparse, the weights of its valid texels; None for level 0.
    """

    valid: np.ndarray
    labels: np.ndarray
    masses: np.ndarray
    average: csr_matrix | None

    def averaged(self, finer: np.ndarray) -> np.ndarray:
        """Averages (N, C) of the valid texels of the finer level; of level 0 its own texels."""
        return finer if self.average is None else np.asarray(self.average @ finer)

    def fill(self, texels: np.ndarray, far: np.ndarray | float) -> np.ndarray:
        """Put the valid texels (N, C) into their places; gutters take their nearest, far ones `far`.

        Returns:
            (H, W, C) of the same type.
        """
        image = np.empty((*self.valid.shape, texels.shape[1]), texels.dtype)
        image[...] = far
        image[self.valid] = texels
        gutter, source = nearest_valid(self.valid)
        flat = image.reshape(-1, texels.shape[1])
        flat[gutter] = flat[source]
        return image


def chart_levels(valid: np.ndarray, n_levels: int | None = None) -> list[Level]:
    """Levels from the whole size to one texel.

    A texel of a coarser level covers 2 x 2 texels (at an odd end 3); it belongs to the chart that has the largest mass
    in it, and is the average of that chart's texels, weighted by their masses.

    Args:
        valid: (H, W) bool.
        n_levels: Of all of them, so many; None takes all.
    """
    height, width = valid.shape
    levels = [Level(valid, label_charts(valid), np.ones(int(valid.sum())), None)]
    while level_size(width, height, len(levels) - 1) != (1, 1) and len(levels) != n_levels:
        levels.append(_coarser(levels[-1]))
    return levels


def _coarser(fine: Level) -> Level:
    height, width = (max(1, side // 2) for side in fine.valid.shape)
    rows, columns = np.nonzero(fine.valid)
    parent = np.minimum(rows // 2, height - 1) * width + np.minimum(columns // 2, width - 1)
    labels = fine.labels[fine.valid]
    # one group for each chart in each parent, and of a parent's groups the heaviest, then that of the least label
    order = np.lexsort((labels, parent))
    first = np.ones(len(order), bool)
    first[1:] = (np.diff(parent[order]) != 0) | (np.diff(labels[order]) != 0)
    group = np.empty(len(order), np.int64)
    group[order] = np.cumsum(first) - 1
    masses = np.bincount(group, fine.masses)
    parents, charts = parent[order][first], labels[order][first]
    ranking = np.lexsort((charts, -masses, parents))
    leads = np.ones(len(ranking), bool)
    leads[1:] = np.diff(parents[ranking]) != 0
    chosen = np.sort(ranking[leads])  # groups are by parent already
    place = np.full(len(masses), -1)
    place[chosen] = np.arange(len(chosen))
    taken = np.flatnonzero(place[group] >= 0)
    target = place[group[taken]]
    weights = fine.masses[taken] / masses[chosen][target]
    average = csr_matrix((weights, (target, taken)), shape=(len(chosen), len(labels)))
    coarse_labels = np.zeros(height * width, fine.labels.dtype)
    coarse_labels[parents[chosen]] = charts[chosen]
    coarse_labels = coarse_labels.reshape(height, width)
    return Level(coarse_labels > 0, coarse_labels, masses[chosen], average)
