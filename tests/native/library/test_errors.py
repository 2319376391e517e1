"""Whatever is wrong with a file or a call has a code and a line of its own."""

from __future__ import annotations

import ctypes as c
import json
import struct
from collections.abc import Callable
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from tests.decompressor.forge import HEADER_BYTES, put_together, take_apart, with_text
from tests.decompressor.small_bombs import standard
from todpack.decompressor import open_archive
from todpack.decompressor.errors import InvalidMetadataError
from todpack.decompressor.metadata import FEATURES

from .binding import Error, Library, LibraryError, Target

pytestmark = pytest.mark.thorough  # the library is compiled first

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
DATA = (GOLDEN / "daybasis-ans-1.0.tod").read_bytes()
STATUS = {
    name: -number
    for number, name in {
        3: "BAD_ARGUMENT", 32: "NOT_AN_ARCHIVE", 33: "TRUNCATED", 34: "DAMAGED", 35: "INVALID_METADATA",
        36: "INVALID_SECTION", 37: "UNSUPPORTED_VERSION", 38: "UNSUPPORTED_FEATURE", 39: "UNSUPPORTED_FAMILY",
        40: "UNSUPPORTED_GRAPH", 41: "OVER_LIMIT", 42: "READ_FAILED",
    }.items()
}  # fmt: skip
Spoil = Callable[[dict[str, Any]], object]


def refused(library: Library, data: bytes, status: str, *words: str) -> None:
    """The first decode of an archive, or its opening, fails with this status and these words."""
    with pytest.raises(LibraryError) as caught, library.open(data) as archive:
        archive.decode(0.0, dtype="float32")
    assert caught.value.status == STATUS[status], str(caught.value)
    for word in words:
        assert word in str(caught.value)


def spoiled(spoil: Spoil) -> bytes:
    metadata, stored = take_apart(DATA)
    return put_together(metadata, stored, spoil)


def test_models_of_many_small_tiles_take_too_long(library: Library) -> None:
    def spoil(metadata: dict[str, Any]) -> None:
        metadata["lightmaps"][0].update(height=256, width=256)
        metadata["lightmaps"][0]["model"].update(n_components=256, exponents=[0] * 257, n_levels=12, tile=8)

    refused(library, spoiled(spoil), "OVER_LIMIT", "decoding would take about", " ms, over the limit of")


def test_a_section_that_decodes_to_much_is_counted(library: Library) -> None:
    """Before it is decoded, whatever is expected in it."""

    def spoil(metadata: dict[str, Any]) -> None:
        section = next(one for one in metadata["sections"] if one["name"] == "0/basis")
        section.update(codec="zstd", dtype="u2", shape=[1 << 26], decoded_bytes=1 << 27)

    with (
        library.open(spoiled(spoil), library.options(limits={"section_expansion": 1 << 40})) as archive,
        pytest.raises(LibraryError, match="decoding would take about 268") as caught,
    ):
        archive.decode(0.0)
    assert caught.value.status == STATUS["OVER_LIMIT"]


@pytest.mark.parametrize(("codec", "shape"), [("adaptive", [1, 1, 1]), ("standard", [1])])
def test_a_codec_has_its_dimensions(library: Library, codec: str, shape: list[int]) -> None:
    """Whether or not something reads the section; Python refuses the same (tests/decompressor/test_sections.py)."""

    def spoil(metadata: dict[str, Any]) -> None:
        section = metadata["sections"][-1]
        section.update(codec=codec, shape=[*shape, section["decoded_bytes"]], dtype="u1")

    refused(library, spoiled(spoil), "INVALID_SECTION", f"at most {len(shape)} dimensions of the codec {codec}, found")


def test_integers_of_sections_take_time(library: Library) -> None:
    """Bit by bit, in each of many tiles."""

    def spoil(metadata: dict[str, Any]) -> None:
        n = 1 << 20
        metadata["lightmaps"][0]["model"].update(tile=8)
        section = next(one for one in metadata["sections"] if one["name"] == "0/0/coefficients")
        section.update(codec="adaptive", dtype="u1", shape=[n], decoded_bytes=n)

    refused(library, spoiled(spoil), "OVER_LIMIT", "decoding would take about", " ms, over the limit of")


def test_other_content(library: Library) -> None:
    for data in (b"", b"\x89PNG\r\n\x1a\n" + bytes(60), b"hello"):
        refused(library, data, "NOT_AN_ARCHIVE", "expected a todpack archive")


