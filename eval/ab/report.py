"""The comparison as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ..measures.latency import ComparedTimes
from ..tables import markdown
from ..trials import mean_and_deviation
from .acceptance import Acceptance, by_variant, figures
from .run import AbResult

_SPREAD = {
    "psnr_db": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "lpips": ("LPIPS", 4),
    "temporal_lpips": ("temporal LPIPS", 4),
}
_MEANS = {"archive_bytes": "archive bytes", "model_bytes": "model bytes"}


def ab_table(results: Sequence[AbResult], times: Mapping[str, ComparedTimes]) -> str:
    """A Markdown table: a row per variant, mean ± deviation over the seeds."""
    rows = []
    for name, group in by_variant(results).items():
        cells = [name]
        for measure, (_, digits) in _SPREAD.items():
            values = figures(group, measure)
            spread = {"mean": 0.0, "deviation": 0.0} if values is None else mean_and_deviation(values)
            text = f"{spread['mean']:.{digits}f} ± {spread['deviation']:.{digits}f}"
            cells.append("absent" if values is None else text)
        cells += [f"{statistics.fmean(getattr(result, measure) for result in group):.0f}" for measure in _MEANS]
        cells += [f"{times[name].frame_ms:.1f}", f"{times[name].load_ms:.0f}"]
        rows.append([*cells, f"{statistics.fmean(result.train_s for result in group):.0f}"])
    head = ("variant", *(title for title, _ in _SPREAD.values()), *_MEANS.values(), "frame ms", "load ms", "train s")
    return "\n".join(markdown(head, rows))


def ab_json(
    results: Sequence[AbResult],
    times: Mapping[str, ComparedTimes],
    lines: Sequence[Acceptance],
    machine: dict[str, object],
) -> dict[str, object]:
    """Everything, for machines."""
    return {
        "results": [{**asdict(result), "archive": str(result.archive)} for result in results],
        "timings": {name: asdict(one) for name, one in times.items()},
        "acceptance": [asdict(line) for line in lines],
        "machine": machine,
    }
