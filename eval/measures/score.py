"""Score decoded frames against the originals: per hour and for the day, in distortion, flicker and bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from todpack.decompressor import Archive, open_archive
from todpack.frames import AS_FOUND, Day, ReadOptions, read_day

from ..errors import EvalError
from .frames import as_codes, with_original_outside
from .metrics import psnr_linear_tiles_db, psnr_srgb_db, temporal_l1
from .perceptual import MIN_SIDE, Lpips, LpipsAbsent, lpips_linear_tiles, temporal_lpips
from .score_report import HourScore, ScoreReport
from .ssim import ssim, ssim_linear_tiles
from .tiles import mean_or_nan

Progress = Callable[[int, int], None]


def _frame_figures(
    original: np.ndarray, reconstruction: np.ndarray, valid: np.ndarray, lpips: Lpips | None
) -> tuple[list[float], list[float], list[float]]:
    """PSNR, SSIM and LPIPS of one frame: one figure each for codes, one per tile for linear radiance."""
    if original.dtype.kind == "f":
        tiles = lpips_linear_tiles(lpips, original, reconstruction, valid) if lpips is not None else []
        return (
            psnr_linear_tiles_db(original, reconstruction, valid),
            ssim_linear_tiles(original, reconstruction, valid),
            tiles,
        )
    whole: list[float] = []
    if lpips is not None:
        whole = [lpips.distance(original, with_original_outside(original, reconstruction, valid))]
    return [psnr_srgb_db(original, reconstruction, valid)], [ssim(original, reconstruction, valid)], whole


def score_frames(
    reference: np.ndarray,
    decoded: np.ndarray,
    valid: np.ndarray,
    hours: np.ndarray,
    *,
    archive_bytes: int,
    lpips: Lpips | LpipsAbsent,
    source_bytes: int = 0,
    on_frame: Progress | None = None,
) -> ScoreReport:
    """Score frames held in arrays, however they were decoded.

    Args:
        reference: (T, H, W, 3) uint8 sRGB codes, or float32 linear radiance: the originals.
        decoded: Same shape and type.
        valid: (H, W) bool.
        hours: (T,) hours of the frames.
        archive_bytes: Size of everything the decoder reads, in bytes.
        lpips: The measure, or why it is absent (`eval.perceptual.load_lpips`).
        source_bytes: Size of the files the originals came from; 0 where unknown.
        on_frame: Called with (frames scored, frames in all).

    Returns:
        Every measure of the day.

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
    psnr_all: list[float] = []
    ssim_all: list[float] = []
    lpips_all: list[float] = []
    per_hour: list[HourScore] = []
    for t in range(n_frames):
        psnr_db, similarity, distance = _frame_figures(reference[t], decoded[t], valid, measure)
        psnr_all += psnr_db
        ssim_all += similarity
        lpips_all += distance
        per_hour.append(
            HourScore(float(hours[t]), mean_or_nan(psnr_db), mean_or_nan(similarity), _mean_or_none(distance))
        )
        if on_frame is not None:
            on_frame(t + 1, n_frames)
    moving = n_frames > 1 and peak > 0.0
    return ScoreReport(
        transfer="linear" if linear else "srgb8",
        psnr_db=mean_or_nan(psnr_all) if linear else psnr_srgb_db(reference, decoded, valid),
        ssim=mean_or_nan(ssim_all),
        lpips=_mean_or_none(lpips_all),
        temporal_l1=temporal_l1(reference, decoded, valid, peak) if moving else None,
        temporal_lpips=temporal_lpips(reference, decoded, valid, measure, peak) if moving and measure else None,
        per_hour=tuple(per_hour),
        lpips_absent=reason,
        height=height,
        width=width,
        n_valid=int(valid.sum()),
        archive_bytes=archive_bytes,
        source_bytes=source_bytes,
    )


def _mean_or_none(figures: list[float]) -> float | None:
    return mean_or_nan(figures) if figures else None


def score(
    archive_path: str | Path,
    data_path: str | Path,
    *,
    lpips: Lpips | LpipsAbsent,
    reading: ReadOptions = AS_FOUND,
    lightmap: str | None = None,
    threads: int | None = None,
    on_frame: Progress | None = None,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> ScoreReport:
    """Decode an archive at the hours of the originals and score it.

    Args:
        archive_path: Archive; of a level, `lightmap` names the one that is scored.
        data_path: The originals, anything `read_day` reads.
        lpips: The measure, or why it is absent.
        lightmap: Name of a lightmap, in the archive and in the dataset; may be left out where there is one. The
            bytes are then still those of the whole file.
        reading: How the originals are read; what is scored is their valid texels, not the archive's.
        threads: Decoder threads; None is the decoder's own choice.
        on_frame: Called with (frames done, frames in all) while decoding and again while scoring.
        on_warning: Told what is unusual about the originals.

    Returns:
        Every measure of the day; the bytes are those of the file.

    Raises:
        EvalError: The archive holds another size or transfer than the data, or several lightmaps.
        ArchiveError: The archive cannot be read.
        DataError: The originals cannot be read.
    """
    with open_archive(archive_path, threads=threads) as archive:
        day = read_day(data_path, lightmap=lightmap, **vars(reading))
        for warning in day.warnings:
            on_warning(warning)
        decoded = decode_day(archive, day, str(archive_path), on_frame, lightmap)
        stored = archive.find(lightmap) if len(archive.lightmaps) > 1 and lightmap is not None else archive.lightmaps[0]
        archive_bytes = archive.lightmap_bytes(archive.lightmaps.index(stored))
    return score_frames(
        as_codes(day.radiance) if day.transfer == "srgb8" else day.radiance,
        decoded,
        day.valid,
        day.hours,
        archive_bytes=archive_bytes,
        lpips=lpips,
        source_bytes=day.source_bytes,
        on_frame=on_frame,
    )


def decode_day(
    archive: Archive, day: Day, where: str, on_frame: Progress | None, lightmap: str | None = None
) -> np.ndarray:
    """Decode the day's hours into (T, H, W, 3), uint8 codes or float32 radiance."""
    if lightmap is None and len(archive.lightmaps) != 1:
        raise EvalError(f"{where}: expected an archive of one lightmap or --lightmap, found {len(archive.lightmaps)}")
    stored = archive.lightmaps[0] if len(archive.lightmaps) == 1 else archive.find(lightmap or 0)
    if (stored.height, stored.width) != (day.height, day.width):
        raise EvalError(
            f"{where}: archive and data must have one size: expected {day.width} x {day.height}, "
            f"found {stored.width} x {stored.height}"
        )
    if stored.transfer != day.transfer:
        raise EvalError(
            f"{where}: archive and data must have one transfer: expected {day.transfer}, found {stored.transfer}"
        )
    dtype = "uint8" if day.transfer == "srgb8" else "float32"
    decoded = np.empty(day.radiance.shape, dtype)
    for t, time_h in enumerate(day.hours):
        decoded[t] = stored.decode(float(time_h), dtype=dtype)
        if on_frame is not None:
            on_frame(t + 1, day.n_frames)
    return decoded
