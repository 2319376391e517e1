"""Affine quantization of grids: error bounds, odd channels, a case by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.quantize import quantize_grid, shortest_floats


def grid_of(*channels: list[float]) -> np.ndarray:
    """(1, n, C) float32."""
    return np.array(channels, np.float32).T[None]


def worst_error(grid: np.ndarray, **options: object) -> tuple[np.ndarray, np.ndarray]:
    """Largest error per channel, and its bin width."""
    quantized = quantize_grid(grid, **options)  # type: ignore[arg-type]
    error = np.abs(quantized.dequantize().transpose(1, 2, 0).astype(np.float64) - grid)
    return error.reshape(-1, grid.shape[2]).max(axis=0), quantized.scales.astype(np.float64)


def test_by_hand() -> None:
    """-1..1 in 254 bins (one of 255 is kept free): scale 2 / 254, zero point 127."""
    quantized = quantize_grid(grid_of([-1.0, 0.0, 0.5, 1.0]))
    assert quantized.scales[0] == np.float32(2 / 254)
    np.testing.assert_array_equal(quantized.zero_points, [127])
    np.testing.assert_array_equal(quantized.codes, [[[0, 127, 191, 254]]])  # 0.5 = 63.5 bins, half to even: 64
    assert quantized.codes.dtype == np.uint8
    np.testing.assert_allclose(quantized.dequantize()[0, 0], [-1.0, 0.0, 64 * 2 / 254, 1.0], atol=1e-6)


@pytest.mark.parametrize(("dtype", "bins"), [("uint8", 254), ("uint16", 65534)])
def test_error_is_half_a_bin(dtype: str, bins: int) -> None:
    grid = np.random.default_rng(0).normal(size=(37, 41, 5)).astype(np.float32) * [1e-3, 1.0, 50.0, 1e-6, 1.0]
    grid = (grid + [0.0, 10.0, 0.0, 0.0, -3.0]).astype(np.float32)
    error, scales = worst_error(grid, dtype=dtype)
    np.testing.assert_allclose(scales, np.ptp(grid.astype(np.float64), axis=(0, 1)) / bins, rtol=1e-5)
    # float32 arithmetic of the decoder adds its own rounding, of the size of the values' last digit
    assert (error <= scales / 2 + 4e-7 * np.abs(grid).max(axis=(0, 1))).all()
    codes = quantize_grid(grid, dtype).codes
    assert codes.shape == (5, 37, 41)
    assert codes.dtype == dtype
    assert codes.reshape(5, -1).max(axis=1).min() > 0.99 * bins


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.floats(-1e6, 1e6, width=32), st.floats(1e-3, 1e4), st.integers(0, 2**32 - 1))
def test_error_bound_of_any_range(center: float, width: float, seed: int) -> None:
    grid = (center + width * np.random.default_rng(seed).uniform(-1, 1, (4, 5, 1))).astype(np.float32)
    error, scales = worst_error(grid)
    assert error[0] <= scales[0] / 2 + 1e-6 * np.abs(grid).max()


@pytest.mark.parametrize("value", [0.0, 1.0, -3.25, 1e-20, 123456.0, -1e30])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_constant_channels(value: float, dtype: str) -> None:
    """Near zero and far from it: the constant comes back to a millionth, and scales are usable numbers."""
    grid = np.full((3, 4, 1), value, np.float32)
    error, scales = worst_error(grid, dtype=dtype)
    assert error[0] <= max(1e-6 * abs(value), 1e-12)
    assert np.isfinite(scales).all()
    assert scales[0] > 0.0


def test_nearly_constant_far_from_zero() -> None:
    """1000 +- 1e-4 at float32's own resolution: still within a millionth."""
    grid = (1000 + np.random.default_rng(0).uniform(-1e-4, 1e-4, (8, 8, 1))).astype(np.float32)
    error, _ = worst_error(grid)
    assert error[0] < 2e-3


def test_channels_do_not_touch_each_other() -> None:
    """An outlier in one channel leaves the other's bins alone."""
    rng = np.random.default_rng(0)
    grid = rng.uniform(-1, 1, (16, 16, 2)).astype(np.float32)
    alone = quantize_grid(grid[..., :1])
    grid[0, 0, 1] = 1e4
    both = quantize_grid(grid)
    np.testing.assert_array_equal(both.codes[0], alone.codes[0])
    assert both.scales[0] == alone.scales[0]


def test_percentile_clips_outliers_at_both_ends() -> None:
    grid = np.random.default_rng(0).uniform(-1, 1, (100, 100, 1)).astype(np.float32)
    grid[0, 0], grid[0, 1] = 100.0, -100.0
    whole, clipped = quantize_grid(grid), quantize_grid(grid, percentile=99.9)
    assert whole.scales[0] == np.float32(200 / 254)
    assert clipped.scales[0] == pytest.approx(2 / 254, rel=0.01)
    values = clipped.dequantize()[0]
    assert values[0, 0] == pytest.approx(1.0, abs=0.02)
    assert values[0, 1] == pytest.approx(-1.0, abs=0.02)
    inside = np.abs(grid[..., 0]) < 0.99
    assert np.abs(values - grid[..., 0])[inside].max() <= clipped.scales[0] / 2 + 1e-6


def test_refused_options() -> None:
    with pytest.raises(ConfigError, match="--grid-dtype: expected one of uint8, uint16, float32, found int4"):
        GridMlpPackOptions(grid_dtype="int4")
    for percentile in (50.0, 100.1, 0.0, float("nan")):
        with pytest.raises(ConfigError, match=r"--percentile: expected a number in \(50, 100\], found"):
            GridMlpPackOptions(percentile=percentile)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@pytest.mark.thorough
def test_floats_survive_json(value: float) -> None:
    text = json.dumps(shortest_floats(np.array([value], np.float32)))
    assert np.float32(json.loads(text)[0]) == np.float32(value)
    assert len(text) <= 26