def test_every_cut_is_refused(library: Library) -> None:
    for n in (8, 31, HEADER_BYTES, 500, len(DATA) - 1):
        refused(library, DATA[:n], "TRUNCATED")
    refused(library, DATA + b"x", "TRUNCATED", f"expected {len(DATA)} bytes by its header, found {len(DATA) + 1}")


def test_flipped_bits(library: Library) -> None:
    refused(library, DATA[:40] + bytes([DATA[40] ^ 1]) + DATA[41:], "DAMAGED", "header: checksum does not match")
    refused(library, DATA[:-1] + bytes([DATA[-1] ^ 1]), "DAMAGED", "section 0/", "checksum does not match")


def test_versions_features_families(library: Library) -> None:
    head = DATA[:8] + struct.pack("<H", 2) + DATA[10:28]
    refused(library, head + DATA[28:], "UNSUPPORTED_VERSION", "expected format 1.x, found 2.0")
    refused(library, spoiled(lambda m: m.update(requires=["curve", "holograms"])), "UNSUPPORTED_FEATURE", "holograms")
    refused(library, spoiled(lambda m: m.update(requires=["curve\0"])), "UNSUPPORTED_FEATURE", "curve")
    refused(library, (GOLDEN / "gridmlp-1.1.tod").read_bytes(), "UNSUPPORTED_FAMILY", "gridmlp")
    named = spoiled(lambda m: m.update(requires=[name for name in FEATURES if name != "digest"]))
    with library.open(named) as archive, library.open(DATA) as known:
        np.testing.assert_array_equal(archive.decode(3.0), known.decode(3.0))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m.pop("hours"), ("hours", "expected the field hours")),
        (lambda m: m["hours"].reverse(), ("hours", "ascending")),
        (lambda m: m.update(hours=[12.0, 12.0000001]), ("float32 tells apart",)),
        (lambda m: m.update(transfer="hdr10"), ("one of srgb8, linear", '"hdr10"')),
        (lambda m: m.update(version="1.9"), ("version: expected 1.0",)),
        (lambda m: m.update(requires=["digest"], sha256=1), ("sha256", "64 hexadecimal digits")),
        (lambda m: m.update(requires=["digest"], sha256="A" * 64), ("sha256", "64 hexadecimal digits")),
        (lambda m: m.update(requires=["digest"], sha256="a" * 65), ("sha256", "64 hexadecimal digits")),
        (lambda m: m.update(lightmaps=[]), ("1..65536 values",)),
        (lambda m: m["lightmaps"][0].update(height=0), ("height", "1..1048576, found 0")),
        (lambda m: m["lightmaps"][0].update(width=1.5), ("width", "found 1.5")),
        (lambda m: m["lightmaps"][0].update(name="a\nb"), ("printable text",)),
        (lambda m: m["lightmaps"].append(m["lightmaps"][0]), ("stands twice",)),
        (lambda m: m["lightmaps"][0].update(valid_texels=7), ("expected 7 valid texels",)),
        (lambda m: m["lightmaps"][0]["model"].update(centroids=[0.1, 0.0]), ("centroids", "1/32")),
        (lambda m: m["lightmaps"][0]["model"].update(q_step=True), ("q_step", "found true")),
        (lambda m: m["lightmaps"][0]["model"].update(gap_modes="L"), ("gap_modes",)),
        (lambda m: m["lightmaps"][0]["model"].update(exponents=[0]), ("exponents", "array of 35 values")),
        (lambda m: m["lightmaps"][0]["model"].update(precision=64, exponents=[64] * 35), ("precision",)),
        (lambda m: m["lightmaps"][0]["model"].update(tile=7), ("tile",)),
    ],
)
def test_metadata(library: Library, spoil: Spoil, words: tuple[str, ...]) -> None:
    refused(library, spoiled(spoil), "INVALID_METADATA", *words)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m["sections"][1].update(offset=1), ("sections[1]", "offset")),
        (lambda m: m["sections"][0].update(shape=[5]), ("sections[0]", "decoded_bytes")),
        (lambda m: m["sections"][1].update(name=m["sections"][0]["name"]), ("stands twice",)),
        (lambda m: m["lightmaps"][0].update(mask="0/other"), ("expected a section 0/other",)),
        (lambda m: m["lightmaps"][0].update(height=31, valid_texels=99), ("a mask of",)),
        (lambda m: m["lightmaps"][0]["model"].update(tile=8), ("tiles",)),
        (lambda m: m["lightmaps"][0]["model"].update(curve="square"), ("curve",)),
        (lambda m: m["lightmaps"][0]["model"].update(n_classes=2), ("0/turns",)),
    ],
)
def test_sections(library: Library, spoil: Spoil, words: tuple[str, ...]) -> None:
    refused(library, spoiled(spoil), "INVALID_SECTION", *words)


