"""A day in memory and the same day read from disk tile by tile: one encoder, the same bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day
from tests.contest_data import KEYS, make_radiance
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.frames import Day, FrameArrays
from todpack.packer.daybasis import tiles
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.errors import PackError

HOURS = np.arange(24.0)


def arrays(folder: Path, frames: np.ndarray, valid: np.ndarray) -> Path:
    folder.mkdir()
    for t, frame in enumerate(frames):
        np.save(folder / f"tod_{t:02d}.npy", frame)
    np.save(folder / "valid.npy", valid)
    return folder


@pytest.fixture
def frames() -> tuple[np.ndarray, np.ndarray]:
    """24 noisy frames of 96 x 80, in which two of six tiles of 40 have no valid texel."""
    frames, valid = make_day(96, 80, 24)
    noise = np.random.default_rng(0).normal(0, 3, frames.shape)
    valid[40:80, :40] = False
    valid[80:, 40:] = False
    return np.clip(frames + noise, 0, 255).astype(np.uint8), valid


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "read again at every pass"])
@pytest.mark.parametrize("smoothing", [None, True])
@pytest.mark.thorough
def test_arrays_are_the_frames(
    tmp_path: Path,
    frames: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
    smoothing: bool | None,
) -> None:
    if not kept:
        monkeypatch.setattr(tiles, "KEPT_BYTES", 1)
    codes, valid = frames
    config = DayBasisConfig(q_step=9.0, tile=40, n_levels=3)
    options = DayBasisPackOptions(smoothing=smoothing)
    memory = Day(codes.astype(np.float32), valid, HOURS, "srgb8", "day")
    disk = FrameArrays(arrays(tmp_path / "day", codes, valid))
    one, other = (encode_day(day, config, options) for day in (memory, disk))
    assert one.writer.to_bytes() == other.writer.to_bytes()
    assert one.psnr_db == other.psnr_db > 38.0


@pytest.mark.thorough
def test_linear_arrays_are_the_frames(tmp_path: Path) -> None:
    radiance, valid = make_radiance(40, 36)
    hours = np.array([int(key) / 100 for key in KEYS])
    even = replace(Day(radiance, valid, hours, "linear", "day"), radiance=radiance[:24], hours=HOURS)
    config = DayBasisConfig(q_step=4.0, tile=32, n_levels=3)
    disk = FrameArrays(arrays(tmp_path / "day", radiance[:24], valid))
    one, other = (encode_day(day, config, DayBasisPackOptions(), target_psnr_db=50.0) for day in (even, disk))
    assert one.writer.to_bytes() == other.writer.to_bytes()


@pytest.mark.thorough
def test_what_is_not_kept_is_about_as_small(
    frames: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes, valid = frames
    day = Day(codes.astype(np.float32), valid, HOURS, "srgb8", "day")
    config = DayBasisConfig(q_step=9.0, tile=40, n_levels=3)
    whole = encode_day(day, config, DayBasisPackOptions())
    monkeypatch.setattr(tiles, "KEPT_BYTES", 1)
    sampled = encode_day(day, config, DayBasisPackOptions())
    assert sampled.size_bytes < 1.02 * whole.size_bytes
    assert sampled.psnr_db > whole.psnr_db - 0.05


def test_a_refinement_needs_the_day_in_memory(
    frames: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "KEPT_BYTES", 1)
    day = Day(frames[0].astype(np.float32), frames[1], HOURS, "srgb8", "day")

    def refine(*_: object) -> None:
        raise AssertionError("must not be called")

    with pytest.raises(PackError, match="--refine: expected a day that fits into memory"):
        encode_day(day, DayBasisConfig(), DayBasisPackOptions(), refine=refine)  # type: ignore[arg-type]


@pytest.mark.thorough
def test_command_meets_a_target_on_arrays(tmp_path: Path, frames: tuple[np.ndarray, np.ndarray]) -> None:
    folder = arrays(tmp_path / "day", *frames)
    out = tmp_path / "day.tod"
    assert main(["compress", str(folder), "-o", str(out), "--target-psnr", "41", "--tile", "40"]) == 0
    with open_archive(out, provider="cpu") as archive:
        decoded = np.stack([archive.decode(float(t)) for t in HOURS])
    error = (decoded.astype(float) - frames[0])[:, frames[1]]
    assert 41.0 <= 10 * np.log10(255**2 / (error**2).mean()) < 41.5
