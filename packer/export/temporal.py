"""The temporal buffer: A(t) and b(t) at the stored times and what fills the gaps, as a texture and as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from todpack.decompressor.daybasis.temporal.ramps import gap_lengths, ramp_table

from .coded_maps import CodedMaps
from .source import SRGB_PEAK, AffineDay

BLOCKS = 4
LAYOUT = (
    "float32, little-endian, shape [hours, 4, maps + 1, 4]: for each stored time the blocks A, D, E, F, each with the "
    "offset b first and then a column per map; x, y, z are red, green, blue; of the first entry of A, w is the stored "
    "time, of D, w is the hours until the next. Between stored times, u from 0 to 1: A + u D + u (1 - u)^2 E + "
    "u^2 (1 - u) F. Color is b + the sum over the maps of column times value"
)


def _shader_units(day: AffineDay, coded: CodedMaps) -> tuple[np.ndarray, np.ndarray]:
    """(T, 3, K) matrix of what a shader reads (0..1 of 8 bits, integers of 16) and (T, 3) offset; 8-bit colors 0..1."""
    peak = SRGB_PEAK if day.transfer == "srgb8" else 1.0
    read = 255.0 if coded.codes.dtype == np.uint8 else 1.0
    n_hours = len(day.hours)
    return (coded.matrix * (read / peak)).reshape(n_hours, 3, -1), (coded.offset / peak).reshape(n_hours, 3)


def temporal_table(day: AffineDay, coded: CodedMaps) -> np.ndarray:
    """(T, 4, K + 1, 4) float32, see LAYOUT."""
    matrix, offset = _shader_units(day, coded)
    n_hours = len(day.hours)
    columns = np.concatenate([offset[:, :, None], matrix], axis=2).transpose(0, 2, 1)  # (T, K + 1, 3)
    ramps = ramp_table(columns.reshape(n_hours, -1), day.hours, day.gap_modes)
    table = np.zeros((n_hours, BLOCKS, columns.shape[1], 4), np.float32)
    table[:, 0, :, :3] = columns
    table[:, 1:, :, :3] = ramps.reshape(3, n_hours, -1, 3).transpose(1, 0, 2, 3)
    table[:, 0, 0, 3], table[:, 1, 0, 3] = day.hours, gap_lengths(day.hours)
    return table


def temporal_json(day: AffineDay, coded: CodedMaps) -> dict[str, Any]:
    """The same for programs that evaluate A(t) themselves, and what the shaders' constants say."""
    matrix, offset = _shader_units(day, coded)
    return {
        "layout": LAYOUT,
        "hours": [float(time_h) for time_h in day.hours],
        "gaps": ["cubic" if mode == "C" else "linear" for mode in day.gap_modes],
        "n_maps": coded.matrix.shape[1],
        "n_channels": coded.channels,
        "n_layers": coded.texture.n_layers,
        "transfer": day.transfer,
        "curve": day.curve,
        "knee": day.knee,
        "matrix": matrix.tolist(),
        "offset": offset.tolist(),
    }
