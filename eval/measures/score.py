"""The score of decoded frames against the originals, per hour and for the day: distortion, flicker and bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import EvalError
from ..progress import Progress, silent
from ..tables import columns, figure, finite
from .border import OFFSETS, BorderScore, border_score
from .figures import Figures
from .metrics import bits_per_texel, compression_ratio, psnr_srgb_db, temporal_l1
from .perceptual import (
    LPIPS_DEFINITION,
    LPIPS_LINEAR_DEFINITION,
    MIN_SIDE,
    Lpips,
    LpipsAbsent,
    temporal_lpips,
)
from .robust import robust_psnr_db
from .ssim import SSIM_DEFINITION, SSIM_LINEAR_DEFINITION

_RAW_BYTES_PER_TEXEL = {"srgb8": 3, "linear": 12}


@dataclass(frozen=True)
class HourScore:
    """One stored time: hour of the day, PSNR in dB (infinite where exact), SSIM, LPIPS (None where absent).

    Of radiance also `robust_psnr_db`, see there.
    """

    hour: float
    psnr_db: float
    ssim: float
    lpips: float | None
    robust_psnr_db: float | None = None


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
        border: Of lookups over charts' borders, None where there are none.
        figures: Of every frame or tile, of which those of the day are the means (but PSNR of codes).
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
    border: BorderScore | None = None
    figures: Figures = field(default_factory=Figures)

    @property
    def bpt(self) -> float:
        """Bits per valid texel and map."""
        return bits_per_texel(self.archive_bytes, self.n_valid, len(self.per_hour))

    @property
    def compression_ratio(self) -> float:
        """Raw bytes of all frames (8-bit RGB; float32 RGB for linear) over archive bytes."""
        raw = _RAW_BYTES_PER_TEXEL[self.transfer] * self.height * self.width * len(self.per_hour)
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

        def measures(of: ScoreReport | HourScore) -> dict[str, float | None]:
            return {self.psnr_key: finite(of.psnr_db), "ssim": finite(of.ssim), "lpips": finite(of.lpips)}

        def borders(of: tuple[float, ...] | None) -> dict[str, float | None] | None:
            return None if of is None else {f"{at:g}": finite(db) for at, db in zip(OFFSETS, of, strict=True)}

        border = self.border
        return {
            **measures(self),
            "border_db": borders(None if border is None else border.psnr_db),
            "border_own_gutter_db": borders(None if border is None else border.own_gutter_db),
            "border_own_gutter_ceiling_db": borders(None if border is None else border.ceiling_db),
            "lossless": self.psnr_db == math.inf,
            "lpips_absent": self.lpips_absent,
            "temporal_l1": finite(self.temporal_l1),
            "temporal_lpips": finite(self.temporal_lpips),
            "archive_bytes": self.archive_bytes,
            "bpt": self.bpt,
            "compression_ratio": self.compression_ratio,
            "compression_ratio_png": self.compression_ratio_png,
            "frames": len(self.per_hour),
            "height": self.height,
            "width": self.width,
            "valid_texels": self.n_valid,
            "ssim_definition": SSIM_DEFINITION if codes else SSIM_LINEAR_DEFINITION,
            "lpips_definition": LPIPS_DEFINITION if codes else LPIPS_LINEAR_DEFINITION,
            "per_hour": [
                {"hour": hour.hour, **measures(hour)}
                | ({} if codes else {"robust_psnr_db": finite(hour.robust_psnr_db)})
                for hour in self.per_hour
            ],
        }

    def table(self) -> str:
        """Rows per hour, the day's row, then flicker and bytes; every absent figure says so."""
        ratio = self.compression_ratio_png
        against_png = f", {ratio:.1f} x against the source files" if ratio is not None else ""
        raw = "8-bit" if self.transfer == "srgb8" else "float32"
        share = 100 * self.n_valid / (self.height * self.width)
        day = HourScore(math.nan, self.psnr_db, self.ssim, self.lpips)
        rows = [
            (name, f"{of.psnr_db:.2f}", f"{of.ssim:.4f}", figure(of.lpips, 4))
            for name, of in [*((f"{hour.hour:g}", hour) for hour in self.per_hour), ("day", day)]
        ]
        head: tuple[str, ...] = ("hour", "PSNR dB", "SSIM", "LPIPS")
        body: list[tuple[str, ...]] = [*rows]
        if self.transfer == "linear":  # the worst hour stands for the day
            robust = [hour.robust_psnr_db or math.nan for hour in self.per_hour]
            worst = min((db for db in robust if not math.isnan(db)), default=math.nan)
            head += ("robust dB",)
            body = [(*row, f"{db:.2f}") for row, db in zip(rows, [*robust, worst], strict=True)]
        lines = [
            f"{len(self.per_hour)} frames of {self.width} x {self.height}, {self.n_valid} valid texels "
            f"({share:.1f} %), {self.transfer}",
            "",
            *columns(head, body, "r"),
            "",
            f"temporal L1     {figure(self.temporal_l1, 5)}",
            f"temporal LPIPS  {figure(self.temporal_lpips, 5)}",
            f"archive         {self.archive_bytes} bytes, {self.bpt:.3f} bits per valid texel and frame",
            f"compression     {self.compression_ratio:.1f} x against raw {raw} RGB{against_png}",
        ]
        if self.border is not None:
            over, own, most = (
                " and ".join(f"{db:.2f}" for db in of)
                for of in (self.border.psnr_db, self.border.own_gutter_db, self.border.ceiling_db)
            )
            places = " and ".join(f"{at:g}" for at in OFFSETS)
            lines.append(
                f"border          {over} dB at {places} texels over charts' borders; against the original's own"
            )
            lines.append(f"                gutter {own} dB, of at most {most} dB")
        if self.lpips_absent is not None:
            lines.append(f"LPIPS absent:   {self.lpips_absent}")
        return "\n".join(lines)


