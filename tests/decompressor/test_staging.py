"""Files and folders in the making: what a killed writer leaves goes, what a living one makes stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from todpack.decompressor import staging
from todpack.decompressor.files import write_atomic
from todpack.decompressor.staging import remove_strays, scratch_folder, staged
from todpack.packer import staging_folder
from todpack.packer.staging_folder import put_folder, settle_folder

needs_locks = pytest.mark.skipif(staging.fcntl is None, reason="Windows has no such locks, and needs none")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@needs_locks
def test_the_next_writer_removes_strays_and_nothing_else(tmp_path: Path) -> None:
    others = [".a.tod.b.00000000.part", ".a.tod.mine.part", ".a.tod.part.keep", ".b.tod.00000000.part", "a.tod.x.part"]
    for name in (".a.tod.00000000.part", *others):
        (tmp_path / name).write_text("")
    (tmp_path / ".a.tod.1111aaaa.part").mkdir()
    (tmp_path / ".a.tod.1111aaaa.part" / "inside").write_text("")
    write_atomic(tmp_path / "a.tod", lambda file: file.write(b"new"))
    assert names(tmp_path) == sorted(["a.tod", *others])


@needs_locks
def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """A real second process, in the middle of its writing."""
    program = (
        "import sys; from pathlib import Path; from todpack.decompressor.files import write_atomic\n"
        "def write(file):\n"
        "    file.write(b'theirs'); file.flush(); print('writing', flush=True); sys.stdin.read()\n"
        "write_atomic(Path(sys.argv[1]), write)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    assert other.stdout.readline() == b"writing\n"
    write_atomic(tmp_path / "a", lambda file: file.write(b"ours"))
    assert (tmp_path / "a").read_bytes() == b"ours"
    assert len(names(tmp_path)) == 2
    other.communicate(timeout=30)
    assert other.returncode == 0
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert names(tmp_path) == ["a"]


@needs_locks
def test_a_part_that_another_writer_takes_for_a_stray_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one finds it between its making and its locking, locks it, and has not removed it yet."""
    real, taken = staging.try_lock, list[tuple[Path, int]]()

    def lock(path: Path) -> int | None:
        if not taken:
            handle = real(path)
            assert handle is not None
            taken.append((path, handle))
        return real(path)

    monkeypatch.setattr(staging, "try_lock", lock)
    with staged(tmp_path / "a") as part:
        (first, handle) = taken[0]
        assert part != first
        with pytest.raises(BlockingIOError):  # it is locked
            real(part)
    os.close(handle)
    assert names(tmp_path) == []


@needs_locks
def test_a_link_in_the_place_of_a_stray_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / ".a.00000000.part").symlink_to(tmp_path / "precious")
    remove_strays(tmp_path / "a")
    assert (tmp_path / "precious").read_text() == "mine"


def test_files_get_the_usual_permissions(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", lambda file: file.write(b""))
    with staged(tmp_path / "folder", is_folder=True) as fresh:
        put_folder(fresh, tmp_path / "folder")
    (tmp_path / "b").write_text("")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
    assert (tmp_path / "folder").stat().st_mode == (tmp_path / "other").stat().st_mode


@needs_locks
def test_what_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "folder").mkdir()
    for mode, of_folder in ((0o600, 0o700), (0o664, 0o770), (0o444, 0o555)):
        (tmp_path / "a").chmod(mode)
        (tmp_path / "folder").chmod(of_folder)
        write_atomic(tmp_path / "a", lambda file: file.write(b"new"))
        with staged(tmp_path / "folder", is_folder=True) as fresh:
            put_folder(fresh, tmp_path / "folder")
        assert (tmp_path / "a").stat().st_mode & 0o777 == mode | 0o600  # whose writer replaces it again
        assert (tmp_path / "folder").stat().st_mode & 0o777 == of_folder | 0o700


@pytest.mark.parametrize("in_one_step", [True, False])
def test_folders_change_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool) -> None:
    if not in_one_step:
        monkeypatch.setattr(staging_folder, "_exchange", lambda one, other: False)
    folder = tmp_path / "folder"
    for text in ("first", "second"):
        with staged(folder, is_folder=True) as fresh:
            (fresh / "file").write_text(text)
            put_folder(fresh, folder)
        assert (folder / "file").read_text() == text
        assert names(tmp_path) == ["folder"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux exchanges folders in one step")
def test_this_system_exchanges_in_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text("")
    assert staging_folder._exchange(tmp_path / "a", tmp_path / "b")
    assert (names(tmp_path / "a"), names(tmp_path / "b")) == (["b"], ["a"])
    assert not staging_folder._exchange(tmp_path / "a", tmp_path / "gone")


def test_a_kill_between_two_renames_is_settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders change places by two renames: the old one comes back, or goes if the new one is there."""
    monkeypatch.setattr(staging_folder, "_exchange", lambda one, other: False)
    folder, fresh = tmp_path / "folder", tmp_path / "fresh"
    for path in (folder, fresh):
        path.mkdir()
        (path / path.name).write_text("")
    renames: list[Path] = []
    rename = Path.rename

    def killed_at_the_second(path: Path, target: Path) -> Path:
        renames.append(path)
        if len(renames) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        put_folder(fresh, folder)
    assert not folder.exists()
    monkeypatch.setattr(Path, "rename", rename)
    settle_folder(folder, lambda _aside: True)
    assert names(folder) == ["folder"]
    (tmp_path / ".folder.todpack-old").mkdir()
    settle_folder(folder, lambda _aside: True)
    assert names(tmp_path) == ["folder", "fresh"]


def test_a_folder_that_cannot_be_put_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging_folder, "_exchange", lambda one, other: False)
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileNotFoundError):
        put_folder(tmp_path / "gone", tmp_path / "folder")
    assert names(tmp_path) == ["folder"]
    assert os.path.isdir(tmp_path / "folder")


def test_a_scratch_folder_goes_whatever_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of its removal is heard afterwards."""
    real, calls = shutil.rmtree, []

    def interrupted(path: Path) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(path)

    with scratch_folder("todpack-test-", tmp_path) as folder:
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), scratch_folder("todpack-test-", tmp_path) as folder:
        (folder / "file").write_text("x")
    assert (len(calls), list(tmp_path.iterdir())) == (2, [])
