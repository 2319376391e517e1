"""Measures against values worked out by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from todpack.eval.measures.metrics import (
    bits_per_texel,
    compression_ratio,
    frame_changes,
    psnr_linear_db,
    psnr_srgb_db,
    temporal_l1,
)
from todpack.frames.psnr import psnr_db


def _codes(*values: int, height: int = 4, width: int = 5) -> np.ndarray:
    """One constant frame per value."""
    return np.stack([np.full((height, width, 3), value, np.uint8) for value in values])


EVERY = np.ones((4, 5), bool)


def test_psnr_of_a_constant_error_of_5() -> None:
    # 10 log10(255^2 / 5^2) = 20 log10(51)
    assert psnr_srgb_db(_codes(100), _codes(105), EVERY) == pytest.approx(34.151404, abs=1e-6)


@pytest.mark.parametrize(("original", "decoded"), [(0, 255), (255, 0)])
def test_psnr_of_the_largest_error_is_0_db(original: int, decoded: int) -> None:
    # 255 wraps in int8, 255^2 in int16, their sum in int32 for larger frames
    assert psnr_srgb_db(_codes(original), _codes(decoded), EVERY) == 0.0


def test_psnr_of_an_error_beyond_all_numbers() -> None:
    assert psnr_db(math.inf, 1.0) == -math.inf


def test_psnr_sums_largest_errors_beyond_32_bits() -> None:
    original, decoded = _codes(0, height=200, width=200), _codes(255, height=200, width=200)
    assert psnr_srgb_db(original, decoded, np.ones((200, 200), bool)) == 0.0


def test_psnr_takes_the_mean_square_over_all_frames() -> None:
    # errors 0 and 10: mse 50, 10 log10(65025 / 50)
    assert psnr_srgb_db(_codes(7, 7), _codes(7, 17), EVERY) == pytest.approx(31.141104, abs=1e-6)


def test_psnr_takes_one_frame_without_its_time_axis() -> None:
    assert psnr_srgb_db(_codes(100)[0], _codes(105)[0], EVERY) == pytest.approx(34.151404, abs=1e-6)


def test_psnr_of_equal_frames_is_infinite_whatever_the_invalid_texels_hold() -> None:
    original, decoded, valid = _codes(9), _codes(9), EVERY.copy()
    decoded[0, 1, 2] = 200
    valid[1, 2] = False
    assert psnr_srgb_db(original, decoded, valid) == math.inf


def test_psnr_counts_valid_texels_only() -> None:
    original, decoded, valid = _codes(0), _codes(0), np.zeros((4, 5), bool)
    valid[0, :2] = True
    decoded[0, 0, 0] = 255  # one of two valid texels: mse = 65025 / 2
    assert psnr_srgb_db(original, decoded, valid) == pytest.approx(10 * math.log10(2))


@pytest.mark.parametrize(
    ("original", "decoded", "valid", "expected"),
    [
        (_codes(0), _codes(0, 0), EVERY, "one shape"),
        (_codes(0), _codes(0), np.zeros((4, 5), bool), "no valid texel"),
        (_codes(0), _codes(0), np.ones((5, 4), bool), "mask must be"),
        (_codes(0), _codes(0).astype(np.float32), EVERY, "both"),
        (_codes(0).astype(np.float32), _codes(0).astype(np.float32), EVERY, "takes uint8"),
        (_codes(0)[..., :2], _codes(0)[..., :2], EVERY, "must be"),
    ],
)
def test_psnr_refuses(original: np.ndarray, decoded: np.ndarray, valid: np.ndarray, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        psnr_srgb_db(original, decoded, valid)


def test_linear_psnr_over_tiles_by_hand() -> None:
    """300 x 300 has four tiles: one of 26.02 dB, one without valid texels, one black, one of 20 dB."""
    original = np.zeros((1, 300, 300, 3), np.float32)
    decoded = np.zeros_like(original)
    valid = np.ones((300, 300), bool)
    original[0, :256, :256] = 1.0
    original[0, 17, 18, 1] = 2.0  # the tile's maximum
    decoded[0, :256, :256] = original[0, :256, :256] + np.float32(0.125)  # 10 log10(4 / 0.125^2) = 24.082400
    valid[:256, 256:] = False
    original[0, :256, 256:] = 5.0
    decoded[0, 256:, :256] = 3.0  # the original is black there
    original[0, 256:, 256:] = 10.0
    decoded[0, 256:, 256:] = 9.0  # 10 log10(100 / 1) = 20
    original[0, 299, 299] = 1000.0
    valid[299, 299] = False  # neither its value nor its error counts
    assert psnr_linear_db(original, decoded, valid) == pytest.approx((24.082400 + 20.0) / 2, abs=1e-5)


def test_linear_psnr_averages_decibels_over_times() -> None:
    original = np.ones((2, 8, 8, 3), np.float32)
    decoded = original + np.array([0.5, 0.25], np.float32)[:, None, None, None]  # 6.0206 and 12.0412 dB
    assert psnr_linear_db(original, decoded, np.ones((8, 8), bool)) == pytest.approx(9.030900, abs=1e-5)


def test_linear_psnr_of_exact_and_of_black_frames() -> None:
    valid, ones = np.ones((8, 8), bool), np.ones((1, 8, 8, 3), np.float32)
    assert psnr_linear_db(ones, ones, valid) == math.inf
    assert math.isnan(psnr_linear_db(0 * ones, ones, valid))


def test_changes_of_frames_and_their_errors() -> None:
    assert frame_changes(_codes(0, 10, 10), _codes(0, 13, 10), EVERY) == [(10.0, 3.0), (0.0, 3.0)]


def test_temporal_l1_by_hand() -> None:
    # original changes by 10 and -4, decoded by 13 and -4: (3 + 0) / 2 / 255
    assert temporal_l1(_codes(0, 10, 6), _codes(20, 33, 29), EVERY) == pytest.approx(1.5 / 255)


def test_temporal_l1_of_opposite_jumps_is_2() -> None:
    assert temporal_l1(_codes(255, 0), _codes(0, 255), EVERY) == 2.0


def test_temporal_l1_of_radiance_over_its_peak() -> None:
    original, decoded = _codes(0, 2).astype(np.float32), _codes(0, 1).astype(np.float32)
    assert temporal_l1(original, decoded, EVERY, peak=4.0) == pytest.approx(0.25)


def test_temporal_l1_ignores_invalid_texels_and_refuses_one_frame() -> None:
    original, decoded, valid = _codes(5, 5), _codes(5, 5), EVERY.copy()
    decoded[1, 0, 0] = 90
    valid[0, 0] = False
    assert temporal_l1(original, decoded, valid) == 0.0
    with pytest.raises(ValueError, match="at least 2 frames"):
        temporal_l1(original[:1], decoded[:1], valid)


def test_sizes() -> None:
    assert bits_per_texel(1000, 100, 8) == 10.0
    assert compression_ratio(24 * 256 * 256 * 3, 200_000) == pytest.approx(23.59296)
    with pytest.raises(ValueError, match="at least one"):
        bits_per_texel(1000, 0, 8)
    with pytest.raises(ValueError, match="at least one byte"):
        compression_ratio(1, 0)


def test_the_measures_bring_in_nothing_heavy() -> None:
    """The trainer imports them."""
    program = (
        "import sys, todpack.eval.measures.figures\n"
        "loaded = {'torch', 'scipy', 'onnx', 'lpips', 'skimage', 'av', 'click'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
