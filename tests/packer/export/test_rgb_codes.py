"""Radiance as texels: known values, and errors within what the formats promise."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.frames.encodings import encoding_of
from todpack.frames.picture import Picture
from todpack.packer.export.rgb_codes import HALF_MAX, RGB9E5_MAX, Rgbm, to_rgb9e5, to_rgba16f


def from_rgb9e5(packed: np.ndarray) -> np.ndarray:
    """The extension's formula."""
    words = packed.astype(np.int64)
    mantissas = np.stack([words & 511, words >> 9 & 511, words >> 18 & 511], -1)
    return mantissas * np.exp2((words >> 27).astype(np.float64) - 15 - 9)[..., None]


@pytest.mark.parametrize(
    ("rgb", "packed"),
    [
        ((0.0, 0.0, 0.0), 0),
        ((1.0, 0.5, 0.25), (16 << 27) | (64 << 18) | (128 << 9) | 256),
        ((RGB9E5_MAX, 0.0, 1.0), (31 << 27) | 511),
        ((1e9, 1e9, 1e9), 0xFFFFFFFF),
    ],
)
def test_shared_exponent_of_known_colors(rgb: tuple[float, ...], packed: int) -> None:
    assert int(to_rgb9e5(np.array(rgb))) == packed


def test_shared_exponent_is_within_half_a_step() -> None:
    rng = np.random.default_rng(0)
    radiance = np.exp(rng.uniform(-14, 10, (5000, 3)))
    radiance[:9] = np.exp2(np.arange(9) - 4.0)[:, None] * (1 - 2.0**-12)  # rounded up into the next exponent
    step = np.exp2(np.maximum(np.floor(np.log2(radiance.max(-1))) + 1, -15) - 9)
    step = np.where(radiance.max(-1) / step >= 511.5, 2 * step, step)
    error = np.abs(from_rgb9e5(to_rgb9e5(radiance)) - radiance).max(-1)
    assert (error <= step * 0.5001).all()
    assert (error > step * 0.4).any()


def test_what_is_no_light_is_black_or_the_largest() -> None:
    strange = np.array([[np.nan, -1.0, np.inf]])
    assert np.array_equal(from_rgb9e5(to_rgb9e5(strange))[0], [0.0, 0.0, RGB9E5_MAX])
    assert np.array_equal(to_rgba16f(strange)[0], np.array([0.0, 0.0, HALF_MAX, 1.0], np.float16))
    assert Rgbm(5.0, True).encode(strange)[0].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("name", ["rgbm:8", "rgbm:5:srgb"])
def test_rgbm_is_read_back_by_the_encoding_of_the_same_name(name: str) -> None:
    rng = np.random.default_rng(1)
    rgbm = Rgbm(float(name.split(":")[1]), name.endswith("srgb"))
    peak = rgbm.peak**2.2 if rgbm.is_srgb else rgbm.peak
    radiance = peak * rng.uniform(0, 1, (40, 30, 3)) ** 3
    codes = rgbm.encode(radiance)
    back = encoding_of(name).decode(Picture(codes[..., :3], codes[..., 3]), "test")
    # half a code of the color at its multiplier: 1 / 510 of the largest channel, and more where the curve is steep
    slack = 1.13 / 255 if rgbm.is_srgb else 1 / 510
    assert (np.abs(back - radiance).max(-1) <= slack * radiance.max(-1) * 1.01 + 1e-9 * peak + peak / 255 / 510).all()
    assert np.array_equal(rgbm.encode(np.array([[2 * peak, 0, 0]])), [[255, 0, 0, 255]])
