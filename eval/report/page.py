"""Everything the report shows, measured here and now, and the page around it."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor import open_archive
from todpack.frames import AS_FOUND, ReadOptions, read_day

from ..archive import decode_day
from ..errors import EvalError
from ..measures.frames import day_frames
from ..measures.latency import LatencyReport, LatencySettings, measure_latency
from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.rate_curve import RatePoint
from ..measures.score import ScoreReport, score_frames
from ..peers.images import JPEG_XL
from ..peers.peer import Peer
from ..peers.run import run_peers
from ..peers.video import X265
from ..progress import Progress, silent
from ..tables import figure, finite
from ..web.page import embedded_json, filled_page
from .findings import byte_budget, flicker, worst_texels, worst_tiles
from .pictures import as_picture, data_url, white_of

STEPS = ("decoding", "score", "latency", "peers", "pictures")


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


def _figures(
    score: ScoreReport, latency: LatencyReport, archive: Path, data: Path, lightmap: str | None
) -> list[tuple[str, str, str]]:
    """Rows of label, value and the command that measures it again."""
    scored = f"todpack eval score {archive.name} --data {data.name}"
    scored += f" --lightmap {lightmap}" if lightmap is not None else ""
    timed = f"todpack eval latency {archive.name} --threads {latency.threads}"
    ratio = score.compression_ratio_png
    return [
        ("PSNR", figure(score.psnr_db, 2, " dB"), scored),
        ("SSIM", figure(score.ssim, 4), scored),
        ("LPIPS", figure(score.lpips, 4), scored),
        ("Temporal L1", figure(score.temporal_l1, 5), scored),
        ("Temporal LPIPS", figure(score.temporal_lpips, 4), scored),
        ("Archive", f"{score.archive_bytes:,} bytes", scored),
        ("Bits per valid texel and hour", figure(score.bpt, 3), scored),
        ("Against raw frames", figure(score.compression_ratio, 1, " x"), scored),
        *([("Against the source files", figure(ratio, 1, " x"), scored)] if ratio is not None else []),
        ("Open", figure(latency.open_ms, 1, " ms"), timed),
        ("Frame, median", figure(latency.frame_ms_median, 2, " ms"), timed),
        ("Random texel, median", figure(latency.texel_us_median, 1, " us"), timed),
    ]


def make_report(
    archive_path: Path,
    data_path: Path,
    *,
    lpips: Lpips | LpipsAbsent,
    reading: ReadOptions = AS_FOUND,
    lightmap: str | None = None,
    peers: Sequence[Peer] = (),
    timing: LatencySettings | None = None,
    progress: Progress = silent,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> Report:
    """Measure an archive and lay it out.

    Args:
        archive_path: Archive of one lightmap.
        data_path: The originals.
        lpips: The measure, or why it is absent.
        reading: How the originals are read.
        lightmap: Which one of a contest dataset; may be left out where there is only one.
        peers: Which are drawn beside the archive.
        timing: How its latency is measured.
        progress: Told of the steps.
        on_warning: Told what is unusual about the originals.

    Raises:
        TodpackError: The archive or the originals cannot be read, or do not belong together.
    """
    timing = timing or LatencySettings()

    def step(name: str) -> None:
        progress(STEPS.index(name), len(STEPS), name)

    step("decoding")
    with open_archive(archive_path, threads=timing.threads) as archive:
        if len(archive.lightmaps) != 1:
            raise EvalError(
                f"{archive_path}: expected an archive of one lightmap, as of `todpack compress --lightmap`, "
                f"found {len(archive.lightmaps)}"
            )
        day = read_day(data_path, lightmap=lightmap, **vars(reading))
        for line in day.warnings:
            on_warning(line)
        decoded = decode_day(archive, day, str(archive_path))
        budget, family, name = byte_budget(archive), archive.model_type, archive.lightmaps[0].name
        archive_bytes = archive.file_bytes
    original = day_frames(day)
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
    latency = measure_latency(archive_path, timing)
    step("peers")
    own = RatePoint(f"this archive ({family})", "", archive_bytes, score.psnr_db)
    found = run_peers(original, day.valid, peers)
    step("pictures")
    white = 1.0 if day.transfer == "srgb8" else white_of(day.radiance, day.valid)
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
        "points": [
            {"name": point.name, "setting": point.setting, "bytes": point.size_bytes, "psnr_db": point.psnr_db}
            for point in (own, *found.points)
            if finite(point.psnr_db) is not None
        ],
        "absent": found.absent,
        "definitions": {peer.name: peer.definition for peer in found.measured},
        "peers_command": _peers_command(data_path, peers),
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


def _peers_command(data: Path, peers: Sequence[Peer]) -> str:
    """The command that measures the page's peers again."""
    names = ",".join(peer.name for peer in peers if peer.settings)
    option = {X265.name: "--crf", JPEG_XL.name: "--distance"}
    settings = [f"{option[p.name]} {','.join(f'{v:g}' for v in p.settings)}" for p in peers if p.settings]
    return " ".join(["todpack eval peers", data.name, "--peers", names, *settings])
