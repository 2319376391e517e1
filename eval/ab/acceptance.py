"""The recipe's acceptance lines, each with what was found and whether it passes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..measures.latency import ComparedTimes
from ..tables import figure, markdown
from .run import AbResult
from .variants import PLAIN

Group = Sequence[AbResult]


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


def figures(group: Group, name: str) -> list[float] | None:
    """A figure of each result, in order of the seeds; None where one lacks it."""
    values = [getattr(result, name) for result in group]
    return None if None in values else values


def _change(group: Group, plain: Group, name: str) -> float | None:
    """Mean of a figure less the plain one's of the same seed."""
    ours, theirs = figures(group, name), figures(plain, name)
    if ours is None or theirs is None:
        return None
    return statistics.fmean(a - b for a, b in zip(ours, theirs, strict=True))


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Whether both hold; None where that hangs on what is not known."""
    return False if False in (one, other) else None if None in (one, other) else True


def _signed(change: float | None) -> str:
    return figure(change, 4) if change is None else f"{change:+.4f}"


def _small(name: str, group: Group, plain: Group, line: str, least: float) -> Acceptance:
    fp32_bytes = 4.0 * statistics.fmean(result.parameters for result in plain)
    ratio = fp32_bytes / statistics.fmean(result.model_bytes for result in group)
    return Acceptance(f"{line}: model >= {least:g} x smaller than fp32", name, f"{ratio:.2f} x", ratio >= least)


def _compressed(name: str, group: Group, plain: Group) -> Acceptance:
    psnr_db, lpips = _change(group, plain, "psnr_db") or 0.0, _change(group, plain, "lpips")
    passed = _both(psnr_db >= -0.2, None if lpips is None else lpips <= 0.01)
    line = "against fp32: PSNR loss <= 0.2 dB and LPIPS + <= 0.01"
    return Acceptance(line, name, f"{psnr_db:+.2f} dB, LPIPS {_signed(lpips)}", passed)


def _steady(name: str, group: Group, plain: Group) -> Acceptance:
    psnr_db, lpips = _change(group, plain, "psnr_db") or 0.0, _change(group, plain, "temporal_lpips")
    passed = _both(psnr_db >= -0.1, None if lpips is None else lpips < 0.0)
    line = "temporal LPIPS better at PSNR loss <= 0.1 dB"
    return Acceptance(line, name, f"temporal LPIPS {_signed(lpips)}, {psnr_db:+.2f} dB", passed)


def _better_looking(name: str, group: Group, plain: Group) -> Acceptance:
    psnr_db, ssim = _change(group, plain, "psnr_db") or 0.0, _change(group, plain, "ssim") or 0.0
    lpips = _change(group, plain, "lpips")
    passed = _both(psnr_db >= -0.3, True if ssim >= 0.02 else None if lpips is None else lpips <= -0.02)
    line = "SSIM + >= 0.02 or LPIPS - >= 0.02 at PSNR loss <= 0.3 dB"
    return Acceptance(line, name, f"SSIM {ssim:+.4f}, LPIPS {_signed(lpips)}, {psnr_db:+.2f} dB", passed)


def acceptance(results: Sequence[AbResult], times: Mapping[str, ComparedTimes]) -> list[Acceptance]:
    """The recipe's acceptance lines; changes are against the plain variant of the same seed, means decide."""
    groups = by_variant(results)
    plain = groups[PLAIN]

    def some(*names: str) -> list[tuple[str, Group, Group]]:
        return [(name, groups[name], plain) for name in names if name in groups]

    lines = [_small(*one, "PTQ alone", 4.0) for one in some("ptq8", "ptq16")]
    lines += [_small(*one, "with hash", 8.0) for one in some("hash-1", "hash-2")]
    lines += [_compressed(*one) for one in some("ptq8", "ptq16", "qat8", "hash-1", "hash-2")]
    lines += [_steady(*one) for one in some("temporal", "temporal-low")]
    lines += [_better_looking(*one) for one in some("patch-ssim", "baseline-encoder", "hybrid")]
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
