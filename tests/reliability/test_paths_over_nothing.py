"""Outputs whose path leaves a folder that is not there by "..": nothing is written, and nothing replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from todpack.cli import main
from todpack.decompressor.errors import OutputError
from todpack.decompressor.files import place_of

GOLDEN = REPOSITORY / "tests" / "golden"
DAYBASIS = str(GOLDEN / "daybasis-ans-1.2.tod")
LINEAR = str(GOLDEN / "daybasis-linear-1.0.tod")
COMMANDS = [
    ["export", DAYBASIS, "--profile", "frames"],
    ["export", DAYBASIS, "--profile", "load"],
    ["export", DAYBASIS, "--profile", "sample"],
    ["export", str(GOLDEN / "gridmlp-1.1.tod"), "--profile", "parts"],
    ["decompress", DAYBASIS],
    ["decompress", DAYBASIS, "--format", "npy", "--overwrite"],
    ["submit", "build", DAYBASIS],
    ["submit", "build", LINEAR, "--layout", "contest", "--overwrite"],
    ["train", "{day}"],
    ["train", "{day}", "--overwrite"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(word for word in words if "/" not in word))
def test_folders(day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    kept = tmp_path / "kept"
    (kept / "sub").mkdir(parents=True)
    (kept / "main.c").write_text("mine")
    out = tmp_path / "gone" / ".." / "kept"
    assert main([word.format(day=day) for word in words] + ["-o", str(out)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"todpack: error: {out}")
    assert line.endswith(f": expected a folder {tmp_path}/gone before '..', found none")
    assert not (tmp_path / "gone").exists()
    assert sorted(kept.rglob("*")) == [kept / "main.c", kept / "sub"]


def test_exports_of_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "gone" / ".." / "kept"
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "latent_map.npy").write_text("mine")
    assert main(["export-latent", "--ckpt", str(tmp_path / "best.ckpt"), "-o", str(out)]) == 1
    assert capsys.readouterr().err.endswith("gone before '..', found none\n")
    assert [path.read_text() for path in tmp_path.glob("*/*")] == ["mine"]


def test_paths_over_folders_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "b")
    assert place_of(tmp_path / "a" / ".." / "c") == tmp_path.resolve() / "c"
    assert place_of(tmp_path / "link" / ".." / "c") == tmp_path.resolve() / "a" / "c"
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"expected a folder .*file before '\.\.', found none"):
        place_of(tmp_path / "file" / ".." / "c")
