"""EXR files of other programs: every compression, half and float, tiles, layers, windows."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.frames.foreign_files import RADIANCE, ffmpeg_frame, openexr_frame
from todpack.frames import DataError
from todpack.frames.exr import read_exr

pytest.importorskip("OpenEXR")
THREE = Path(__file__).parent / "three_exr"
LOSSLESS = ("NO", "RLE", "ZIPS", "ZIP", "PIZ")
LOSSY = {"PXR24": 1e-3, "B44": 0.1, "B44A": 0.1, "DWAA": 0.1, "DWAB": 0.1}


@pytest.mark.parametrize("compression", LOSSLESS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.thorough
def test_compressions_without_loss(tmp_path: Path, compression: str, dtype: type) -> None:
    stored = RADIANCE.astype(dtype)
    picture = read_exr(openexr_frame(tmp_path / "a.exr", {"RGB": stored}, f"{compression}_COMPRESSION"))
    assert picture.alpha is None
    assert picture.rgb.dtype == np.float32
    np.testing.assert_array_equal(picture.rgb, stored.astype(np.float32))


@pytest.mark.parametrize("compression", LOSSY)
@pytest.mark.thorough
def test_compressions_with_loss(tmp_path: Path, compression: str) -> None:
    smooth = np.linspace(0.5, 2, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3).astype(np.float16)
    found = read_exr(openexr_frame(tmp_path / "a.exr", {"RGB": smooth}, f"{compression}_COMPRESSION")).rgb
    np.testing.assert_allclose(found, smooth.astype(np.float32), rtol=LOSSY[compression])


@pytest.mark.parametrize("compression", ["none", "rle", "zip1", "zip16"])
@pytest.mark.parametrize(("kind", "dtype"), [("half", np.float16), ("float", np.float32)])
def test_ffmpeg(tmp_path: Path, compression: str, kind: str, dtype: type) -> None:
    pytest.importorskip("av")
    path = ffmpeg_frame(tmp_path / "a.exr", "exr", RADIANCE, {"compression": compression, "format": kind})
    found = read_exr(path).rgb
    np.testing.assert_allclose(found, RADIANCE.astype(dtype).astype(np.float32), rtol=1e-3 if kind == "half" else 0)


@pytest.mark.parametrize("path", sorted(THREE.glob("*.exr")), ids=lambda path: path.stem)
def test_three_js(path: Path) -> None:
    n = np.arange(24, dtype=np.float32).reshape(4, 6)[::-1]  # the exporter writes textures from their bottom row up
    picture = read_exr(path)
    np.testing.assert_array_equal(picture.rgb, np.stack([n / 4, n * n / 16, np.full_like(n, 0.5)], axis=2))
    np.testing.assert_array_equal(picture.alpha, n % 2)


def test_tiles_are_read(tmp_path: Path) -> None:
    tall = np.tile(RADIANCE, (5, 6, 1))
    path = openexr_frame(tmp_path / "a.exr", {"RGB": tall}, storage="tiledimage")
    np.testing.assert_array_equal(read_exr(path).rgb, tall)


def _planes(names: str, factor: float = 1) -> dict[str, np.ndarray]:
    return {name: RADIANCE[..., i] * np.float32(factor) for i, name in enumerate(names.split())}


def test_other_channels_are_left_out(tmp_path: Path) -> None:
    channels = _planes("R G B") | _planes("diffuse.R diffuse.G diffuse.B", 2) | {"Z": RADIANCE[..., 0]}
    picture = read_exr(openexr_frame(tmp_path / "a.exr", channels))
    np.testing.assert_array_equal(picture.rgb, RADIANCE)
    assert picture.alpha is None


def test_the_only_layer_is_taken(tmp_path: Path) -> None:
    channels = _planes("bake.Combined.R bake.Combined.G bake.Combined.B") | {"bake.Depth.Z": RADIANCE[..., 0]}
    np.testing.assert_array_equal(read_exr(openexr_frame(tmp_path / "a.exr", channels)).rgb, RADIANCE)


def test_of_several_layers_one_is_chosen(tmp_path: Path) -> None:
    channels = _planes("diffuse.R diffuse.G diffuse.B", 2) | _planes("total.R total.G total.B")
    path = openexr_frame(tmp_path / "a.exr", channels)
    with pytest.raises(DataError, match=r"a\.exr: expected channels R, G, B, found those of .*choose one by --layer"):
        read_exr(path)
    np.testing.assert_array_equal(read_exr(path, "total").rgb, RADIANCE)
    with pytest.raises(DataError, match=r"expected channels sky\.R, sky\.G, sky\.B, found diffuse\.B, "):
        read_exr(path, "sky")


def test_gray_is_repeated(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"Y": RADIANCE[..., 0]})
    np.testing.assert_array_equal(read_exr(path).rgb, RADIANCE[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize("channels", [{"Z": RADIANCE[..., 0]}, {"U": RADIANCE[..., 0], "V": RADIANCE[..., 1]}])
def test_without_colors(tmp_path: Path, channels: dict[str, np.ndarray]) -> None:
    path = openexr_frame(tmp_path / "a.exr", channels)
    with pytest.raises(DataError, match=r"a\.exr: expected channels R, G, B, found [UZ]"):
        read_exr(path)


def test_whole_numbers_are_refused(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"RGB": (RADIANCE * 10).astype(np.uint32)})
    with pytest.raises(DataError, match="expected half or float channels of one resolution, found R of uint32"):
        read_exr(path)


def test_luminance_beside_a_single_color(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"R": RADIANCE[..., 0], "Y": RADIANCE[..., 1]})
    np.testing.assert_array_equal(read_exr(path).rgb, RADIANCE[..., 1:2].repeat(3, axis=2))


def test_data_window_within_the_display_window(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"RGB": RADIANCE}, window=[(2, 1), (14, 9), (0, 0), (15, 11)])
    expected = np.zeros((12, 16, 3), np.float32)
    expected[1:10, 2:15] = RADIANCE
    np.testing.assert_array_equal(read_exr(path).rgb, expected)


def test_data_window_beyond_the_display_window(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"RGB": RADIANCE}, window=[(-2, -1), (10, 7), (0, 0), (5, 4)])
    np.testing.assert_array_equal(read_exr(path).rgb, RADIANCE[1:6, 2:8])


@pytest.mark.parametrize("is_first", [False, True])
def test_colors_lie_where_their_own_part_has_them(tmp_path: Path, is_first: bool) -> None:
    """Of a file whose depth has another data window."""
    exr = pytest.importorskip("OpenEXR")
    height, width = RADIANCE.shape[:2]

    def header(left: int, top: int, right: int, bottom: int) -> dict[str, object]:
        windows = {"dataWindow": ((left, top), (right, bottom)), "displayWindow": ((0, 0), (15, 11))}
        return {"type": exr.scanlineimage, "compression": exr.ZIP_COMPRESSION, **windows}

    colors = {name: np.ascontiguousarray(RADIANCE[..., n]) for n, name in enumerate("RGB")}
    beauty = exr.Part(header(2, 1, 1 + width, height), colors, "beauty")
    depth = exr.Part(header(0, 0, 15, 11), {"Z": np.ones((12, 16), np.float32)}, "depth")
    exr.File([beauty, depth] if is_first else [depth, beauty]).write(str(tmp_path / "a.exr"))
    expected = np.zeros((12, 16, 3), np.float32)
    expected[1 : 1 + height, 2 : 2 + width] = RADIANCE
    np.testing.assert_array_equal(read_exr(tmp_path / "a.exr").rgb, expected)


def test_colors_are_of_one_part(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR")
    header = {"type": exr.scanlineimage, "compression": exr.ZIP_COMPRESSION}
    red, green, blue = (np.ascontiguousarray(RADIANCE[..., n]) for n in range(3))
    parts = [
        exr.Part(dict(header), {"R": red, "G": green}, "one"),
        exr.Part(dict(header), {"B": blue, "A": blue}, "other"),
    ]
    exr.File(parts).write(str(tmp_path / "a.exr"))
    with pytest.raises(DataError, match="expected channels R, G, B, found G, R"):
        read_exr(tmp_path / "a.exr")
    parts.append(exr.Part(dict(header), {"R": red, "G": green, "B": blue}, "whole"))
    exr.File(parts).write(str(tmp_path / "b.exr"))
    picture = read_exr(tmp_path / "b.exr")
    np.testing.assert_array_equal(picture.rgb, RADIANCE)
    assert picture.alpha is None


def test_no_exr_and_damaged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.exr").write_bytes(b"junk" * 30)
    with pytest.raises(DataError, match=r"a\.exr: expected an EXR image, found something else"):
        read_exr(tmp_path / "a.exr")
    path = openexr_frame(tmp_path / "b.exr", {"RGB": RADIANCE})
    data = path.read_bytes()
    for size in (40, 300, len(data) - 200):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match=r"b\.exr: ") as caught:
            read_exr(path)
        assert "\n" not in str(caught.value)


def test_the_library_says_nothing_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It would write the name of a damaged file to both streams, with what is in it."""
    path = openexr_frame(tmp_path / "a\x1b[31m.exr", {"RGB": RADIANCE}, "ZIP_COMPRESSION")
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(DataError, match="cannot be read as EXR"):
        read_exr(path)
    assert capfd.readouterr() == ("", "")
    os.write(1, b"heard again")
    assert capfd.readouterr().out == "heard again"


