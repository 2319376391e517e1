"""TIFF files: deep samples, bands, planes, alpha, and damage."""

from __future__ import annotations

import contextlib
import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.frames.errors import DataError
from todpack.frames.formats import read_picture

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
GRAY = RNG.integers(0, 256, (5, 7)).astype(np.uint8)
DEEP = RNG.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
FLOATS = RNG.random((5, 7, 3), np.float32) * 8
TIFF_KINDS = {
    "float": (FLOATS, {}),
    "half": (FLOATS.astype(np.float16), {}),
    "double": (FLOATS.astype(np.float64), {}),
    "deflate": (FLOATS, {"compression": "zlib", "predictor": True}),
    "tiles": (np.tile(FLOATS, (4, 4, 1)), {"tile": (16, 16)}),
    "big": (FLOATS, {"bigtiff": True}),
    "big-endian": (FLOATS, {"byteorder": ">"}),
    "codes": (DEEP, {"compression": "lzw", "predictor": True}),
}


@pytest.mark.parametrize("kind", TIFF_KINDS)
def test_deep_tiff(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("imagecodecs")
    values, options = TIFF_KINDS[kind]
    pytest.importorskip("tifffile").imwrite(tmp_path / "a.tif", values, photometric="rgb", **options)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.rgb, values if kind == "codes" else values.astype(np.float32))


