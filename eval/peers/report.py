"""A comparison of peers, as JSON for machines and as a table for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..errors import EvalError
from ..measures.metrics import bits_per_texel
from ..measures.rate_curve import bytes_at_psnr
from .compare import MIN_BD_OVERLAP, MIN_BD_POINTS, Comparison

TOO_LITTLE = f"none: both need {MIN_BD_POINTS} points, and {100 * MIN_BD_OVERLAP:g} % of their range of PSNR in common"


def comparison_json(
    found: Comparison, n_valid: int, n_frames: int, transfer: str, targets_db: Sequence[float]
) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`; null for what is absent or not finite.

    Args:
        found: From `compare`.
        n_valid: Valid texels.
        n_frames: T.
        transfer: "srgb8" or "linear".
        targets_db: PSNRs at which the curves are read.
    """
    psnr_key = "psnr_srgb_db" if transfer == "srgb8" else "psnr_linear_db"
    return {
        "points": [
            {
                "name": point.rate.name,
                "setting": point.rate.setting,
                "bytes": point.rate.size_bytes,
                "bpt": bits_per_texel(point.rate.size_bytes, n_valid, n_frames),
                psnr_key: _number(point.rate.psnr_db),
                "ssim": _number(point.ssim),
                "lpips": _number(point.lpips),
                "encode_s": point.rate.encode_s,
                "decode_ms_per_frame": point.rate.decode_ms_per_frame,
                "random_access": point.random_access,
            }
            for point in found.points
        ],
        "absent": found.absent,
        "definitions": found.definitions,
        "bd_rate_percent_against_x265": found.bd_rate,
        "bd_rate_absent": found.bd_absent,
        "lpips_absent": found.lpips_absent,
        "bytes_at_psnr": [
            {psnr_key: target, **{name: _bytes_at(found, name, target) for name in found.definitions}}
            for target in targets_db
        ],
    }


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _bytes_at(found: Comparison, name: str, psnr_db: float) -> float | None:
    try:
        return bytes_at_psnr([point.rate for point in found.points if point.rate.name == name], psnr_db)
    except EvalError:
        return None


def comparison_table(found: Comparison, n_valid: int, n_frames: int, targets_db: Sequence[float]) -> str:
    """One row per point, then BD-rates, bytes at the targets, what is absent, and what each peer is.

    Args:
        found: From `compare`.
        n_valid: Valid texels.
        n_frames: T.
        targets_db: PSNRs at which the curves are read.
    """
    width = max(10, *(len(name) for name in found.definitions)) if found.definitions else 10
    lines = [
        f"{'peer':<{width}} {'setting':<18} {'bytes':>10} {'bpt':>7} {'PSNR dB':>8} {'SSIM':>7} {'LPIPS':>7} "
        f"{'encode s':>9} {'decode ms/frame':>16} {'random access':>14}"
    ]
    for point in found.points:
        rate = point.rate
        lpips = "absent" if point.lpips is None else f"{point.lpips:.4f}"
        lines.append(
            f"{rate.name:<{width}} {rate.setting:<18} {rate.size_bytes:>10} "
            f"{bits_per_texel(rate.size_bytes, n_valid, n_frames):>7.3f} {rate.psnr_db:>8.2f} {point.ssim:>7.4f} "
            f"{lpips:>7} {rate.encode_s:>9.2f} {rate.decode_ms_per_frame:>16.2f} {point.random_access:>14}"
        )
    lines.append("")
    for name, percent in found.bd_rate.items():
        value = TOO_LITTLE if percent is None else f"{percent:+.1f} % bytes"
        lines.append(f"{name} against x265 (BD-rate): {value}")
    if found.bd_absent is not None:
        lines.append(f"BD-rate absent: {found.bd_absent}")
    for target in targets_db:
        for name in found.definitions:
            size = _bytes_at(found, name, target)
            text = "outside of the measured points" if size is None else f"{size:.0f} bytes (log-linear)"
            lines.append(f"{name:<{width}} at {target:g} dB: {text}")
    lines += [f"{name} absent: {reason}" for name, reason in found.absent.items()]
    if found.lpips_absent is not None:
        lines.append(f"LPIPS absent: {found.lpips_absent}")
    lines += [f"{name}: {definition}" for name, definition in found.definitions.items()]
    lines.append("random access: yes: one texel at one time alone; frame: single frames; no: frames in order")
    return "\n".join(lines)
