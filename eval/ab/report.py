"""The comparison as a table and as JSON, and the recipe's acceptance lines."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..deviation import with_deviation
from ..measures.latency import ComparedTimes
from ..tables import figure, markdown
from .run import AbResult
from .variants import PLAIN

Group = Sequence[AbResult]
_SPREADS = {
    "psnr_db": ("PSNR dB", 2),
    "ssim": ("SSIM", 4),
    "lpips": ("LPIPS", 4),
    "temporal_lpips": ("temporal LPIPS", 4),
}


@dataclass(frozen=True)
class Acceptance:
    """One line of the recipe for one variant; `passed` is None where LPIPS is absent and decides."""

    line: str
    variant: str
    found: str
    passed: bool | None

    @property
    def verdict(self) -> str:
        """In words."""
        return "undecided, LPIPS is absent" if self.passed is None else "pass" if self.passed else "fail"


def by_variant(results: Sequence[AbResult]) -> dict[str, list[AbResult]]:
    """Results of each variant, in order of appearance."""
    groups: dict[str, list[AbResult]] = {}
    for result in results:
        groups.setdefault(result.variant, []).append(result)
    return groups


def _values(group: Group, name: str) -> list[float]:
    """A figure of each result, in order of the seeds; none where one lacks it."""
    values = [result.figures[name] for result in group]
    present = [value for value in values if value is not None]
    return present if len(present) == len(values) else []


def _mean(group: Group, name: str) -> float:
    return statistics.fmean(_values(group, name))


def ab_table(results: Sequence[AbResult], times: Mapping[str, ComparedTimes]) -> str:
    """A Markdown table: a row per variant, mean and, of several seeds, ± deviation."""
    rows = []
    for name, group in by_variant(results).items():
        cells = [name]
        for measure, (_, digits) in _SPREADS.items():
            values = _values(group, measure)
            cells.append(with_deviation(values, digits) if values else "absent")
        cells += [f"{_mean(group, 'archive_bytes'):.0f}", f"{_mean(group, 'model_bytes'):.0f}"]
        cells += [f"{times[name].frame_ms:.1f}", f"{times[name].load_ms:.0f}", f"{_mean(group, 'train_s'):.0f}"]
        rows.append(cells)
    titles = [title for title, _ in _SPREADS.values()]
    return "\n".join(
        markdown(("variant", *titles, "archive bytes", "model bytes", "frame ms", "load ms", "train s"), rows)
    )


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Whether both hold; None where that hangs on what is not known."""
    return False if False in (one, other) else None if None in (one, other) else True


def acceptance(results: Sequence[AbResult], times: Mapping[str, ComparedTimes]) -> list[Acceptance]:
    """The recipe's acceptance lines; changes are against the plain variant of the same seed, means decide."""
    groups = by_variant(results)
    lines: list[Acceptance] = []

    def some(*names: str) -> list[str]:
        return [name for name in names if name in groups]

    def change(name: str, measure: str) -> float | None:
        pairs = list(zip(_values(groups[name], measure), _values(groups[PLAIN], measure), strict=False))
        return statistics.fmean(ours - theirs for ours, theirs in pairs) if pairs else None

    def signed(value: float | None) -> str:
        return figure(value, 4) if value is None else f"{value:+.4f}"

    fp32_bytes = 4.0 * _mean(groups[PLAIN], "parameters")
    for line, least, names in (("PTQ alone", 4.0, ("ptq8", "ptq16")), ("with hash", 8.0, ("hash-1", "hash-2"))):
        for name in some(*names):
            ratio = fp32_bytes / _mean(groups[name], "model_bytes")
            text = f"{line}: model >= {least:g} x smaller than fp32"
            lines.append(Acceptance(text, name, f"{ratio:.2f} x", ratio >= least))
    for name in some("ptq8", "ptq16", "qat8", "hash-1", "hash-2"):
        psnr_db, lpips = change(name, "psnr_db") or 0.0, change(name, "lpips")
        passed = _both(psnr_db >= -0.2, None if lpips is None else lpips <= 0.01)
        text = "against fp32: PSNR loss <= 0.2 dB and LPIPS + <= 0.01"
        lines.append(Acceptance(text, name, f"{psnr_db:+.2f} dB, LPIPS {signed(lpips)}", passed))
    for name in some("temporal"):
        psnr_db, lpips = change(name, "psnr_db") or 0.0, change(name, "temporal_lpips")
        passed = _both(psnr_db >= -0.1, None if lpips is None else lpips < 0.0)
        text = "temporal LPIPS better at PSNR loss <= 0.1 dB"
        lines.append(Acceptance(text, name, f"temporal LPIPS {signed(lpips)}, {psnr_db:+.2f} dB", passed))
    for name in some("patch-lpips", "baseline-input", "baseline-encoder", "hybrid"):
        psnr_db, ssim, lpips = change(name, "psnr_db") or 0.0, change(name, "ssim") or 0.0, change(name, "lpips")
        passed = _both(psnr_db >= -0.3, True if ssim >= 0.02 else None if lpips is None else lpips <= -0.02)
        text = "SSIM + >= 0.02 or LPIPS - >= 0.02 at PSNR loss <= 0.3 dB"
        found = f"SSIM {ssim:+.4f}, LPIPS {signed(lpips)}, {psnr_db:+.2f} dB"
        lines.append(Acceptance(text, name, found, passed))
    for name in groups:
        if name != PLAIN:
            ratio = times[name].frame_ratio
            found = f"{100.0 * (ratio - 1.0):+.1f} %"
            lines.append(Acceptance("frame time within 5 % of plain", name, found, ratio <= 1.05))
    return lines


def acceptance_table(lines: Sequence[Acceptance]) -> str:
    """A Markdown table."""
    rows = [(one.line, one.variant, one.found, one.verdict) for one in lines]
    return "\n".join(markdown(("acceptance line", "variant", "found", "verdict"), rows))


def ab_json(
    results: Sequence[AbResult],
    times: Mapping[str, ComparedTimes],
    lines: Sequence[Acceptance],
    machine: dict[str, object],
) -> dict[str, object]:
    """Everything, for machines."""
    return {
        "results": [{"variant": r.variant, "seed": r.seed, **r.figures, "archive": str(r.archive)} for r in results],
        "timings": {name: asdict(one) for name, one in times.items()},
        "acceptance": [asdict(line) for line in lines],
        "machine": machine,
    }
