"""Curves in the result format of CompressAI, read and written, so that its plots and ours show the same codecs.

A file is one codec: `name`, `description` and `results`, lists as long as the curve has points: `bpp` (bits per texel
of the frames, valid or not), `psnr-rgb` in dB, and perhaps `ms-ssim-rgb`, `encoding_time` and `decoding_time`, seconds
per frame.

Source: CompressAI, `compressai.utils.eval_model` and the files in its folder `results`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from todpack.decompressor.json_fields import is_number, read_shallow
from todpack.frames import Day

from ..deviation import mean_and_deviation
from ..errors import EvalError

Curve = dict[str, Any]
_PSNR_NAMES = ("psnr-rgb", "psnr")
LARGEST = 1e100
"""Of a figure, so that what is computed of it is finite."""


def _is_figure(value: Any) -> bool:
    return is_number(value) and abs(value) <= LARGEST


def read_results(path: Path, day: Day) -> Curve:
    """A codec's points as a curve beside ours.

    Args:
        path: The file.
        day: The frames that it was measured on: bits per texel become bytes.

    Raises:
        EvalError: The file cannot be read, or is no such result.
    """
    try:
        stored = read_shallow(path)
    except (OSError, ValueError) as error:
        raise EvalError(f"{path}: expected results in JSON: {error}") from error
    results = stored.get("results") if isinstance(stored, dict) else None
    if not isinstance(results, dict):
        raise EvalError(f"{path}: expected an object with results, found {type(stored).__name__} without")
    lists = {name: results[name] for name in ("bpp", *_PSNR_NAMES, "decoding_time") if name in results}
    psnr_name = next((name for name in _PSNR_NAMES if name in lists), None)
    if psnr_name is None or "bpp" not in lists:
        raise EvalError(f"{path}: expected lists bpp and psnr-rgb (or psnr) in results, found {', '.join(results)}")
    n = len(lists["bpp"]) if isinstance(lists["bpp"], list) else 0
    for name, values in lists.items():
        if not isinstance(values, list) or len(values) != n or not all(map(_is_figure, values)):
            raise EvalError(f"{path}: expected {name} as a list of {n or 'some'} finite numbers, at most {LARGEST:g}")
    texels = day.height * day.width
    points = []
    for i, bits in enumerate(lists["bpp"]):
        size = bits * texels * day.n_frames / 8
        measures = {
            "bytes": size,
            "bpt": 8 * size / (int(day.valid.sum()) * day.n_frames),
            "psnr_db": lists[psnr_name][i],
            "ssim": None,
            "lpips": None,
            "frame_ms": 1e3 * lists["decoding_time"][i] if "decoding_time" in lists else None,
        }
        averages = {name: None if value is None else mean_and_deviation([value]) for name, value in measures.items()}
        points.append({"setting": f"point {i + 1}", "runs": 1, **averages})
    return {"name": str(stored.get("name", path.stem)), "family": "results", "points": points}


def results_json(curve: Curve, day: Day) -> dict[str, Any] | None:
    """A curve as CompressAI's results; None where no point has a finite PSNR."""
    points = [point for point in curve["points"] if point["psnr_db"] is not None]
    if not points:
        return None
    texels = day.height * day.width * day.n_frames
    results: dict[str, list[float]] = {
        "bpp": [8 * point["bytes"]["mean"] / texels for point in points],
        "psnr-rgb": [point["psnr_db"]["mean"] for point in points],
    }
    for name, measure, scale in (
        ("encoding_time", "made_s", 1 / day.n_frames),
        ("decoding_time", "frame_ms", 1e-3),
    ):
        if all(point.get(measure) is not None for point in points):
            results[name] = [scale * point[measure]["mean"] for point in points]
    description = f"PSNR over valid texels of {day.n_frames} frames; bits per texel of the frames, valid or not"
    return {"name": curve["name"], "description": description, "results": results}
