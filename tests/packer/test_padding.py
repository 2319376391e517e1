"""What decodes to more than a reader takes from so small a file is filled up, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.decompressor.forge import put_together, take_apart
from todpack.decompressor import Limits, open_archive
from todpack.decompressor.errors import LimitExceededError
from todpack.frames import Day
from todpack.packer.archive_writer import PADDING, ArchiveWriter
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

SMALL = Limits(memory=1 << 20, memory_per_byte=2 << 10)


@pytest.fixture
def flat() -> ArchiveWriter:
    frames = np.empty((4, 256, 256, 3), np.float32)
    frames[:] = np.array([40.0, 60, 80, 100])[:, None, None, None]
    day = Day(frames, np.ones((256, 256), bool), np.arange(4.0) * 6, "srgb8", "flat")
    return encode_day(day, DayBasisConfig(q_step=16.0), DayBasisPackOptions()).writer


def padding_of(path: Path, limits: Limits) -> int:
    with open_archive(path, limits=limits) as archive:
        frame = archive.decode(6.0)
        assert (frame == 60).all()
        sections = archive.container.sections.values()
        return sum(section.stored_bytes for section in sections if section.name.startswith(PADDING))


def test_a_flat_day_is_filled_up_until_it_opens(flat: ArchiveWriter, tmp_path: Path) -> None:
    plain = flat.size_bytes
    size = flat.write(tmp_path / "flat.tod", limits=SMALL)
    assert size == (tmp_path / "flat.tod").stat().st_size > plain
    padding = padding_of(tmp_path / "flat.tod", SMALL)
    assert 0 < padding <= 8192 and plain < 1000  # in steps that double


def test_what_opens_is_left_alone(flat: ArchiveWriter, tmp_path: Path) -> None:
    plain = flat.size_bytes
    assert flat.write(tmp_path / "flat.tod") == plain
    assert padding_of(tmp_path / "flat.tod", Limits()) == 0


def test_filling_up_ends_where_it_does_not_help(flat: ArchiveWriter, tmp_path: Path) -> None:
    what = "flat.tod: readers would refuse it, with 1048576 bytes of zeros too; .* 256 x 256 texels are over the limit"
    with pytest.raises(LimitExceededError, match=what):
        flat.write(tmp_path / "flat.tod", limits=Limits(texels=100))
    assert list(tmp_path.iterdir()) == []


def test_a_level_of_many_small_lightmaps_at_many_times_opens_as_it_is(tmp_path: Path) -> None:
    """What reading a temporal matrix takes counts once, not for each lightmap."""
    rows, columns = np.mgrid[:32, :32] / 32
    hours = np.arange(96) / 4
    light = [np.where(columns + 0.3 * rows < (hour - 5) / 14, 1.0, 0.3) * (60 + 5 * hour) for hour in hours]
    frames = np.repeat(np.stack(light)[..., None], 3, axis=3).astype(np.float32)
    day = Day(frames, np.ones((32, 32), bool), hours, "srgb8", "a")
    metadata, stored = take_apart(encode_day(day, DayBasisConfig(q_step=16.0), DayBasisPackOptions()).writer.to_bytes())
    paths = [tmp_path / f"{number}.tod" for number in range(100)]
    for path in paths:
        lightmaps = [{**metadata["lightmaps"][0], "name": path.stem}]
        path.write_bytes(put_together({**metadata, "lightmaps": lightmaps}, stored))
    size = merge_archives(paths).write(tmp_path / "level.tod", check=lambda _: None)
    with open_archive(tmp_path / "level.tod") as archive:
        assert len(archive.lightmaps) == 100
        names = archive.container.sections.keys()
        entries = sum(3 * 96 * (one._model.n_components + 1) for one in archive.lightmaps)
        assert archive.memory.total - archive.memory.left > 80 * entries
        archive.lightmaps[-1].decode(5.0)
    assert not [name for name in names if name.startswith(PADDING)]
    assert 160 * entries > Limits().memory_for(size)


@pytest.mark.thorough
def test_small_tiles_of_uneven_content_open_by_every_reader(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """libtodpack's estimate of time is up to a third higher; the command says what was filled up."""
    frames = np.full((24, 256, 256, 3), 80.0, np.float32)
    frames[:, :32, :32] = np.random.default_rng(0).integers(0, 256, (24, 32, 32, 3))
    day = Day(frames, np.ones((256, 256), bool), np.arange(24.0), "srgb8", "uneven")
    path = tmp_path / "uneven.tod"
    caplog.set_level("INFO")
    size = encode_day(day, DayBasisConfig(q_step=8.0, tile=16), DayBasisPackOptions()).writer.write(path)
    with open_archive(path) as archive:
        archive.prepare()
        assert archive.lightmaps[0].seconds[0] <= 0.75 * Limits().seconds_for(size)
        sections = archive.container.sections.values()
        zeros = sum(section.stored_bytes for section in sections if section.name.startswith(PADDING))
    assert zeros > 0
    assert f"{path}: {zeros} of {size} bytes are zeros" in caplog.text
