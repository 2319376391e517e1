"""Trials as a sorted table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tables import columns, figure

SORTS = {"score": -1, "psnr_db": -1, "ssim": -1, "lpips": 1, "bytes": 1, "frame_ms": 1}  # -1: large values first


def sorted_results(results: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """Best first; trials without the measure behind, failed ones last."""

    def key(result: dict[str, Any]) -> tuple[bool, bool, float]:
        measures = result["measures"]
        value = result["score"] if by == "score" else measures[by] if measures is not None else None
        return measures is None, value is None, SORTS[by] * (value or 0.0)

    return sorted(results, key=key)


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    measures = result["measures"]
    psnr = figure(measures["psnr_db"], 2)
    if result.get("repeats") and measures["psnr_db"] is not None:
        psnr += f" +- {result['deviation']['psnr_db']:.2f}"
    train, pack = result["values"]["train"], result["values"]["pack"]
    both = train.keys() & pack.keys()  # an option of each, such as q-step
    options = {
        f"{command} {name}" if name in both else name: value
        for command, values in (("train", train), ("pack", pack))
        for name, value in values.items()
    }
    return (
        result["name"],
        figure(result["score"], 3),
        psnr,
        figure(measures["ssim"], 4),
        figure(measures["lpips"], 4),
        f"{measures['bytes']:.0f}",
        f"{measures['frame_ms']:.2f}",
        f"{measures['made_s']:.1f}",
        " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in sorted(options.items())),
    )


def results_table(results: Sequence[dict[str, Any]]) -> str:
    """One row per trial that worked, then the failed ones with their reasons."""
    worked = [result for result in results if result["measures"] is not None]
    failed = [result for result in results if result["measures"] is None]
    resumed = sum(1 for result in results if result["resumed"])
    head = ("trial", "score", "PSNR dB", "SSIM", "LPIPS", "bytes", "frame ms", "made s", "options")
    return "\n".join(
        [
            *columns(head, [_row(result) for result in worked], "lrrrrrrrl"),
            *(f"failed: {result['name']}: {result['error']}" for result in failed),
            f"{len(worked)} trials worked ({resumed} from an earlier run), {len(failed)} failed",
        ]
    )
