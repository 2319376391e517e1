"""Everything the report shows, measured here and now, and the page around it."""

from __future__ import annotations

import html
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from todpack.decompressor import open_archive
from todpack.frames import Day

from ..archive import byte_budget, decode_day, warn_of_difference
from ..colors import codec_color
from ..machine import machine, machine_line
from ..measures.frames import day_frames
from ..measures.latency import LatencyReport, LatencySettings, measure_latency
from ..measures.metrics import frame_changes
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
from .findings import worst_texels, worst_tiles
from .pictures import as_picture, data_url, error_scale, white_of

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
    score: ScoreReport, latency: LatencyReport, archive: str, source: str, lightmap: str | None
) -> list[tuple[str, str, str]]:
    """Rows of label, value and the command that measures it again."""
    scored, timed = f"todpack eval score {archive} --data {source}", f"todpack eval latency {archive}"
    timed += "" if lightmap is None else f" --lightmap {shlex.quote(lightmap)}"
    ratio = score.compression_ratio_png
    values = {
        "PSNR": figure(score.psnr_db, 2, " dB"),
        "SSIM": figure(score.ssim, 4),
        "LPIPS": figure(score.lpips, 4),
        "Temporal L1": figure(score.temporal_l1, 5),
        "Temporal LPIPS": figure(score.temporal_lpips, 4),
        "Archive": f"{score.archive_bytes:,} bytes",
        "Bits per valid texel and hour": figure(score.bpt, 3),
        "Against raw frames": figure(score.compression_ratio, 1, " x"),
        **({} if ratio is None else {"Against the source files": figure(ratio, 1, " x")}),
    }
    times = {
        "Open": figure(latency.open_ms, 1, " ms"),
        "Frame, median": figure(latency.frame_ms_median, 2, " ms"),
        "Random texel, median": figure(latency.texel_us_median, 1, " us"),
    }
    rows = [(label, value, scored) for label, value in values.items()]
    return rows + [(label, value, f"{timed} --threads {latency.threads}") for label, value in times.items()]


def make_report(
    path: Path,
    day: Day,
    source: str,
    *,
    lpips: Lpips | LpipsAbsent,
    lightmap: str | None = None,
    peers: Sequence[Peer] = (),
    timing: LatencySettings | None = None,
    progress: Progress = silent,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> Report:
    """Measure an archive and lay it out.

    Args:
        path: The archive.
        day: The originals.
        source: How the commands on the page name them, as words of a command line, e.g. `"frames"`.
        lpips: The measure, or why it is absent.
        lightmap: Which one of an archive of several.
        peers: Which are drawn beside the archive.
        timing: How its latency is measured.
        progress: Told of each step.
        on_warning: Told where the archive was made from other texels or times.

    Raises:
        TodpackError: The archive cannot be read, or is of other frames.
    """
    timing = timing or LatencySettings()

    def step(name: str) -> None:
        progress(STEPS.index(name), len(STEPS), name)

    step("decoding")
    with open_archive(path, threads=timing.threads) as archive:
        decoded, stored = decode_day(archive, day, str(path), lightmap)
        warn_of_difference(stored, day, on_warning)
        index = archive.lightmaps.index(stored)
        budget, n_bytes = byte_budget(archive, index), archive.lightmap_bytes(index)
        family = archive.model_type
    original, valid, hours = day_frames(day), day.valid, day.hours
    step("score")
    score = score_frames(
        original, decoded, valid, hours, archive_bytes=n_bytes, lpips=lpips, source_bytes=day.source_bytes
    )
    step("latency")
    described = machine(timing.threads)
    latency = measure_latency(path, replace(timing, lightmap=lightmap))
    step("peers")
    own = RatePoint(f"this archive ({family})", "", n_bytes, score.psnr_db)
    results = run_peers(original, valid, peers)
    step("pictures")
    white = 1.0 if day.transfer == "srgb8" else white_of(day.radiance, valid)
    shown_original, shown_decoded = (
        [as_picture(frame, valid, white) for frame in frames] for frames in (original, decoded)
    )
    shown = {
        "title": stored.name,
        "family": family,
        "transfer": day.transfer,
        "height": day.height,
        "width": day.width,
        "valid_texels": score.n_valid,
        "hours": hours.tolist(),
        "figures": _figures(score, latency, shlex.quote(str(path.absolute())), source, lightmap),
        "machine": machine_line(described),
        "lpips_absent": score.lpips_absent,
        "per_hour": score.to_json()["per_hour"],
        "psnr_key": score.psnr_key,
        "points": [
            {"name": point.name, "setting": point.setting, "bytes": point.size_bytes, "psnr_db": point.psnr_db}
            for point in (own, *results.points)
            if finite(point.psnr_db) is not None
        ],
        "colors": {
            own.name: codec_color("this archive"),
            **{peer.name: codec_color(peer.name) for peer in results.measured},
        },
        "error_scale": error_scale(shown_original, shown_decoded, valid),
        "absent": results.absent,
        "definitions": {peer.name: peer.definition for peer in results.measured},
        "peers_command": _peers_command(source, peers),
        "texels": worst_texels(original, decoded, valid, hours),
        "tiles": worst_tiles(original, decoded, valid, hours),
        "budget": budget,
        "flicker": [
            {"hour": float(hour), "change": change, "error": error}
            for hour, (change, error) in zip(hours[1:], frame_changes(original, decoded, valid), strict=True)
        ],
        "original": [data_url(picture) for picture in shown_original],
        "decoded": [data_url(picture) for picture in shown_decoded],
    }
    page = filled_page(
        "report/report.html",
        title=html.escape(f"{stored.name} - todpack report"),
        report=embedded_json(shown),
        styles=("web/base.css", "report/report.css"),
        scripts=("web/view_state.js", "report/chart.js", "report/report.js"),
    )
    return Report(page, original, decoded, valid, white)


def _peers_command(source: str, peers: Sequence[Peer]) -> str:
    """The command that measures the page's peers again."""
    chosen = [peer for peer in peers if peer.settings]
    option = {X265.name: "--crf", JPEG_XL.name: "--distance"}
    settings = [
        f"{option[peer.name]} {','.join(f'{value:g}' for value in peer.settings)}"
        for peer in chosen
        if peer.name in option
    ]
    names = ",".join(peer.name for peer in chosen)
    return " ".join(["todpack eval peers", source, "--peers", names, *settings])
