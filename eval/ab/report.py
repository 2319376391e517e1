"""The comparison as a table, and the recipe's acceptance lines with pass or fail."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from .run import AbResult
from .timing import AbTiming
from .variants import PLAIN

Figure = Callable[[AbResult], float | None]


@dataclass(frozen=True)
class Spread:
    """Mean and sample deviation (0 for a single seed) of a figure; `values` in order of the seeds."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    def text(self, digits: int) -> str:
        return f"{self.mean:.{digits}f} ± {self.deviation:.{digits}f}"


def _spread(results: Sequence[AbResult], figure: Figure) -> Spread | None:
    values = [figure(result) for result in results]
    present = [value for value in values if value is not None]
    return Spread(tuple(present)) if len(present) == len(values) else None


def _change(results: Sequence[AbResult], plain: Sequence[AbResult], figure: Figure) -> Spread | None:
    """The figure less the plain one's of the same seed."""
    ours, theirs = _spread(results, figure), _spread(plain, figure)
    if ours is None or theirs is None:
        return None
    return Spread(tuple(a - b for a, b in zip(ours.values, theirs.values, strict=True)))


def by_variant(results: Sequence[AbResult]) -> dict[str, list[AbResult]]:
    """Results of each variant, in order of appearance."""
    groups: dict[str, list[AbResult]] = {}
    for result in results:
        groups.setdefault(result.variant, []).append(result)
    return groups


def _psnr(result: AbResult) -> float:
    return result.psnr_db


def _ssim(result: AbResult) -> float:
    return result.ssim


def _lpips(result: AbResult) -> float | None:
    return result.lpips


def _temporal_lpips(result: AbResult) -> float | None:
    return result.temporal_lpips


def ab_table(results: Sequence[AbResult], timings: dict[str, AbTiming]) -> str:
    """A Markdown table: a row per variant, mean ± deviation over the seeds."""
    figures = ("PSNR dB", "SSIM", "LPIPS", "temporal LPIPS")
    columns = ("variant", *figures, "archive bytes", "model bytes", "frame ms", "load ms", "train s")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for name, group in by_variant(results).items():
        spreads = [(_spread(group, _psnr), 2), (_spread(group, _ssim), 4)]
        spreads += [(_spread(group, _lpips), 4), (_spread(group, _temporal_lpips), 4)]
        cells = [name, *("absent" if spread is None else spread.text(digits) for spread, digits in spreads)]
        cells += [f"{statistics.fmean(r.archive_bytes for r in group):.0f}"]
        cells += [f"{statistics.fmean(r.model_bytes for r in group):.0f}"]
        timing = timings[name]
        cells += [f"{timing.frame_ms:.1f}", f"{timing.load_ms:.0f}"]
        cells += [f"{statistics.fmean(r.train_s for r in group):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Acceptance:
    """One line of the recipe for one variant; `passed` is None where LPIPS is absent and decides."""

    line: str
    variant: str
    found: str
    passed: bool | None

    def text(self) -> str:
        verdict = "undecided, LPIPS is absent" if self.passed is None else "pass" if self.passed else "fail"
        return f"| {self.line} | {self.variant} | {self.found} | {verdict} |"


def acceptance(results: Sequence[AbResult], timings: dict[str, AbTiming]) -> list[Acceptance]:
    """The recipe's acceptance lines; changes are against the plain variant of the same seed, means decide."""
    groups = by_variant(results)
    plain = groups[PLAIN]
    fp32_bytes = 4.0 * statistics.fmean(r.parameters for r in plain)
    lines: list[Acceptance] = []
    for names, least in ((("ptq8", "ptq16"), 4.0), (("hash-1", "hash-2"), 8.0)):
        for name in (n for n in names if n in groups):
            ratio = fp32_bytes / statistics.fmean(r.model_bytes for r in groups[name])
            line = f"{'PTQ alone' if least == 4.0 else 'with hash'}: model >= {least:g} x smaller than fp32"
            lines.append(Acceptance(line, name, f"{ratio:.2f} x", ratio >= least))
    for name in (n for n in ("ptq8", "ptq16", "qat8", "hash-1", "hash-2") if n in groups):
        lines.append(_compressed(name, groups[name], plain))
    for name in (n for n in ("temporal", "temporal-low") if n in groups):
        lines.append(_temporal(name, groups[name], plain))
    for name in (n for n in ("patch-ssim", "baseline-encoder", "hybrid") if n in groups):
        lines.append(_better_looking(name, groups[name], plain))
    for name in (n for n in groups if n != PLAIN):
        ratio = timings[name].frame_ratio
        found = f"{100.0 * (ratio - 1.0):+.1f} %"
        lines.append(Acceptance("frame time within 5 % of plain", name, found, ratio <= 1.05))
    return lines


def _compressed(name: str, group: Sequence[AbResult], plain: Sequence[AbResult]) -> Acceptance:
    psnr, lpips = _change(group, plain, _psnr), _change(group, plain, _lpips)
    assert psnr is not None
    passed: bool | None = psnr.mean >= -0.2
    if passed and lpips is not None:
        passed = lpips.mean <= 0.01
    elif passed:
        passed = None
    found = f"{psnr.mean:+.2f} dB, LPIPS {_signed(lpips)}"
    return Acceptance("against fp32: PSNR loss <= 0.2 dB and LPIPS + <= 0.01", name, found, passed)


def _temporal(name: str, group: Sequence[AbResult], plain: Sequence[AbResult]) -> Acceptance:
    psnr, lpips = _change(group, plain, _psnr), _change(group, plain, _temporal_lpips)
    assert psnr is not None
    passed: bool | None = psnr.mean >= -0.1
    if passed:
        passed = None if lpips is None else lpips.mean < 0.0
    found = f"temporal LPIPS {_signed(lpips)}, {psnr.mean:+.2f} dB"
    return Acceptance("temporal LPIPS better at PSNR loss <= 0.1 dB", name, found, passed)


def _better_looking(name: str, group: Sequence[AbResult], plain: Sequence[AbResult]) -> Acceptance:
    psnr, ssim, lpips = (_change(group, plain, figure) for figure in (_psnr, _ssim, _lpips))
    assert psnr is not None and ssim is not None
    passed: bool | None = psnr.mean >= -0.3
    if passed and ssim.mean < 0.02:
        passed = None if lpips is None else lpips.mean <= -0.02
    found = f"SSIM {ssim.mean:+.4f}, LPIPS {_signed(lpips)}, {psnr.mean:+.2f} dB"
    return Acceptance("SSIM + >= 0.02 or LPIPS - >= 0.02 at PSNR loss <= 0.3 dB", name, found, passed)


def _signed(change: Spread | None) -> str:
    return "absent" if change is None else f"{change.mean:+.4f}"


def acceptance_table(lines: Sequence[Acceptance]) -> str:
    """A Markdown table."""
    head = ["| acceptance line | variant | found | verdict |", "|---|---|---|---|"]
    return "\n".join([*head, *(line.text() for line in lines)])


def ab_json(
    results: Sequence[AbResult], timings: dict[str, AbTiming], lines: Sequence[Acceptance], machine: dict[str, object]
) -> dict[str, object]:
    """Everything, for machines."""
    return {
        "results": [{**asdict(r), "archive": str(r.archive)} for r in results],
        "timings": {name: asdict(timing) for name, timing in timings.items()},
        "acceptance": [asdict(line) for line in lines],
        "machine": machine,
    }
