"""Shapes that every measure takes: a day (T, H, W, 3) or one frame (H, W, 3), and a mask (H, W)."""

from __future__ import annotations

import numpy as np

from todpack.frames import Day


def paired_days(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give both sides the shape (T, H, W, 3), without a copy; one frame is a day with T = 1.

    Args:
        reference: (T, H, W, 3) or (H, W, 3), the original.
        decoded: Same shape and kind (uint8 codes or floating point).
        valid: (H, W) bool.

    Raises:
        ValueError: Shapes differ, kinds differ, the mask is not (H, W) bool or has no valid texel.
    """
    if reference.shape != decoded.shape:
        raise ValueError(f"frames must have one shape: original {reference.shape}, decoded {decoded.shape}")
    if reference.ndim not in (3, 4) or reference.shape[-1] != 3 or reference.size == 0:
        raise ValueError(f"frames must be (T, H, W, 3) or (H, W, 3), found {reference.shape}")
    if reference.dtype.kind != decoded.dtype.kind or reference.dtype.kind not in "uf":
        raise ValueError(
            f"frames must both be uint8 codes or both floating point: original {reference.dtype}, "
            f"decoded {decoded.dtype}"
        )
    if valid.dtype != np.bool_ or valid.shape != reference.shape[-3:-1]:
        raise ValueError(f"mask must be {reference.shape[-3:-1]} bool, found {valid.shape} {valid.dtype}")
    if not valid.any():
        raise ValueError("mask has no valid texel: nothing to measure")
    if reference.ndim == 3:
        return reference[None], decoded[None]
    return reference, decoded


def with_original_outside(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W, 3) `decoded` with the original in the invalid texels, where windows and filters then see no difference."""
    mixed: np.ndarray = np.where(valid[..., None], decoded, reference)
    return mixed


def as_codes(radiance: np.ndarray) -> np.ndarray:
    """(..., 3) float32 codes 0..255, as `Day` holds them, to uint8."""
    codes: np.ndarray = np.clip(np.rint(radiance), 0, 255).astype(np.uint8)
    return codes


def day_frames(day: Day) -> np.ndarray:
    """The (T, H, W, 3) frames of a day as they are measured: uint8 codes, or float32 radiance."""
    return as_codes(day.radiance) if day.transfer == "srgb8" else day.radiance
