"""SSIM against its closed form on constant frames and against scikit-image elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from todpack.eval.measures.ssim import ssim, ssim_linear_tiles


@pytest.fixture(scope="module")
def structural_similarity() -> Any:
    """scikit-image's SSIM with the paper's window."""
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is not installed")

    def similarity(reference: np.ndarray, decoded: np.ndarray, data_range: float, full: bool) -> Any:
        return metrics.structural_similarity(
            reference,
            decoded,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=data_range,
            channel_axis=-1,
            full=full,
        )

    return similarity


def _noisy_pair(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    ramp = np.linspace(20, 220, width)[None, :, None] + np.zeros((height, 1, 3))
    original = np.clip(ramp + rng.normal(0, 15, ramp.shape), 0, 255).astype(np.uint8)
    decoded = np.clip(original + rng.normal(0, 12, ramp.shape), 0, 255).astype(np.uint8)
    return original, decoded


def test_constant_frames_leave_only_luminance() -> None:
    # c1 = 2.55^2 = 6.5025: (2 * 100 * 150 + c1) / (100^2 + 150^2 + c1)
    original, decoded = np.full((9, 9, 3), 100, np.uint8), np.full((9, 9, 3), 150, np.uint8)
    assert ssim(original, decoded, np.ones((9, 9), bool)) == pytest.approx(30006.5025 / 32506.5025, abs=1e-12)


def test_equal_frames_give_1() -> None:
    original, _ = _noisy_pair(20, 30)
    assert ssim(original, original, np.ones((20, 30), bool)) == 1.0


@pytest.mark.parametrize(("height", "width"), [(40, 33), (300, 20), (7, 40)])
def test_ssim_is_that_of_scikit_image(structural_similarity: Any, height: int, width: int) -> None:
    """Also where frames are taken in several strips; scikit-image refuses sides under 11, so those are left to it."""
    original, decoded = _noisy_pair(height, width)
    valid = np.random.default_rng(4).random((height, width)) < 0.7
    mixed = np.where(valid[..., None], decoded, original)
    if min(height, width) < 11:
        assert 0.0 < ssim(original, decoded, valid) < 1.0
        return
    _, full = structural_similarity(original, mixed, 255, full=True)
    assert ssim(original, decoded, valid) == pytest.approx(float(full[valid].mean()), abs=1e-9)


def test_ssim_of_a_day_is_the_mean_of_its_frames() -> None:
    original, decoded = _noisy_pair(20, 30)
    valid = np.ones((20, 30), bool)
    day = ssim(np.stack([original, original]), np.stack([decoded, original]), valid)
    assert day == pytest.approx((ssim(original, decoded, valid) + 1.0) / 2)


def test_invalid_texels_of_the_reconstruction_do_not_count() -> None:
    original, decoded = _noisy_pair(20, 30)
    valid = np.ones((20, 30), bool)
    valid[5:9, 5:9] = False
    spoiled = decoded.copy()
    spoiled[5:9, 5:9] = 0
    assert ssim(original, spoiled, valid) == ssim(original, decoded, valid)


def test_linear_ssim_of_one_tile_is_that_of_scikit_image(structural_similarity: Any) -> None:
    codes, noisy = _noisy_pair(40, 33)
    original, decoded = codes / np.float32(50), noisy / np.float32(50)
    valid = np.random.default_rng(5).random((40, 33)) < 0.8
    zeroed = np.where(valid[..., None], decoded, np.float32(0))
    expected = structural_similarity(original, zeroed, float(original.max() - original.min()), full=False)
    assert ssim_linear_tiles(original, decoded, valid) == pytest.approx([float(expected)], abs=1e-6)


def test_linear_ssim_leaves_out_narrow_black_and_empty_tiles() -> None:
    codes, noisy = _noisy_pair(300, 266)  # tiles 256 x 256, 256 x 10, 44 x 256, 44 x 10
    original, decoded = codes.astype(np.float32), noisy.astype(np.float32)
    original[256:] = 0.0
    valid = np.ones((300, 266), bool)
    alone = ssim_linear_tiles(original[:256, :256], decoded[:256, :256], valid[:256, :256])
    assert ssim_linear_tiles(original, decoded, valid) == pytest.approx(alone, abs=1e-12)
    assert ssim_linear_tiles(0 * original, decoded, valid) == []
