"""Lookups over charts' borders, by hand and on the sample."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLE
from todpack.eval.archive import score
from todpack.eval.measures.border import border_score, filled
from todpack.eval.measures.frames import day_frames
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.frames import Day, ReadOptions, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day


def test_by_hand() -> None:
    """A chart of one column whose neighbor is off by 8 codes after decoding, and by 20 in the original's gutter."""
    valid = np.array([[True, False], [True, False]])
    original = np.full((1, 2, 2, 3), 100, np.uint8)
    original[:, :, 1] = 120
    decoded = np.full((1, 2, 2, 3), 100, np.uint8)
    decoded[:, :, 1] = 108
    found = border_score(original, decoded, valid)
    assert found is not None

    def psnr(error: float) -> float:
        return 20 * math.log10(255 / error)

    assert found.psnr_db == pytest.approx((psnr(2.0), psnr(4.0)))
    assert found.own_gutter_db == pytest.approx((psnr(3.0), psnr(6.0)))
    assert found.ceiling_db == pytest.approx((psnr(5.0), psnr(10.0)))


def test_errors_beyond_float32s_squares_are_numbers() -> None:
    frames = np.ones((1, 4, 4, 3), np.float32)
    valid = np.zeros((4, 4), bool)
    valid[:2] = True
    found = border_score(frames, frames * np.float32(1e30), valid)
    assert found is not None
    assert found.own_gutter_db[0] == pytest.approx(-600, abs=10)


def test_without_a_border_there_is_no_figure() -> None:
    frames = np.zeros((1, 4, 4, 3), np.uint8)
    assert border_score(frames, frames, np.ones((4, 4), bool)) is None


def test_the_ceiling_on_the_sample() -> None:
    day = read_day(SAMPLE)
    frames = day_frames(day)
    ideal = np.stack([filled(frame, day.valid, max(day.valid.shape)) for frame in frames]).astype(np.uint8)
    found = border_score(frames, ideal, day.valid)
    assert found is not None
    assert found.psnr_db == (math.inf, math.inf)
    assert found.ceiling_db == found.own_gutter_db
    assert found.ceiling_db == pytest.approx((35.6, 29.6), abs=0.1)


@pytest.mark.parametrize("tile", [8, 16, 64])
def test_the_original_is_filled_in_the_archives_tiles(tmp_path: Path, tile: int) -> None:
    """Nearest texels in other tiles do not count: an archive without error has none over borders in its own tiles."""
    rng = np.random.default_rng(2)
    frames = np.repeat(rng.integers(40, 220, (1, 24, 40, 3)), 4, axis=0).astype(np.float32)
    valid = rng.random((24, 40)) < 0.3
    day = Day(frames, valid, np.arange(4.0), "srgb8", "day")
    config = DayBasisConfig(q_step=0.25, tile=tile, n_levels=2)
    encode_day(day, config, DayBasisPackOptions(entropy="zstd")).write(tmp_path / "a.tod")
    for hour, frame in enumerate(frames):
        Image.fromarray(frame.astype(np.uint8)).save(tmp_path / f"tod_{hour:02}.png")
    Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(tmp_path / "valid.png")
    reading = ReadOptions.of(None, "0,1,2,3")
    found = score(tmp_path / "a.tod", tmp_path, reading=reading, lpips=LpipsAbsent("not asked for"))
    assert found.border is not None
    assert found.border.psnr_db == (math.inf, math.inf)
