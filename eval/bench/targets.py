"""What the bench is judged by: ratios at equal PSNR, and the targets that belong to a dataset by its size."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from ..measures.rate_curve import bytes_at_psnr
from ..peers.images import JPEG_XL
from ..peers.ours import DAYBASIS, REFINED
from ..peers.run import PeerResults
from ..peers.video import X265
from .dataset import BRACKETED_DB, TIMED_Q_STEP, DatasetBench

X265_LEVELS_DB = (40.0, 42.0, 46.0)
MEASURES = (
    "x265", "jpeg_xl", "compress_s", "open_ms", "frame_ms", "texel_us",
    "refined_x265", "refined", "refined_compress_s", "refined_frame",
)  # fmt: skip
TARGETS = {  # upper bounds of the measures above by (H, W): the sample, the whole courtyard
    (256, 256): (0.92, 0.26, 8.0, 60.0, 1.0, 30.0, 0.78, 0.9, 90.0, 1.05),
    (512, 512): (0.80, 0.23, 30.0, 200.0, 4.0, 30.0, 0.66, 0.9, 240.0, 1.05),
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        measure: What was measured, with its unit.
        value: The figure, None where it could not be measured.
        target: The bound, met where the figure is not above it; None where the dataset has none.
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


def ratios_at(results: PeerResults, peer: str, levels_db: Sequence[float], ours: str = DAYBASIS) -> list[float | None]:
    """Our bytes over the peer's at each PSNR, under 1 where ours is smaller; None where a curve does not reach it."""
    sizes = [[bytes_at_psnr(results.curve(name), level) for name in (ours, peer)] for level in levels_db]
    return [None if our is None or their is None else our / their for our, their in sizes]


def rows(bench: DatasetBench) -> list[Row]:
    """The table of one dataset: size against the peers, then compress, open, frame, texel; then the refinement."""
    bounds = TARGETS.get((bench.height, bench.width), (None,) * len(MEASURES))
    target = dict(zip(MEASURES, bounds, strict=True))

    def ratio(key: str, peer: str, title: str, levels_db: Sequence[float], ours: str = DAYBASIS) -> Row:
        """The mean ratio, None unless every level was reached: a mean over fewer would be another measure."""
        measure = f"{title}, {', '.join(f'{level:g}' for level in levels_db)} dB"
        for name in (peer, ours):
            if name in bench.results.absent:
                return Row(measure, None, target[key], f"absent: {bench.results.absent[name]}")
        ratios = ratios_at(bench.results, peer, levels_db, ours)
        reached = [one for one in ratios if one is not None]
        mean = statistics.fmean(reached) if len(reached) == len(levels_db) else None
        each = zip(("no points" if one is None else f"{one:.3f}" for one in ratios), levels_db, strict=True)
        note = ", ".join(f"{text} at {level:g}" for text, level in each)
        return Row(measure, mean, target[key], note if len(levels_db) > 1 or mean is None else "")

    latency, refined = bench.latencies[0], bench.refined_latency
    threads, step = f"threads {latency.threads}", f"compress s, q_step {TIMED_Q_STEP:g}"
    opens, p95 = f"{threads}, median of {latency.n_opens} processes", f"{threads}, p95 {latency.frame_ms_p95:.2f}"
    runs = ", ".join(f"{seconds:.2f}" for seconds in bench.compress_s)
    table = [
        ratio("x265", X265.name, "bytes / x265, mean", X265_LEVELS_DB),
        ratio("jpeg_xl", JPEG_XL.name, "bytes / JPEG XL", (BRACKETED_DB,)),
        Row(step, statistics.median(bench.compress_s), target["compress_s"], f"median of {runs}"),
        Row("open ms", latency.open_ms, target["open_ms"], opens),
        Row("frame ms, median", latency.frame_ms_median, target["frame_ms"], p95),
        Row("texel us, median", latency.texel_us_median, target["texel_us"], f"{threads}, {latency.n_texels} texels"),
        ratio("refined_x265", X265.name, "refined bytes / x265, mean", X265_LEVELS_DB, REFINED),
        ratio("refined", DAYBASIS, "refined bytes / closed form, mean", X265_LEVELS_DB, REFINED),
    ]
    if refined is not None:
        alone = f"alone {refined.frame_ms_median:.2f} ms, opens in {refined.open_ms:.1f} ms"
        note, frame = f"decoded in turn by one thread; {alone}", "refined frame / closed form"
        table += [
            Row(f"refined {step}", bench.refined_s, target["refined_compress_s"], "--refine fast, one run"),
            Row(frame, bench.refined_frame_ratio, target["refined_frame"], note),
        ]
    return table