def test_a_small_file_asks_for_no_large_picture(tmp_path: Path) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"RGB": RADIANCE}, "ZIP_COMPRESSION")
    data = path.read_bytes()
    start = data.index(b"displayWindow\0box2i\0") + len(b"displayWindow\0box2i\0") + 4
    path.write_bytes(data[:start] + np.array([0, 0, 65535, 65535], "<i4").tobytes() + data[start + 16 :])
    with pytest.raises(DataError, match=r"windows of at most 268435456 texels, found one of 4294967296"):
        read_exr(path)


def _with_data_window(data: bytes, right: int, bottom: int) -> bytes:
    start = data.index(b"dataWindow\0box2i\0") + len(b"dataWindow\0box2i\0") + 4
    return data[:start] + struct.pack("<4i", 0, 0, right, bottom) + data[start + 16 :]


@pytest.mark.parametrize("compression", ["NO", "RLE", "ZIP", "PIZ", "PXR24"])
def test_a_data_window_that_the_bytes_cannot_fill_takes_no_memory(tmp_path: Path, compression: str) -> None:
    path = openexr_frame(tmp_path / "a.exr", {"RGB": RADIANCE}, f"{compression}_COMPRESSION")
    path.write_bytes(_with_data_window(path.read_bytes(), 1 << 20, 127))
    size = path.stat().st_size
    with pytest.raises(DataError, match=f"{size} bytes cannot hold 1048577 x 128 texels; damaged"):
        read_exr(path)


