"""What the peers need, as JSON for machines and as a table for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from eval.errors import EvalError
from eval.metrics import bits_per_texel
from eval.peers import JPEG_XL, JPEG_XL_DEFINITION, X265, X265_DEFINITION, PeerResults
from eval.rate_curve import bytes_at_psnr

DEFINITIONS = {X265: X265_DEFINITION, JPEG_XL: JPEG_XL_DEFINITION}


def peers_json(results: PeerResults, n_valid: int, n_frames: int, targets_db: Sequence[float]) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
        targets_db: PSNRs at which the curves are read.

    Returns:
        `points`, `absent` (peer to reason), `definitions`, and `bytes_at_psnr`: for each target, bytes by peer, null
        outside of the measured range.
    """
    return {
        "points": [
            {
                "name": point.name,
                "setting": point.setting,
                "bytes": point.size_bytes,
                "psnr_srgb_db": point.psnr_db if math.isfinite(point.psnr_db) else None,
                "bpt": bits_per_texel(point.size_bytes, n_valid, n_frames),
                "encode_s": point.encode_s,
                "decode_ms_per_frame": point.decode_ms_per_frame,
            }
            for point in results.points
        ],
        "absent": results.absent,
        "definitions": DEFINITIONS,
        "bytes_at_psnr": [
            {"psnr_srgb_db": target, **{name: _bytes_or_none(results, name, target) for name in DEFINITIONS}}
            for target in targets_db
        ],
    }


def _bytes_or_none(results: PeerResults, name: str, psnr_db: float) -> float | None:
    try:
        return bytes_at_psnr(results.curve(name), psnr_db)
    except EvalError:
        return None


def peers_table(results: PeerResults, n_valid: int, n_frames: int, targets_db: Sequence[float]) -> str:
    """One row per point, then the bytes at each target, then what is absent and what each peer is.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
        targets_db: PSNRs at which the curves are read.

    Returns:
        Lines of text.
    """
    lines = [
        f"{'peer':<8} {'setting':<14} {'bytes':>10} {'PSNR dB':>8} {'bpt':>7} {'encode s':>9} {'decode ms/frame':>16}"
    ]
    for point in results.points:
        bpt = bits_per_texel(point.size_bytes, n_valid, n_frames)
        lines.append(
            f"{point.name:<8} {point.setting:<14} {point.size_bytes:>10} {point.psnr_db:>8.2f} {bpt:>7.3f} "
            f"{point.encode_s:>9.2f} {point.decode_ms_per_frame:>16.2f}"
        )
    for target in targets_db:
        for name in DEFINITIONS:
            size = _bytes_or_none(results, name, target)
            found = "outside of the measured points" if size is None else f"{size:.0f} bytes (log-linear)"
            lines.append(f"{name:<8} at {target:g} dB: {found}")
    lines += [f"{name} absent: {reason}" for name, reason in results.absent.items()]
    lines += [f"{name}: {DEFINITIONS[name]}" for name in dict.fromkeys(point.name for point in results.points)]
    return "\n".join(lines)
