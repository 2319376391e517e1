"""Points of a codec on a rate-distortion curve, and the bytes it needs at a given PSNR."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EvalError


@dataclass(frozen=True)
class RatePoint:
    """One codec at one setting, over the whole day.

    Attributes:
        name: The codec, e.g. `"x265"`.
        setting: What was set, e.g. `"crf 16"`.
        size_bytes: All coded bytes.
        psnr_db: `psnr_srgb_db` of the day; infinite where exact.
        encode_s: Wall time of encoding all frames.
        decode_ms_per_frame: Wall time of decoding all frames, over their number.
    """

    name: str
    setting: str
    size_bytes: int
    psnr_db: float
    encode_s: float = math.nan
    decode_ms_per_frame: float = math.nan


def bytes_at_psnr(points: Sequence[RatePoint], psnr_db: float, *, extrapolate: bool = False) -> float:
    """Bytes of a codec at a given PSNR: straight lines of log(bytes) over dB between neighboring points.

    Args:
        points: Of one codec, in any order, at least two of different finite PSNR; of equal PSNR the smallest counts.
        psnr_db: Where to read the curve.
        extrapolate: Beyond the measured range, go on along the line through the two nearest points.

    Returns:
        Bytes, interpolated.

    Raises:
        EvalError: Fewer than two usable points, or `psnr_db` outside of their range without `extrapolate`.
    """
    smallest: dict[float, int] = {}
    for point in points:
        if math.isfinite(point.psnr_db):
            smallest[point.psnr_db] = min(point.size_bytes, smallest.get(point.psnr_db, point.size_bytes))
    curve = sorted(smallest.items())
    name = points[0].name if points else "rate curve"
    if len(curve) < 2:
        raise EvalError(f"{name}: expected at least 2 points of different PSNR, found {len(curve)}")
    lowest, highest = curve[0][0], curve[-1][0]
    if not extrapolate and not lowest <= psnr_db <= highest:
        raise EvalError(f"{name}: measured from {lowest:.2f} to {highest:.2f} dB, asked for {psnr_db:.2f} dB")
    right = next((i for i in range(1, len(curve)) if curve[i][0] >= psnr_db), len(curve) - 1)
    (left_db, left_bytes), (right_db, right_bytes) = curve[right - 1], curve[right]
    fraction = (psnr_db - left_db) / (right_db - left_db)
    return math.exp((1 - fraction) * math.log(left_bytes) + fraction * math.log(right_bytes))
