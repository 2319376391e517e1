"""Encodings of engines: what their encoders write is what comes back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from todpack.frames import DataError
from todpack.frames.encodings import encoding_of, srgb_to_linear
from todpack.frames.picture import Picture

LIGHT = np.random.default_rng(0).random((40, 50, 3)) ** 3 * 4 + 0.01


def rgbm(light: np.ndarray, scale: float, exponent: float = 1.0) -> np.ndarray:
    """three.js LinearToRGBM, in the space of the exponent."""
    scaled = light ** (1 / exponent) / scale
    alpha = np.ceil(np.clip(scaled.max(axis=2), 1e-6, 1) * 255) / 255
    return np.dstack([scaled / alpha[..., None], alpha])


def rgbd(light: np.ndarray, scale: float) -> np.ndarray:
    """three.js LinearToRGBD."""
    alpha = np.clip(np.floor(np.maximum(scale / light.max(axis=2), 1)) / 255, 0, 1)
    return np.dstack([light * (alpha * 255 / scale)[..., None], alpha])


def linear_to_srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def dldr(light: np.ndarray) -> np.ndarray:
    """Unity: twice as bright in gamma space, 4.59 times in linear light."""
    return np.dstack([linear_to_srgb(np.clip(light / 2**2.2, 0, 1)), np.ones(light.shape[:2])])


def unity_rgbm(light: np.ndarray) -> np.ndarray:
    """So that UnpackLightmapRGBM of the sampled, linearized texel gives the light back."""
    alpha = np.ceil((light.max(axis=2) / 5**2.2) ** (1 / 2.2) * 255) / 255
    return np.dstack([linear_to_srgb(light / ((5 * alpha) ** 2.2)[..., None]), alpha])


def logluv(light: np.ndarray) -> np.ndarray:
    """three.js LinearToLogLuv."""
    luv = np.maximum(
        light @ np.array([[0.2209, 0.3390, 0.4184], [0.1138, 0.6780, 0.7319], [0.0102, 0.1130, 0.2969]]), 1e-6
    )
    log = 2 * np.log2(luv[..., 1]) + 127
    fraction = log - np.floor(log)
    return np.dstack([luv[..., :2] / luv[..., 2:], (log - np.floor(fraction * 255) / 255) / 255, fraction])


ENGINES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "rgbm:7": (lambda light: rgbm(light, 7), 0.02),
    "rgbm:5:srgb": (unity_rgbm, 0.02),
    "rgbm:8:2": (lambda light: rgbm(light, 8, 2), 0.02),
    "RGBD:16": (lambda light: rgbd(light, 16), 0.02),
    "dldr": (dldr, 0.08),
    "logluv": (logluv, 0.04),
}


@pytest.mark.parametrize("name", ENGINES)
def test_what_engines_write(name: str) -> None:
    encode, tolerance = ENGINES[name]
    codes = np.rint(255 * np.clip(encode(LIGHT), 0, 1)).astype(np.uint8)
    found = encoding_of(name).decode(Picture(codes[..., :3], codes[..., 3]), "a.png")
    assert found.dtype == np.float32
    bound = tolerance * LIGHT.max(
        axis=2, keepdims=True
    )  # a common factor: the error is in parts of the largest channel
    assert (np.abs(found - LIGHT) < bound).mean() > 0.999


def test_black_stays_black() -> None:
    black = Picture(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))
    for name in ENGINES:
        np.testing.assert_array_equal(encoding_of(name).decode(black, "a.png"), np.zeros((1, 1, 3)))


def test_without_encoding_the_type_decides() -> None:
    codes = np.array([[[0, 55, 255]]], np.uint8)
    none, linear = encoding_of("none"), encoding_of("linear")
    np.testing.assert_array_equal(none.decode(Picture(codes), "a"), codes)
    assert none.decode(Picture(codes), "a").dtype == np.uint8
    deep = (codes * np.uint16(257)).astype(np.uint16)
    np.testing.assert_allclose(none.decode(Picture(deep), "a"), srgb_to_linear(codes / 255), rtol=1e-6)
    np.testing.assert_allclose(linear.decode(Picture(deep), "a"), codes / 255, rtol=1e-6)
    floats = (codes / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(none.decode(Picture(floats), "a"), floats)
    np.testing.assert_allclose(encoding_of("srgb").decode(Picture(floats), "a"), srgb_to_linear(floats), rtol=1e-6)


def test_the_srgb_curve() -> None:
    # IEC 61966-2-1: both ends, the knee, and a value of common use
    np.testing.assert_allclose(
        srgb_to_linear(np.array([0, 0.04045, 0.5, 1])), [0, 0.04045 / 12.92, 0.21404114, 1], rtol=1e-6
    )


@pytest.mark.parametrize("picture", [Picture(np.zeros((1, 1, 3), np.uint8)), Picture(np.zeros((1, 1, 3), np.float32))])
def test_an_encoding_needs_integers_with_alpha(picture: Picture) -> None:
    with pytest.raises(DataError, match=r"a\.png: expected integer RGBA for --encoding rgbm:5, found "):
        encoding_of("rgbm:5").decode(picture, "a.png")


@pytest.mark.parametrize("name", ["rgbm:1e300", "rgbm:5:1e300", "rgbd:1e30:300"])
def test_light_beyond_all_numbers_is_infinite_without_a_word(name: str) -> None:
    picture = Picture(np.full((1, 1, 3), 100, np.uint8), np.full((1, 1), 200, np.uint8))
    assert not np.isfinite(encoding_of(name).decode(picture, "a.png")).any()


@pytest.mark.parametrize(
    "text",
    ["", "rgbm", "rgbm:", "rgbm:0", "rgbm:inf", "rgbm:2:3:4", "rgbm:srgb", "rgbm:5:srgb:2", "rgbm:x", "dldr:2", "hdr"],
)
def test_unknown(text: str) -> None:
    with pytest.raises(DataError, match="--encoding: expected none, srgb, linear, dldr, rgbm:RANGE"):
        encoding_of(text)


@pytest.mark.parametrize(("dtype", "alphas"), [(np.uint8, (255, 2, 1, 0)), (np.uint16, (65535, 257, 32, 1, 0))])
def test_divisors_of_any_depth(dtype: type[np.generic], alphas: tuple[int, ...]) -> None:
    """0 stands for the least one that is not."""
    largest = np.iinfo(dtype).max  # type: ignore[type-var]
    alpha = np.array([alphas], dtype)
    picture = Picture(np.full((1, len(alphas), 3), largest, dtype), alpha)
    found = encoding_of("rgbd:256").decode(picture, "here")
    expected = 256 / 255 * largest / np.maximum(alpha.astype(np.float64), 1)
    np.testing.assert_allclose(found, np.repeat(expected[..., None], 3, axis=2), rtol=1e-6)
