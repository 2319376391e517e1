"""`todpack verify` and `--keep-going`: exactly what is damaged, and everything else decoded."""

from __future__ import annotations

import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.contest_data import KEYS, make_radiance
from tests.decompressor.forge import put_together, set_section, take_apart
from tests.decompressor.small_bombs import daybasis, standard
from todpack.cli import main
from todpack.decompressor import InvalidMetadataError, open_archive
from todpack.decompressor.cli import main as decompress
from todpack.decompressor.damage import DAMAGE_COLOR, MOST_REASONS, Damage, find_damage
from todpack.decompressor.lightmap import Region
from todpack.decompressor.limits import Limits
from todpack.decompressor.mask import Mask
from todpack.decompressor.verify import MOST_FAULTS, _section_fault, verify_archive
from todpack.frames import Day, read_day
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day


@pytest.fixture(scope="module")
def tiled(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """72 x 64 texels in tiles of 32: 2 rows of 3."""
    path = tmp_path_factory.mktemp("tiled") / "tiled.tod"
    config = DayBasisConfig(q_step=24.0, tile=32, n_levels=2, max_classes=1)
    encode_day(read_day(tiny_day), config, DayBasisPackOptions(entropy="zstd")).write(path)
    return path


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 x 20 texels of radiance in tiles of 16."""
    radiance, valid = make_radiance(20, 24)
    day = Day(radiance, valid, np.array([int(key) / 100 for key in KEYS]), "linear", "day")
    path = tmp_path_factory.mktemp("linear") / "linear.tod"
    config = DayBasisConfig(q_step=40.0, tile=16, n_levels=2, max_classes=1, reweight=0)
    encode_day(day, config, DayBasisPackOptions(entropy="zstd")).write(path)
    return path


def damage(path: Path, out: Path, *sections: str) -> Path:
    """Flip a bit in the middle of some sections."""
    data = bytearray(path.read_bytes())
    with open_archive(path, provider="cpu") as archive:
        for name in sections:
            section = archive.container.sections[name]
            data[section.offset + section.stored_bytes // 2] ^= 4
    out.write_bytes(data)
    return out


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


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_keep_going_marks_the_hole_and_decodes_the_rest(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = damage(tiled, tmp_path / "bad.tod", "0/4/coefficients")
    assert decompress([str(bad), "-o", str(tmp_path / "none"), "-q"]) == 1
    assert not list((tmp_path / "none").glob("*.png"))
    capsys.readouterr()
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--hours", "7,12", "--keep-going", "-q"]) == 1
    last = f"todpack: error: {bad}: 1 damaged; what is whole was decoded, the rest marked or left out"
    assert capsys.readouterr().err.splitlines()[-1] == last
    with open_archive(tiled, provider="cpu") as archive:
        for time_h in (7.0, 12.0):
            expected = archive.decode(time_h)
            expected[32:64, 32:64] = DAMAGE_COLOR
            np.testing.assert_array_equal(read(tmp_path / "out" / f"tod_{time_h:02.0f}.png"), expected)


def test_keep_going_in_a_region(tiled: Path, tmp_path: Path) -> None:
    """A hole outside of the region is none of its business."""
    bad = damage(tiled, tmp_path / "bad.tod", "0/4/coefficients")
    arguments = [str(bad), "--hours", "7", "--keep-going", "-q", "--format", "npy"]
    assert decompress([*arguments, "-o", str(tmp_path / "a"), "--region", "0:20,0:72"]) == 0
    assert decompress([*arguments, "-o", str(tmp_path / "b"), "--region", "20:40,20:40"]) == 1
    whole = [word for word in arguments if word != "--keep-going"]
    assert decompress([*whole, "-o", str(tmp_path / "c"), "--region", "0:20,0:72"]) == 0
    assert decompress([*whole, "-o", str(tmp_path / "d"), "--region", "20:40,20:40"]) == 1
    assert not (tmp_path / "d").exists()
    with open_archive(tiled, provider="cpu") as archive:
        np.testing.assert_array_equal(np.load(tmp_path / "a" / "tod_07.npy"), archive.decode(7.0)[:20])
        expected = archive.decode(7.0)[20:40, 20:40]
    expected[12:, 12:] = DAMAGE_COLOR
    np.testing.assert_array_equal(np.load(tmp_path / "b" / "tod_07.npy"), expected)


def test_what_all_tiles_lack_is_not_read_anew_for_each(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata, stored = take_apart(tiled.read_bytes())
    metadata["lightmaps"][0]["valid_texels"] -= 1
    bad = tmp_path / "bad.tod"
    bad.write_bytes(put_together(metadata, stored))
    reads, decoded = list[int](), Mask._decoded

    def noted(mask: Mask, name: str, height: int, width: int) -> np.ndarray:
        reads.append(height)
        return decoded(mask, name, height, width)

    monkeypatch.setattr(Mask, "_decoded", noted)
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--keep-going", "-q"]) == 1
    assert len(reads) == 3  # by the first tile, and by the two looks at whether it is of all
    assert f"error: {bad}: 1 damaged; what is whole" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_of_many_tiles_those_of_a_region_alone_are_looked_at(tmp_path: Path) -> None:
    """Of four millions; a tile that decodes lies beside three that do not."""
    path = tmp_path / "many.tod"
    path.write_bytes(daybasis(16384, 8))
    region = Region(0, 16, 0, 16)
    with open_archive(path, provider="cpu", limits=Limits().scaled(1000)) as archive:
        (lightmap,) = archive.lightmaps
        lightmap.decode(0.0, (0, 8, 0, 8), "float32")
        tracemalloc.start()
        found = find_damage(lightmap, region)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.tiles == {Region(0, 8, 8, 16), Region(8, 16, 0, 8), Region(8, 16, 8, 16)}
        assert found.reasons.total() == len(found.reasons) == 3
        assert lightmap.n_tiles == 2048**2
    assert peak < 1 << 20


def test_reasons_of_many_damaged_tiles_are_counted() -> None:
    found = Damage()
    for number in range(MOST_REASONS + 5):
        found.add(Region(0, 8, 8 * number, 8 * number + 8), f"section {number}", "day")
    assert len(found.tiles) == found.reasons.total() == MOST_REASONS + 5
    assert found.reasons["lightmap day: further tiles"] == 5


def test_damage_in_floats_are_nan_and_of_previews_magenta(linear: Path, tmp_path: Path) -> None:
    bad = damage(linear, tmp_path / "bad.tod", "0/3/coefficients")
    for kind in ("npy", "png"):
        arguments = ["--hours", "12", "--keep-going", "-q", "--format", kind]
        assert decompress([str(bad), "-o", str(tmp_path / kind), *arguments]) == 1
    found, image = np.load(tmp_path / "npy" / "tod_12.npy"), read(tmp_path / "png" / "tod_12.png")
    with open_archive(linear, provider="cpu") as archive:
        expected = archive.decode(12.0, dtype="float32")
    expected[16:, 16:] = np.nan
    np.testing.assert_array_equal(found, expected)
    assert (image[16:, 16:] == DAMAGE_COLOR).all()
    assert not (image[:16, :16] == DAMAGE_COLOR).all(axis=2).any()


def test_damaged_outliers_do_not_take_the_lightmap_along(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = REPOSITORY / "tests" / "golden" / "daybasis-outliers-1.3.tod"
    bad = damage(whole, tmp_path / "bad.tod", "0/outliers")
    arguments = ["--hours", "12", "--format", "npy"]
    assert decompress([str(bad), "-o", str(tmp_path / "a"), *arguments, "-q"]) == 1
    assert not (tmp_path / "a").exists()
    assert decompress([str(bad), "-o", str(tmp_path / "a"), *arguments, "--keep-going"]) == 1
    problem = "checksum does not match; the file is damaged; the frames are without outliers"
    assert f"damaged: {bad}: section 0/outliers: {problem}" in caplog.messages
    with open_archive(whole, provider="cpu") as archive:
        expected = archive.decode(12.0, dtype="float32")
    differs = (np.load(tmp_path / "a" / "tod_12.npy") != expected).any(axis=2)
    assert differs.sum() == 1


def test_file_that_was_cut_off(tiled: Path, tmp_path: Path) -> None:
    """The tiles that are there decode."""
    with open_archive(tiled, provider="cpu") as archive:
        end = archive.container.sections["0/3/coefficients"].offset + 2
    cut = tmp_path / "cut.tod"
    cut.write_bytes(tiled.read_bytes()[:end])
    assert decompress([str(cut), "-o", str(tmp_path / "a"), "--hours", "7", "-q"]) == 1
    assert decompress([str(cut), "-o", str(tmp_path / "a"), "--hours", "7", "--keep-going", "-q"]) == 1
    with open_archive(tiled, provider="cpu") as archive:
        expected = archive.decode(7.0)
    expected[32:] = DAMAGE_COLOR
    np.testing.assert_array_equal(read(tmp_path / "a" / "tod_07.png"), expected)


def test_a_lost_lightmap_does_not_take_the_others_along(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata, stored = take_apart(tiled.read_bytes())
    metadata["lightmaps"][0]["name"] = "other"
    (tmp_path / "other.tod").write_bytes(put_together(metadata, stored))
    two = tmp_path / "two.tod"
    merge_archives([tiled, tmp_path / "other.tod"]).write(two)
    bad = damage(two, tmp_path / "bad.tod", "0/basis", "1/1/coefficients")
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--hours", "7", "--keep-going"]) == 1
    assert not (tmp_path / "out" / "day").exists()
    with open_archive(tiled, provider="cpu") as archive:
        expected = archive.decode(7.0)
    expected[:32, 32:64] = DAMAGE_COLOR
    np.testing.assert_array_equal(read(tmp_path / "out" / "other" / "tod_07.png"), expected)
    capsys.readouterr()
    assert main(["verify", str(bad)]) == 1
    out = capsys.readouterr().out
    assert "; lightmap day\n" in out
    assert "; lightmap other, tile 1: rows 0:32, columns 32:64\n" in out


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
