"""Every kind of image file is read as its codes, or refused by name."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL import __version__ as pillow_version

from tests.frames.foreign_files import ffmpeg_frame
from todpack.decompressor.errors import MissingPackageError
from todpack.frames.errors import DataError
from todpack.frames.formats import read_picture, read_rgb_codes
from todpack.frames.masks import read_mask

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
GRAY = RNG.integers(0, 256, (5, 7)).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def test_rgb(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(CODES)))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, CODES)


def test_gray_is_repeated(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(GRAY)))
    np.testing.assert_array_equal(found, GRAY[..., None].repeat(3, axis=2))


def test_one_bit(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(GRAY > 100)))
    np.testing.assert_array_equal(found[..., 1], np.where(GRAY > 100, 255, 0))


def palette_image() -> tuple[Image.Image, np.ndarray]:
    colors = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    image = Image.fromarray(GRAY % 16).convert("P")
    image.putpalette(colors.tobytes())
    return image, colors[GRAY % 16]


def test_palette(tmp_path: Path) -> None:
    image, expected = palette_image()
    np.testing.assert_array_equal(read_rgb_codes(saved(tmp_path / "a.png", image)), expected)


def test_palette_with_transparency(tmp_path: Path) -> None:
    """An entry that is see-through and used is refused; one that no texel uses is not."""
    image, expected = palette_image()
    used = int(GRAY[0, 0] % 16)
    with pytest.raises(DataError, match=r"a\.png: expected an opaque image, found alpha down to 0"):
        read_rgb_codes(saved(tmp_path / "a.png", image, transparency=used))
    unused = next(i for i in range(16, 256))
    np.testing.assert_array_equal(read_rgb_codes(saved(tmp_path / "b.png", image, transparency=unused)), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha(tmp_path: Path, mode: str) -> None:
    """Opaque: dropped. One texel a little translucent: refused."""
    parts = [GRAY[..., None]] if mode == "LA" else [CODES]
    opaque = np.concatenate([*parts, np.full((5, 7, 1), 255, np.uint8)], axis=2)
    expected = GRAY[..., None].repeat(3, axis=2) if mode == "LA" else CODES
    np.testing.assert_array_equal(
        read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(opaque, mode=None))), expected
    )
    opaque[2, 3, -1] = 254
    with pytest.raises(DataError, match="expected an opaque image, found alpha down to 254"):
        read_rgb_codes(saved(tmp_path / "b.png", Image.fromarray(opaque)))


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    found = read_rgb_codes(saved(tmp_path / "a.jpg", Image.fromarray(smooth), quality=95))
    assert np.abs(found.astype(int) - smooth).max() <= 3


def test_gray_jpeg(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.jpg", Image.fromarray(np.full((8, 8), 99, np.uint8))))
    assert np.abs(found.astype(int) - 99).max() <= 1


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = saved(tmp_path / "print.jpg", Image.fromarray(CODES).convert("CMYK"))
    with pytest.raises(DataError, match=r"print\.jpg: expected 8-bit RGB, gray or palette, found mode CMYK"):
        read_rgb_codes(path)


@pytest.mark.parametrize("size", [0, 4, 20, 60])
def test_png_cut_short(tmp_path: Path, size: int) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(CODES))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"a\.png: ") as caught:
        read_rgb_codes(path)
    assert "\n" not in str(caught.value)


def test_damaged_png(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", Image.fromarray(CODES))
    data = bytearray(path.read_bytes())
    data[50] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png: "):
        read_rgb_codes(path)


def test_text_named_png(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("this is no image")
    with pytest.raises(DataError, match=r"a\.png: expected a PNG image, found something else"):
        read_rgb_codes(tmp_path / "a.png")


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.png: cannot be read: No such file"):
        read_rgb_codes(tmp_path / "a.png")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_rgb_codes(tmp_path)


def test_mask_threshold(tmp_path: Path) -> None:
    codes = np.array([[0, 127, 128, 255]], np.uint8)
    np.testing.assert_array_equal(
        read_mask(saved(tmp_path / "a.png", Image.fromarray(codes)), 1, 4), [[False, False, True, True]]
    )


def test_mask_faults(tmp_path: Path) -> None:
    path = saved(tmp_path / "mask.png", Image.fromarray(np.full((5, 7), 255, np.uint8)))
    with pytest.raises(DataError, match=r"mask\.png: mask must have the size .*expected 5 x 7, found 7 x 5"):
        read_mask(path, 7, 5)
    saved(path, Image.fromarray(np.full((5, 7), 127, np.uint8)))
    with pytest.raises(DataError, match=r"mask\.png: expected at least one valid texel"):
        read_mask(path, 5, 7)


@pytest.mark.parametrize("name", ["a.tga", "a.bmp", "a.tif", "a.webp", "a.png"])
def test_kinds_of_8_bits(tmp_path: Path, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    picture = read_picture(saved(tmp_path / name, Image.fromarray(CODES), **options))
    assert picture.alpha is None
    assert picture.rgb.dtype == np.uint8
    np.testing.assert_array_equal(picture.rgb, CODES)


@pytest.mark.parametrize("name", ["a.tga", "a.tif", "a.webp", "a.png"])
def test_alpha_of_8_bits(tmp_path: Path, name: str) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    alpha = np.where(GRAY > 100, 255, 0).astype(np.uint8)
    picture = read_picture(saved(tmp_path / name, Image.fromarray(np.dstack([CODES, alpha])), **options))
    np.testing.assert_array_equal(picture.rgb, CODES)
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_transparent_color_is_alpha(tmp_path: Path) -> None:
    color = tuple(int(code) for code in CODES[2, 3])
    picture = read_picture(saved(tmp_path / "a.png", Image.fromarray(CODES), transparency=color))
    np.testing.assert_array_equal(picture.alpha, np.where((color == CODES).all(axis=2), 0, 255))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_several_pictures_in_a_file_are_refused(tmp_path: Path, name: str) -> None:
    first, second = Image.fromarray(CODES), Image.fromarray(255 - CODES)
    path = saved(tmp_path / name, first, save_all=True, append_images=[second])
    with pytest.raises(DataError, match=r"a\.\w+: expected one picture, found (2|several pages) in the file"):
        read_picture(path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.jpg"])
def test_orientation_is_applied(tmp_path: Path, orientation: int, name: str) -> None:
    image = Image.fromarray(np.arange(16 * 8 * 3, dtype=np.uint8).reshape(8, 16, 3))
    exif = image.getexif()
    exif[0x0112] = orientation
    path = saved(tmp_path / name, image, exif=exif, **({"lossless": True} if name.endswith("webp") else {}))
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    picture = read_picture(path)
    assert expected.shape == ((8, 16, 3) if orientation < 5 else (16, 8, 3))
    np.testing.assert_array_equal(picture.rgb, expected)
    assert picture.orientation == orientation


DEEP = RNG.integers(0, 65536, (5, 7, 3)).astype(np.uint16)
FLOATS = RNG.random((5, 7, 3), np.float32) * 8


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_16_bits_of_ffmpeg(tmp_path: Path, name: str) -> None:
    pytest.importorskip("imagecodecs")
    pytest.importorskip("av")
    path = ffmpeg_frame(tmp_path / name, name[2:], DEEP)
    picture = read_picture(path)
    assert picture.rgb.dtype == np.uint16
    np.testing.assert_array_equal(picture.rgb, DEEP)
    with pytest.raises(DataError, match="expected 8 bits per channel, found values of uint16"):
        read_rgb_codes(path)


def test_16_bits_by_another_name_are_refused(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", Image.fromarray(DEEP[..., 0])).rename(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: expected 8 bits by its name, found a PNG of 16"):
        read_picture(tmp_path / "a.jpg")


def test_16_bit_gray(tmp_path: Path) -> None:
    pytest.importorskip("imagecodecs")
    picture = read_picture(saved(tmp_path / "a.png", Image.fromarray(DEEP[..., 0])))
    np.testing.assert_array_equal(picture.rgb, DEEP[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize(
    ("values", "alpha"),
    [
        (CODES, False),
        (DEEP, False),
        (DEEP.astype(">u2"), False),
        (FLOATS.astype(np.float64), False),
        (np.dstack([FLOATS, FLOATS[..., 0]]), True),
    ],
)
def test_arrays(tmp_path: Path, values: np.ndarray, alpha: bool) -> None:
    np.save(tmp_path / "a.npy", values)
    picture = read_picture(tmp_path / "a.npy")
    dtype = values.dtype.newbyteorder("=") if values.dtype.kind == "u" else np.float32
    assert picture.rgb.dtype == dtype
    np.testing.assert_array_equal(picture.rgb, values[..., :3].astype(dtype))
    assert (picture.alpha is not None) == alpha


@pytest.mark.parametrize("values", [np.zeros((2, 3, 5)), np.zeros((3,)), np.zeros((2, 3, 3), np.int64)])
def test_arrays_that_are_no_frames(tmp_path: Path, values: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DataError, match=r"a\.npy: expected values"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["a.png", "a.exr", "a.hdr", "a.tif", "a.npy"])
def test_git_lfs_pointer_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(DataError, match=r"found a Git LFS pointer; fetch the files by git lfs pull"):
        read_picture(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("a.exr", "OpenEXR", "exr"), ("a.hdr", "imagecodecs", "hdr"), ("a.tif", "imagecodecs", "hdr")],
)
def test_a_missing_package_is_one_line(tmp_path: Path, monkeypatch: Any, name: str, package: str, extra: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    if name == "a.tif":
        Image.fromarray(DEEP[..., 0]).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(b"any")
    with pytest.raises(MissingPackageError, match=rf"needs {package}: pip install 'todpack\[{extra}\]'") as caught:
        read_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_a_damaged_exif_block(tmp_path: Path, name: str) -> None:
    Image.fromarray(CODES).save(tmp_path / name, exif=b"Exif\0\0MM\0\xff\xff\xff\xff\x08")
    with pytest.raises(DataError, match=rf"{name}: cannot be read: its EXIF block is damaged: ") as caught:
        read_rgb_codes(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tga", "a.bmp", "a.webp", "a.tif", "a.npy", "a.hdr"])
@pytest.mark.thorough
def test_damaged_files_of_every_kind(tmp_path: Path, name: str) -> None:
    """Changed, lost and inserted bytes: a picture, or one line."""
    pytest.importorskip("imagecodecs")
    path = tmp_path / name
    if name.endswith(("npy", "hdr")):
        pytest.importorskip("av")
        np.save(path, FLOATS) if name.endswith("npy") else ffmpeg_frame(path, "hdr", FLOATS)
    elif name.endswith("tif"):
        pytest.importorskip("tifffile").imwrite(path, FLOATS, photometric="rgb", compression="zlib")
    else:
        Image.fromarray(CODES).save(path)
    good, refused = path.read_bytes(), 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        data = bytearray(good)
        for at in rng.integers(0, len(data) - 9, rng.integers(1, 6)):
            kind = rng.integers(3)
            data[at : at + (4 if kind == 1 else 1)] = rng.integers(
                0, 256, 0 if kind == 1 else 1 + 3 * kind, np.uint8
            ).tobytes()
        path.write_bytes(data)
        try:
            read_picture(path)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 5


def test_a_png_of_a_few_bytes_holds_no_large_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((8, 12, 3), np.uint8)).save(path)
    data = bytearray(path.read_bytes())
    data[20:24] = (8_388_616).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)
    with pytest.raises(DataError, match=f"{len(data)} bytes cannot hold 12 x 8388616 texels; damaged"):
        read_picture(path)
    flat = tmp_path / "flat.png"  # as small as a picture gets
    Image.fromarray(np.zeros((4096, 4096), np.uint8)).convert("1").save(flat, optimize=True)
    assert read_picture(flat).rgb.shape == (4096, 4096, 3)


@pytest.mark.parametrize("attributes", [0, 1])
def test_the_odd_bit_of_a_tga_is_no_alpha(tmp_path: Path, attributes: int) -> None:
    """1 is opaque to some readers, 0 to others."""
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, 20, 1, 16, 0x20 | attributes)
    (tmp_path / "a.tga").write_bytes(header + struct.pack("<2H", 0xFC00, 0x001F) * 10)
    picture = read_picture(tmp_path / "a.tga")
    assert picture.rgb[0, :2].tolist() == [[255, 0, 0], [0, 0, 255]]
    assert picture.alpha is None


def test_the_alpha_of_a_tga_palette(tmp_path: Path) -> None:
    palette = np.array([[10, 20, 30, 255], [40, 50, 60, 0]], np.uint8)  # B, G, R, A
    header = struct.pack("<BBBHHBHHHHBB", 0, 1, 1, 0, 2, 32, 0, 0, 20, 1, 8, 0x20)
    (tmp_path / "a.tga").write_bytes(header + palette.tobytes() + bytes([0, 1] * 10))
    try:
        picture = read_picture(tmp_path / "a.tga")
    except DataError as error:  # of Pillow 10
        assert int(pillow_version.split(".")[0]) < 13, error
        pytest.skip("this Pillow reads no such palette")
    assert picture.rgb[0, :2].tolist() == [[30, 20, 10], [60, 50, 40]]
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == [255, 0] * 10
