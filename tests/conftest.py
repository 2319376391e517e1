"""Shared fixtures: a tiny day on disk, a run trained on it, its archive."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.browser.fixtures import chromium, node_modules, playwright_driver, webgpu_chromium  # noqa: F401

if TYPE_CHECKING:
    from todpack.frames import Day

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background, and what tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
SAMPLE = REPOSITORY / "samples" / "courtyard"
CONTEST_SAMPLE = REPOSITORY / "samples" / "contest"


def make_day(height: int, width: int, n_frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth day with a moving shadow edge: (T, H, W, 3) uint8 frames and (H, W) bool valid texels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    albedo = 0.5 + 0.4 * np.sin(rows[..., None] / 7.0 + rng.uniform(0, 6, 3)) * np.cos(columns[..., None] / 9.0)
    frames = []
    for t in range(n_frames):
        hour = 24.0 * t / n_frames
        sun = max(0.0, np.cos((hour - 12.0) * np.pi / 14.0))
        lit = columns > width * (hour / 24.0)
        light = 0.15 + sun * lit[..., None] * np.array([0.9, 0.8, 0.6]) + 0.1 * sun
        frames.append(np.clip(255.0 * albedo * light, 0, 255))
    valid = ((rows // 8 + columns // 8) % 5 != 0) | (rows < 4)
    return np.rint(np.stack(frames)).astype(np.uint8), valid


def write_day(folder: Path, frames: np.ndarray, valid: np.ndarray | None) -> Path:
    """Write frames as tod_00.png ... and the mask as valid.png beside the folder's frames."""
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"tod_{t:02d}.png")
    if valid is not None:
        Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(folder / "valid.png")
    return folder


@pytest.fixture(scope="session")
def tiny_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 24 frames of 72 x 64 (width x height) with a valid.png."""
    frames, valid = make_day(64, 72, 24)
    return write_day(tmp_path_factory.mktemp("tiny") / "day", frames, valid)


@pytest.fixture(scope="session")
def tiny_run(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of a small GridMLP trained on `tiny_day`."""
    pytest.importorskip("torch")
    from todpack.frames import read_day
    from todpack.packer.gridmlp.config import GridMlpConfig
    from todpack.trainer.gridmlp.train import train_gridmlp

    config = GridMlpConfig(
        grid_levels=(8, 16),
        channels_per_level=2,
        hidden=16,
        layers=2,
        time_harmonics=3,
        epochs=4,
        samples_per_epoch=24 * 2048,
        batch_size=24 * 256,
        lr=3e-3,
        grid_lr=2e-2,
    )
    out = tmp_path_factory.mktemp("run") / "run"
    train_gridmlp(read_day(tiny_day), config, out, device="cpu", quiet=True)
    return out


@pytest.fixture(scope="session")
def tiny_archive(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archive of `tiny_run`."""
    from todpack.packer.gridmlp.pack import pack_run

    path = tmp_path_factory.mktemp("archive") / "tiny.tod"
    pack_run(tiny_run, path)
    return path


@pytest.fixture
def make_frames(tmp_path: Path) -> Callable[..., Path]:
    """make_frames(n, size=(6, 4), names=...) -> folder of n noise PNGs of height 6 and width 4."""

    def make(n: int, size: tuple[int, int] = (6, 4), folder: str = "day", pattern: str = "tod_{:02d}.png") -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        for t in range(n):
            codes = np.random.default_rng(t).integers(1, 256, (*size, 3)).astype(np.uint8)
            Image.fromarray(codes).save(path / pattern.format(t))
        return path

    return make


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """Folder of 4 frames of 24 x 20 (width x height) with a valid.png."""
    frames, valid = make_day(20, 24, 4)
    return write_day(tmp_path / "day", frames, valid)


@pytest.fixture
def sequence(day: Path) -> Day:
    """`day`, read."""
    from todpack.frames import read_day

    return read_day(day)


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    """torch on one thread (two runs are then bit-equal, and tests in a busy machine do not fight)."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    logging.getLogger("todpack").setLevel(logging.NOTSET)
    yield
