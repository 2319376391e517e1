"""Color profiles are not applied, which is said where they mean other colors."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from todpack.frames import read_day
from todpack.frames.color_profile import other_primaries, other_than_srgb
from todpack.frames.formats import read_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
CODES = np.random.default_rng(0).integers(1, 256, (6, 8, 3)).astype(np.uint8)


def with_gamma(gamma: float) -> bytes:
    """The profile of sRGB with another curve. Source: ICC.1:2022, 10.18 "parametricCurveType", function 3."""
    head = SRGB.index(b"para\0\0\0\0\0\3\0\0") + 12
    curve = SRGB[head : head + 20]
    return SRGB.replace(curve, struct.pack(">5i", *[round(65536 * value) for value in (gamma, 1, 0, 1, 0)]))


def test_profiles_that_mean_srgb() -> None:
    assert other_than_srgb(SRGB) is None
    assert other_than_srgb(with_gamma(2.2)) is None
    assert "sRGB" in str(other_than_srgb(with_gamma(1.0)))  # by its name only
    assert other_than_srgb(with_gamma(1.8)) is not None
    for damaged in (b"", b"no profile", SRGB[:200], SRGB[:16] + b"CMYK" + SRGB[20:]):
        assert other_than_srgb(damaged) is None


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_profile_is_told(tmp_path: Path, suffix: str) -> None:
    for t in range(4):
        profile = SRGB if t == 0 else with_gamma(1.0)
        Image.fromarray(CODES).save(tmp_path / f"tod_{6 * t:02d}.{suffix}", icc_profile=profile)
    lines = [line for line in read_day(tmp_path).warnings if "profile" in line]
    assert lines == [
        f"{tmp_path}: 3 of 4 frames have other colors than sRGB (profile sRGB built-in); nothing is converted"
    ]
    assert not any("profile" in line for line in read_day(tmp_path, encoding="linear").warnings)


def test_a_profile_of_deep_codes(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    for kind in ("png", "tif"):
        folder = tmp_path / kind
        folder.mkdir()
        for t in range(3):
            name = folder / f"tod_{8 * t:02d}.{kind}"
            if kind == "tif":
                tifffile.imwrite(name, CODES.astype(np.uint16) * 257, photometric="rgb", iccprofile=with_gamma(1.0))
            else:
                deep_png(name)
        assert (
            sum("3 of 3 frames have other colors than sRGB (profile " in line for line in read_day(folder).warnings)
            == 1
        )


def deep_png(path: Path) -> None:
    """16 bits, with a profile behind the header."""
    import zlib

    import imagecodecs

    data = imagecodecs.png_encode(CODES.astype(np.uint16) * 257)
    body = b"iCCP" + b"linear\0\0" + zlib.compress(with_gamma(1.0))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def with_primaries_of_p3() -> bytes:
    """The profile of sRGB with another red. Source: ICC.1:2022, 9.2.44 "redMatrixColumnTag", as XYZ of D50."""
    at = int.from_bytes(SRGB[SRGB.index(b"rXYZ") + 4 :][:4], "big") + 8
    return (
        SRGB[:at] + struct.pack(">3i", *[round(65536 * value) for value in (0.5151, 0.2412, -0.0011)]) + SRGB[at + 12 :]
    )


def test_linear_values_have_primaries_too(tmp_path: Path) -> None:
    assert other_primaries(SRGB) is other_primaries(with_gamma(1.0)) is other_primaries(b"damaged") is None
    assert other_primaries(with_primaries_of_p3()) == "profile sRGB built-in"
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    for profile, found in ((with_gamma(1.0), None), (with_primaries_of_p3(), "profile sRGB built-in")):
        tifffile.imwrite(tmp_path / "a.tif", CODES.astype(np.float32), photometric="rgb", iccprofile=profile)
        assert read_picture(tmp_path / "a.tif").colors == found
