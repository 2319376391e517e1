"""Every kind of image file is read as its codes, or refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.frames.errors import DataError
from todpack.frames.image_file import read_mask, read_rgb_codes

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 256, (5, 7, 3)).astype(np.uint8)
GREY = RNG.integers(0, 256, (5, 7)).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def write_png16(path: Path, color_type: int, channels: int) -> Path:
    """A 16-bit PNG by hand (pillow writes none in colour)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 7, 5, 16, color_type, 0, 0, 0)
    rows = b"".join(b"\0" + bytes(7 * channels * 2) for _ in range(5))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    return path


def test_rgb(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(CODES)))
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, CODES)


def test_grey_is_repeated(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(GREY)))
    np.testing.assert_array_equal(found, GREY[..., None].repeat(3, axis=2))


def test_one_bit(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(GREY > 100)))
    np.testing.assert_array_equal(found[..., 1], np.where(GREY > 100, 255, 0))


def palette_image() -> tuple[Image.Image, np.ndarray]:
    colors = RNG.integers(0, 256, (256, 3)).astype(np.uint8)
    image = Image.fromarray(GREY % 16).convert("P")
    image.putpalette(colors.tobytes())
    return image, colors[GREY % 16]


def test_palette(tmp_path: Path) -> None:
    image, expected = palette_image()
    np.testing.assert_array_equal(read_rgb_codes(saved(tmp_path / "a.png", image)), expected)


def test_palette_with_transparency(tmp_path: Path) -> None:
    """An entry that is see-through and used is refused; one that no texel uses is not."""
    image, expected = palette_image()
    used = int(GREY[0, 0] % 16)
    with pytest.raises(DataError, match=r"a\.png: expected an opaque image, found alpha down to 0; drop the alpha"):
        read_rgb_codes(saved(tmp_path / "a.png", image, transparency=used))
    unused = next(i for i in range(16, 256))
    np.testing.assert_array_equal(read_rgb_codes(saved(tmp_path / "b.png", image, transparency=unused)), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha(tmp_path: Path, mode: str) -> None:
    """Opaque: dropped. One texel a little translucent: refused."""
    parts = [GREY[..., None]] if mode == "LA" else [CODES]
    opaque = np.concatenate([*parts, np.full((5, 7, 1), 255, np.uint8)], axis=2)
    expected = GREY[..., None].repeat(3, axis=2) if mode == "LA" else CODES
    np.testing.assert_array_equal(
        read_rgb_codes(saved(tmp_path / "a.png", Image.fromarray(opaque, mode=None))), expected
    )
    opaque[2, 3, -1] = 254
    with pytest.raises(DataError, match="expected an opaque image, found alpha down to 254"):
        read_rgb_codes(saved(tmp_path / "b.png", Image.fromarray(opaque)))


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png(tmp_path: Path, color_type: int, channels: int) -> None:
    path = write_png16(tmp_path / "deep.png", color_type, channels)
    with pytest.raises(DataError, match=r"deep\.png: expected 8 bits per channel, found 16"):
        read_rgb_codes(path)


def test_jpeg(tmp_path: Path) -> None:
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    found = read_rgb_codes(saved(tmp_path / "a.jpg", Image.fromarray(smooth), quality=95))
    assert np.abs(found.astype(int) - smooth).max() <= 3


def test_grey_jpeg(tmp_path: Path) -> None:
    found = read_rgb_codes(saved(tmp_path / "a.jpg", Image.fromarray(np.full((8, 8), 99, np.uint8))))
    assert np.abs(found.astype(int) - 99).max() <= 1


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = saved(tmp_path / "print.jpg", Image.fromarray(CODES).convert("CMYK"))
    with pytest.raises(DataError, match=r"print\.jpg: expected 8-bit RGB, grey or palette, found mode CMYK"):
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
    with pytest.raises(DataError, match=r"a\.png: expected a PNG or JPEG image, found something else"):
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
