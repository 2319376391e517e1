"""What the bench is judged by: ratios at equal PSNR, and the targets that belong to a dataset by its size."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import EvalError
from ..measures.rate_curve import bytes_at_psnr
from ..peers import JPEG_XL, X265, PeerResults
from .archive import DAYBASIS, REFINED
from .result import BRACKETED_DB, TIMED_Q_STEP, DatasetBench

X265_LEVELS_DB = (40.0, 42.0, 46.0)


@dataclass(frozen=True)
class Targets:
    """Upper bounds, each met where the figure is not above it; None where there is none.

    Attributes:
        x265_ratio: Bytes over those of x265, mean over `X265_LEVELS_DB`.
        jpeg_xl_ratio: Bytes over those of JPEG XL at 43 dB.
        compress_s: Wall time of `todpack compress --q-step 16`.
        open_ms: Cold open.
        frame_ms: Steady frame, median.
        texel_us: Random texel, median.
        refined_x265_ratio: Bytes of the refined daybasis over those of x265, as above.
        refined_ratio: Bytes of the refined daybasis over those of the closed form, at the same levels.
        refined_s: Wall time of `todpack compress --q-step 16 --refine fast`.
        refined_frame_ratio: Its frame time over that of the closed form.
    """

    x265_ratio: float | None = None
    jpeg_xl_ratio: float | None = None
    compress_s: float | None = None
    open_ms: float | None = None
    frame_ms: float | None = None
    texel_us: float | None = None
    refined_x265_ratio: float | None = None
    refined_ratio: float | None = None
    refined_s: float | None = None
    refined_frame_ratio: float | None = None


TARGETS = {  # by (H, W): the sample, the whole courtyard
    (256, 256): Targets(0.92, 0.26, 8.0, 60.0, 1.0, 30.0, 0.78, 0.9, 90.0, 1.05),
    (512, 512): Targets(0.80, 0.23, 30.0, 200.0, 4.0, 30.0, 0.66, 0.9, 240.0, 1.05),
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        measure: What was measured, with its unit.
        value: The figure, None where it could not be measured.
        target: The bound, None where the dataset has none.
        note: How it came about, or why it is absent.
    """

    measure: str
    value: float | None
    target: float | None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`"met"`, `"missed"`, `"not measured"`, or nothing where there is no target."""
        if self.target is None:
            return ""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.target else "missed"


def targets_for(height: int, width: int) -> Targets:
    """The targets of a dataset of this size; other sizes have none."""
    return TARGETS.get((height, width), Targets())


def bytes_or_none(results: PeerResults, name: str, psnr_db: float) -> float | None:
    """Bytes of a codec at a PSNR (log-linear between its points), None outside of its points."""
    try:
        return bytes_at_psnr(results.curve(name), psnr_db)
    except EvalError:
        return None


def ratios_at(
    results: PeerResults, peer: str, levels_db: Sequence[float], ours: str = DAYBASIS
) -> dict[float, float | None]:
    """Our bytes over the peer's at equal PSNR.

    Args:
        results: Points of both.
        peer: Name of the peer.
        levels_db: Where the curves are read.
        ours: Name of ours.

    Returns:
        For each level the ratio, under 1 where ours is smaller; None where a curve does not reach the level.
    """
    ratios: dict[float, float | None] = {}
    for level_db in levels_db:
        mine, theirs = (bytes_or_none(results, name, level_db) for name in (ours, peer))
        ratios[level_db] = mine / theirs if mine is not None and theirs is not None else None
    return ratios


def _ratio_row(
    results: PeerResults,
    peer: str,
    title: str,
    levels_db: Sequence[float],
    target: float | None,
    ours: str = DAYBASIS,
) -> Row:
    """The mean ratio, None unless every level was reached: a mean over fewer would be another measure."""
    ratios = ratios_at(results, peer, levels_db, ours)
    refined = "refined " if ours == REFINED else ""
    measure = f"{refined}bytes / {title}, {', '.join(f'{level:g}' for level in levels_db)} dB"
    for name in (peer, ours):
        if name in results.absent:
            return Row(measure, None, target, f"absent: {results.absent[name]}")
    found = [ratio for ratio in ratios.values() if ratio is not None]
    each = ", ".join(f"{'no points' if r is None else f'{r:.3f}'} at {level:g}" for level, r in ratios.items())
    mean = statistics.fmean(found) if len(found) == len(levels_db) else None
    return Row(measure, mean, target, each if len(levels_db) > 1 or mean is None else "")


def rows(bench: DatasetBench) -> list[Row]:
    """The table of one dataset: size against the peers, then compress, open, frame, texel."""
    bound = targets_for(bench.height, bench.width)
    latency = bench.latencies[0]
    runs = ", ".join(f"{seconds:.2f}" for seconds in bench.compress_s)
    threads = f"threads {latency.threads}"
    return [
        _ratio_row(bench.results, X265, "x265, mean", X265_LEVELS_DB, bound.x265_ratio),
        _ratio_row(bench.results, JPEG_XL, "JPEG XL", (BRACKETED_DB,), bound.jpeg_xl_ratio),
        Row(
            f"compress s, q_step {TIMED_Q_STEP:g}",
            statistics.median(bench.compress_s),
            bound.compress_s,
            f"median of {runs}",
        ),
        Row("open ms", latency.open_ms, bound.open_ms, f"{threads}, median of {latency.n_opens} processes"),
        Row(
            "frame ms, median",
            latency.frame_ms_median,
            bound.frame_ms,
            f"{threads}, p95 {latency.frame_ms_p95:.2f}",
        ),
        Row(
            "texel us, median",
            latency.texel_us_median,
            bound.texel_us,
            f"{threads}, {latency.n_texels} texels",
        ),
        *_refined_rows(bench, bound),
    ]


def _refined_rows(bench: DatasetBench, bound: Targets) -> list[Row]:
    """The same after the refinement, beside the closed form."""
    size = [
        _ratio_row(bench.results, peer, title, X265_LEVELS_DB, target, REFINED)
        for peer, title, target in (
            (X265, "x265, mean", bound.refined_x265_ratio),
            (DAYBASIS, "closed form, mean", bound.refined_ratio),
        )
    ]
    refined = bench.refined_latency
    if refined is None:
        return size
    frame_ms, open_ms = refined.frame_ms_median, refined.open_ms
    return [
        *size,
        Row(f"refined compress s, q_step {TIMED_Q_STEP:g}", bench.refined_s, bound.refined_s, "--refine fast, one run"),
        Row(
            "refined frame / closed form",
            bench.refined_frame_ratio,
            bound.refined_frame_ratio,
            f"decoded in turn by one thread; alone {frame_ms:.2f} ms, opens in {open_ms:.1f} ms",
        ),
    ]
