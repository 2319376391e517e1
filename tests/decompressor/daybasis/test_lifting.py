"""Shape-adaptive lifting: exact, decoupled, one coefficient per valid texel, the same with any number of threads."""

import numpy as np
import pytest

from todpack.decompressor.daybasis.entropy.symbols import MAX_DETAIL
from todpack.decompressor.daybasis.transform.lifting import inverse
from todpack.decompressor.daybasis.transform.pyramid import DETAIL_NORMS, build_pyramid
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions, reconstruct
from todpack.packer.daybasis.transform.forward import forward

SHAPES = [(1, 1), (1, 2), (2, 1), (1, 37), (41, 1), (2, 2), (3, 5), (7, 8), (13, 17), (31, 64), (53, 47), (64, 64)]


def flatten(bands):
    return [bands[0], *(band for level in bands[1:] for band in level)]


def to_steps(bands, pyramid):
    """Coefficients in the units of each site's step, nested as they came."""
    steps = pyramid.step_scale
    return [
        bands[0] / steps[0],
        *(tuple(b / s for b, s in zip(*pair, strict=True)) for pair in zip(bands[1:], steps[1:], strict=True)),
    ]


def masks(shape, rng):
    checker = np.indices(shape).sum(0) % 2 == 0
    return [
        np.ones(shape, bool),
        np.zeros(shape, bool),
        checker,
        ~checker,
        *(rng.random(shape) < p for p in (0.3, 0.7, 0.95)),
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_levels", [1, 3, 5])
def test_reconstructs_any_mask_and_size(shape, n_levels):
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(3, *shape)) * 100
    for valid in masks(shape, rng):
        pyramid = build_pyramid(valid, n_levels)
        decoded = inverse(to_steps(forward(maps, pyramid), pyramid), pyramid)
        assert decoded.dtype == np.float32
        assert np.abs(decoded - np.where(valid, maps, 0)).max() < 1e-2


@pytest.mark.parametrize("shape", SHAPES)
def test_one_site_per_valid_texel_and_zero_elsewhere(shape):
    rng = np.random.default_rng(2)
    for valid in masks(shape, rng):
        pyramid = build_pyramid(valid)
        assert sum(int(site.sum()) for site in flatten(pyramid.sites)) == valid.sum()
        for band, site in zip(
            flatten(forward(rng.normal(size=(2, *shape)), pyramid)), flatten(pyramid.sites), strict=True
        ):
            assert band.shape[1:] == site.shape
            assert not band[:, ~site].any()


@pytest.mark.parametrize("shape", SHAPES)
def test_band_shapes_are_ceil_and_floor_halves(shape):
    h, w = shape
    sites = build_pyramid(np.ones(shape, bool), 3).sites
    for level in sites[:0:-1]:
        assert [site.shape for site in level] == [(h // 2, -(-w // 2)), (-(-h // 2), w // 2), (h // 2, w // 2)]
        h, w = -(-h // 2), -(-w // 2)
    assert sites[0].shape == (h, w)


def test_invalid_texels_change_nothing():
    rng = np.random.default_rng(3)
    valid = rng.random((45, 38)) < 0.6
    maps = rng.normal(size=(2, 45, 38))
    other = np.where(valid, maps, 1e6)
    pyramid = build_pyramid(valid)
    for one, two in zip(flatten(forward(maps, pyramid)), flatten(forward(other, pyramid)), strict=True):
        assert np.array_equal(one, two)


def test_charts_do_not_mix():
    """Two charts with a gap of one texel: changing one leaves the other's coefficients alone."""
    valid = np.ones((32, 33), bool)
    valid[:, 15] = False
    maps = np.random.default_rng(4).normal(size=(1, 32, 33)).astype(np.float32)
    pyramid = build_pyramid(valid, 3)
    zeros = (
        forward(np.where(np.arange(33) < 15, maps, 0), pyramid),
        forward(np.where(np.arange(33) > 15, maps, 0), pyramid),
    )
    overlap = sum(int((np.abs(a) > 1e-6)[np.abs(b) > 1e-6].sum()) for a, b in zip(*map(flatten, zeros), strict=True))
    assert overlap == 0


def test_constant_charts_have_no_detail():
    valid = np.random.default_rng(5).random((64, 64)) < 0.98
    bands = flatten(forward(np.full((1, 64, 64), 100.0), build_pyramid(valid, 2)))
    assert max(np.abs(band).max() for band in bands[1:]) < 1e-2
    low = bands[0][bands[0] != 0]
    assert np.allclose(low, 400, atol=0.05)


def test_synthesis_norms_are_those_of_the_steps():
    pyramid = build_pyramid(np.ones((512, 512), bool), 5)
    for index, norms in zip(range(5, 0, -1), DETAIL_NORMS, strict=True):
        for orientation, norm in enumerate(norms):
            bands = [
                np.zeros((1, *pyramid.sites[0].shape)),
                *(tuple(np.zeros((1, *s.shape)) for s in level) for level in pyramid.sites[1:]),
            ]
            band = bands[index][orientation]
            band[0, band.shape[1] // 2, band.shape[2] // 2] = (
                1 / pyramid.step_scale[index][orientation][band.shape[1] // 2, band.shape[2] // 2]
            )
            assert np.sqrt((inverse(bands, pyramid) ** 2).sum()) == pytest.approx(norm, rel=0.01)


def test_integer_types_give_the_same_bits():
    rng = np.random.default_rng(7)
    valid = rng.random((70, 61)) < 0.8
    pyramid = build_pyramid(valid)
    bands = [np.round(b * 4) for b in flatten(forward(rng.normal(size=(9, 70, 61)), pyramid))]
    nested = [bands[0], *(tuple(bands[i : i + 3]) for i in range(1, len(bands), 3))]
    one = inverse(nested, pyramid, 0.25)
    for dtype in (np.int16, np.int32):
        typed = [nested[0].astype(dtype), *(tuple(b.astype(dtype) for b in level) for level in nested[1:])]
        assert np.array_equal(one, inverse(typed, pyramid, 0.25))


def test_centroids_move_detail_codes_only():
    """The formula without branches is the rule: magnitude 1 by the first centroid, larger ones by the second."""
    codes = np.arange(-5, 6, dtype=np.int32)
    expected = codes + np.sign(codes) * np.where(np.abs(codes) == 1, 0.125, np.where(codes == 0, 0, -0.25))
    assert reconstruct(codes.astype(np.float32), (0.125, -0.25)).tolist() == expected.tolist()
    largest = np.array([MAX_DETAIL, -MAX_DETAIL], np.float32)
    for one, more in ((0.5, -0.5), (-0.5, 0.5), (1 / 32, 15 / 32)):
        assert reconstruct(largest, (one, more)).tolist() == [MAX_DETAIL + more, -MAX_DETAIL - more]

    pyramid, whole = build_pyramid(np.ones((2, 2), bool), 1), Regions(np.zeros((1, 1), np.uint8), np.eye(1)[None])
    bands = [np.array([[[c]]], np.int16) for c in (1, 1, -2, 0)]
    moved = [bands[0], tuple(band.astype(np.float32) for band in (bands[1] + 0.125, bands[2] - 0.25, bands[3]))]
    maps = reconstruct_maps(bands, pyramid, whole, q_step=1.0, centroids=(0.125, 0.25))
    assert np.array_equal(maps, inverse(moved, pyramid))