@pytest.mark.parametrize(
    "text",
    [
        b"[]", b"", b"{", b'{"a":1,}', b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}', b'{"a":NaN}', b'{"a":01}',
        b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\x01"}', b'{"a":"\\x"}', b"{} {}", b'{"a":"',
        b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", b'{"a":+1}',
        b'{"a":1e999}', b'{"a":.5}', b'{"a":1.}', b'{"a":-}', b'{a:1}', b'{"a"}',
    ],
)  # fmt: skip
def test_json_that_is_none(library: Library, text: bytes) -> None:
    refused(library, with_text(text), "INVALID_METADATA", "metadata.json: expected JSON, found")


def test_json_that_is_unusual(library: Library) -> None:
    metadata, stored = take_apart(DATA)
    text = (
        json.dumps(metadata, indent=3).replace('"golden"', '"g\\u00fcld\\ud83d\\ude00n\\/\\"x"').replace("1.0,", "1e0,")
    )
    text = text.replace("{", '{"\\ud800":[[], {}, -0.0e-5, "\\\\"],', 1)
    with library.open(with_text(text.encode(), b"".join(stored))) as archive:
        assert archive.lightmap(0).name.decode() == 'güld\U0001f600n/"x'
        assert archive.find('güld\U0001f600n/"x') == 0
        assert archive.find("golden") == -1


def test_numbers_are_read_as_python_does(library: Library) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 24 * 2**40, 4000) / 2**40
    hours = sorted({float(np.float32(h)) for h in bits})[:3500]
    texts = [repr(h) if i % 3 else f"{h:.40e}" if i % 2 else f"{h:.25f}" for i, h in enumerate(hours)]
    metadata, stored = take_apart(DATA)
    metadata["lightmaps"][0]["model"]["gap_modes"] = "L" * len(hours)
    metadata["hours"] = "HOURS"
    text = json.dumps(metadata).replace('"HOURS"', f"[{', '.join(texts)}]")
    with library.open(with_text(text.encode(), b"".join(stored))) as archive:
        assert list(archive.info.hours[: archive.info.n_hours]) == [float(t) for t in texts]


def test_the_least_numbers_are_read_as_python_does(library: Library) -> None:
    """Subnormal ones, among them such as lie between two."""
    rng = np.random.default_rng(1)
    texts = ["2.1195e-308", "5e-324", "2.47e-324", "2.4703282292062327e-324", "2.4703282292062328e-324", "1e-400"]
    texts += [f"{rng.random():.{digits}f}e-{304 + digits}" for digits in range(1, 20)]
    with localcontext() as context:
        context.prec = 900
        texts += [str(Decimal(2 * int(rng.integers(1 << bits)) + 1) / 2**1075) for bits in (1, 20, 50, 51, 52, 53)]
    metadata, stored = take_apart(DATA)
    first, *others = metadata["hours"]
    assert first == 0.0
    for text in texts:
        metadata["hours"] = ["FIRST", *others]
        changed = json.dumps(metadata).replace('"FIRST"', text)
        with library.open(with_text(changed.encode(), b"".join(stored))) as archive:
            assert archive.info.hours[0] == float(text), text


def test_another_graph(library: Library) -> None:
    metadata, stored = take_apart(DATA)
    index = [s["name"] for s in metadata["sections"]].index("0/frame.onnx")
    graph = zstandard.decompress(stored[index])
    for old, new in ((b"\x00\x00\xc0\x41", b"\x00\x00\xc8\x41"), (b"Round", b"Floor"), (b"\x08\x08", b"\x08\x09")):
        changed = graph.replace(old, new, 1)
        assert changed != graph
        stored[index] = zstandard.compress(changed)
        refused(library, put_together(metadata, stored), "UNSUPPORTED_GRAPH", "0/frame.onnx")


