"""Every command on input that is wrong: the exact line, the exit code, nothing left behind, never a traceback."""

from __future__ import annotations

import logging
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from tests.conftest import REPOSITORY
from tests.reliability.bad_material import make_material
from todpack.cli import command_group, main
from todpack.decompressor import cli as decompress_cli


class Case(NamedTuple):
    """A row of bad_input.txt."""

    words: list[str]
    code: int
    line: str


def table() -> list[Case]:
    """The rows of bad_input.txt."""
    text = Path(__file__).with_name("bad_input.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    cases = []
    for command, expected in zip(lines[::2], lines[1::2], strict=True):
        code, _, line = expected.strip().partition(":")
        cases.append(Case(shlex.split(command), int(code), line.strip()))
    return cases


CASES = table()


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("bad") / "m")


def test_the_table_covers_every_command() -> None:
    def paths(command: click.Command, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        if not isinstance(command, click.Group):
            return {path}
        context = click.Context(command)
        found: set[tuple[str, ...]] = set()
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            found |= paths(inner, (*path, name))
        return found

    pytest.importorskip("torch")
    everything = paths(command_group(), ())
    told = {tuple(case.words[: len(path)]) for case in CASES for path in everything}
    assert everything - told <= MEASURING
    assert any(case.words[0] == "decompress.py" for case in CASES)
    assert len(CASES) >= 150


MEASURING = {("nerf", "memory"), ("nerf", "scene")}
"""Take no input but numbers."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case.words))
def test_bad_input(
    case: Case, material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    program, *words = case.words
    if program in ("train", "infer", "batch-infer", "export-latent", "nerf", "search") or "eval ab" in str(words):
        pytest.importorskip("torch")
    if "cuda" in words:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a CUDA device")
    empty = tmp_path / "t"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = {path: path.stat().st_mtime_ns for path in material.rglob("*") if path.is_file()}
    filled = [word.replace("{m}", str(material)).replace("{t}", str(empty)) for word in words]
    logging.disable(logging.WARNING)  # notices, such as of a day that has not 24 frames
    try:
        code = decompress_cli.main(filled) if program == "decompress.py" else main([program, *filled])
    finally:
        logging.disable(logging.NOTSET)
    captured = capsys.readouterr()
    lines = captured.err.replace(str(material), "{m}").replace(str(empty), "{t}").strip().splitlines()
    assert code == case.code, captured.err
    assert "Traceback" not in captured.err
    if case.code == 2:
        assert case.line in lines[-1]
    elif case.line:
        assert len(lines) == 1, captured.err
        expected = f"todpack: error: {case.line}"
        if expected.endswith("..."):
            assert lines[0].startswith(expected[:-3])
        else:
            assert lines[0] == expected
    else:
        assert not lines  # the report on stdout is the answer
        assert captured.out
    assert [path.name for path in empty.iterdir()] == []
    assert {path: path.stat().st_mtime_ns for path in material.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("program", "words", "line"),
    [
        (
            ["-m", "todpack"],
            ["inspect", "{m}/zero.tod"],
            "{m}/zero.tod: expected a todpack archive, found an empty file",
        ),
        (
            ["-m", "todpack"],
            ["pack", "{m}/absent", "-o", "{t}"],
            "{m}/absent: expected a run folder with config.json, found none",
        ),
        (
            ["-m", "todpack"],
            ["eval", "latency", "{m}/zero.tod"],
            "{m}/zero.tod: expected a todpack archive, found an empty file",
        ),
        (
            ["-m", "todpack"],
            ["submit", "build", "{m}/zero.tod", "-o", "{t}/s"],
            "{m}/zero.tod: expected a todpack archive, found an empty file",
        ),
        (
            ["-m", "decompressor"],
            ["{m}/zero.tod", "-o", "{t}/f"],
            "{m}/zero.tod: expected a todpack archive, found an empty file",
        ),
        (
            [str(REPOSITORY / "decompressor" / "decompress.py")],
            ["{m}/a.tod", "-o", "{t}/f", "--hours="],
            "--hours: expected numbers separated by commas, found ''",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.thorough
def test_bad_input_as_a_process(
    program: list[str], words: list[str], line: str, material: Path, tmp_path: Path
) -> None:
    values = {"m": material, "t": tmp_path}
    done = subprocess.run(
        [sys.executable, *program, *(word.format(**values) for word in words)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"todpack: error: {line.format(**values)}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_became_read_only(material: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file system mounted read-only, where root may try it."""
    pytest.importorskip("torch")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        shutil.copytree(material / "run", disk / "run")
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for family in ("daybasis", "gridmlp", "siren"):
            words = ["train", str(material / "day"), "-o", str(disk / "run"), "--family", family, "--overwrite"]
            assert main([*words, "--quiet"]) == 1
            line = capsys.readouterr().err.strip().splitlines()[-1]
            assert line == f"todpack: error: {disk}/run: cannot be written: Read-only file system"
    finally:
        subprocess.run(["umount", disk], check=True)
