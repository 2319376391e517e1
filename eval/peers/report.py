"""A comparison of peers, as JSON for machines and as a table for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from todpack.decompressor.errors import MissingPackageError

from ..measures.metrics import bits_per_texel
from ..measures.rate_curve import MIN_BD_OVERLAP, MIN_BD_POINTS, bd_rate_percent, bytes_at_psnr
from ..tables import columns, figure
from .run import PeerResults
from .video import X265

TOO_LITTLE = f"none: both need {MIN_BD_POINTS} points, and {100 * MIN_BD_OVERLAP:g} % of their range of PSNR in common"
HEAD = (
    "peer", "setting", "bytes", "bpt", "PSNR dB", "SSIM", "LPIPS", "encode s", "decode ms/frame", "random access",
)  # fmt: skip


@dataclass(frozen=True)
class BdRates:
    """Bytes beyond those of x265 at equal PSNR.

    Attributes:
        percent: By name of the peer; None where the curves do not compare.
        absent: Why there is none at all; None where there is.
    """

    percent: dict[str, float | None]
    absent: str | None = None


def bd_rates(results: PeerResults, names: Sequence[str] | None = None) -> BdRates:
    """BD-rates against x265.

    Args:
        results: Of x265 and others.
        names: Of whom; None: of every peer with points.
    """
    anchor = results.curve(X265.name)
    if not anchor:
        return BdRates({}, f"{X265.name} is not among the points")
    chosen = [peer.name for peer in results.measured] if names is None else names
    try:
        return BdRates({name: bd_rate_percent(anchor, results.curve(name)) for name in chosen})
    except MissingPackageError as error:
        return BdRates({}, str(error))


def rows(results: PeerResults, n_valid: int, n_frames: int, absent: str = "absent") -> list[tuple[str, ...]]:
    """A row per point, of the columns in `HEAD`.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
        absent: Word for what was not measured.
    """
    access = {peer.name: peer.random_access for peer in results.peers}
    return [
        (
            point.name,
            point.setting,
            str(point.size_bytes),
            f"{bits_per_texel(point.size_bytes, n_valid, n_frames):.3f}",
            f"{point.psnr_db:.2f}",
            figure(point.ssim, 4, absent=absent),
            figure(point.lpips, 4, absent=absent),
            f"{point.encode_s:.2f}",
            f"{point.decode_ms_per_frame:.2f}",
            access[point.name],
        )
        for point in results.points
    ]


def peers_json(
    results: PeerResults, n_valid: int, n_frames: int, transfer: str, targets_db: Sequence[float]
) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`; null for what is absent or not finite.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
        transfer: "srgb8" or "linear".
        targets_db: PSNRs at which the curves are read.
    """
    psnr_key = "psnr_srgb_db" if transfer == "srgb8" else "psnr_linear_db"
    access = {peer.name: peer.random_access for peer in results.peers}
    rates = bd_rates(results)
    return {
        "points": [
            {**point.to_json(n_valid, n_frames, psnr_key), "random_access": access[point.name]}
            for point in results.points
        ],
        "absent": results.absent,
        "definitions": {peer.name: peer.definition for peer in results.measured},
        "bd_rate_percent_against_x265": rates.percent,
        "bd_rate_absent": rates.absent,
        "lpips_absent": results.lpips_absent,
        "bytes_at_psnr": [
            {psnr_key: target, **{p.name: bytes_at_psnr(results.curve(p.name), target) for p in results.measured}}
            for target in targets_db
        ],
    }


def peers_table(results: PeerResults, n_valid: int, n_frames: int, targets_db: Sequence[float]) -> str:
    """One row per point, then BD-rates, bytes at the targets, what is absent, and what each peer is.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
        targets_db: PSNRs at which the curves are read.
    """
    lines = [*columns(HEAD, rows(results, n_valid, n_frames), "ll"), ""]
    rates = bd_rates(results)
    for name, percent in rates.percent.items():
        lines.append(f"{name} against x265 (BD-rate): {TOO_LITTLE if percent is None else f'{percent:+.1f} % bytes'}")
    if rates.absent is not None:
        lines.append(f"BD-rate absent: {rates.absent}")
    for target in targets_db:
        for peer in results.measured:
            size = bytes_at_psnr(results.curve(peer.name), target)
            text = "outside of the measured points" if size is None else f"{size:.0f} bytes (log-linear)"
            lines.append(f"{peer.name} at {target:g} dB: {text}")
    lines += [f"{name} absent: {reason}" for name, reason in results.absent.items()]
    if results.lpips_absent is not None:
        lines.append(f"LPIPS absent: {results.lpips_absent}")
    lines += [f"{peer.name}: {peer.definition}" for peer in results.measured]
    lines.append("random access: yes: one texel at one time alone; frame: single frames; no: frames in order")
    return "\n".join(lines)