def test_arguments(library: Library) -> None:
    with library.open(DATA) as archive:
        for time_h, found in ((-0.1, "-1"), (24.0, "24"), (float("nan"), "NaN"), (float("inf"), "more than 1e15")):
            with pytest.raises(LibraryError, match=rf"time: expected hours in \[0, 24\), found {found}"):
                archive.decode(time_h)
        for region in ((0, 0, 0, 5), (0, 38, 0, 5), (-1, 5, 0, 5), (0, 5, 40, 46), (5, 4, 0, 1)):
            with pytest.raises(LibraryError, match="region: expected rows within 0:37 and columns within 0:45"):
                archive.decode(0.0, region)
    with (
        library.open((GOLDEN / "daybasis-linear-1.0.tod").read_bytes()) as archive,
        pytest.raises(LibraryError, match="expected floats for a linear lightmap") as caught,
    ):
        archive.decode(0.0)
    assert caught.value.status == STATUS["BAD_ARGUMENT"]


def test_pointers_that_are_null(library: Library) -> None:
    """What a caller forgot is told, where there is no room for anything else."""
    with library.open(DATA) as archive:
        hours, frame = (c.c_double * 1)(0.0), np.empty((37, 45, 3), np.uint8)
        target = (Target * 1)(Target(frame.ctypes.data, 0, frame.nbytes, 0))
        for times, targets in ((None, target), (hours, None)):
            with pytest.raises(LibraryError, match="times, targets: expected 1 of each, found NULL") as caught:
                archive._call(library.c.tod_decode_times, 0, times, 1, None, targets)
            assert caught.value.status == STATUS["BAD_ARGUMENT"]
        with pytest.raises(LibraryError, match="map: expected room for it, found NULL"):
            archive._call(library.c.tod_map, 0, 0, None, None, c.c_size_t(0))
        with pytest.raises(LibraryError, match="valid: expected room for it, found NULL"):
            archive._call(library.c.tod_valid, 0, None, None, c.c_size_t(0))


def test_limits(library: Library) -> None:
    for limits, words in (
        ({"texels": 1000}, "45 x 37 texels"),
        ({"sections": 3}, "7 sections"),
        ({"metadata_bytes": 100}, "metadata of"),
        ({"free_memory_bytes": 1000, "memory_per_byte": 0}, "decoding would take about"),
        ({"free_seconds": 1e-9, "per_byte": 0.0}, "decoding would take about"),
    ):
        with (
            pytest.raises(LibraryError, match=words) as caught,
            library.open(DATA, library.options(limits=limits)) as archive,
        ):
            archive.decode(0.0)
        assert caught.value.status == STATUS["OVER_LIMIT"]
    with (
        library.open(DATA, library.options(limits={"free_held_bytes": 90_000, "held_per_byte": 0})) as archive,
        pytest.raises(LibraryError, match="its maps would take more"),
    ):
        archive.prepare()


def test_masks_of_many_lightmaps_count_as_held(library: Library) -> None:
    """Of one section that all of them name: a level of a few kilobytes held over a gigabyte."""
    data = standard(512, 1, 1, lightmaps=5)
    with library.open(data, library.options(limits={"held_per_byte": 0})) as archive:
        before = archive.held_bytes
        archive.valid(0)
        each = archive.held_bytes - before
        assert each > 512 * 512 // 8
    most = before + 3 * each
    with library.open(data, library.options(limits={"free_held_bytes": most, "held_per_byte": 0})) as archive:
        for index in range(3):
            archive.valid(index)
        with pytest.raises(LibraryError, match=f"its mask and tables would take more than the limit of {most} bytes"):
            archive.valid(3)
        assert archive.held_bytes <= most
        archive.valid(2)


def test_a_reader_that_gives_less(library: Library) -> None:
    with pytest.raises(LibraryError, match="expected 32 bytes from the reader, found 5") as caught:
        library.open_reader(lambda offset, n: DATA[offset : offset + min(n, 5)], len(DATA))
    assert caught.value.status == STATUS["READ_FAILED"]


@pytest.mark.parametrize("version", [7 << 16, 0])
def test_options_of_another_version(library: Library, version: int) -> None:
    options = library.options()
    options.version = version  # 0: of zeros, without allocators
    with pytest.raises(LibraryError, match="tod_default_options"):
        library.open(DATA, options)


def test_no_name(library: Library) -> None:
    with library.open(DATA) as archive:
        assert archive.find(archive.lightmap(0).name.decode()) == 0
        assert archive.find(None) == -1


def test_options_that_are_none(library: Library) -> None:
    options = library.options()
    options.gutters = 99
    with pytest.raises(LibraryError, match="gutters: expected one of TodGutters, found 99") as caught:
        library.open(DATA, options)
    assert caught.value.status == STATUS["BAD_ARGUMENT"]


