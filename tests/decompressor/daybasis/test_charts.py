"""Connected components."""

import numpy as np
from scipy.ndimage import label

from todpack.decompressor.daybasis.transform.charts import label_charts


def test_agrees_with_scipy():
    rng = np.random.default_rng(0)
    for _ in range(200):
        valid = rng.random(rng.integers(1, 40, 2)) < rng.random()
        pairs = set(zip(label_charts(valid).ravel().tolist(), label(valid)[0].ravel().tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert (label_charts(valid) > 0).tolist() == valid.tolist()


def test_spiral_is_one_chart():
    n = 41
    valid = np.zeros((n, n), bool)
    top, left, bottom, right = 0, 0, n - 1, n - 1
    while top <= bottom and left <= right:
        valid[top, max(left - 1, 0) : right + 1] = True
        valid[top : bottom + 1, right] = True
        valid[bottom, left : right + 1] = True
        valid[top + 2 : bottom + 1, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    assert len(np.unique(label_charts(valid))) == label(valid)[1] + 1
