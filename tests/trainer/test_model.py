"""The torch model against scipy and torch's own sampling; the sampler; atomic files."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import make_day
from tests.packer.micro_run import lookup
from todpack.frames import Day
from todpack.packer.gridmlp.config import GridMlpConfig

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.model import GridMlp, time_features  # noqa: E402
from todpack.trainer.neural.sampler import DaySampler  # noqa: E402


def a_day(height: int = 12, width: int = 10, n_frames: int = 5) -> Day:
    frames, valid = make_day(height, width, n_frames)
    return Day(frames.astype(np.float32), valid, np.arange(n_frames) * 24.0 / n_frames, "srgb8", "day")


@pytest.mark.parametrize(("height", "width"), [(8, 8), (13, 31), (40, 9), (1, 5), (100, 3)])
def test_lookup_is_bilinear_with_nodes_at_cell_centers(height: int, width: int) -> None:
    torch.manual_seed(height)
    config = GridMlpConfig(grid_levels=(3, 7, 16), channels_per_level=2, hidden=4, layers=1, time_harmonics=1)
    model = GridMlp(config, height, width)
    with torch.no_grad():
        features = model.features(torch.arange(height * width)).numpy().reshape(height, width, 6)
    for level, (rows, columns) in enumerate(model.shapes):
        found = features[..., 2 * level : 2 * level + 2]
        grid = model.grids[level].detach().reshape(rows, columns, 2)
        np.testing.assert_allclose(found, lookup(grid.numpy(), height, width), atol=1e-6)
        y = (torch.arange(height) + 0.5) / height * 2 - 1
        x = (torch.arange(width) + 0.5) / width * 2 - 1
        at = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
        expected = torch.nn.functional.grid_sample(
            grid.permute(2, 0, 1)[None], at, mode="bilinear", padding_mode="border", align_corners=False
        )
        np.testing.assert_allclose(found, expected[0].permute(1, 2, 0).numpy(), atol=1e-5)


def test_grids_scale_with_the_aspect() -> None:
    assert GridMlpConfig(grid_levels=(16, 128)).level_shapes(256, 256) == [(16, 16), (128, 128)]
    assert GridMlpConfig(grid_levels=(16, 128)).level_shapes(100, 200) == [(8, 16), (64, 128)]
    assert GridMlpConfig(grid_levels=(4,)).level_shapes(1000, 3) == [(4, 1)]


def test_time_features_by_hand() -> None:
    """At 6 h one period a day is at its quarter, two are at their half."""
    found = time_features(torch.tensor([6.0]), 2)[0].numpy()
    np.testing.assert_allclose(found, [1.0, 0.0, 0.0, -1.0], atol=1e-6)


def test_sampler_holds_the_valid_texels() -> None:
    day = a_day()
    sampler = DaySampler(day, torch.device("cpu"), 0)
    np.testing.assert_array_equal(sampler.texels, np.flatnonzero(day.valid))
    expected = day.radiance.reshape(5, -1, 3)[:, day.valid.ravel()].swapaxes(0, 1)
    np.testing.assert_array_equal(sampler.codes, expected)


def test_sampler_depends_on_seed_and_epoch_alone() -> None:
    day = a_day()

    def draw(seed: int, epoch: int) -> list[list[int]]:
        torch.rand(3)  # torch's own generator must not matter
        sampler = DaySampler(day, torch.device("cpu"), seed)
        return [rows.tolist() for rows in sampler.epoch(epoch, 4, 50)]

    assert draw(1, 7) == draw(1, 7)
    assert draw(1, 7) != draw(1, 8)
    assert draw(1, 7) != draw(2, 7)
    assert [len(rows) for rows in draw(0, 0)] == [10] * 4  # 50 pairs are 10 texels at 5 times


def test_sampler_sizes() -> None:
    sampler = DaySampler(a_day(), torch.device("cpu"), 0)
    assert sampler.texels_per_batch(3) == 1
    assert sampler.steps_per_epoch(1000, 100) == 10
    assert sampler.steps_per_epoch(1, 100) == 1
    drawn = torch.cat(list(sampler.epoch(0, 200, 500)))
    assert drawn.min() >= 0
    assert set(drawn.tolist()) == set(range(len(sampler.texels)))