def test_deep_tiff_of_planes_with_alpha_or_an_extra_channel(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    alpha = (GRAY > 100).astype(np.float32)
    planes = np.concatenate([FLOATS.transpose(2, 0, 1), alpha[None]])
    for extra, expected in (("unassalpha", alpha), ("unspecified", None)):
        tifffile.imwrite(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", extrasamples=[extra])
        picture = read_picture(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.rgb, FLOATS)
        assert (picture.alpha is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(picture.alpha, expected)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_alpha_that_was_multiplied_in(tmp_path: Path, kind: type, planar: str) -> None:
    """Comes out again, from any depth."""
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    most = 1 if kind is np.float32 else np.iinfo(kind).max
    alpha = np.where(GRAY > 100, most, most // 2 if most > 1 else 0.5)[..., None]
    colors = np.where(alpha == most, alpha // 3 if most > 1 else 0.25, alpha // 4 if most > 1 else 0.125).repeat(3, 2)
    values = np.concatenate([colors, alpha], 2).astype(kind)
    stored = values if planar == "contig" else np.ascontiguousarray(values.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, extrasamples=("assocalpha",))
    picture = read_picture(tmp_path / "a.tif")
    wanted = np.where(alpha == most, colors, colors * most // alpha if most > 1 else 0.25)
    np.testing.assert_array_equal(picture.rgb, wanted.astype(kind))
    np.testing.assert_array_equal(picture.alpha, alpha[..., 0].astype(kind))


def test_bands_that_call_themselves_gray(tmp_path: Path) -> None:
    """As GDAL writes them."""
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    path, alpha = tmp_path / "a.tif", (GRAY > 100).astype(np.float32)[..., None]
    bands = {"photometric": "minisblack", "planarconfig": "contig"}
    for codes, planes, codec in itertools.product((CODES, DEEP, FLOATS), (True, False), (None, "zlib", "lzw")):
        options = {**bands, "planarconfig": "separate" if planes else "contig", "compression": codec}
        for n in (3, 4):
            values = np.concatenate([codes, codes[..., :1]], 2)[..., :n]
            values = np.ascontiguousarray(values.transpose(2, 0, 1)) if planes else values
            tifffile.imwrite(path, values, extrasamples=(0,) * (n - 1), **options)
            picture = read_picture(path)
            np.testing.assert_array_equal(picture.rgb, codes)
            assert picture.alpha is None
    for values, extra, has_alpha in (
        (FLOATS, (0, 0), False),
        (np.concatenate([FLOATS, alpha], 2), (0, 0, 2), True),
        (np.concatenate([FLOATS, alpha], 2), (0, 0, 0), False),
    ):
        tifffile.imwrite(path, values, extrasamples=extra, **bands)
        picture = read_picture(path)
        np.testing.assert_array_equal(picture.rgb, FLOATS)
        assert (picture.alpha is not None) == has_alpha
    tifffile.imwrite(path, FLOATS[..., :2], extrasamples=(2,), **bands)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.rgb, np.repeat(FLOATS[..., :1], 3, 2))
    assert picture.alpha is not None
    tifffile.imwrite(path, CODES, photometric="miniswhite", planarconfig="contig", extrasamples=(0, 0))
    with pytest.raises(DataError, match="expected RGB or gray TIFF, found photometric interpretation 0"):
        read_picture(path)
    for values, extra in ((FLOATS[..., :2], (0,)), (np.concatenate([FLOATS, FLOATS], 2), (0,) * 5)):
        tifffile.imwrite(path, values, extrasamples=extra, **bands)
        with pytest.raises(DataError, match=f"expected 1, 3 or 4 samples, or gray with alpha, found {values.shape[2]}"):
            read_picture(path)


def test_deep_tiff_faults(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, DEEP[..., 0], photometric="miniswhite")
    with pytest.raises(DataError, match=r"a\.tif: expected RGB or gray TIFF, found photometric interpretation 0"):
        read_picture(path)
    tifffile.imwrite(path, DEEP.astype(np.uint32), photometric="rgb")
    with pytest.raises(DataError, match=r"a\.tif: expected values of uint8, uint16 or floating point, found uint32"):
        read_picture(path)
    tifffile.imwrite(path, DEEP, photometric="rgb")
    path.write_bytes(path.read_bytes().replace(struct.pack("<3H", 16, 16, 16), struct.pack("<3H", 12, 12, 12)))
    with pytest.raises(DataError, match=r"a\.tif: expected samples of 8, 16, 32 or 64 bits, found 12, 12, 12"):
        read_picture(path)
    tifffile.imwrite(path, FLOATS, photometric="rgb", bigtiff=True, byteorder=">")
    with pytest.raises(DataError, match=r"a\.tif: expected TIFF or little-endian BigTIFF, found big-endian BigTIFF"):
        read_picture(path)
    tifffile.imwrite(path, FLOATS, photometric="rgb")
    data = path.read_bytes()
    for content in (b"", b"MM", data[:20], data[: len(data) - 100]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.tif: ") as caught:
            read_picture(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [CODES, DEEP], ids=["8 bits", "16 bits"])
def test_a_predictor_that_readers_judge_differently(tmp_path: Path, values: np.ndarray) -> None:
    """Of PackBits, which TIFF 6.0 knows none of: tifffile writes and undoes it, libtiff looks at it with LZW alone."""
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", compression="packbits", predictor=2)
    with pytest.raises(DataError, match="expected a predictor with LZW, Deflate, LZMA or Zstandard alone, found"):
        read_picture(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "c.tif", DEEP, photometric="rgb", compression="lerc", predictor=2)
    with pytest.raises(DataError, match="expected a predictor with LZW, Deflate, LZMA or Zstandard alone, found"):
        read_picture(tmp_path / "c.tif")
    tifffile.imwrite(tmp_path / "b.tif", values, photometric="rgb", compression="packbits")
    if values is CODES:
        np.testing.assert_array_equal(read_picture(tmp_path / "b.tif").rgb, values)


def test_a_tiff_whose_offsets_are_no_integers(tmp_path: Path) -> None:
    """Pillow stumbles over them with a TypeError."""
    path = tmp_path / "a.tif"
    Image.fromarray(CODES).save(path)
    data = bytearray(path.read_bytes())
    (start,) = np.frombuffer(data, "<u4", 1, 4)
    (count,) = np.frombuffer(data, "<u2", 1, start)
    for at in range(int(start) + 2, int(start) + 2 + 12 * int(count), 12):
        if data[at : at + 2] == (273).to_bytes(2, "little"):
            data[at + 2 : at + 4] = (11).to_bytes(2, "little")
            data[at + 8 : at + 12] = np.array([8.0], "<f4").tobytes()
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.tif: ") as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


def test_a_damaged_tiff_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Pillow and libtiff would say more on stderr, by warnings, logs, and past Python."""
    path = tmp_path / "a.tif"
    codes = np.random.default_rng(1).integers(0, 255, (8, 12, 3), np.uint8)
    Image.fromarray(codes).save(path, compression="tiff_lzw")
    data = path.read_bytes()
    for at in range(8, len(data), 9):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with contextlib.suppress(DataError):
            read_picture(path)
    assert capfd.readouterr() == ("", "")


def _claiming(width: int, height: int, codec: int, n_samples: int = 1) -> bytes:
    """A TIFF of 16 bits and 50 bytes of zeros."""
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, codec), (262, 3, 1), (273, 4, 200),
        (277, 3, n_samples), (278, 4, height), (279, 4, 50),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries).ljust(250, b"\0")


@pytest.mark.parametrize(
    ("tiff", "found"),
    [
        (_claiming(30000, 30000, 8), "expected 1..268435456 texels, found 30000 x 30000 texels of 1 samples"),
        (_claiming(0, 5, 8), "expected 1..268435456 texels, found 0 x 5 texels of 1 samples"),
        (_claiming(9000, 9000, 50000, 65535), "found 9000 x 9000 texels of 65535 samples"),
        (_claiming(1000, 1000, 8), "cannot be read: 250 bytes cannot hold 1000 x 1000 texels; damaged"),
        (_claiming(1000, 1000, 5), "cannot be read: 250 bytes cannot hold 1000 x 1000 texels; damaged"),
        (_claiming(9000, 9000, 50000), "cannot be read: 250 bytes cannot hold 9000 x 9000 texels; damaged"),
        (_claiming(9000, 9000, 34925), "cannot be read: 250 bytes cannot hold 9000 x 9000 texels; damaged"),
        (_claiming(11, 12, 1), "cannot be read: 250 bytes cannot hold 11 x 12 texels; damaged"),
    ],
)
def test_a_size_that_the_bytes_cannot_fill_takes_no_memory(tmp_path: Path, tiff: bytes, found: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff)
    with pytest.raises(DataError, match=found.replace(".", r"\.")):
        read_picture(path)


@pytest.mark.parametrize("values", [DEEP, FLOATS, CODES], ids=["deep", "floats", "codes"])
@pytest.mark.parametrize("tile", [None, (16, 16)], ids=["strips", "tiles"])
def test_a_bit_that_was_flipped_in_deflate_is_told(tmp_path: Path, values: np.ndarray, tile: object) -> None:
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.tile(values, (5, 5, 1)), photometric="rgb", compression="zlib", tile=tile)
    read_picture(path)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        start, size = (next(iter(part)) for part in (file.pages[0].dataoffsets, file.pages[0].databytecounts))
    for place in range(start + 20, start + size, 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"a\.tif: cannot be read"):
            read_picture(path)


@pytest.mark.thorough
def test_flat_frames_that_compress_best_are_read(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    tifffile = pytest.importorskip("tifffile")
    flat, path = np.zeros((2048, 2048, 3), np.uint16), tmp_path / "a.tif"
    for codec in ("lzw", "zlib", "packbits", "zstd", "lzma"):
        tifffile.imwrite(path, flat, photometric="rgb", compression=codec, rowsperstrip=2048)
        np.testing.assert_array_equal(read_picture(path).rgb, flat)


def test_16_bits_by_another_name_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("tifffile").imwrite(tmp_path / "a.tif", DEEP, photometric="rgb")
    (tmp_path / "a.tif").rename(tmp_path / "a.bmp")
    with pytest.raises(DataError, match=r"a\.bmp: expected 8 bits by its name, found a TIFF of more; name it \.tif"):
        read_picture(tmp_path / "a.bmp")


@pytest.mark.parametrize("tag", [258, 259, 262, 274, 277, 284, 317, 338, 339])
def test_tags_of_other_types_are_one_line(tmp_path: Path, tag: int, recwarn: pytest.WarningsRecorder) -> None:
    """Whatever a type and a count make of them."""
    tifffile = pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "planarconfig": "separate", "extrasamples": (0, 0), "predictor": True}
    tifffile.imwrite(path, CODES.transpose(2, 0, 1), compression="zlib", metadata=None, **options)
    data = path.read_bytes()
    (start,) = struct.unpack_from("<I", data, 4)
    (n,) = struct.unpack_from("<H", data, start)
    places = [start + 2 + 12 * k for k in range(n)]
    place = next((one for one in places if struct.unpack_from("<H", data, one)[0] == tag), places[0])
    for kind, count in itertools.product(range(14), (0, 1, 2, 4, 5)):
        changed = bytearray(data)
        struct.pack_into("<HHI", changed, place, tag, kind, count)
        path.write_bytes(changed)
        with contextlib.suppress(DataError):
            read_picture(path)
    assert [str(one.message) for one in recwarn] == []
