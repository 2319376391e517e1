"""What a score holds, as JSON for machines and as a table for people."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .metrics import SSIM_DEFINITION, SSIM_LINEAR_DEFINITION, bits_per_texel, compression_ratio
from .perceptual import LPIPS_DEFINITION, LPIPS_LINEAR_DEFINITION

_BYTES_PER_TEXEL = {"srgb8": 3, "linear": 12}


@dataclass(frozen=True)
class HourScore:
    """One stored time: hour of the day, PSNR in dB (infinite where exact), SSIM, LPIPS (None where absent)."""

    hour: float
    psnr_db: float
    ssim: float
    lpips: float | None


@dataclass(frozen=True)
class ScoreReport:
    """Every measure of one decoded day.

    Attributes:
        transfer: `"srgb8"` (codes) or `"linear"` (radiance): which definitions hold.
        psnr_db: Of the whole day; infinite where exact.
        ssim: Of the whole day; NaN where no tile could be measured (linear only).
        lpips: Of the whole day, None where absent.
        temporal_l1: Error of the frame differences, None for a single frame.
        temporal_lpips: LPIPS of the frame differences, None where absent.
        per_hour: One entry per frame, in order of time.
        lpips_absent: Why LPIPS is absent, None where it is not.
        height: H, rows.
        width: W, columns.
        n_valid: Valid texels.
        archive_bytes: Everything the decoder reads; of an archive of several lightmaps, the one's own sections.
        source_bytes: The files of the originals (PNG), 0 where unknown.
    """

    transfer: str
    psnr_db: float
    ssim: float
    lpips: float | None
    temporal_l1: float | None
    temporal_lpips: float | None
    per_hour: tuple[HourScore, ...]
    lpips_absent: str | None
    height: int
    width: int
    n_valid: int
    archive_bytes: int
    source_bytes: int = 0

    @property
    def bpt(self) -> float:
        """Bits per valid texel and map."""
        return bits_per_texel(self.archive_bytes, self.n_valid, len(self.per_hour))

    @property
    def compression_ratio(self) -> float:
        """Raw bytes of all frames (8-bit RGB; float32 RGB for linear) over archive bytes."""
        raw = _BYTES_PER_TEXEL[self.transfer] * self.height * self.width * len(self.per_hour)
        return compression_ratio(raw, self.archive_bytes)

    @property
    def compression_ratio_png(self) -> float | None:
        """Bytes of the files of the originals over archive bytes; None where they are unknown."""
        return compression_ratio(self.source_bytes, self.archive_bytes) if self.source_bytes else None

    @property
    def psnr_key(self) -> str:
        """`psnr_srgb_db` or `psnr_linear_db`, whichever definition holds."""
        return "psnr_srgb_db" if self.transfer == "srgb8" else "psnr_linear_db"

    def to_json(self) -> dict[str, object]:
        """Plain numbers and strings for `json.dumps`; what is absent, infinite or NaN is null (`lossless` tells)."""
        codes = self.transfer == "srgb8"
        return {
            self.psnr_key: _number(self.psnr_db),
            "lossless": self.psnr_db == math.inf,
            "ssim": _number(self.ssim),
            "lpips": _number(self.lpips),
            "lpips_absent": self.lpips_absent,
            "temporal_l1": _number(self.temporal_l1),
            "temporal_lpips": _number(self.temporal_lpips),
            "archive_bytes": self.archive_bytes,
            "bpt": self.bpt,
            "compression_ratio": self.compression_ratio,
            "compression_ratio_png": _number(self.compression_ratio_png),
            "frames": len(self.per_hour),
            "height": self.height,
            "width": self.width,
            "valid_texels": self.n_valid,
            "ssim_definition": SSIM_DEFINITION if codes else SSIM_LINEAR_DEFINITION,
            "lpips_definition": LPIPS_DEFINITION if codes else LPIPS_LINEAR_DEFINITION,
            "per_hour": [
                {
                    "hour": h.hour,
                    self.psnr_key: _number(h.psnr_db),
                    "ssim": _number(h.ssim),
                    "lpips": _number(h.lpips),
                }
                for h in self.per_hour
            ],
        }

    def table(self) -> str:
        """Rows per hour, the day's row, then flicker and bytes; every absent figure says so."""
        n_frames, n_texels = len(self.per_hour), self.height * self.width
        ratio = self.compression_ratio_png
        against_png = f", {ratio:.1f} x against the source files" if ratio is not None else ""
        raw = "8-bit" if self.transfer == "srgb8" else "float32"
        lines = [
            f"{n_frames} frames of {self.width} x {self.height}, {self.n_valid} valid texels "
            f"({100 * self.n_valid / n_texels:.1f} %), {self.transfer}",
            "",
            f"{'hour':>6} {'PSNR dB':>9} {'SSIM':>8} {'LPIPS':>8}",
            *(_row(f"{h.hour:g}", h.psnr_db, h.ssim, h.lpips) for h in self.per_hour),
            _row("day", self.psnr_db, self.ssim, self.lpips),
            "",
            f"temporal L1     {_cell(self.temporal_l1, 5)}",
            f"temporal LPIPS  {_cell(self.temporal_lpips, 5)}",
            f"archive         {self.archive_bytes} bytes, {self.bpt:.3f} bits per valid texel and frame",
            f"compression     {self.compression_ratio:.1f} x against raw {raw} RGB{against_png}",
        ]
        if self.lpips_absent is not None:
            lines.append(f"LPIPS absent:   {self.lpips_absent}")
        return "\n".join(lines)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _cell(value: float | None, digits: int) -> str:
    return "absent" if value is None else f"{value:.{digits}f}"


def _row(label: str, psnr_db: float, similarity: float, distance: float | None) -> str:
    return f"{label:>6} {psnr_db:>9.2f} {similarity:>8.4f} {_cell(distance, 4):>8}"
