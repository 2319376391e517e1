"""What texels outside the mask are, by the option `gutter`: the same for frames, regions, texels and the command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day
from todpack.decompressor import RequestError, open_archive
from todpack.decompressor.cli import main
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

SIDE = 32


@pytest.fixture(scope="module")
def archive_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 x 90 texels in tiles of 32; a red chart at the left, a blue one at the right, nothing between them."""
    frames, _ = make_day(70, 90, 6)
    valid = np.zeros((70, 90), bool)
    valid[5:60, 3:30], valid[10:66, 41:80] = True, True
    frames[:, :, :35] = frames[:, :, :35] // 4 + np.array([150, 0, 0], np.uint8)
    frames[:, :, 35:] = frames[:, :, 35:] // 4 + np.array([0, 0, 150], np.uint8)
    day = Day(frames.astype(np.float32), valid, np.arange(6) * 4.0, "srgb8", "day")
    path = tmp_path_factory.mktemp("gutter") / "day.tod"
    encode_day(day, DayBasisConfig(q_step=4.0, tile=SIDE, n_levels=3), DayBasisPackOptions()).write(path)
    return path


def test_gutter_is_the_nearest_valid_texel_of_the_tile(archive_path: Path) -> None:
    with open_archive(archive_path, provider="cpu") as archive:
        frame, valid = archive.decode(12.0), archive.lightmaps[0].valid
    for y, x in np.argwhere(~valid)[::7].tolist():
        top, left = y // SIDE * SIDE, x // SIDE * SIDE
        inside = valid[top : top + SIDE, left : left + SIDE]
        rows, columns = np.nonzero(inside)
        distance = (rows + top - y) ** 2 + (columns + left - x) ** 2
        if distance.size and distance.min() <= 16**2:
            nearest = int(distance.argmin())
            assert np.array_equal(frame[y, x], frame[rows[nearest] + top, columns[nearest] + left])
    assert frame[30, 31, 0] > frame[30, 31, 2]  # beside the red chart, in its tile
    assert frame[30, 40, 2] > frame[30, 40, 0]  # beside the blue one


@pytest.mark.parametrize("gutter", ["dilate", "mean", "black"])
@pytest.mark.parametrize("time_h", [8.0, 9.3])
def test_frames_regions_and_texels_are_one_answer(archive_path: Path, gutter: str, time_h: float) -> None:
    rng = np.random.default_rng(0)
    with open_archive(archive_path, provider="cpu", gutter=gutter) as archive:
        frame, valid = archive.decode(time_h), archive.lightmaps[0].valid
        for _ in range(30):
            y, x = int(rng.integers(70)), int(rng.integers(90))
            assert np.array_equal(archive.texel(y, x, time_h), frame[y, x])
            assert np.array_equal(archive.decode(time_h, (y, 70, x, 90)), frame[y:, x:])
        assert (frame[~valid] == 0).all() == (gutter == "black")
    with open_archive(archive_path, provider="cpu") as archive:
        assert np.array_equal(archive.decode(time_h)[valid], frame[valid])


def test_unknown_gutter(archive_path: Path) -> None:
    with pytest.raises(RequestError, match="gutter: expected one of dilate, mean, black, found white"):
        open_archive(archive_path, gutter="white")


def test_command(archive_path: Path, tmp_path: Path) -> None:
    for words, gutter in (([], "dilate"), (["--gutter", "mean"], "mean"), (["--black-invalid"], "black")):
        assert main([str(archive_path), "-o", str(tmp_path / gutter), "--hours", "8", "-q", *words]) == 0
        with open_archive(archive_path, gutter=gutter) as archive:
            written = np.asarray(Image.open(tmp_path / gutter / "tod_08.png"))
            assert np.array_equal(written, archive.decode(8.0))
