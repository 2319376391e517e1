"""What a folder holds under the name of an input may be a pipe; nothing waits for its other end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from todpack.decompressor.errors import TodpackError
from todpack.decompressor.hours_file import listed
from todpack.frames.contest import is_contest
from todpack.frames.contest_config import read_config
from todpack.packer.run_folder import read_arrays

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes as files")


def read_latents(path: Path) -> object:
    return pytest.importorskip("todpack.trainer.infer")._read_latents(path)


@pytest.mark.parametrize("read", [read_latents, read_arrays, read_config])
def test_pipes_are_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TodpackError, match=r"pipe: expected .*, found nothing there"):
        read(tmp_path / "pipe")


def test_pipes_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hours.txt")
    os.mkfifo(tmp_path / "config.json")
    assert listed(tmp_path) == {}
    assert not is_contest(tmp_path)
