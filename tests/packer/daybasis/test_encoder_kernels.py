"""The encoder's kernels in C against what NumPy and SciPy make of the same input."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from todpack.packer.daybasis.native import kernels
from todpack.packer.daybasis.transform import rotation as rotations
from todpack.packer.daybasis.transform.assignment import assign, cluster

pytestmark = pytest.mark.skipif(kernels is None, reason="the encoder's kernels are not built")


def neighborhoods(rng: np.random.Generator, n: int, n_components: int) -> np.ndarray:
    """(4, n, K) float32, sparse before a rotation that mixes them."""
    values = rng.laplace(size=(4, n, n_components)) * (rng.random((1, n, n_components)) < 0.2) * 6
    mixed = np.linalg.qr(rng.normal(size=(n_components, n_components)))[0]
    return (values @ mixed).astype(np.float32)


@pytest.mark.parametrize("n_components", [2, 7, 8, 19, 30])
def test_the_rotation_is_as_sparse_as_by_scipy(monkeypatch: pytest.MonkeyPatch, n_components: int) -> None:
    groups = neighborhoods(np.random.default_rng(n_components), 900, n_components)
    found = rotations.sparse_rotation(groups)
    assert np.array_equal(found, rotations.sparse_rotation(groups))
    assert found.T @ found == pytest.approx(np.eye(n_components), abs=1e-9)
    monkeypatch.setattr(rotations, "kernels", None)
    reference = rotations.sparse_rotation(groups)
    before, ours, theirs = (rotations.rate_proxy(groups, r)[0] for r in (np.eye(n_components), found, reference))
    assert ours < theirs + 0.03 * (before - theirs)


@pytest.mark.parametrize(("n", "n_components"), [(1, 1), (5, 3), (130, 24), (67, 41)])
def test_rates_of_neighborhoods(monkeypatch: pytest.MonkeyPatch, n: int, n_components: int) -> None:
    rng = np.random.default_rng(n)
    groups = neighborhoods(rng, n, n_components) * np.float32(rng.choice([1e-3, 1.0, 1e4]))
    rotation = np.linalg.qr(rng.normal(size=(n_components, n_components)))[0]
    found = rotations.neighborhood_rates(groups, rotation)
    monkeypatch.setattr(rotations, "kernels", None)
    assert found == pytest.approx(rotations.neighborhood_rates(groups, rotation), rel=1e-4, abs=1e-4)


def test_no_coefficient_that_counts_leaves_the_basis_alone() -> None:
    assert np.array_equal(rotations.sparse_rotation(np.full((4, 9, 5), 0.1, np.float32)), np.eye(5))
    assert np.array_equal(rotations.sparse_rotation(np.zeros((4, 0, 5), np.float32)), np.eye(5))


@pytest.mark.parametrize("n", [1, 2, 3, 17, 40])
def test_assignments_cost_as_little_as_by_scipy(n: int) -> None:
    costs = np.random.default_rng(n).normal(size=(n, n))
    columns = assign(costs)
    assert sorted(columns) == list(range(n))
    assert costs[np.arange(n), columns].sum() == pytest.approx(costs[linear_sum_assignment(costs)].sum())


def test_clusters_of_points_that_lie_apart() -> None:
    rng = np.random.default_rng(3)
    kinds = rng.integers(5, size=200)
    labels = cluster(10.0 * np.eye(5)[kinds] + rng.normal(size=(200, 5)), 5)
    assert len({(kind, label) for kind, label in zip(kinds, labels, strict=True)}) == 5
    assert len(np.unique(cluster(np.ones((7, 2)), 3))) == 1
