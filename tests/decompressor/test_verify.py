"""`todpack verify`: exactly what is damaged."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from tests.decompressor.forge import damage, put_together, set_section, take_apart
from tests.decompressor.small_bombs import daybasis, standard
from todpack.cli import main
from todpack.decompressor import InvalidMetadataError, open_archive
from todpack.decompressor.cli import main as decompress
from todpack.decompressor.limits import Limits
from todpack.decompressor.verify import MOST_FAULTS, _section_fault, verify_archive


def test_whole_archive(tiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tiled)]) == 0
    size = tiled.stat().st_size
    assert capsys.readouterr().out == (f"{tiled}: whole: {size} bytes, 9 sections, digest matches, 24 frames decoded\n")


def test_damaged_tile_is_named_with_its_texels(tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = damage(tiled, tmp_path / "bad.tod", "0/4/coefficients")
    with open_archive(tiled, provider="cpu") as archive:
        section = archive.container.sections["0/4/coefficients"]
    found = zlib.crc32(bad.read_bytes()[section.offset :][: section.stored_bytes])
    assert main(["verify", str(bad), str(tiled)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        f"{bad}: damaged: section 0/4/coefficients: {section.stored_bytes} bytes at {section.offset}: "
        f"expected CRC-32 {section.crc32:08x}, found {found:08x}; lightmap day, tile 4: rows 32:64, columns 32:64"
    )
    assert lines[1].startswith(f"{tiled}: whole: ")
    assert len(lines) == 2
    assert main(["verify", "--json", str(bad)]) == 1
    (verdict,) = json.loads(capsys.readouterr().out)
    assert verdict["whole"] is False
    assert verdict["digest"] == "not checked"
    (fault,) = verdict["faults"]
    assert (fault["place"], fault["offset"], fault["stored_bytes"]) == (
        "section 0/4/coefficients", section.offset, section.stored_bytes,
    )  # fmt: skip
    assert (fault["expected_crc32"], fault["found_crc32"]) == (section.crc32, found)
    assert fault["affects"] == "lightmap day, tile 4: rows 32:64, columns 32:64"


def test_a_section_of_several_lightmaps_affects_all_of_them(tmp_path: Path) -> None:
    metadata, stored = take_apart(standard(64, 1, 1, lightmaps=7))
    name = metadata["lightmaps"][0]["model"]["graphs"]["frame"]

    def spoil(entry: dict[str, Any]) -> None:
        (section,) = [section for section in entry["sections"] if section["name"] == name]
        section["crc32"] ^= 1

    path = tmp_path / "level.tod"
    path.write_bytes(put_together(metadata, stored, spoil))
    names = [entry["name"] for entry in metadata["lightmaps"]]
    fault, *_ = verify_archive(path, threads=1).faults
    assert fault.affects == f"lightmaps {', '.join(names[:5])}, ..."


def places(path: Path) -> list[str]:
    return [fault.place for fault in verify_archive(path, threads=1).faults]


def test_every_kind_of_damage_has_its_place(tiled: Path, tmp_path: Path) -> None:
    data, path = tiled.read_bytes(), tmp_path / "bad.tod"
    with open_archive(tiled, provider="cpu") as archive:
        sections = list(archive.container.sections.values())
    for section in sections:
        assert places(damage(tiled, path, section.name)) == [f"section {section.name}"]
    path.write_bytes(data + b"more")
    assert places(path) == ["file"]
    path.write_bytes(data[: sections[-2].offset + 1])
    assert places(path) == ["file", f"section {sections[-2].name}", f"section {sections[-1].name}"]
    path.write_bytes(data[:40] + b"\0" + data[41:])
    assert places(path) == ["header"]
    path.write_bytes(b"")
    assert places(path) == ["header"]
    assert places(tmp_path / "nothing.tod") == ["header"]


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda m: m.update(sha256="0" * 64), "digest"),
        (lambda m: m["lightmaps"][0].update(name="another"), "digest"),
        (lambda m: m["lightmaps"][0].update(valid_texels=7), "digest"),
        (lambda m: m.update(sha256="\ud800" * 64, requires=["dictionary"]), "digest"),
        (lambda m: m.update(sha256=[7], requires=[]), "digest"),
        (lambda m: m.update(sha256="f" * 63, requires=[]), "digest"),
        (lambda m: (m.pop("sha256"), m.update(requires=["dictionary"])), None),
    ],
)
def test_digest(tiled: Path, tmp_path: Path, spoil: Callable[[dict[str, object]], object], place: str | None) -> None:
    """What is changed and signed again by CRCs alone does not have its digest any more."""
    path = tmp_path / "changed.tod"
    path.write_bytes(put_together(*take_apart(tiled.read_bytes()), spoil))
    verdict = verify_archive(path, threads=1)
    assert verdict.digest == ("absent" if place is None else "differs")
    assert [fault.place for fault in verdict.faults][:1] == ([] if place is None else [place])
    json.dumps(verdict.to_json()).encode("ascii")


@pytest.mark.parametrize("value", [None, "0" * 63, "F" * 64, "\ud800" * 64, 7])
def test_a_digest_that_is_required_cannot_be_taken_out(tiled: Path, tmp_path: Path, value: object) -> None:
    path = tmp_path / "changed.tod"
    path.write_bytes(put_together(*take_apart(tiled.read_bytes()), lambda m: m.update(sha256=value)))
    (fault,) = verify_archive(path, threads=1).faults
    assert fault.place == "header"
    assert fault.message.startswith("metadata.json.sha256: expected ")
    with pytest.raises(InvalidMetadataError, match=r"metadata\.json\.sha256: expected "):
        open_archive(path)


def test_archives_of_older_writers_are_unsealed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = REPOSITORY / "tests" / "golden" / "daybasis-zstd-1.0.tod"
    assert main(["verify", str(golden)]) == 0
    out = capsys.readouterr().out
    size = golden.stat().st_size
    assert out == f"{golden}: whole, unsealed: {size} bytes, 7 sections, 24 frames decoded\n"
    assert main(["verify", str(golden), "--require-digest"]) == 1
    refused = out.replace("whole, unsealed:", "whole, unsealed, which --require-digest refuses:")
    assert capsys.readouterr().out == refused


@pytest.mark.parametrize("stated", ["0\nother.tod: whole: 627 bytes, digest matches", "9" * 4000, 10**4000, [7] * 2000])
def test_a_digest_that_is_none_writes_no_lines_of_its_own(
    stated: object, tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "changed.tod"
    changed = put_together(*take_apart(tiled.read_bytes()), lambda m: m.update(sha256=stated, requires=["dictionary"]))
    path.write_bytes(changed)
    assert main(["verify", str(path)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{path}: damaged: digest: expected SHA-256 ")
    assert len(line) < len(str(path)) + 300


def test_sealed_archives_have_the_required_digest(tiled: Path) -> None:
    assert main(["verify", str(tiled), "--require-digest"]) == 0


def test_digest_covers_sections_that_are_swapped(tiled: Path, tmp_path: Path) -> None:
    metadata, stored = take_apart(tiled.read_bytes())
    a, b = "0/0/coefficients", "0/3/coefficients"
    with open_archive(tiled, provider="cpu") as archive:
        set_section(metadata, stored, a, archive.container.read_array(b), "u1")
        set_section(metadata, stored, b, archive.container.read_array(a), "u1")
    path = tmp_path / "swapped.tod"
    path.write_bytes(put_together(metadata, stored))
    assert "digest" in places(path)


def test_a_lie_about_the_size_allocates_nothing(tiled: Path, tmp_path: Path) -> None:
    """Sections of terabytes, in a file whose header has that size: neither memory nor limits go by it."""
    metadata, stored = take_apart(tiled.read_bytes())
    metadata["sections"][-1].update(codec="raw", dtype="u1", shape=[900 << 20], decoded_bytes=900 << 20)
    text = put_together(metadata, stored, lambda m: m["sections"][-1].update(stored_bytes=900 << 20))
    data = bytearray(text)
    struct.pack_into("<Q", data, 20, len(data) - len(stored[-1]) + (900 << 20))
    packed_bytes = struct.unpack_from("<I", data, 12)[0]
    struct.pack_into("<I", data, 28, zlib.crc32(data[32 : 32 + packed_bytes], zlib.crc32(data[:28])))
    path = tmp_path / "lie.tod"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        (first,) = verify_archive(path, threads=1).faults
        assert "900" not in first.message
        assert first.message.startswith("metadata.json: sections of")
        assert "are over the limit of" in first.message
        verdict = verify_archive(path, threads=1, limits=Limits().scaled(1000))
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()
    assert [fault.place for fault in verdict.faults][:2] == ["file", f"section {metadata['sections'][-1]['name']}"]


def test_stream_that_is_signed_but_no_stream(tiled: Path, tmp_path: Path) -> None:
    """Checksums are right, decoding is not: the tile is named all the same."""
    metadata, stored = take_apart(tiled.read_bytes())
    with open_archive(tiled, provider="cpu") as archive:
        stream = archive.container.read_array("0/2/coefficients").copy()
    stream[0] = 8
    set_section(metadata, stored, "0/2/coefficients", stream, "u1")
    path = tmp_path / "bad.tod"
    path.write_bytes(put_together(metadata, stored))
    verdict = verify_archive(path, threads=1)
    assert [fault.place for fault in verdict.faults] == ["digest", "lightmap day"]
    assert verdict.faults[1].affects == "tile 2: rows 0:32, columns 64:72"
    assert "0/2/coefficients: coefficient stream: kind 8" in verdict.faults[1].message


def test_options(tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify"]) == 2
    assert main(["verify", str(tiled), "--limits", "0"]) == 2
    assert main(["verify", str(tiled), "--threads", "0"]) == 1
    assert decompress([str(tiled), "-o", str(tmp_path), "--limits", "0"]) == 1
    assert "--limits: expected a number in 1..1000000, found 0" in capsys.readouterr().err
    assert decompress([str(tiled), "-o", str(tmp_path), "--limits", "8", "--hours", "0", "-q"]) == 0


def test_sections_whose_integers_would_take_too_long_are_not_decoded(tiled: Path) -> None:
    """Half a million integers, in bits that are not there, take a twentieth of a second even in C."""
    with open_archive(tiled) as archive:
        container = archive.container
        section = replace(container.find("0/basis"), codec="adaptive", shape=(1 << 19,))
        container.sections[section.name] = section
        assert container.serial_seconds(section.name) > 0.05
        fault = _section_fault(container, section, decodes=False)
    assert fault is None  # its CRC-32 is that of the bytes, and no more is looked at


def test_no_more_faults_than_anybody_reads(tmp_path: Path) -> None:
    path = tmp_path / "holes.tod"
    path.write_bytes(daybasis(1600, 16, coded=(16, 16)))  # one of 10,000 tiles is there
    verdict = verify_archive(path, threads=1)
    assert (verdict.n_tiles, len(verdict.faults)) == (1, MOST_FAULTS + 1)
    assert str(verdict.faults[-1]) == f"file: {MOST_FAULTS} faults were found so far; nothing more is decoded"
