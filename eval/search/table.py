"""Trials as a sorted table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SORTS = {"score": -1, "psnr_db": -1, "ssim": -1, "lpips": 1, "bytes": 1, "frame_ms": 1}  # -1: large values first


def sorted_results(results: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """Best first; trials without the measure behind, failed ones last."""

    def key(result: dict[str, Any]) -> tuple[bool, bool, float]:
        measures = result["measures"]
        value = result["score"] if by == "score" else measures[by] if measures is not None else None
        return measures is None, value is None, SORTS[by] * (value or 0.0)

    return sorted(results, key=key)


def _cell(value: float | None, digits: int) -> str:
    return "absent" if value is None else f"{value:.{digits}f}"


def results_table(results: Sequence[dict[str, Any]]) -> str:
    """One row per trial that worked, then the failed ones with their reasons."""
    lines = [
        f"{'trial':<24} {'score':>8} {'PSNR dB':>8} {'SSIM':>7} {'LPIPS':>7} {'bytes':>9} {'frame ms':>9} "
        f"{'made s':>8}  options"
    ]
    for result in results:
        measures = result["measures"]
        if measures is None:
            continue
        options = {**result["values"]["train"], **result["values"]["pack"]}
        shown = " ".join(
            f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in sorted(options.items())
        )
        lines.append(
            f"{result['name']:<24} {_cell(result['score'], 3):>8} {_cell(measures['psnr_db'], 2):>8} "
            f"{_cell(measures['ssim'], 4):>7} {_cell(measures['lpips'], 4):>7} {measures['bytes']:>9} "
            f"{measures['frame_ms']:>9.2f} {measures['made_s']:>8.1f}  {shown}"
        )
    failed = [result for result in results if result["measures"] is None]
    lines += [f"failed: {result['name']}: {result['error']}" for result in failed]
    resumed = sum(1 for result in results if result["resumed"])
    lines.append(f"{len(results) - len(failed)} trials worked ({resumed} from an earlier run), {len(failed)} failed")
    return "\n".join(lines)
