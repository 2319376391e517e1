"""KLT and sparse rotation."""

import numpy as np
import pytest

from todpack.packer.daybasis.transform.klt import canonical_signs, fit_klt
from todpack.packer.daybasis.transform.rotation import cayley, rate_proxy, sparse_rotation


def days_of(rng, n=3000, n_times=5):
    return (rng.laplace(size=(n, 4)) @ rng.normal(size=(4, 3 * n_times)) * 20 + 90).astype(np.float32)


def test_klt_is_exact_within_its_space_and_orders_by_variance():
    days = days_of(np.random.default_rng(0))
    basis = fit_klt(days, 0.01)
    z = basis.analyze(days)
    assert np.allclose(basis.matrix.T @ basis.matrix, np.eye(z.shape[1]), atol=1e-9)
    assert np.abs(z @ basis.matrix.T + basis.offset - days).max() < 0.02
    assert (np.diff(z.var(0)) <= 1e-6).all()


def test_weights_give_a_frame_a_smaller_error():
    rng = np.random.default_rng(1)
    days = (rng.normal(size=(2000, 15)) * 10).astype(np.float32)
    weights = np.array([1.0, 1.0, 8.0, 1.0, 1.0])
    basis = fit_klt(days, 100.0, weights)
    error = ((basis.analyze(days) @ basis.matrix.T + basis.offset - days) ** 2).reshape(-1, 5, 3).mean((0, 2))
    assert error[2] < 0.1 * error[[0, 1, 3, 4]].min()


@pytest.mark.parametrize("n", [0, 1, 2])
def test_klt_takes_few_texels(n):
    basis = fit_klt(np.full((n, 6), 7, np.float32), 8.0)
    assert basis.matrix.shape == (6, 1)
    assert np.allclose(basis.analyze(np.full((n, 6), 7, np.float32)) @ basis.matrix.T + basis.offset, 7, atol=1e-5)


def test_signs_are_canonical():
    assert np.array_equal(canonical_signs(np.array([[1.0, -3.0], [-2.0, 1.0]])), [[-1.0, 3.0], [2.0, -1.0]])


def test_gradient_matches_differences():
    rng = np.random.default_rng(2)
    groups, rotation = rng.normal(size=(4, 50, 3)).astype(np.float32), np.eye(3)
    _, gradient = rate_proxy(groups, rotation)
    for i in range(3):
        for j in range(3):
            step = np.zeros((3, 3))
            step[i, j] = 1e-2
            slope = (rate_proxy(groups, rotation + step)[0] - rate_proxy(groups, rotation - step)[0]) / 2e-2
            assert slope == pytest.approx(gradient[i, j], abs=2e-4)


def test_rotation_is_orthogonal_repeatable_and_finds_sparse_axes():
    rng = np.random.default_rng(3)
    sparse = rng.normal(size=(4, 4000, 6)) * 10 * (rng.random((1, 4000, 6)) < 0.1)
    mixing = cayley((lambda a: a - a.T)(rng.normal(size=(6, 6))))
    groups = (sparse @ mixing).astype(np.float32)
    rotation = sparse_rotation(groups)
    assert np.allclose(rotation.T @ rotation, np.eye(6), atol=1e-9)
    assert np.array_equal(rotation, sparse_rotation(groups))
    assert rate_proxy(groups, rotation)[0] < 0.7 * rate_proxy(groups, np.eye(6))[0]
    assert np.allclose(np.sort(np.abs(mixing @ rotation), axis=0)[-1], 1, atol=0.01)


def test_rotation_of_nothing_is_the_identity():
    assert np.array_equal(sparse_rotation(np.zeros((4, 0, 3), np.float32)), np.eye(3))
    assert np.array_equal(sparse_rotation(np.ones((4, 5, 1), np.float32)), np.eye(1))
