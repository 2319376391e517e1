"""Arrays in files: rectangles of every order and type, and files that are cut while they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from todpack.frames import DataError, FrameArrays, open_contest
from todpack.frames.formats import read_picture
from todpack.frames.npy import ArrayFile

CONTEST = Path(__file__).resolve().parents[2] / "samples" / "contest"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "?", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (1, 1, 3), (0, 7, 3), (5, 0, 3)])
def test_rectangles_and_the_whole_are_what_was_saved(
    tmp_path: Path, order: str, dtype: str, shape: tuple[int, ...]
) -> None:
    values = np.asarray(np.random.default_rng(0).integers(0, 200, shape).astype(dtype), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", values)
    file = ArrayFile(tmp_path / "a.npy")
    assert (file.shape, file.dtype) == (values.shape, values.dtype)
    np.testing.assert_array_equal(file.whole(), values)
    for rows, columns in [(slice(1, 4), slice(2, 6)), (slice(None), slice(3, 99)), (slice(4, 9), slice(None))]:
        np.testing.assert_array_equal(file.rectangle(rows, columns), values[rows, columns])


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, b'shape': (4, 4, 3)}",  # keys that do not sort
        "{[1]: 2}",
        "{'descr': ('|u1',), 'fortran_order': False, 'shape': (4, 4, 3)}",
        "{'descr': [('a',)], 'fortran_order': False, 'shape': (4, 4, 3)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (True, 4, 3)}",
        "(" * 95 + ")" * 95,
    ],
)
def test_a_damaged_header_is_one_line(tmp_path: Path, header: str) -> None:
    text = header.encode() + b"\n"
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(300))
    with pytest.raises(DataError, match=r"a\.npy: "):
        read_picture(path)


def test_an_array_of_python_2_is_read_in_silence(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4L, 5L, 3L), }\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(60))
    assert ArrayFile(tmp_path / "a.npy").shape == (4, 5, 3)
    assert not recwarn.list


def cut(path: Path) -> None:
    os.truncate(path, 128 + 180 * 300)


def written_again(path: Path) -> None:
    before = path.stat().st_mtime_ns
    np.save(path, np.zeros((400, 60, 3), np.uint8))
    os.utime(path, ns=(before, before + 1))  # some clocks tick slowly


def replaced(path: Path) -> None:
    np.save(path.with_name("new.npy"), np.zeros((400, 60, 3), np.uint8))
    path.with_name("new.npy").replace(path)


@pytest.mark.parametrize("change", [cut, written_again, replaced])
def test_an_array_that_was_changed_is_told(tmp_path: Path, change: Callable[[Path], None]) -> None:
    for t in range(3):
        np.save(tmp_path / f"tod_{t}.npy", np.full((400, 60, 3), t, np.uint8))
    frames = FrameArrays(tmp_path)
    frames.read(slice(0, 300), slice(0, 60))
    change(tmp_path / "tod_1.npy")
    with pytest.raises(DataError, match=r"tod_1\.npy: the file was changed while it was read"):
        frames.read(slice(0, 300), slice(0, 60))


def test_a_lightmap_of_the_contest_that_is_cut_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = open_contest(CONTEST)
    read = np.fromfile

    def cut(path: Path, dtype: np.dtype, count: int) -> np.ndarray:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes()[:-4])
        return read(copy, dtype, count)

    monkeypatch.setattr(np, "fromfile", cut)
    with pytest.raises(DataError, match=r"expected \d+ bytes, found \d+ while it was read"):
        dataset.read(dataset.entries[0])
