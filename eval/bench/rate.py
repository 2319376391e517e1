"""One set's rates: ours and the peers at settings around the PSNRs at which they are compared."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from todpack.frames import Day, read_day

from ..errors import EvalError
from ..measures.contest import RAW_BYTES_PER_TEXEL
from ..measures.frames import day_frames
from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.rate_curve import MIN_BD_POINTS, RatePoint, bytes_at_psnr
from ..peers.cache import PointCache
from ..peers.images import JPEG_XL
from ..peers.libaom import LIBAOM
from ..peers.ours import DAYBASIS, REFINED
from ..peers.peer import Peer
from ..peers.report import bd_rates
from ..peers.run import PeerResults, all_peers, run_peers
from ..peers.video import X265
from ..progress import Progress, silent
from .sets import HDR_LEVELS_DB, BenchSet

OURS = (REFINED, DAYBASIS)
ANCHORS = (X265.name, LIBAOM.name)
LEVEL_Q_STEPS = (9.0, 16.0, 24.0)
"""Steps of the closed form whose PSNRs are the levels of a set without a reference."""
LADDERS: dict[str, tuple[float, ...]] = {  # settings from fine to coarse; as many are run as bracket the levels
    DAYBASIS: (2.0, 3.0, 4.5, 7.0, 10.5, 16.0, 24.0, 36.0, 54.0),
    X265.name: (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0, 24.0, 27.0, 30.0),
    LIBAOM.name: (0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0, 46.0),
    JPEG_XL.name: (0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0),
}
LADDERS[REFINED] = LADDERS[DAYBASIS]
LINEAR_LADDER = (0.5, 0.75, 1.1, 1.7, 2.5, 3.75, 5.6, 8.4, 12.6)
TRAINED = ("mlp", "ndgi")
"""Peers that train for minutes: on the sample alone."""


@dataclass(frozen=True)
class RateSettings:
    """What is measured.

    Attributes:
        lpips: The measure, or why it is absent.
        cache: Points of earlier runs.
        ours: Whether our own points are measured, or the peers' alone (to fill the cache).
        quick: Only ours, x265 and JPEG XL, at few settings.
    """

    lpips: Lpips | LpipsAbsent
    cache: PointCache | None = None
    ours: bool = True
    quick: bool = False


def bracketing(
    peer: Peer, ladder: Sequence[float], levels_db: Sequence[float], run: Any, least: int = MIN_BD_POINTS
) -> PeerResults:
    """Points of a peer from one above the highest level to one below the lowest, and at least so many.

    Args:
        peer: Which.
        ladder: Its settings from fine to coarse; the ends of it end the search.
        levels_db: PSNRs to bracket.
        run: Runs a peer.
        least: Points at least, where the ladder has them.

    Returns:
        Its points from fine to coarse, or why it is absent.
    """
    low = high = (len(ladder) + 1) // 2
    points: dict[int, RatePoint] = {}
    results = PeerResults((), {})

    def at(rung: int) -> float | None:
        nonlocal results
        results = run(replace(peer, settings=(ladder[rung],)))
        if not results.points:
            return None
        points[rung] = results.points[0]
        return points[rung].psnr_db

    reached = at(low)
    if reached is None:
        return results
    while low > 0 and (points[low].psnr_db < max(levels_db) or len(points) < 2):
        low -= 1
        if at(low) is None:
            return results
    while high < len(ladder) - 1 and (points[high].psnr_db > min(levels_db) or len(points) < least):
        high += 1
        if at(high) is None:
            return results
    # what the search passed on its way, but two beyond each end say nothing
    kept = [points[rung] for rung in sorted(points)]
    return replace(results, points=tuple(kept))


def _levels(one: BenchSet, day: Day, run: Any, peers: dict[str, Peer]) -> list[float]:
    if one.reference:
        return [psnr_db for _, psnr_db in one.reference]
    if day.transfer != "srgb8":
        return sorted(HDR_LEVELS_DB, reverse=True)
    results: PeerResults = run(replace(peers[DAYBASIS], settings=LEVEL_Q_STEPS))
    if not results.points:
        reason = results.absent.get(DAYBASIS, "none was given")
        raise EvalError(f"{one.name}: expected points of our own, whose PSNRs are compared at, found none: {reason}")
    return [point.psnr_db for point in results.points]


def rate_of_set(one: BenchSet, settings: RateSettings, progress: Progress = silent) -> dict[str, Any]:
    """Measure one set.

    Args:
        one: Which.
        settings: What is measured on it.
        progress: Told of each point.

    Returns:
        Plain values for JSON: the set, `levels_db`, `points`, and what follows from them (`compared`).

    Raises:
        EvalError: codecs cannot be compared on it.
    """
    day = read_day(one.path, lightmap=one.lightmap)
    frames = np.ascontiguousarray(day_frames(day))
    count = 0

    def run(peer: Peer) -> PeerResults:
        nonlocal count
        progress(count, count + 1, f"{one.name}: {peer.name} {', '.join(f'{s:g}' for s in peer.settings)}")
        count += 1
        return run_peers(frames, day.valid, (peer,), lpips=settings.lpips, cache=settings.cache)

    peers = {peer.name: peer for peer in all_peers(hours=day.hours)}
    is_linear = day.transfer != "srgb8"
    levels_db = _levels(one, day, run, peers)
    if not all(map(math.isfinite, levels_db)):
        raise EvalError("expected frames that coding changes, found some that it gives back exactly at any step")
    points: list[RatePoint] = []
    absent: dict[str, str] = {}
    for name, peer in peers.items():
        if (
            peer.transfer not in ("both", day.transfer)
            or (name in OURS and not settings.ours)
            or (name in TRAINED and one.name != "sample")
            or (settings.quick and name not in (*OURS, X265.name, JPEG_XL.name))
        ):
            continue
        ladder = LINEAR_LADDER if name in OURS and is_linear else LADDERS.get(name)
        least = 2 if settings.quick or is_linear else MIN_BD_POINTS  # BD-rates are of codes alone
        found = run(peer) if ladder is None else bracketing(peer, ladder, levels_db, run, least)
        points += found.points
        absent |= found.absent
    results = PeerResults(tuple(points), absent, tuple(peers.values()), n_valid=int(day.valid.sum()))
    lpips_absent = settings.lpips.reason if isinstance(settings.lpips, LpipsAbsent) else None
    key = "psnr_linear_db" if is_linear else "psnr_srgb_db"
    return {
        "kind": one.kind,
        "tuned": one.tuned,
        "height": day.height,
        "width": day.width,
        "frames": day.n_frames,
        "valid_texels": results.n_valid,
        "raw_bytes": day.height * day.width * RAW_BYTES_PER_TEXEL if is_linear else int(frames.nbytes),
        "transfer": day.transfer,
        "levels_db": levels_db,
        "reference_bytes": [size for size, _ in one.reference],
        "points": [
            {**point.to_json(results.n_valid, day.n_frames, key), "psnr_db": point.to_json(1, 1, "db")["db"]}
            for point in points
        ],
        "absent": absent,
        "lpips_absent": lpips_absent,
        "random_access": {peer.name: peer.random_access for peer in results.peers if results.curve(peer.name)},
        "compared": compared(results, levels_db),
    }


def _at(curve: Sequence[RatePoint], psnr_db: float, name: str) -> float | None:
    """A figure of a codec at a PSNR, on straight lines between its points; None where they do not reach or lack it."""
    known = sorted((p.psnr_db, getattr(p, name)) for p in curve if getattr(p, name) is not None)
    known = [(db, value) for db, value in known if math.isfinite(db) and math.isfinite(value)]
    if len(known) < 2 or not known[0][0] <= psnr_db <= known[-1][0]:
        return None
    return float(np.interp(psnr_db, [db for db, _ in known], [value for _, value in known]))


def _parts_at(curve: Sequence[RatePoint], psnr_db: float) -> dict[str, int]:
    """Bytes by kind of section at a PSNR, largest first, on straight lines between points; empty beyond them."""
    known = sorted((p for p in curve if p.parts and math.isfinite(p.psnr_db)), key=lambda p: p.psnr_db)
    levels = [p.psnr_db for p in known]
    if len(known) < 2 or not levels[0] <= psnr_db <= levels[-1]:
        return {}
    kinds = {kind for p in known for kind in p.parts}
    sizes = {kind: round(np.interp(psnr_db, levels, [p.parts.get(kind, 0) for p in known])) for kind in kinds}
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0])))


def compared(results: PeerResults, levels_db: Sequence[float]) -> dict[str, Any]:
    """What follows from the points of one set.

    Args:
        results: All points.
        levels_db: PSNRs at which codecs are compared.

    Returns:
        `bytes`: of each codec at the levels, None where its curve does not reach; `bytes_without_mask`: of ours
        likewise; `parts`: of the refined codec, bytes by kind of section at each level; `ratios`: mean over the levels
        of ours over each anchor, with and without the mask, None unless all were reached; `bd_rate_percent`: of each
        codec against each anchor; `middle`: figures of each codec at the middle level.
    """
    names = [peer.name for peer in results.peers if results.curve(peer.name)]
    curves = {name: results.curve(name) for name in names}
    bare = {
        name: [replace(point, size_bytes=point.size_bytes - point.mask_bytes) for point in curves[name]]
        for name in OURS
        if name in curves
    }

    def sizes(some: dict[str, list[RatePoint]]) -> dict[str, list[float | None]]:
        return {name: [bytes_at_psnr(curve, level) for level in levels_db] for name, curve in some.items()}

    def ratio(ours: list[float | None], theirs: list[float | None]) -> float | None:
        pairs = list(zip(ours, theirs, strict=True))
        if not pairs or any(our is None or their is None for our, their in pairs):
            return None
        return statistics.fmean(our / their for our, their in pairs if our is not None and their is not None)

    whole, without = sizes(curves), sizes(bare)
    middle = sorted(levels_db)[len(levels_db) // 2]
    figures = ("ssim", "lpips", "border_db", "encode_cpu_s", "decode_cpu_ms_per_frame")
    return {
        "bytes": whole,
        "bytes_without_mask": without,
        "parts": [_parts_at(curves.get(REFINED, []), level) for level in levels_db],
        "ratios": {
            name: {anchor: ratio(whole[name], whole[anchor]) for anchor in ANCHORS if anchor in whole} for name in bare
        },
        "ratios_without_mask": {
            name: {anchor: ratio(without[name], whole[anchor]) for anchor in ANCHORS if anchor in whole}
            for name in bare
        },
        "bd_rate_percent": {
            anchor: bd_rates(results, [n for n in names if n != anchor], anchor)[0]
            for anchor in ANCHORS
            if anchor in curves
        },
        "middle_db": middle,
        "middle": {
            name: {
                "bytes": bytes_at_psnr(curve, middle),
                **{figure: _at(curve, middle, figure) for figure in figures},
            }
            for name, curve in curves.items()
        },
    }
