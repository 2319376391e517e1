"""Radiance pictures of FFmpeg, and headers with exposure, other orientations and faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.frames.foreign_files import RADIANCE, ffmpeg_frame
from todpack.frames import DataError
from todpack.frames.radiance_hdr import read_radiance

pytest.importorskip("imagecodecs")
TEXELS = bytes([128, 64, 32, 129, 255, 0, 0, 128, 0, 255, 0, 128, 0, 0, 255, 128, 16, 16, 16, 130, 0, 0, 0, 0])
VALUES = np.array([[[1, 0.5, 0.25], [255 / 256, 0, 0]], [[0, 255 / 256, 0], [0, 0, 255 / 256]], [[0.25] * 3, [0] * 3]])


def write(
    path: Path, size: str = "-Y 3 +X 2", header: str = "FORMAT=32-bit_rle_rgbe\n", texels: bytes = TEXELS
) -> Path:
    path.write_bytes(f"#?RADIANCE\n# by hand\n{header}\n{size}\n".encode() + texels)
    return path


@pytest.mark.parametrize("width", [13, 5])  # lines of under 8 texels are not packed
def test_ffmpeg(tmp_path: Path, width: int) -> None:
    pytest.importorskip("av")
    found = read_radiance(ffmpeg_frame(tmp_path / "a.hdr", "hdr", RADIANCE[:, :width])).rgb
    assert found.dtype == np.float32
    step = RADIANCE[:, :width].max(axis=2, keepdims=True) / 128  # 8 bits below the largest channel's power of two
    assert (np.abs(found - RADIANCE[:, :width]) <= step).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("-Y 3 +X 2", VALUES),
        ("+Y 3 +X 2", VALUES[::-1]),
        ("-Y 3 -X 2", VALUES[:, ::-1]),
        ("+X 3 -Y 2", VALUES.swapaxes(0, 1)),
        ("-X 3 +Y 2", VALUES.swapaxes(0, 1)[::-1, ::-1]),
    ],
)
def test_orientations(tmp_path: Path, size: str, expected: np.ndarray) -> None:
    np.testing.assert_allclose(read_radiance(write(tmp_path / "a.hdr", size)).rgb, expected, rtol=1e-6)


def test_exposures_are_divided_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdr", header="EXPOSURE=2\nFORMAT=32-bit_rle_rgbe\nEXPOSURE= 4.0\n")
    np.testing.assert_allclose(read_radiance(path).rgb, VALUES / 8, rtol=1e-6)


def test_headers_of_the_pictures_that_it_was_made_of(tmp_path: Path) -> None:
    """Programs of Radiance write them behind a tab; their exposures are divided out."""
    head = "pcomb a.hdr b.hdr\n\tEXPOSURE=4\n\tCOLORCORR=1 2 3\n\tGAMMA=2.2\n\tFORMAT=32-bit_rle_xyze\nEXPOSURE=2\n"
    np.testing.assert_allclose(read_radiance(write(tmp_path / "a.hdr", header=head)).rgb, VALUES / 2, rtol=1e-6)


def test_color_corrections_are_divided_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdr", header="EXPOSURE=2\nCOLORCORR= 1 2 0.5\n")
    np.testing.assert_allclose(read_radiance(path).rgb, VALUES / [2, 4, 1], rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"header": "COLORCORR=1 2 0\n"}, "expected three numbers of COLORCORR > 0, found 0"),
        ({"header": "FORMAT=32-bit_rle_xyze\n"}, "expected FORMAT=32-bit_rle_rgbe, found 32-bit_rle_xyze"),
        ({"header": "EXPOSURE=no\n"}, "expected an EXPOSURE > 0, found no"),
        ({"header": "GAMMA=1.0\nGAMMA= 2.2\n"}, "expected linear values, found GAMMA=2.2"),
        ({"size": "-Y 3"}, "expected a size such as -Y 256"),
        ({"size": "-Y 3 +Y 2"}, "expected a size such as -Y 256"),
        ({"texels": TEXELS[:9]}, "cannot be read as a Radiance picture"),
        (
            {"texels": TEXELS[:20] + b"\1\1\1\1"},
            "expected flat texels or runs within lines, found runs of the format's",
        ),
    ],
)
def test_faults(tmp_path: Path, changes: dict[str, str | bytes], message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.hdr: {message}") as caught:
        read_radiance(write(tmp_path / "a.hdr", **changes))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.hdr").write_bytes(b"#?RADIANCE")
    with pytest.raises(DataError, match="expected a Radiance picture, found something else"):
        read_radiance(tmp_path / "a.hdr")


def test_a_size_of_thousands_of_digits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a size such as -Y 256 \+X 512, found b'-Y 999"):
        read_radiance(write(tmp_path / "a.hdr", f"-Y {'9' * 5000} +X 2"))


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ("0.640 0.330 0.290 0.600 0.150 0.060 0.333 0.333", None),
        (".64 .33 .3 .6 .15 .06 .3127 .329", None),
        ("0.7347 0.2653 0 1 0.0001 -0.077 0.32168 0.33767", "PRIMARIES of its own"),
        ("1 2 x", "PRIMARIES of its own"),
        ("0.713 0.293 0.165 0.830 0.128 0.044 0.3217 0.3377", "PRIMARIES of its own"),
    ],
)
def test_primaries_of_its_own_are_told(tmp_path: Path, places: str, found: str | None) -> None:
    assert read_radiance(write(tmp_path / "a.hdr", header=f"PRIMARIES= {places}\n")).colors == found