@pytest.mark.parametrize("compression", ["RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44A", "DWAA", "DWAB"])
@pytest.mark.parametrize("dtype", [np.float16, pytest.param(np.float32, marks=pytest.mark.thorough)])
def test_black_pictures_are_read(tmp_path: Path, compression: str, dtype: type) -> None:
    black = np.zeros((1500, 1500), dtype)
    path = openexr_frame(tmp_path / "a.exr", {"Y": black}, f"{compression}_COMPRESSION")
    assert not read_exr(path).rgb.any()


def test_a_small_picture_has_no_large_tiles(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    tiles = b"tiles\0tiledesc\0" + struct.pack("<IIIB", 9, 32, 1 << 24, 0)
    window = b"dataWindow\0box2i\0" + struct.pack("<I4i", 16, 0, 0, 11, 7)
    path.write_bytes(b"\x76\x2f\x31\x01\x02\x02\0\0" + window + tiles + b"\0")
    with pytest.raises(DataError, match="expected tiles no larger than the picture, found 32 x 16777216"):
        read_exr(path)
    damaged = b"pixelAspectRatio\0fl\0at\0" + struct.pack("<If", 4, 1.0)  # behind which nothing is where it should be
    path.write_bytes(b"\x76\x2f\x31\x01\x02\x02\0\0" + window + damaged + tiles + b"\0")
    with pytest.raises(DataError, match="expected tiles no larger than the picture, found 32 x 16777216"):
        read_exr(path)
    path.write_bytes(path.read_bytes()[:-20])  # a header that is cut off is the library's to refuse
    with pytest.raises(DataError, match="cannot be read as EXR"):
        read_exr(path)


def test_chromaticities_of_its_own_are_told(tmp_path: Path) -> None:
    openexr = pytest.importorskip("OpenEXR")
    own = (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767)  # of ACEScg
    for name, chromaticities in (("own", own), ("usual", (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329))):
        path = tmp_path / f"{name}.exr"
        openexr.File({"chromaticities": chromaticities}, {"RGB": np.ones((4, 5, 3), np.float32)}).write(str(path))
        assert read_exr(path).colors == ("chromaticities of its own" if name == "own" else None)
