"""The refinement: maps and contexts are the decoder's, every code is at its best, fewer bits and less error."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from todpack.decompressor import open_archive
from todpack.decompressor.daybasis.transform.pyramid import Pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import BLOCK, Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.errors import MissingPackageError
from todpack.decompressor.grid import TileGrid, ceil_div
from todpack.frames import Day
from todpack.packer.daybasis import rounding
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import EncodedDay, encode_tiles
from todpack.packer.daybasis.native import kernels
from todpack.packer.daybasis.rdoq import bits_of_counts, class_costs
from todpack.packer.daybasis.refine import refiner as refiners
from todpack.packer.daybasis.refine.config import RefineConfig
from todpack.packer.daybasis.refine.objective import Metric
from todpack.packer.daybasis.refine.refinement import Refinement, refine
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.daybasis.rounding import RoundedTiles
from todpack.packer.daybasis.tile_codes import TileCodes
from todpack.packer.daybasis.tiles import DayTiles, Tile
from todpack.packer.daybasis.transform.closed_form import TemporalTransform, find_transform
from todpack.packer.errors import ConfigError, PackError

needs_kernels = pytest.mark.skipif(kernels is None, reason="the encoder's kernels are not built")
CENTROIDS = (0.125, 0.0625)


def odd_mask(h: int = 53, w: int = 70) -> np.ndarray:
    valid = np.ones((h, w), bool)
    valid[10:22, 30:41] = valid[:, 55] = valid[40, 3:9] = False
    return valid


def bands_on(pyramid: Pyramid, n_maps: int, seed: int = 0, spread: float = 8.0) -> list[Any]:
    """Random codes of falling size on the sites."""
    rng = np.random.default_rng(seed)
    out: list[Any] = [np.rint(rng.normal(size=(n_maps, *pyramid.sites[0].shape)) * 40).astype(np.int32)]
    out[0] *= pyramid.sites[0]
    for level, sites in enumerate(pyramid.sites[1:]):
        size = spread / 2**level
        out.append(tuple(np.rint(rng.laplace(size=(n_maps, *s.shape)) * size).astype(np.int32) * s for s in sites))
    return out


def tile_codes(valid: np.ndarray, n_maps: int, n_levels: int, n_regions: int = 3, spread: float = 8.0):
    """Random codes of a tile, and what the decoder needs for it."""
    rng = np.random.default_rng(n_maps)
    h, w = valid.shape
    tile = Tile(TileGrid(h, w, max(h, w))[0], valid, np.zeros((int(valid.sum()), 3), np.float32), n_levels)
    blocks = rng.integers(n_regions, size=(ceil_div(h, BLOCK), ceil_div(w, BLOCK))).astype(np.uint8)
    skews = rng.integers(-40, 40, size=(n_regions, n_maps * (n_maps - 1) // 2))
    if n_regions == 1:
        skews[:] = 0
    rotations = rotations_of_codes(skews, n_maps)
    assert tile.pyramid is not None
    bands = bands_on(tile.pyramid, n_maps, spread=spread)
    codes = TileCodes(tile, blocks, rotations)
    codes.put(bands)
    return codes, bands, Regions(blocks, rotations), tile.pyramid


def decoded(bands: list[Any], pyramid: Pyramid, regions: Regions, smoothing: Smoothing | None = None) -> np.ndarray:
    """(N, K) maps by the decoder."""
    codes = in_coding_order(bands)
    maps = reconstruct_maps(codes, pyramid, regions, q_step=1.0, centroids=CENTROIDS, smoothing=smoothing)
    return maps[:, pyramid.valid].T


SHAPES = [(53, 70), (1, 41), (7, 1), (64, 64), (5, 6)]


@needs_kernels
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("smoothing", [None, Smoothing(0.5, (0.25, 0.125))])
def test_maps_and_counts_are_the_decoders(shape: tuple[int, int], smoothing: Smoothing | None) -> None:
    valid = np.ones(shape, bool) if shape == (64, 64) else odd_mask()[: shape[0], : shape[1]]
    codes, bands, regions, pyramid = tile_codes(valid, 5, 3)
    for kept, put in zip(in_coding_order(codes.bands()), in_coding_order(bands), strict=True):
        assert np.array_equal(kept, put)
    assert codes.maps(CENTROIDS, smoothing) == pytest.approx(decoded(bands, pyramid, regions, smoothing), abs=2e-3)
    assert np.array_equal(bits_of_counts(codes.counts()), class_costs(bands, pyramid.sites))


@needs_kernels
@pytest.mark.parametrize(("shape", "n_maps", "n_regions"), [((29, 22), 3, 2), ((13, 40), 9, 1), ((17, 17), 2, 3)])
@pytest.mark.thorough
def test_without_a_rate_every_code_ends_at_its_best(shape: tuple[int, int], n_maps: int, n_regions: int) -> None:
    """No other value of any one code, by the decoder's own maps, has a smaller distortion."""
    rng = np.random.default_rng(4)
    valid = rng.random(shape) < 0.9
    valid[3:9, 5:12] = False
    codes, bands, regions, pyramid = tile_codes(valid, n_maps, 3, n_regions, spread=2.0)
    target = decoded(bands, pyramid, regions) + rng.normal(size=(int(valid.sum()), n_maps)).astype(np.float32) * 2
    root = rng.normal(size=(n_maps, n_maps)) * 0.3 + np.eye(n_maps)
    metric = root.T @ root

    def distortion(some: list[Any]) -> float:
        error = decoded(some, pyramid, regions) - target
        return float(np.einsum("nk,kl,nl->", error, metric, error, dtype=np.float64))

    config, before = RefineConfig(context_gain=0.0), distortion(bands)
    for _ in range(60):
        codes.counts()
        slopes = (codes.maps(CENTROIDS, None) - target) @ metric.astype(np.float32)
        codes.aim(slopes.astype(np.float32), metric)
        codes.sweep(np.zeros((100, 16)), CENTROIDS, config)
        after = distortion(codes.bands())
        assert after <= before * (1 + 1e-5)
        if after >= before * (1 - 1e-7):
            break
        before = after
    found = codes.bands()
    for band, sites in zip(in_coding_order(found), in_coding_order(pyramid.sites), strict=True):
        for y, x in np.argwhere(sites)[:: max(1, int(sites.sum()) // 8)]:
            for k in range(n_maps):
                if not band[k].any():  # of an empty map the coder sends nothing
                    continue
                for step in (-1, 1):
                    band[k, y, x] += step
                    assert distortion(found) >= after * (1 - 1e-6)
                    band[k, y, x] -= step


@needs_kernels
@pytest.mark.parametrize("rd_weight", [0.0, 0.14])
def test_closed_form_rounding_is_that_of_numpy(
    day: tuple[DayTiles, TemporalTransform], monkeypatch: pytest.MonkeyPatch, rd_weight: float
) -> None:
    """But for values at the very edge between two codes, and what these do to contexts."""
    tiles, found = day
    ours = RoundedTiles(tiles, found, 12.0, rd_weight)
    monkeypatch.setattr(rounding, "kernels", None)
    theirs = RoundedTiles(tiles, found, 12.0, rd_weight)
    assert ours.centroids == theirs.centroids
    for one, two in zip(in_coding_order(ours[0]), in_coding_order(theirs[0]), strict=True):
        assert one.shape == two.shape
        assert np.count_nonzero(one != two) <= 1 + one.size // 2000


@needs_kernels
def test_a_component_that_no_time_uses_is_left_alone() -> None:
    """A component whose codes are all zeros has a column of zeros in A(t), so no curvature and no slope."""
    codes, bands, _, pyramid = tile_codes(odd_mask(), 3, 3, 1)
    codes.counts()
    slopes = np.random.default_rng(0).normal(size=(int(pyramid.valid.sum()), 3)).astype(np.float32)
    slopes[:, 1] = 0
    codes.aim(slopes, np.diag([1.0, 0.0, 2.0]))
    codes.sweep(np.zeros((100, 16)), CENTROIDS, RefineConfig())
    assert [np.array_equal(a, b) for a, b in zip(codes.bands()[0], bands[0], strict=True)] == [False, True, False]


def small_day(seed: int = 0, side: int = 96, n_times: int = 6, n_levels: int = 4) -> DayTiles:
    """A tile with soft light, and shadow edges that move with the hour."""
    rng = np.random.default_rng(seed)
    valid = np.ones((side, side), bool)
    valid[: side // 4, side // 2 :] = False
    y, x = np.mgrid[:side, :side] / side
    noise = rng.normal(size=(side, side, 3)) * 12
    frames = []
    for t in range(n_times):
        light = 150 + 60 * np.sin(3 * x + t) * np.cos(2 * y)
        shadow = np.where((x + 0.3 * y > 0.15 * t) & (np.sin(20 * y + t) > -0.5), 1.0, 0.45)
        frames.append(np.clip((light * shadow)[..., None] * (1.0, 0.9, 0.8) + noise, 0, 255))
    hours = np.arange(n_times) * 24.0 / n_times
    return DayTiles(Day(np.stack(frames).astype(np.float32), valid, hours, "srgb8", "day"), side, n_levels)


def figures(encoded: EncodedDay) -> tuple[int, float]:
    """Bytes of the coefficients of tile 0, and the mean squared error of the decoded frames."""
    with open_archive(io.BytesIO(encoded.writer.to_bytes()), provider="cpu") as archive:
        n_bytes = archive.container.sections["0/0/coefficients"].decoded_bytes
    return n_bytes, float(encoded.measured.frame_mse.mean())


@pytest.fixture(scope="module")
def day() -> tuple[DayTiles, TemporalTransform]:
    tiles = small_day()
    return tiles, find_transform(tiles, DayBasisConfig(q_step=12.0, n_levels=4))


@needs_kernels
def test_fewer_bits_and_less_error_and_the_same_twice(day: tuple[DayTiles, TemporalTransform]) -> None:
    tiles, found = day
    config, said = RefineConfig(n_sweeps=3), list[tuple[int, int, str]]()
    first = refine(tiles, found, 12.0, config, lambda *told: said.append(told))
    second = refine(tiles, found, 12.0, config)
    costs = [mse / 12.0**2 + config.rd_weight * bits / tiles[0].days.size for bits, mse in first.history]
    assert costs == sorted(costs, reverse=True) and costs[-1] < 0.99 * costs[0]
    assert first.centroids == second.centroids and first.history == second.history
    for one, two in zip(first.codes[0], second.codes[0], strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert [told[:2] for told in said] == [(1, 3), (2, 3), (3, 3)] and said[0][2].endswith(" dB")


@needs_kernels
def test_packed_day_is_better_than_the_closed_form(day: tuple[DayTiles, TemporalTransform]) -> None:
    tiles, found = day
    refined = refine(tiles, found, 12.0, RefineConfig(n_sweeps=3))
    plain, better = (
        figures(encode_tiles(tiles, found, 12.0, DayBasisPackOptions(rd_weight=0.08), r)) for r in (None, refined)
    )
    # by the closed form's own curve, so that another step or weight is no gain: at most 98 % of its bytes at this error
    coarser = figures(encode_tiles(tiles, found, 16.0, DayBasisPackOptions(rd_weight=0.08)))
    slope = np.log(coarser[0] / plain[0]) / np.log(coarser[1] / plain[1])
    expected = plain[0] * (better[1] / plain[1]) ** slope
    assert better[0] < 0.98 * expected
    assert better[1] == pytest.approx(refined.history[-1][1] + 1 / 12, rel=0.02)  # rounding to 8 bits adds 1 / 12
    assert refined.history[-1][0] / 8 == pytest.approx(better[0], rel=0.05)


@needs_kernels
def test_a_sweep_that_makes_things_worse_is_taken_back(
    day: tuple[DayTiles, TemporalTransform], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles, found = day
    right = TileCodes.sweep

    def astray(self: TileCodes, slopes: np.ndarray, *rest: Any) -> np.ndarray:
        return right(self, 3 * slopes, *rest)  # steps that overshoot

    monkeypatch.setattr(TileCodes, "sweep", astray)
    refined = refine(tiles, found, 12.0, RefineConfig(n_sweeps=4))
    costs = [mse / 12.0**2 * tiles[0].days.size + RefineConfig().rd_weight * bits for bits, mse in refined.history]
    assert costs == sorted(costs, reverse=True)


@needs_kernels
def test_temporal_term_lowers_flicker_and_equal_db_the_spread() -> None:
    tiles = small_day(side=64, n_levels=3)
    found, plain = find_transform(tiles, DayBasisConfig(q_step=24.0, n_levels=3)), RefineConfig(n_sweeps=4)

    def errors_after(config: RefineConfig) -> np.ndarray:
        refinement = Refinement(tiles, found, 24.0, config)
        refinement.run(lambda *_: None)
        errors = refinement.errors()
        return errors.reshape(len(errors), -1, 3)

    def flicker(errors: np.ndarray) -> float:
        return float(np.abs(np.diff(errors, axis=1)).mean())

    def spread_db(errors: np.ndarray) -> float:
        by_frame = 10 * np.log10((errors**2).mean((0, 2)))
        return float(by_frame.max() - by_frame.min())

    as_it_is = errors_after(plain)
    assert flicker(errors_after(replace(plain, temporal_weight=2.0))) < 0.99 * flicker(as_it_is)
    assert spread_db(errors_after(replace(plain, equal_db=True))) < 0.8 * spread_db(as_it_is)


def test_distortion_is_the_sum_it_says() -> None:
    rng = np.random.default_rng(1)
    weights, error = np.array([1.0, 0.5, 2.0, 1.0]), rng.normal(size=(4, 3))
    form = Metric(weights, temporal_weight=0.2)
    changes = np.diff(error, axis=0)
    for progress, share in ((0.0, 0.05), (1.0, 0.2)):
        expected = (weights[:, None] ** 2 * error**2).sum() + share * (weights**2).mean() * (changes**2).sum()
        assert error.ravel() @ form.matrix(progress) @ error.ravel() == pytest.approx(expected)


def test_pairs_that_change_more_count_less() -> None:
    form = Metric(np.ones(3), temporal_weight=1.0)
    form.update_weights(np.ones(3), np.array([1.0, 3.0]))
    matrix = form.matrix(1.0)
    assert matrix[0, 3] == pytest.approx(-2.0) and matrix[3, 6] == pytest.approx(-2.0 / 3)


def test_values_outside_their_range_are_named() -> None:
    with pytest.raises(ConfigError, match=r"n_sweeps: expected an integer in 1\.\.1000, found 0"):
        RefineConfig(n_sweeps=0)


@needs_kernels
def test_a_refinement_is_told_apart_by_its_configuration() -> None:
    """Finished jobs of a dataset are found again by the repr, in another process too."""
    assert repr(refiner("fast", None)) == repr(refiner(None, None)) != repr(refiner("fast", False))
    assert " at 0x" not in repr(refiner("fast", None))
    assert refiner("none", None) is None


def test_without_its_kernels_it_is_refused_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refiners, "kernels", None)
    said: list[str] = []
    assert refiner(None, None, said.append) is None
    assert said == [f"codes are not refined (about 10 % more bytes): {refiners.NO_KERNELS}"]
    with pytest.raises(MissingPackageError, match="--refine: the encoder's kernels were not built here"):
        refiner("fast", None)
    with pytest.raises(PackError, match="--refine: expected one of none, fast, full, found much"):
        refiner("much", None)
