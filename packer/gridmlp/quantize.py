"""Post-training quantization of feature grids: affine, per level and channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DTYPES: dict[str, type[np.uint8] | type[np.uint16]] = {"uint8": np.uint8, "uint16": np.uint16}


@dataclass(frozen=True)
class QuantizedGrid:
    """One level.

    Attributes:
        codes: (C, rows, columns) uint8 or uint16; float32 where nothing is quantized.
        scales: (C,) float32 width of one bin, > 0.
        zero_points: (C,) int code that stands for 0 (may lie outside of the dtype's range).
    """

    codes: np.ndarray
    scales: np.ndarray
    zero_points: np.ndarray

    def dequantize(self) -> np.ndarray:
        """(C, rows, columns) float32, by the decoder's arithmetic."""
        zero = self.zero_points.astype(np.float32)[:, None, None]
        values: np.ndarray = (self.codes.astype(np.float32) - zero) * self.scales[:, None, None]
        return values


def quantize_grid(
    grid: np.ndarray, dtype: str = "uint8", percentile: float = 100.0, affine: np.ndarray | None = None
) -> QuantizedGrid:
    """Quantize one level, each channel over its own range.

    Args:
        grid: (rows, columns, C) float32, as trained.
        dtype: "uint8", "uint16", or "float32", which keeps the values.
        percentile: Share of values inside the range, in percent, over 50; 100 is min..max, less clips both ends.
        affine: (2, C) scales and zero points for uint8 that were found in training; they replace the range.

    Returns:
        Codes and the affine map back; inside the range the error is at most scales / 2.
    """
    channels = np.ascontiguousarray(grid.transpose(2, 0, 1), np.float64)
    if dtype == "float32":
        n = len(channels)
        return QuantizedGrid(channels.astype(np.float32), np.ones(n, np.float32), np.zeros(n, np.int64))
    if affine is not None and dtype == "uint8":
        scales, zero_points = affine[0].astype(np.float32), affine[1].astype(np.int64)
        return QuantizedGrid(_codes(channels, scales, zero_points, dtype), scales, zero_points)
    flat = channels.reshape(len(channels), -1)
    low, high = np.percentile(flat, [100.0 - percentile, percentile], axis=1)
    n_codes = np.iinfo(DTYPES[dtype]).max
    # one code is kept free: rounding the zero point moves the range by up to half a bin
    scales = np.maximum((high - low) / (n_codes - 1), 1e-12).astype(np.float32)
    # a nearly constant channel far from zero: its bins may be wider
    is_far = np.abs(low / scales.astype(np.float64)) >= 1 << 24
    widened = (np.maximum(np.abs(low), np.abs(high)) / (1 << 20)).astype(np.float32)
    scales = np.where(is_far, np.maximum(scales, widened), scales)
    zero_points = np.rint(-low / scales.astype(np.float64)).astype(np.int64)
    return QuantizedGrid(_codes(channels, scales, zero_points, dtype), scales, zero_points)


def _codes(channels: np.ndarray, scales: np.ndarray, zero_points: np.ndarray, dtype: str) -> np.ndarray:
    codes = np.rint(channels / scales[:, None, None].astype(np.float64)) + zero_points[:, None, None]
    clipped: np.ndarray = np.clip(codes, 0, np.iinfo(DTYPES[dtype]).max).astype(DTYPES[dtype])
    return clipped


def shortest_floats(values: np.ndarray) -> list[float]:
    """float32 values as the shortest decimals that give the same float32 again (JSON stays small)."""
    return [float(str(v)) for v in np.asarray(values, np.float32).ravel()]
