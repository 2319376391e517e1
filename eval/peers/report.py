"""A comparison of peers, as tables for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Sequence

from todpack.decompressor.errors import MissingPackageError

from ..measures.rate_curve import MIN_BD_OVERLAP, MIN_BD_POINTS, bd_rate_percent, bytes_at_psnr
from ..tables import Part, Table, figure
from .run import PeerResults
from .video import X265

HEAD = (
    "peer", "setting", "bytes", "bpt", "PSNR dB", "SSIM", "LPIPS", "encode s", "decode ms/frame", "random access",
)  # fmt: skip
BD_CAPTION = (
    f"Bytes beyond those of {X265.name} at equal PSNR (BD-rate), where both have {MIN_BD_POINTS} points and "
    f"{100 * MIN_BD_OVERLAP:g} % of their range of PSNR in common:"
)


def bd_rates(
    results: PeerResults, names: Sequence[str], against: str = X265.name
) -> tuple[dict[str, float | None], str | None]:
    """BD-rates of codecs against one of them, in percent, by name; None where the curves do not compare.

    Returns:
        The rates, and why there are none at all, or None.
    """
    anchor = results.curve(against)
    if not anchor:
        return {}, f"{against} is not among the points"
    try:
        return {name: bd_rate_percent(anchor, results.curve(name)) for name in names}, None
    except MissingPackageError as error:
        return {}, str(error)


def peers_json(results: PeerResults, targets_db: Sequence[float]) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`, with bytes at some PSNRs; null for what is absent or not finite."""
    access = {peer.name: peer.random_access for peer in results.peers}
    names = [peer.name for peer in results.measured]
    rates, rates_absent = bd_rates(results, names)
    return {
        "points": [
            {**point.to_json(results.n_valid, results.n_frames, results.psnr_key), "random_access": access[point.name]}
            for point in results.points
        ],
        "absent": results.absent,
        "definitions": {peer.name: peer.definition for peer in results.measured},
        "bd_rate_percent_against_x265": rates,
        "bd_rate_absent": rates_absent,
        "lpips_absent": results.lpips_absent,
        "bytes_at_psnr": [
            {results.psnr_key: target, **{name: bytes_at_psnr(results.curve(name), target) for name in names}}
            for target in targets_db
        ],
    }


def peers_tables(results: PeerResults, targets_db: Sequence[float] = ()) -> list[Part]:
    """One row per point, then BD-rates, bytes at some PSNRs, what is absent, and what each peer is."""
    access = {peer.name: peer.random_access for peer in results.peers}
    points = [
        (
            point.name,
            point.setting,
            str(point.size_bytes),
            f"{point.bpt(results.n_valid, results.n_frames):.3f}",
            f"{point.psnr_db:.2f}",
            figure(point.ssim, 4, absent="-"),
            figure(point.lpips, 4, absent="-"),
            f"{point.encode_s:.2f}",
            f"{point.decode_ms_per_frame:.2f}",
            access[point.name],
        )
        for point in results.points
    ]
    caption = "Random access: one texel at one time alone (yes), single frames (frame), or frames in order (no)."
    parts: list[Part] = [Table(caption, HEAD, points, "ll")]
    rates, rates_absent = bd_rates(results, [peer.name for peer in results.measured])
    if rates:
        body = [(name, "-" if rate is None else f"{rate:+.1f} %") for name, rate in rates.items()]
        parts.append(Table(BD_CAPTION, ("peer", "BD-rate"), body))
    if targets_db:
        curves = {peer.name: results.curve(peer.name) for peer in results.measured}
        sizes = [
            (name, *(figure(bytes_at_psnr(curve, target), 0, absent="-") for target in targets_db))
            for name, curve in curves.items()
        ]
        head = ("peer", *(f"{target:g} dB" for target in targets_db))
        parts.append(Table("Bytes, log-linear between points:", head, sizes))
    absent = {**results.absent, "BD-rate": rates_absent, "LPIPS": results.lpips_absent}
    notes = [f"{name} absent: {reason}" for name, reason in absent.items() if reason is not None]
    return [*parts, [*notes, *(f"{peer.name}: {peer.definition}" for peer in results.measured)]]
