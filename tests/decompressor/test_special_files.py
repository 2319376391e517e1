"""What is no file is refused in one line, at once; names from archives stay in the output folder."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.decompressor.forge import put_together, take_apart
from todpack.cli import main as verify_command
from todpack.decompressor import ArchiveError, open_archive
from todpack.decompressor.cli import main
from todpack.decompressor.hours_file import listed
from todpack.decompressor.names import MAX_NAME, safe_names
from todpack.frames.contest import is_contest
from todpack.packer.dataset.merge import merge_archives

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes, sockets and devices as files")


def special(kind: str, folder: Path) -> tuple[Path, str]:
    path = folder / "x.tod"
    if kind == "pipe":
        os.mkfifo(path)
        return path, "expected a file, found a named pipe"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
        return path, "expected a file, found a socket"
    if kind == "folder":
        path.mkdir()
        return path, "expected a file, found a folder"
    if kind == "loop":
        path.symlink_to(path)
        return path, "Too many levels of symbolic links"
    if kind == "dangling":
        path.symlink_to(folder / "nowhere")
        return path, "No such file or directory"
    return Path(f"/dev/{kind}"), "expected a file, found a device"


KINDS = ("pipe", "socket", "folder", "loop", "dangling", "null", "zero", "tty")


@pytest.mark.parametrize("kind", KINDS)
def test_open(kind: str, tmp_path: Path) -> None:
    path, words = special(kind, tmp_path)
    with pytest.raises(ArchiveError, match=f"^{re.escape(str(path))}: cannot be opened: {words}$"):
        open_archive(path, provider="cpu")


@pytest.mark.parametrize("command", ["decompress", "verify", "inspect", "eval score", "submit build"])
@pytest.mark.thorough
def test_commands_do_not_wait_for_a_pipe(command: str, tmp_path: Path) -> None:
    path, words = special("pipe", tmp_path)
    more = {"decompress": ["-o", "out"], "eval score": ["--data", "data", "--no-lpips"], "submit build": ["-o", "out"]}
    done = subprocess.run(
        [sys.executable, "-m", "todpack", *command.split(), str(path), *more.get(command, [])],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    line = done.stdout if command == "verify" else done.stderr
    assert line.count("\n") == 1
    assert words in line


def test_pipes_in_folders_are_not_waited_for(tmp_path: Path) -> None:
    """A config.json or an hours.txt that is none is as good as absent."""
    os.mkfifo(tmp_path / "config.json")
    os.mkfifo(tmp_path / "hours.txt")
    assert not is_contest(tmp_path)
    assert listed(tmp_path) == {}
    (tmp_path / "zero").mkdir()
    (tmp_path / "zero" / "config.json").symlink_to("/dev/zero")
    assert not is_contest(tmp_path / "zero")


def test_names_of_lightmaps_stay_in_the_folder() -> None:
    names = [
        "../../evil",
        "/etc/passwd",
        "..",
        ".",
        "a/b",
        "a\\b",
        "C:\\x",
        "con",
        "NUL.txt",
        "a" * 300,
        "ä" * 300,
        " x ",
    ]
    safe = safe_names(names)
    assert len({name.lower() for name in safe}) == len(names)
    for name in safe:
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", name)
        assert not name.endswith(".")
        assert len(name) <= MAX_NAME + 10
        assert name.split(".")[0].upper() not in ("CON", "NUL")


def test_names_that_become_alike_stay_apart() -> None:
    """Also from what another name gets to be told apart."""
    for names in (["a b", "a_b", "a_b-1"], ["x", "X", "x-0", "x-1"], ["a", "A", "a-1_", "a-1"], ["_con", "con"]):
        safe = safe_names(names)
        assert len({name.lower() for name in safe}) == len(names), safe
    assert safe_names(["day", "night.1"]) == ["day", "night.1"]
    assert safe_names(["-rf", "Export.json"], ["export.json"]) == ["_rf", "Export.json-1"]


def test_decompress_writes_nothing_outside(micro_archive: Path, tmp_path: Path) -> None:
    metadata, stored = take_apart(micro_archive.read_bytes())
    del metadata["sha256"], metadata["requires"]
    paths = []
    for number, name in enumerate(["../../evil", "/abs"]):
        metadata["lightmaps"][0]["name"] = name
        paths.append(tmp_path / f"{number}.tod")
        paths[-1].write_bytes(put_together(metadata, stored))
    two = tmp_path / "two.tod"
    merge_archives(paths).write(two)
    before = {*tmp_path.rglob("*")}
    out = tmp_path / "deep" / "out"
    assert main([str(two), "-o", str(out), "--hours", "0", "-q"]) == 0
    made = {*tmp_path.rglob("*")} - before
    assert {path for path in made if path.is_file()} == {
        out / "_.._evil" / "tod_00.png", out / "_abs" / "tod_00.png",
    }  # fmt: skip


def test_a_link_in_the_place_of_a_frame_is_not_followed(micro_archive: Path, tmp_path: Path) -> None:
    victim, out = tmp_path / "victim.txt", tmp_path / "out"
    victim.write_text("mine")
    out.mkdir()
    (out / "tod_00.png").symlink_to(victim)
    assert main([str(micro_archive), "-o", str(out), "--hours", "0", "-q", "--overwrite"]) == 0
    assert victim.read_text() == "mine"
    assert not (out / "tod_00.png").is_symlink()


def test_line_ends_of_names_forge_no_verdict(
    tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a\nb.tod: whole: 9 sections"
    path.write_bytes(tiny_archive.read_bytes())
    assert verify_command(["verify", str(path)]) == 0
    assert capsys.readouterr().out.count("\n") == 1
