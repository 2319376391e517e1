"""Points of a codec on a rate-distortion curve, the bytes it needs at a given PSNR, and BD-rate."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from todpack.decompressor.errors import needs

from ..tables import finite
from .metrics import bits_per_texel

MIN_BD_POINTS = 4  # BD-rate fits a curve through as many
MIN_BD_OVERLAP = 0.3  # of the PSNR ranges; with less the figure means nothing


@dataclass(frozen=True)
class RatePoint:
    """One codec at one setting, over the whole day.

    Attributes:
        name: The codec, e.g. `"x265"`.
        setting: What was set, e.g. `"crf 16"`.
        size_bytes: All coded bytes.
        psnr_db: PSNR of the day; infinite where exact.
        encode_s: Wall time of encoding all frames.
        decode_ms_per_frame: Wall time of decoding all frames, over their number.
        ssim: Of the day; None where it was not measured.
        lpips: Likewise.
        border_db: PSNR of lookups half a texel over charts' borders, against the gutter that the codec was to give:
            the original's own, or the one of FORMAT.md; None where it was not measured, or there are no borders.
        parts: `size_bytes` by kind of section (`byte_budget`), where the codec tells.
        encode_cpu_s: Processor time of encoding, all threads and processes together: nearly free of a machine's load.
        decode_cpu_ms_per_frame: Likewise of decoding.
    """

    name: str
    setting: str
    size_bytes: int
    psnr_db: float
    encode_s: float = math.nan
    decode_ms_per_frame: float = math.nan
    ssim: float | None = None
    lpips: float | None = None
    border_db: float | None = None
    parts: Mapping[str, int] = field(default_factory=dict)
    encode_cpu_s: float = math.nan
    decode_cpu_ms_per_frame: float = math.nan

    @property
    def mask_bytes(self) -> int:
        """Of `size_bytes`, what tells valid texels from others."""
        return self.parts.get("mask", 0)

    def bpt(self, n_valid: int, n_frames: int) -> float:
        """Bits per valid texel and frame."""
        return bits_per_texel(self.size_bytes, n_valid, n_frames)

    def to_json(self, n_valid: int, n_frames: int, psnr_key: str = "psnr_srgb_db") -> dict[str, object]:
        """Plain numbers and strings for `json.dumps`, with bits per texel; null for what is absent or infinite."""
        return {
            "name": self.name,
            "setting": self.setting,
            "bytes": self.size_bytes,
            "bpt": self.bpt(n_valid, n_frames),
            psnr_key: finite(self.psnr_db),
            "ssim": finite(self.ssim),
            "lpips": finite(self.lpips),
            "encode_s": finite(self.encode_s),
            "decode_ms_per_frame": finite(self.decode_ms_per_frame),
            "border_db": finite(self.border_db),
            "parts": dict(self.parts),
            "encode_cpu_s": finite(self.encode_cpu_s),
            "decode_cpu_ms_per_frame": finite(self.decode_cpu_ms_per_frame),
        }


def _curve(points: Sequence[RatePoint]) -> tuple[np.ndarray, np.ndarray]:
    """Finite PSNRs, ascending, and the fewest bytes at each."""
    smallest: dict[float, int] = {}
    for point in points:
        if math.isfinite(point.psnr_db):
            smallest[point.psnr_db] = min(point.size_bytes, smallest.get(point.psnr_db, point.size_bytes))
    psnr_db = np.array(sorted(smallest))
    return psnr_db, np.array([smallest[db] for db in psnr_db], np.float64)


def bytes_at_psnr(points: Sequence[RatePoint], psnr_db: float) -> float | None:
    """Bytes of a codec at a given PSNR: straight lines of log(bytes) over dB between neighboring points.

    Args:
        points: Of one codec, in any order; of equal PSNR the smallest counts.
        psnr_db: Where to read the curve.

    Returns:
        Bytes, interpolated; None where the points do not reach.
    """
    curve_db, curve_bytes = _curve(points)
    if len(curve_db) < 2 or not curve_db[0] <= psnr_db <= curve_db[-1]:
        return None
    return float(np.exp(np.interp(psnr_db, curve_db, np.log(curve_bytes))))


def bd_rate_percent(anchor: Sequence[RatePoint], test: Sequence[RatePoint]) -> float | None:
    """Bjontegaard's delta rate: bytes of `test` beyond those of `anchor` at equal PSNR, mean over the shared range.

    Args:
        anchor: Points of one codec.
        test: Points of the other.

    Returns:
        Percent, negative where `test` needs fewer bytes; None where either has under `MIN_BD_POINTS` points or they
        share too little range.

    Raises:
        MissingPackageError: The package bjontegaard is not installed.

    Source: Bjontegaard, "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001; by PCHIP
        between the points.
    """
    (anchor_db, anchor_bytes), (test_db, test_bytes) = _curve(anchor), _curve(test)
    if min(len(anchor_db), len(test_db)) < MIN_BD_POINTS:
        return None
    shared = min(anchor_db[-1], test_db[-1]) - max(anchor_db[0], test_db[0])
    if shared < MIN_BD_OVERLAP * (max(anchor_db[-1], test_db[-1]) - min(anchor_db[0], test_db[0])):
        return None
    with needs("compare", "BD-rate"):
        import bjontegaard
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overlap, which is judged above
        percent = bjontegaard.bd_rate(
            anchor_bytes, anchor_db, test_bytes, test_db, method="pchip", require_matching_points=False
        )
    return float(percent) if math.isfinite(percent) else None
