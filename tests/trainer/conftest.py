"""Small days on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from trainer.data import LightmapSequence, read_sequence

Day = Callable[..., Path]


@pytest.fixture
def make_frames(tmp_path: Path) -> Day:
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
def sequence(day: Path) -> LightmapSequence:
    """`day`, read."""
    return read_sequence(day)
