"""Files that are never half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from todpack.decompressor import OutputError
from todpack.decompressor.files import check_output, check_outputs, write_atomic
from todpack.decompressor.staging import MAX_NAME_BYTES


def test_write_atomic_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, lambda file: file.write(b"old"))

    def half(file: object) -> None:
        file.write(b"ne")  # type: ignore[attr-defined]
        raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        write_atomic(path, half)

    def full(file: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"a\.bin: cannot be written: No space left on device"):
        write_atomic(path, full)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    write_atomic(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_write_atomic_into_nowhere(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written: expected a folder .*no, found none"):
        write_atomic(tmp_path / "no" / "a", lambda file: file.write(b""))


def test_a_name_that_leaves_no_room_is_told_before_the_work(tmp_path: Path) -> None:
    longest = tmp_path / ("a" * MAX_NAME_BYTES)
    write_atomic(longest, lambda file: file.write(b"x"))
    assert longest.read_bytes() == b"x"
    with pytest.raises(OutputError, match=f"expected a name of at most {MAX_NAME_BYTES} bytes, found 241"):
        check_output(tmp_path / ("a" * 241))


def test_what_comes_to_an_outputs_place_during_the_work_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    check_outputs([path], [], overwrite=False)
    path.write_bytes(b"a user's own")
    with pytest.raises(
        OutputError, match=r"a\.bin: is there, and was not written by todpack; replace it by --overwrite"
    ):
        write_atomic(path, lambda file: file.write(b"new"))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.bin", b"a user's own")]
    check_outputs([path], [], overwrite=True)
    write_atomic(path, lambda file: file.write(b"new"))
    write_atomic(path, lambda file: file.write(b"newer"))
    assert path.read_bytes() == b"newer"
