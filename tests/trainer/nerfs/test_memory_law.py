"""Parameters that a view needs grow by a constant when the scene becomes four times as large."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.nerfs.inf_nerf.memory_law import measure_law  # noqa: E402


@pytest.mark.thorough
def test_the_view_needs_a_logarithm_of_the_model() -> None:
    rows = measure_law(3)
    for small, large in itertools.pairwise(rows):
        assert large.n_images > 3.5 * small.n_images
        assert 3.5 < large.model_bytes / small.model_bytes < 4.5
        assert large.street_bytes < large.street_in_frustum_bytes < large.model_bytes
        assert large.peak_bytes == max(large.street_bytes, large.far_bytes)
    shares = [row.street_bytes / row.model_bytes for row in rows]
    assert shares[2] < 0.55 * shares[1]
    growth = [b.street_bytes - a.street_bytes for a, b in itertools.pairwise(rows)]
    assert growth[1] < 1.6 * growth[0]  # a constant would be 1, in proportion to the model 4
    assert rows[2].far_bytes < 1.3 * rows[1].far_bytes