def test_no_bytes_and_no_reader(library: Library) -> None:
    handle, error = c.c_void_p(1), Error()
    for call, *arguments in ((library.c.tod_open, None, c.c_size_t(100)), (library.c.tod_open_reader, None)):
        assert call(*arguments, None, c.byref(handle), c.byref(error)) == STATUS["BAD_ARGUMENT"]
        assert handle.value is None
        assert b"found NULL" in error.text


def test_what_a_file_says_is_shown_plainly(library: Library) -> None:
    metadata, stored = take_apart(DATA)
    text = json.dumps({**metadata, "requires": ["a\x7f\u202e\u00e4"]}, ensure_ascii=False)
    refused(library, with_text(text.encode(), b"".join(stored)), "UNSUPPORTED_FEATURE", '"a????\u00e4"')


def test_closing_nothing(library: Library) -> None:
    library.c.tod_close(None)
    archive = library.open(DATA)
    archive.close()
    archive.close()


def test_names_are_taken_and_refused_alike(library: Library, tmp_path: Path) -> None:
    """By this library and in Python: FORMAT.md "Metadata"."""
    plain = "a ~\u00a1\u00ae\u0600\u1681\u2010\u2030\u3001\ud7ff\uf900\ufffd\U0001f3e0\U000dffff"
    hidden = "\0\x1f\x7f\xa0\xad\u061c\u1680\u180e\u2000\u200d\u202e\u202f\u205f\u3000"
    hidden += "\ue000\ufeff\ufff9\uffff\U000e0001\U0010ffff"
    path = tmp_path / "a.tod"
    for is_plain, letters in ((True, plain), (False, hidden)):
        for letter in letters:
            path.write_bytes(spoiled(lambda m, name=f"x{letter}y": m["lightmaps"][0].update(name=name)))
            if is_plain:
                with library.open(path.read_bytes()) as archive, open_archive(path) as same:
                    assert archive.lightmap(0).name.decode() == same.lightmaps[0].name == f"x{letter}y"
                continue
            refused(
                library, path.read_bytes(), "INVALID_METADATA", "name: expected printable text of 1..255 characters"
            )
            with pytest.raises(InvalidMetadataError, match=r"name: expected printable text of 1\.\.255 characters"):
                open_archive(path)


def test_a_graph_that_is_told_has_no_other_type_and_no_checksum(library: Library) -> None:
    metadata, stored = take_apart((GOLDEN / "daybasis-ans-smooth-packed-1.4.tod").read_bytes())
    metadata["requires"] = [name for name in metadata["requires"] if name not in ("packed", "digest")]
    metadata.pop("sha256", None)
    number = next(n for n, section in enumerate(metadata["sections"]) if section["codec"] == "standard")

    def told(**other: object) -> bytes:
        return put_together(metadata, stored, lambda m: m["sections"][number].update(other))

    with library.open(told()) as archive:
        archive.decode(0.0)
    for other in ({"crc32": 12345}, {"dtype": "i1"}):
        refused(library, told(**other), "INVALID_SECTION", "expected the frame of 8-bit codes, found another")


def test_an_outlier_of_minus_zero_is_zero_everywhere(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "a.tod"
    metadata, stored = take_apart((GOLDEN / "daybasis-outliers-1.3.tod").read_bytes())
    metadata["requires"] = [name for name in metadata["requires"] if name != "digest"]
    metadata.pop("sha256", None)
    name = metadata["lightmaps"][0]["outliers"]
    number = next(n for n, section in enumerate(metadata["sections"]) if section["name"] == name)
    with open_archive(GOLDEN / "daybasis-outliers-1.3.tod") as archive:
        rows = archive.container.read_array(name).copy()
        hour = float(archive.hours[rows[0, 0]])
    rows[0, 3:] = np.array([-0.0, 7.0, -0.0], np.float32).view(np.int32)
    stored[number] = rows.astype("<i4").tobytes()
    metadata["sections"][number].update(codec="raw", decoded_bytes=len(stored[number]))
    path.write_bytes(put_together(metadata, stored))
    y, x = (int(n) for n in rows[0, 1:3])
    with library.open(path.read_bytes()) as archive, open_archive(path) as same:
        found = archive.decode(hour, (y, y + 1, x, x + 1), dtype="float32")
        assert found.tobytes() == same.texel(y, x, hour, dtype="float32").tobytes()
        assert found.tobytes() == np.array([0.0, 7.0, 0.0], np.float32).tobytes()
