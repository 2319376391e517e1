"""PNG by hand: whose data end early, of few bits, whose values are linear."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.frames import DataError, read_day
from todpack.frames.formats import read_picture
from todpack.frames.png_chunks import has_all_rows, other_colors, says_linear

PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_png(path: Path, values: np.ndarray, lines: bytes, interlaced: bool = False, head: bytes = b"") -> Path:
    """A gray or RGB PNG of the size and depth of `values`, of these filtered lines, and with these chunks."""
    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8 * values.itemsize, 2 * (values.ndim == 3), 0, 0, interlaced)
    data = zlib.compress(lines)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + head + chunk(b"IDAT", data[:9]) + chunk(b"IDAT", data[9:])
        + chunk(b"IEND", b"")
    )  # fmt: skip
    return path


def lines_of(rows: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in rows)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("n_rows", [1, 9, 15, 16])
def test_rows_that_are_missing_are_told(tmp_path: Path, dtype: type[np.generic], n_rows: int) -> None:
    if dtype is np.uint16:
        pytest.importorskip("imagecodecs")
    values = np.random.default_rng(0).integers(1, np.iinfo(dtype).max, (16, 12, 3)).astype(dtype)  # type: ignore[type-var]
    path = write_png(tmp_path / "a.png", values, lines_of(values[:n_rows]))
    assert has_all_rows(path) == (n_rows == 16)
    if n_rows == 16:
        np.testing.assert_array_equal(read_picture(path).rgb, values)
    else:
        with pytest.raises(DataError, match=r"a\.png: cannot be read: its data end before its last row; damaged"):
            read_picture(path)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 4), (5, 1), (16, 13)])
def test_interlaced_rows(tmp_path: Path, height: int, width: int) -> None:
    values = np.random.default_rng(0).integers(1, 255, (height, width)).astype(np.uint8)
    parts = [values[y::dy, x::dx] for x, y, dx, dy in PASSES]
    lines = b"".join(lines_of(part) for part in parts if part.size)
    path = write_png(tmp_path / "a.png", values, lines, interlaced=True)
    np.testing.assert_array_equal(read_picture(path).rgb[..., 0], values)
    with pytest.raises(DataError, match="cannot be read"):
        read_picture(write_png(tmp_path / "b.png", values, lines[:-1], interlaced=True))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("width", [1, 7, 9])
def test_black_rows_that_are_there(tmp_path: Path, mode: str, width: int) -> None:
    Image.new(mode, (width, 5)).save(tmp_path / "a.png")
    assert has_all_rows(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").rgb.shape == (5, width, 3)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_transparent_gray_of_few_bits(tmp_path: Path, depth: int) -> None:
    values = np.arange(48).reshape(3, 16) % (1 << depth)
    key, largest = (1 << depth) // 2, (1 << depth) - 1
    bits = (values[..., None] >> np.arange(depth)[::-1] & 1).reshape(3, -1).astype(np.uint8)
    data = zlib.compress(lines_of(np.packbits(bits, axis=1)))
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 3, depth, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", key)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )  # fmt: skip
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.rgb[..., 0], values * (255 // largest))
    np.testing.assert_array_equal(picture.alpha, np.where(values == key, 0, 255))


SRGB, PROFILE = chunk(b"sRGB", b"\0"), chunk(b"iCCP", b"a profile\0\0")
GAMMA_1, GAMMA_22 = (chunk(b"gAMA", struct.pack(">I", gamma)) for gamma in (100_000, 45_455))
LINEAR_CODES, SRGB_CODES = (chunk(b"cICP", bytes([1, transfer, 0, 1])) for transfer in (8, 13))


@pytest.mark.parametrize(
    ("head", "is_linear"),
    [
        (b"", False),
        (GAMMA_1, True),
        (GAMMA_22, False),
        (SRGB + GAMMA_1, False),
        (PROFILE + GAMMA_1, False),
        (LINEAR_CODES, True),
        (LINEAR_CODES + SRGB + GAMMA_22, True),
        (SRGB_CODES + GAMMA_1, False),
        (chunk(b"gAMA", struct.pack(">I", 100_001)), True),
        (chunk(b"gAMA", b"1"), False),
    ],
)
def test_whether_values_are_linear(tmp_path: Path, head: bytes, is_linear: bool) -> None:
    values = np.full((4, 4), 128, np.uint8)
    assert says_linear(write_png(tmp_path / "a.png", values, lines_of(values), head=head)) == is_linear


def test_linear_values_on_the_srgb_curve_are_told(tmp_path: Path) -> None:
    values = np.full((4, 4), 128, np.uint8)
    for hour in range(3):
        write_png(tmp_path / f"{hour}.png", values, lines_of(values), head=GAMMA_1 if hour else b"")
    line = f"{tmp_path}: 2 of 3 frames call their values linear (gAMA or cICP); they are read on the sRGB curve"
    assert sum(said.startswith(line) for said in read_day(tmp_path).warnings) == 1
    for encoding in ("srgb", "linear"):
        assert not any("their values" in said for said in read_day(tmp_path, encoding=encoding).warnings)


PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)  # of sRGB, behind its white
P3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"", None),
        (GAMMA_22 + chunk(b"cHRM", struct.pack(">8I", *PRIMARIES)), None),
        (GAMMA_1, None),
        (chunk(b"gAMA", struct.pack(">I", 55_556)), "gAMA 0.55556"),
        (GAMMA_22 + chunk(b"cHRM", struct.pack(">8I", *P3)), "cHRM"),
        (SRGB + chunk(b"cHRM", struct.pack(">8I", *P3)), None),
        (chunk(b"cICP", bytes([9, 16, 0, 1])), "cICP 9, 16"),
        (chunk(b"cICP", bytes([12, 13, 0, 1])) + SRGB, "cICP 12, 13"),
        (SRGB_CODES + chunk(b"gAMA", struct.pack(">I", 55_556)), None),
        (LINEAR_CODES, None),
        (chunk(b"cICP", b"1"), None),
    ],
)
def test_colors_that_are_other_than_srgb(tmp_path: Path, head: bytes, found: str | None) -> None:
    values = np.full((4, 4), 128, np.uint8)
    path = write_png(tmp_path / "a.png", values, lines_of(values), head=head)
    assert other_colors(path) == found
    assert read_picture(path).colors == found


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_bit_that_was_flipped_is_told(tmp_path: Path, dtype: type[np.generic]) -> None:
    """Also in the checksum of the last data, which image readers do not look at."""
    if dtype is np.uint16:
        pytest.importorskip("imagecodecs")
    values = np.random.default_rng(0).integers(1, np.iinfo(dtype).max, (16, 12, 3)).astype(dtype)  # type: ignore[type-var]
    path = write_png(tmp_path / "a.png", values, lines_of(values))
    data = path.read_bytes()
    end = data.index(b"IEND") - 4
    for place in [*range(60, end, 31), end - 1]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(DataError, match=r"a\.png: cannot be read: "):
            read_picture(path)
    for whole in (data[:-4], data + struct.pack(">I4s4sI", 4, b"MINE", b"text", 7)):  # of IEND nobody needs one
        path.write_bytes(whole)
        np.testing.assert_array_equal(read_picture(path).rgb, values)