def score_frames(
    reference: np.ndarray,
    decoded: np.ndarray,
    valid: np.ndarray,
    hours: np.ndarray,
    *,
    archive_bytes: int,
    lpips: Lpips | LpipsAbsent,
    source_bytes: int = 0,
    tile: int | None = None,
    progress: Progress = silent,
) -> ScoreReport:
    """ScoreReport frames held in arrays, however they were decoded.

    Args:
        reference: (T, H, W, 3) uint8 sRGB codes, or float32 linear radiance: the originals.
        decoded: Same shape and type.
        valid: (H, W) bool.
        hours: (T,) hours of the frames.
        archive_bytes: Size of everything the decoder reads, in bytes.
        lpips: The measure, or why it is absent, see `load_lpips`.
        source_bytes: Size of the files the originals came from; 0 where unknown.
        tile: Side of the tiles that the decoder fills gutters in, see `border_score`.

    Raises:
        EvalError: The decoded frames have another shape or type than the originals.
    """
    if reference.ndim != 4 or reference.shape != decoded.shape or reference.dtype != decoded.dtype:
        raise EvalError(
            f"decoded frames must match the originals: expected {reference.shape} {reference.dtype}, "
            f"found {decoded.shape} {decoded.dtype}"
        )
    n_frames, height, width, _ = reference.shape
    if not isinstance(lpips, LpipsAbsent) and min(height, width) < MIN_SIDE:
        lpips = LpipsAbsent(f"frames of {width} x {height} texels, LPIPS needs at least {MIN_SIDE} a side")
    measure, reason = (None, lpips.reason) if isinstance(lpips, LpipsAbsent) else (lpips, None)
    linear = reference.dtype.kind == "f"
    peak = float(reference[:, valid].max()) if linear else 255.0
    day = Figures()
    per_hour: list[HourScore] = []
    for t in range(n_frames):
        frame = Figures()
        frame.add_frame(reference[t], decoded[t], valid, measure)
        day.extend(frame)
        robust = robust_psnr_db(reference[t], decoded[t], valid) if linear else None
        per_hour.append(HourScore(float(hours[t]), *frame.means(), robust))
        progress(t + 1, n_frames, "scoring")
    psnr_db, similarity, distance = day.means()
    moving = n_frames > 1 and peak > 0.0
    return ScoreReport(
        transfer="linear" if linear else "srgb8",
        psnr_db=psnr_db if linear else psnr_srgb_db(reference, decoded, valid),
        ssim=similarity,
        lpips=distance,
        temporal_l1=temporal_l1(reference, decoded, valid, peak) if moving else None,
        temporal_lpips=temporal_lpips(reference, decoded, valid, measure, peak) if moving and measure else None,
        per_hour=tuple(per_hour),
        lpips_absent=reason,
        height=height,
        width=width,
        n_valid=int(valid.sum()),
        archive_bytes=archive_bytes,
        source_bytes=source_bytes,
        border=border_score(reference, decoded, valid, tile),
        figures=day,
    )
