"""Everything the report shows, measured here and now, and the page around it."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor import open_archive
from todpack.frames import AS_FOUND, ReadOptions, read_day

from ..errors import EvalError
from ..measures.frames import as_codes
from ..measures.latency import measure_latency
from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.score import decode_day, score_frames
from ..measures.score_report import ScoreReport
from ..peers import JPEG_XL, X265, run_peers
from ..peers.standing_report import DEFINITIONS
from ..web.page import embedded_json, filled_page
from .findings import byte_budget, flicker, worst_texels, worst_tiles
from .pictures import as_picture, data_url, white_of

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ReportSettings:
    """What to measure beside the score.

    Attributes:
        crfs: Rate factors of x265; empty leaves it out.
        distances: Distances of JPEG XL; empty leaves it out.
        threads: Decoder threads of the latency.
        n_opens: Fresh processes of the latency.
    """

    crfs: tuple[float, ...] = (10.0, 14.0, 18.0, 22.0)
    distances: tuple[float, ...] = (0.35, 0.7, 1.4)
    threads: int = 2
    n_opens: int = 3


@dataclass(frozen=True)
class Report:
    """The page, and what a video needs.

    Attributes:
        page: HTML.
        original: (T, H, W, 3) uint8 codes or float32 radiance.
        decoded: Same shape and type.
        valid: (H, W) bool.
        white: Radiance that is shown as white.
    """

    page: str
    original: np.ndarray
    decoded: np.ndarray
    valid: np.ndarray
    white: float


def _number(value: float | None, digits: int, unit: str = "") -> str:
    return "absent" if value is None else f"{value:.{digits}f}{unit}"


def _figures(score: ScoreReport, latency: Any, archive: Path, data: Path, lightmap: str | None) -> list[list[str]]:
    """Rows of label, value and the command that measures it again."""
    scored = f"todpack eval score {archive.name} --data {data.name}"
    scored += f" --lightmap {lightmap}" if lightmap is not None else ""
    timed = f"todpack eval latency {archive.name} --threads {latency.threads}"
    ratio = score.compression_ratio_png
    rows = [
        ["PSNR", _number(score.psnr_db, 2, " dB"), scored],
        ["SSIM", _number(score.ssim, 4), scored],
        ["LPIPS", _number(score.lpips, 4), scored],
        ["Temporal L1", _number(score.temporal_l1, 5), scored],
        ["Temporal LPIPS", _number(score.temporal_lpips, 4), scored],
        ["Archive", f"{score.archive_bytes:,} bytes", scored],
        ["Bits per valid texel and hour", _number(score.bpt, 3), scored],
        ["Against raw frames", _number(score.compression_ratio, 1, " x"), scored],
        *([["Against the source files", _number(ratio, 1, " x"), scored]] if ratio is not None else []),
        ["Open", _number(latency.open_ms, 1, " ms"), timed],
        ["Frame, median", _number(latency.frame_ms_median, 2, " ms"), timed],
        ["Random texel, median", _number(latency.texel_us_median, 1, " us"), timed],
    ]
    return rows


def make_report(
    archive_path: Path,
    data_path: Path,
    *,
    lpips: Lpips | LpipsAbsent,
    reading: ReadOptions = AS_FOUND,
    lightmap: str | None = None,
    settings: ReportSettings | None = None,
    on_step: Progress | None = None,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> Report:
    """Measure an archive and lay it out.

    Args:
        archive_path: Archive of one lightmap.
        data_path: The originals.
        lpips: The measure, or why it is absent.
        reading: How the originals are read.
        lightmap: Which one of a dataset; may be left out where there is only one.
        settings: What else to measure.
        on_step: Called with (steps done, steps in all, what comes next).
        on_warning: Told what is unusual about the originals.

    Raises:
        TodpackError: The archive or the originals cannot be read, or do not belong together.
    """
    settings = settings or ReportSettings()
    names = ["decoding", "score", "latency", "peers", "pictures"]

    def step(name: str) -> None:
        if on_step is not None:
            on_step(names.index(name), len(names), name)

    step("decoding")
    with open_archive(archive_path, threads=settings.threads) as archive:
        if len(archive.lightmaps) != 1:
            raise EvalError(
                f"{archive_path}: expected an archive of one lightmap, as of `todpack compress --lightmap`, "
                f"found {len(archive.lightmaps)}"
            )
        day = read_day(data_path, lightmap=lightmap, **vars(reading))
        for warning in day.warnings:
            on_warning(warning)
        decoded = decode_day(archive, day, str(archive_path), None)
        budget, family, name = byte_budget(archive), archive.model_type, archive.lightmaps[0].name
        archive_bytes = archive.file_bytes
    codes = day.transfer == "srgb8"
    original = as_codes(day.radiance) if codes else day.radiance
    step("score")
    score = score_frames(
        original,
        decoded,
        day.valid,
        day.hours,
        archive_bytes=archive_bytes,
        lpips=lpips,
        source_bytes=day.source_bytes,
    )
    step("latency")
    latency = measure_latency(archive_path, threads=settings.threads, n_opens=settings.n_opens, n_texels=200)
    step("peers")
    points, absent = _rate_points(original if codes else None, day.valid, score, family, settings)
    step("pictures")
    white = 1.0 if codes else white_of(day.radiance, day.valid)
    shown = {
        "title": name,
        "family": family,
        "transfer": day.transfer,
        "height": day.height,
        "width": day.width,
        "valid_texels": score.n_valid,
        "hours": day.hours.tolist(),
        "figures": _figures(score, latency, archive_path, data_path, lightmap),
        "lpips_absent": score.lpips_absent,
        "per_hour": score.to_json()["per_hour"],
        "psnr_key": score.psnr_key,
        "points": points,
        "absent": absent,
        "definitions": DEFINITIONS,
        "peers_command": _peers_command(data_path, settings),
        "texels": worst_texels(original, decoded, day.valid, day.hours),
        "tiles": worst_tiles(original, decoded, day.valid, day.hours),
        "budget": budget,
        "flicker": flicker(original, decoded, day.valid, day.hours),
        "original": [data_url(as_picture(frame, day.valid, white)) for frame in original],
        "decoded": [data_url(as_picture(frame, day.valid, white)) for frame in decoded],
    }
    page = filled_page(
        "report/report.html",
        title=html.escape(f"{name} - todpack report"),
        report=embedded_json(shown),
        styles=("web/base.css", "report/report.css"),
        scripts=("web/view_state.js", "report/chart.js", "report/report.js"),
    )
    return Report(page, original, decoded, day.valid, white)


def _peers_command(data: Path, settings: ReportSettings) -> str:
    """The command that measures the page's peers again."""
    chosen = {X265: ("--crf", settings.crfs), JPEG_XL: ("--distance", settings.distances)}
    names = ",".join(name for name, (_, values) in chosen.items() if values)
    options = [f"{option} {','.join(f'{v:g}' for v in values)}" for option, values in chosen.values() if values]
    return " ".join(["todpack eval peers", data.name, "--peers", names, *options])


def _rate_points(
    frames: np.ndarray | None, valid: np.ndarray, score: ScoreReport, family: str, settings: ReportSettings
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The archive's own point first, then the peers'; radiance has no peers here."""
    own: dict[str, Any] = {
        "name": f"this archive ({family})",
        "setting": "",
        "bytes": score.archive_bytes,
        "psnr_db": score.psnr_db,
    }
    if frames is None:
        absent = {"x265, jpegxl": "they code 8-bit frames, these are linear radiance"}
        return [own] if math.isfinite(score.psnr_db) else [], absent
    crfs: Sequence[float] = settings.crfs if min(frames.shape[1:3]) >= 32 else ()
    results = run_peers(frames, valid, crfs, settings.distances)
    absent = dict(results.absent) | ({} if crfs or not settings.crfs else {"x265": "frames under 32 texels a side"})
    found: list[dict[str, Any]] = [
        {"name": p.name, "setting": p.setting, "bytes": p.size_bytes, "psnr_db": p.psnr_db} for p in results.points
    ]
    return [p for p in [own, *found] if math.isfinite(p["psnr_db"])], absent
