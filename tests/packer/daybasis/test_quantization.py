"""Codes of coefficients and of the temporal basis."""

import math

import numpy as np
import pytest

from todpack.decompressor.daybasis.temporal.basis_codes import (
    column_steps,
    dequantize_basis,
    difference,
    undo_difference,
)
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions
from todpack.packer.daybasis.basis import LEAST_LOSS, BasisFit, quantize_basis
from todpack.packer.daybasis.entropy.encode import encode_bands
from todpack.packer.daybasis.quantize import fit_centroids, quantize, round_to_rate, stored_centroids, to_steps
from todpack.packer.daybasis.rdoq import round_with_contexts
from todpack.packer.daybasis.transform.forward import forward
from todpack.packer.daybasis.transform.klt import TemporalBasis
from todpack.packer.daybasis.transform.neighborhoods import gather_neighborhoods


def coefficients(rng, shape=(40, 45), n_maps=3, q_step=4.0):
    valid = rng.random(shape) < 0.9
    pyramid = build_pyramid(valid, 3)
    maps = np.where(valid, rng.laplace(size=(n_maps, *shape)) * 8, 0)
    return maps, pyramid, to_steps(forward(maps, pyramid), pyramid, q_step)


def test_error_is_about_one_quantizer_noise_and_centroids_lower_it():
    maps, pyramid, steps = coefficients(np.random.default_rng(0))
    codes = quantize(steps)
    whole = Regions(np.zeros((99, 99), np.uint8), np.eye(len(codes[0]))[None])
    plain, moved = (
        reconstruct_maps(in_coding_order(codes), pyramid, whole, q_step=4.0, centroids=points)
        for points in ((0.0, 0.0), fit_centroids(steps, codes))
    )
    error = [((z - maps)[:, pyramid.valid] ** 2).mean() for z in (plain, moved)]
    assert error[1] < error[0] < 2 * 4.0**2 / 12


def test_centroids_have_no_negative_zero():
    """The packed metadata, which are shorter by 200 bytes, would not give it back."""
    points = stored_centroids(np.array([-0.01, 1.0]), np.array([10.0, 8.0]))
    assert [math.copysign(1.0, point) for point in points] == [1.0, 1.0]
    assert points == (0.0, 0.125)


def test_free_bits_round_to_nearest_and_dear_bits_zero():
    values = np.array([0.2, -0.6, 1.4, -7.7], np.float32)
    classes = np.zeros(4, np.uint8)
    assert round_to_rate(values, classes, np.zeros((1, 3)), centroids=(0, 0)).tolist() == [0, -1, 1, -8]
    assert not round_to_rate(values, classes, np.array([[0.0, 1e6, 1e6]])).any()


def test_rounding_with_contexts_costs_fewer_bytes_for_little_error():
    _, pyramid, steps = coefficients(np.random.default_rng(1), (64, 64))
    plain = quantize(steps, 0.5)
    chosen = round_with_contexts(steps, plain, pyramid.sites, 0.1)
    size = [len(encode_bands(codes, pyramid.sites)) for codes in (plain, chosen)]
    error = [
        sum(((s - c) ** 2).sum() for a, b in zip(steps[1:], codes[1:], strict=True) for s, c in zip(a, b, strict=True))
        for codes in (plain, chosen)
    ]
    assert size[1] < size[0]
    assert error[0] <= error[1] < error[0] + 0.3 * 8 * (size[0] - size[1])


def test_neighborhoods_hold_whole_blocks_in_steps():
    _, pyramid, _ = coefficients(np.random.default_rng(2))
    bands = [
        np.zeros((2, *pyramid.sites[0].shape)),
        *(
            tuple(np.ones((2, *s.shape)) * t for s, t in zip(*p, strict=True))
            for p in zip(pyramid.sites[1:], pyramid.step_scale[1:], strict=True)
        ),
    ]
    groups, places = gather_neighborhoods(bands, pyramid, 4.0)
    assert groups.shape[0] == 4 and groups.shape[2] == 2 and groups.shape[1] > 100
    assert np.allclose(groups, 0.25)
    assert places.shape == (groups.shape[1], 2) and places.min() >= 0 and (places.max(0) < pyramid.valid.shape).all()


def test_basis_codes_round_trip_and_lose_what_they_may():
    rng = np.random.default_rng(3)
    levels = rng.integers(-3000, 3000, (24, 3, 5))
    assert np.array_equal(undo_difference(difference(levels)), levels)
    matrix, offset = rng.normal(size=(72, 4)), rng.random(72) * 255
    energy = np.array([1e5, 1e3, 10.0, 0.0])
    codes, exponents = quantize_basis(matrix, offset, energy, 4.0, 20)
    found_matrix, found_offset = dequantize_basis(codes, exponents)
    error = (found_matrix - matrix) ** 2 @ energy + (found_offset - offset) ** 2
    assert 0.05 * LEAST_LOSS * 4.0 < error.mean() < 1.3 * LEAST_LOSS * 4.0


def test_basis_is_no_finer_than_the_coefficients_can_bear():
    """At a coarse product grid the basis and the coefficients share the error: exponents rise with the grid."""
    rng = np.random.default_rng(4)
    matrix, offset = rng.normal(size=(72, 3)) / 8, rng.random(72) * 255
    energy = np.array([1e6, 1e4, 100.0])
    fine = quantize_basis(matrix, offset, energy, 1e-4, 14)[1]
    coarse = quantize_basis(matrix, offset, energy, 1e-4, 10)[1]
    assert (coarse[:-1] == fine[:-1] + 2).all()
    assert coarse[-1] >= -10


def test_column_steps_are_powers_of_two():
    assert column_steps(np.array([-3, 0, 4])).tolist() == [0.125, 1.0, 16.0]


@pytest.mark.parametrize("n", [0, 1, 500])
def test_refit_never_raises_the_error(n):
    rng = np.random.default_rng(4)
    maps, matrix, offset = rng.normal(size=(n, 3)).astype(np.float32) * 30, rng.normal(size=(6, 3)), rng.random(6)
    days = (maps @ matrix.T + offset + rng.normal(size=(n, 6))).astype(np.float32)
    fit = BasisFit(TemporalBasis(matrix + 0.1, offset, np.ones(2)))
    fit.add(maps * np.float32(0.9), days)
    found_matrix, found_offset, left = fit.fit()
    error = ((maps * 0.9) @ found_matrix.T + found_offset - days) ** 2
    if n:
        assert error.mean() <= (((maps * 0.9) @ matrix.T + offset - days) ** 2).mean() + 1e-6
        assert left == pytest.approx(error.mean(), rel=1e-3, abs=1e-3)
