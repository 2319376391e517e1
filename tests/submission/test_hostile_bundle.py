"""A bundle from elsewhere cannot make the rehearsal read or run what lies outside of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from todpack.decompressor.errors import OutputError
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.submission.build import BUNDLE, OWN_NAMES, build
from todpack.submission.check import check
from todpack.submission.errors import SubmissionError
from todpack.submission.folder import check_plain, named
from todpack.submission.manifest import is_inside, read_manifest

NO_LPIPS = LpipsAbsent("not asked for")


@pytest.fixture
def bundle(tiny_archive: Path, tmp_path: Path) -> Path:
    return build(tiny_archive, tmp_path / "bundle").folder


@pytest.mark.parametrize(
    "name", ["../evil.tod", "/etc/passwd", "a/../../b", "a\\b", "C:x", "", ".", "..", "a//b", "a/", "a\0b"]
)
def test_names_that_leave_the_folder(bundle: Path, name: str) -> None:
    assert not is_inside(name)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["archive"] = name
    manifest["files"][name] = {"bytes": 1, "sha256": ""}
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SubmissionError, match="expected a manifest of format 1, found something else"):
        read_manifest(bundle)


def test_our_own_names_are_inside(bundle: Path) -> None:
    assert all(is_inside(name) for name in read_manifest(bundle)["files"])
    check_plain(bundle)


@pytest.mark.skipif(os.name != "posix", reason="links and pipes")
@pytest.mark.parametrize("kind", ["link", "folder link", "loop", "pipe"])
def test_only_plain_files(bundle: Path, tmp_path: Path, kind: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    path = bundle / "decompressor" / "extra"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link": secret / "key", "folder link": secret, "loop": bundle}[kind])
    found = "something else" if kind == "pipe" else "a symbolic link"
    with pytest.raises(SubmissionError, match=f"expected plain files in a submission, found {found}"):
        check(bundle, tmp_path, lpips=NO_LPIPS)


@pytest.mark.parametrize("name", [name for name in OWN_NAMES if name != "decompressor"])
def test_an_archive_does_not_replace_the_bundles_own_files(tiny_archive: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(tiny_archive.read_bytes())
    with pytest.raises(SubmissionError, match="expected another name"):
        build(path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_zip_has_plain_names_under_one_folder(bundle: Path) -> None:
    with zipfile.ZipFile(bundle.with_name("bundle.zip")) as packed:
        entries = packed.infolist()
    assert len(entries) > 10
    for entry in entries:
        assert entry.filename.startswith("bundle/")
        assert is_inside(entry.filename)
        assert entry.external_attr >> 16 == 0o644


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names that are no UTF-8")
def test_names_that_no_zip_can_hold(tiny_archive: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"a\xff.tod")
    odd.write_bytes(tiny_archive.read_bytes())
    for archive, out in ((odd, tmp_path / "out"), (tiny_archive, tmp_path / os.fsdecode(b"out\xff"))):
        with pytest.raises(SubmissionError, match="expected a name in UTF-8"):
            build(archive, out)
        assert not out.exists()


def test_a_report_of_others_stays(bundle: Path, tiny_day: Path) -> None:
    report = bundle.parent / "report.json"
    report.write_text('{"mine": 1}')
    with pytest.raises(OutputError, match="was not written by todpack; name another place by --report"):
        check(bundle, tiny_day, lpips=NO_LPIPS)
    assert report.read_text() == '{"mine": 1}'


def test_a_submission_is_checked_from_within(bundle: Path, tiny_day: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """report.json goes beside it, not into it."""
    (bundle.parent / "report.json").write_text('{"mine": 1}')
    monkeypatch.chdir(bundle / "decompressor")
    with pytest.raises(OutputError, match=r"report\.json: is there, and was not written by todpack"):
        check(Path(".."), tiny_day, lpips=NO_LPIPS)
    monkeypatch.chdir(bundle)
    assert named(Path(".")) == bundle
    with pytest.raises(SubmissionError, match="found the root of the file system"):
        named(Path("/"))


@pytest.mark.skipif(os.name != "posix", reason="names that no other system has")
def test_an_archives_name_is_one_on_any_system(tiny_archive: Path, tmp_path: Path) -> None:
    for name, found in (("a:b.tod", "a file may have on any system"), ("a\\b.tod", "a file may have on any system"),
                        ("-a.tod", "no command takes for an option")):  # fmt: skip
        shutil.copy(tiny_archive, tmp_path / name)
        with pytest.raises(SubmissionError, match=f"expected a name that {found}"):
            build(tmp_path / name, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_folder_that_came_meanwhile_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def fill(fresh: Path) -> None:
        (fresh / "ours.txt").write_text("new")
        out.mkdir()
        (out / "mine.txt").write_text("precious")

    with pytest.raises(SubmissionError, match="found something else"):
        BUNDLE.replace(out, fill, overwrite=False)
    assert (out / "mine.txt").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
