"""The bundle: every file is there and listed truly, the zip is the folder, and nothing foreign is ever replaced."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import shlex
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack import compress, decompressor
from todpack.cli import main
from todpack.decompressor import DamagedArchiveError, OutputError, open_archive
from todpack.decompressor.verify import Verdict, verify_archive
from todpack.frames import read_day
from todpack.submission.build import build
from todpack.submission.errors import SubmissionError


@pytest.fixture(scope="module")
def bundle(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tiny_archive, tmp_path_factory.mktemp("bundle") / "handed in").folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_files(bundle: Path, tiny_archive: Path) -> None:
    content = content_of(bundle)
    package = Path(decompressor.__file__).parent
    assert {"decompress.py", "requirements.txt", "README.md", "manifest.json", "tiny.tod"} < set(content)
    assert content["tiny.tod"] == tiny_archive.read_bytes()
    assert content["decompress.py"] == (package / "decompress.py").read_bytes()
    modules = {n.removeprefix("decompressor/") for n in content if n.startswith("decompressor/") and n.endswith(".py")}
    sources = {p.relative_to(package).as_posix() for p in package.rglob("*.py")}
    assert modules == sources - {"decompress.py"}
    assert "decompressor/FORMAT.md" in content
    assert not [n for n in content if "__pycache__" in n or n.endswith(".pyc")]


def test_manifest_by_other_means(bundle: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    content = content_of(bundle)
    del content["manifest.json"]
    assert manifest["files"] == {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in content.items()
    }
    assert manifest["archive"] == "tiny.tod"
    assert manifest["archive_bytes"] == len(content["tiny.tod"])
    assert manifest["bundle_bytes"] == sum(map(len, content.values()))


def test_requirements_are_pinned_and_few(bundle: Path) -> None:
    lines = (bundle / "requirements.txt").read_text().splitlines()
    names = {re.split("==", line)[0] for line in lines}
    assert {"numpy", "onnxruntime", "onnxruntime-gpu", "zstandard"} <= names
    assert names <= {"numpy", "onnxruntime", "onnxruntime-gpu", "zstandard", "constriction"}
    assert all(re.match(r"[a-z-]+==\d+(\.\d+)+\S*(; .*)?$", line) for line in lines)


@pytest.mark.parametrize("name", ["my scene.tod", "a#b.tod", "$(id).tod", "it's.tod"])
def test_commands_of_the_readme_name_any_archive(tiny_archive: Path, tmp_path: Path, name: str) -> None:
    """As a shell and as Python read them."""
    archive = tmp_path / name
    archive.write_bytes(tiny_archive.read_bytes())
    text = (build(archive, tmp_path / "bundle").folder / "README.md").read_text("utf-8")
    (command,) = [line for line in text.splitlines() if line.startswith("    python decompress.py")]
    assert shlex.split(command) == ["python", "decompress.py", name, "-o", "frames"]
    (opened,) = re.findall(r"open_archive\((.*)\) as archive", text)
    assert ast.literal_eval(opened) == name


@pytest.mark.parametrize(
    ("name", "written"),
    [("L_Hall_0", "L_Hall_0"), ("_a_ *b*", r"\_a\_ \*b\*"), ("[c](d) <e>", r"\[c\](d) \<e\>"), ("`f|g", r"\`f\|g")],
)
def test_the_readme_names_lightmaps_as_they_are_called(tiny_day: Path, tmp_path: Path, name: str, written: str) -> None:
    compress(replace(read_day(tiny_day), name=name), tmp_path / "named.tod", refine="none")
    text = (build(tmp_path / "named.tod", tmp_path / "bundle").folder / "README.md").read_text("utf-8")
    assert text.splitlines()[0] == f"# Lightmaps of a day: {written}"


def test_zip_is_the_folder(bundle: Path) -> None:
    with zipfile.ZipFile(bundle.with_name("handed in.zip")) as packed:
        assert packed.testzip() is None
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        found = {name: packed.read(name) for name in packed.namelist()}
    assert found == {f"handed in/{name}": data for name, data in content_of(bundle).items()}


def test_built_twice_is_the_same(bundle: Path, tiny_archive: Path, tmp_path: Path) -> None:
    again = build(tiny_archive, tmp_path / "handed in")
    assert content_of(again.folder) == content_of(bundle)
    assert again.zip_path.read_bytes() == bundle.with_name("handed in.zip").read_bytes()
    assert again.archive_bytes == tiny_archive.stat().st_size
    assert again.bundle_bytes == sum(map(len, content_of(bundle).values()))


@pytest.mark.thorough
def test_bundle_decodes_on_its_own(bundle: Path, tiny_archive: Path, tmp_path: Path) -> None:
    """From the zip, in a folder with a blank in its name, isolated from this repository."""
    with zipfile.ZipFile(bundle.with_name("handed in.zip")) as packed:
        packed.extractall(tmp_path)
    program = (
        "import sys, runpy; sys.argv = ['decompress.py', 'tiny.tod', '-o', 'frames', '--hours', '0,12']\n"
        "try:\n    runpy.run_path('decompress.py', run_name='__main__')\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        "import decompressor; print(decompressor.__file__)\n"
    )
    folder = tmp_path / "handed in"
    done = subprocess.run([sys.executable, "-I", "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(folder)
    with open_archive(tiny_archive, provider="cpu") as archive:
        for t in (0, 12):
            frame = np.asarray(Image.open(folder / "frames" / f"tod_{t:02d}.png"))
            np.testing.assert_array_equal(frame, archive.decode(float(t)))


def test_foreign_folders_and_files_are_left_alone(tiny_archive: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for out in (precious, tmp_path / "file"):
        for overwrite in (False, True):
            with pytest.raises(SubmissionError, match="expected a new folder or an older submission, found something"):
                build(tiny_archive, out, overwrite=overwrite)
    assert content_of(precious) == {"thesis.txt": b"years of work"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "precious"]


def test_overwrite(tiny_archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    out.mkdir()  # an empty folder is as good as none
    build(tiny_archive, out)
    (out / "left over.txt").write_text("from before")
    with pytest.raises(SubmissionError, match="already holds a submission; replace it by --overwrite"):
        build(tiny_archive, out)
    with pytest.raises(SubmissionError, match=r"left over\.txt: was not written by todpack, and would be lost"):
        build(tiny_archive, out, overwrite=True)
    (out / "left over.txt").unlink()
    (out / "decompressor" / "__pycache__").mkdir()
    (out / "decompressor" / "__pycache__" / "a.pyc").touch()
    build(tiny_archive, out, overwrite=True)
    assert not (out / "decompressor" / "__pycache__").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "bundle.zip"]


def test_anothers_manifest_makes_no_submission(tiny_archive: Path, tmp_path: Path) -> None:
    extension = tmp_path / "extension"
    extension.mkdir()
    for text in ('{"name": "my extension, packed by todpack"}', "[" * 9, "{}"):
        (extension / "manifest.json").write_text(text)
        for overwrite in (False, True):
            with pytest.raises(SubmissionError, match="expected a new folder or an older submission, found something"):
                build(tiny_archive, extension, overwrite=overwrite)


def test_a_zip_of_others_or_the_archive_itself_is_not_replaced(tiny_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK of todpack's user")
    for overwrite in (False, True):  # which is of the folder
        with pytest.raises(OutputError, match=r"a\.zip: is there, and was not written by todpack; move it away"):
            build(tiny_archive, tmp_path / "a", overwrite=overwrite)
    (tmp_path / "b.zip").write_bytes(tiny_archive.read_bytes())
    with pytest.raises(OutputError, match=r"b\.zip: expected an output that is not among the inputs"):
        build(tmp_path / "b.zip", tmp_path / "b", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]


@pytest.mark.thorough
def test_a_link_to_a_folder_stays_a_link(tiny_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    for overwrite in (False, True):
        build(tiny_archive, tmp_path / "link", overwrite=overwrite)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk" / "manifest.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link", "link.zip"]


def test_damaged_archive_is_not_handed_in(tiny_archive: Path, tmp_path: Path) -> None:
    data = bytearray(tiny_archive.read_bytes())
    data[-5] ^= 1
    (tmp_path / "bad.tod").write_bytes(data)
    with pytest.raises(DamagedArchiveError, match="checksum does not match"):
        build(tmp_path / "bad.tod", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_place_that_cannot_be_written(tiny_archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="file"):
        build(tiny_archive, tmp_path / "file" / "bundle")


def test_command(tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["submit", "build", str(tiny_archive), "-o", str(tmp_path / "b")]
    assert main(arguments) == 0
    assert f"archive of {tiny_archive.stat().st_size} bytes" in capsys.readouterr().out
    assert main(arguments) == 1
    assert "replace it by --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_an_archive_that_is_replaced_meanwhile(
    tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is handed in was verified."""
    path = tmp_path / "a.tod"
    path.write_bytes(tiny_archive.read_bytes())

    def replaced(archive: Path) -> Verdict:
        verdict = verify_archive(archive)
        (tmp_path / "other").write_bytes(b"another")
        (tmp_path / "other").replace(path)
        return verdict

    monkeypatch.setattr("todpack.submission.build.verify_archive", replaced)
    with pytest.raises(SubmissionError, match="expected an archive that stays meanwhile, found another in its place"):
        build(path, tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["a.tod"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["build", "a.tod", "-o", "out", "--jobs", "2"], "--jobs: expected it with --layout contest only"),
        (["check", "a", "--data", "b", "--scorer", "x.toml"], "--scorer: expected it with --layout contest only"),
        (["check", "a", "--data", "b", "--seed", "0"], "--seed: expected it with --layout contest only"),
        (
            ["check", "a", "--data", "b", "--layout", "contest", "--lightmap", "L"],
            "--lightmap: expected it with --layout bundle only",
        ),
        (
            ["check", "a", "--data", "b", "--layout", "contest", "--first-hour", "1"],
            "--first-hour: expected it with --layout bundle only",
        ),
    ],
)
def test_options_of_the_other_layout(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", *words]) == 1
    assert capsys.readouterr().err == f"todpack: error: {message}\n"
