"""Optional terms of the refinement: what each is for gets better, and off is off."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.trainer.daybasis.test_refine import small_day  # noqa: E402
from todpack.decompressor.daybasis.transform.smoothing import Smoothing, smooth  # noqa: E402
from todpack.decompressor.grid import TileGrid  # noqa: E402
from todpack.eval.measures.ssim import ssim_map  # noqa: E402
from todpack.packer.daybasis.config import DayBasisConfig  # noqa: E402
from todpack.packer.daybasis.tiles import Tile  # noqa: E402
from todpack.packer.daybasis.transform.closed_form import find_transform  # noqa: E402
from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.trainer.daybasis.config import RefineConfig  # noqa: E402
from todpack.trainer.daybasis.objective import Metric  # noqa: E402
from todpack.trainer.daybasis.perceptual import PerceptualTerm  # noqa: E402
from todpack.trainer.daybasis.refinement import Refinement  # noqa: E402
from todpack.trainer.daybasis.synthesis import smoothing_steps  # noqa: E402
from todpack.trainer.losses import ssim  # noqa: E402

PLAIN = RefineConfig(n_sweeps=4)


@pytest.fixture(scope="module")
def day():
    tiles = small_day(side=64, n_levels=3)
    return tiles, find_transform(tiles, DayBasisConfig(q_step=24.0, n_levels=3))


def errors_after(day, config: RefineConfig) -> np.ndarray:
    """(N, T, 3) errors of the refined day."""
    tiles, found = day
    with torch.no_grad():
        refinement = Refinement(tiles, found, 24.0, config, torch.device("cpu"))
        refinement.run(quiet=True)
    errors = refinement.errors()
    return errors.reshape(len(errors), -1, 3)


def flicker(errors: np.ndarray) -> float:
    return float(np.abs(np.diff(errors, axis=1)).mean())


def spread_db(errors: np.ndarray) -> float:
    by_frame = 10 * np.log10((errors**2).mean((0, 2)))
    return float(by_frame.max() - by_frame.min())


def test_smoothing_in_torch_is_the_decoders():
    rng = np.random.default_rng(0)
    maps, valid = rng.normal(size=(2, 9, 12)).astype(np.float32), rng.random((9, 12)) < 0.8
    smoothing, smoothed = Smoothing(0.5, (0.25, 0.125)), maps.copy()
    smooth(smoothed, valid, smoothing, 1.0)
    steps = smoothing_steps(torch.from_numpy(maps), smoothing, torch.from_numpy(valid))
    assert np.allclose(maps + steps.numpy(), smoothed, atol=1e-6)
    assert not smoothing_steps(torch.from_numpy(maps), None, torch.from_numpy(valid)).any()


def test_distortion_is_the_sum_it_says():
    rng = np.random.default_rng(1)
    weights, error = np.array([1.0, 0.5, 2.0, 1.0]), rng.normal(size=(4, 3))
    form = Metric(weights, temporal_weight=0.2)
    changes = np.diff(error, axis=0)
    for progress, share in ((0.0, 0.05), (1.0, 0.2)):
        expected = (weights[:, None] ** 2 * error**2).sum() + share * (weights**2).mean() * (changes**2).sum()
        assert error.ravel() @ form.matrix(progress) @ error.ravel() == pytest.approx(expected)


def test_pairs_that_change_more_count_less():
    form = Metric(np.ones(3), temporal_weight=1.0)
    errors = np.zeros((2, 9), np.float32)
    errors[:, 3:6], errors[:, 6:] = 1.0, 4.0  # changes of 1 and of 3
    form.update_weights(errors)
    matrix = form.matrix(1.0)
    assert matrix[0, 3] == pytest.approx(-2.0) and matrix[3, 6] == pytest.approx(-2.0 / 3)
    other = Metric(np.ones(3), temporal_weight=1.0)
    other.resume(form.state())
    assert np.array_equal(other.matrix(0.5), form.matrix(0.5))


def test_temporal_term_lowers_flicker_and_equal_db_the_spread(day):
    plain = errors_after(day, PLAIN)
    temporal = errors_after(day, replace(PLAIN, temporal_weight=2.0))
    assert flicker(temporal) < 0.99 * flicker(plain)
    assert spread_db(errors_after(day, replace(PLAIN, equal_db=True))) < 0.8 * spread_db(plain)


@pytest.mark.parametrize("terms", [{"ssim_weight": 0.2}, {"ssim_weight": 2.0}])
def test_errors_of_flat_places_count_more_for_ssim(terms):
    rng = np.random.default_rng(0)
    side = 64
    image = np.full((side, side), 120.0)
    image[:, side // 2 :] += rng.normal(0, 40, (side, side // 2))
    days = np.repeat(image.reshape(-1, 1), 6, axis=1).astype(np.float32)
    tile = Tile(TileGrid(side, side, side)[0], np.ones((side, side), bool), days, 3)
    errors = rng.normal(0, 3, days.shape).astype(np.float32)
    term = PerceptualTerm(replace(PLAIN, **terms), [tile], torch.device("cpu"))
    (weights,) = term.weights(errors, 0)
    flat, busy = weights[:, : side // 2], weights[:, side // 2 :]
    assert float(flat.min()) > 1.5 * float(busy.max())
    assert float(weights.log().mean()) == pytest.approx(0.0, abs=0.1)
    assert PerceptualTerm(PLAIN, [tile], torch.device("cpu")).weights(errors, 0) is None


def test_weights_move_error_to_where_it_is_not_felt(day):
    tiles, found = day
    tile = tiles[0]
    weights = torch.ones(tile.pyramid.valid.shape)
    weights[:32] = 4.0
    before = errors_after(day, PLAIN)

    class Weighted(PerceptualTerm):
        def weights(self, errors, sweep):
            return [weights]

    with torch.no_grad():
        refinement = Refinement(tiles, found, 24.0, PLAIN, torch.device("cpu"))
        refinement.perceptual = Weighted(PLAIN, tiles, torch.device("cpu"))
        refinement.run(quiet=True)
    after = refinement.errors().reshape(before.shape)
    upper = np.nonzero(tile.pyramid.valid)[0] < 32
    assert (after[upper] ** 2).mean() < 0.9 * (before[upper] ** 2).mean()


def test_ssim_is_the_measure_inside():
    rng = np.random.default_rng(2)
    one = rng.random((30, 26, 3))
    two = np.clip(one + rng.normal(0, 0.1, one.shape), 0, 1)
    valid = rng.random((30, 26)) < 0.7
    expected = ssim_map(one, two, 1.0)[5:-5, 5:-5][valid[5:-5, 5:-5]].mean()
    tensors = [torch.from_numpy(image.transpose(2, 0, 1).copy())[None] for image in (one, two)]
    assert float(ssim(*tensors, torch.from_numpy(valid)[None].double())) == pytest.approx(expected, rel=1e-6)


def test_lpips_without_weights_is_refused(day, monkeypatch, tmp_path):
    monkeypatch.setenv("LPIPS_ALEXNET", "")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="--loss-lpips-w: LPIPS is absent"):
        errors_after(day, replace(PLAIN, lpips_weight=0.1))
