"""All peers on the same frames in one run: bytes, quality, times, and BD-rate against x265."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import EvalError
from ..measures.frames import with_original_outside
from ..measures.metrics import psnr_linear_db, psnr_srgb_db, ssim, ssim_linear
from ..measures.perceptual import MIN_SIDE, Lpips, LpipsAbsent, lpips_linear_tiles
from ..measures.rate_curve import RatePoint
from . import blocks, images, neural, ours, standing, vector_quantization, video
from .peer import Coded, FramesRefusedError, Peer, PeerAbsentError

Progress = Callable[[int, int, str], None]
MIN_BD_POINTS = 4  # BD-rate fits a curve through as many
MIN_BD_OVERLAP = 0.3  # of the PSNR ranges; with less the figure means nothing


@dataclass(frozen=True)
class PeerPoint:
    """One peer at one setting, measured.

    Attributes:
        rate: Name, setting, bytes, PSNR and times.
        ssim: Of the day.
        lpips: Of the day; None where absent.
        random_access: "yes", "frame" or "no".
    """

    rate: RatePoint
    ssim: float
    lpips: float | None
    random_access: str


@dataclass(frozen=True)
class Comparison:
    """What a run of all peers found.

    Attributes:
        points: In the order of the peers.
        absent: By name: why a peer did not run.
        definitions: By name: what exactly was run.
        bd_rate: By name: bytes beyond those of x265 at equal PSNR, in percent; None where the curves do not compare.
        bd_absent: Why no BD-rate is given at all; None where it is.
        lpips_absent: Why LPIPS is absent; None where it is not.
    """

    points: tuple[PeerPoint, ...]
    absent: dict[str, str]
    definitions: dict[str, str]
    bd_rate: dict[str, float | None]
    bd_absent: str | None
    lpips_absent: str | None


def _standing(measure: Callable[..., tuple[RatePoint, np.ndarray]]) -> Callable[..., Coded]:
    def code(frames: np.ndarray, valid: np.ndarray, setting: float) -> Coded:
        point, decoded = measure(frames, valid, setting)
        return Coded(point.size_bytes, decoded, point.encode_s, point.decode_ms_per_frame)

    return code


def all_peers(crfs: Sequence[float], distances: Sequence[float], train_s: float) -> tuple[Peer, ...]:
    """Every peer there is: ours, the two standing ones, the others.

    Args:
        crfs: Settings of x265.
        distances: Settings of JPEG XL.
        train_s: Seconds of training per setting of a neural peer.
    """
    return (
        *ours.PEERS,
        Peer(standing.X265, standing.X265_DEFINITION, "crf", tuple(crfs), "no", _standing(standing.code_x265)),
        Peer(
            standing.JPEG_XL,
            standing.JPEG_XL_DEFINITION,
            "distance",
            tuple(distances),
            "frame",
            _standing(standing.code_jpeg_xl),
        ),
        *video.PEERS,
        *images.PEERS,
        *blocks.PEERS,
        *vector_quantization.PEERS,
        *neural.neural_peers(train_s),
    )


def chosen_peers(peers: Sequence[Peer], names: Sequence[str]) -> tuple[Peer, ...]:
    """Some peers by name, or all where none is named.

    Raises:
        EvalError: there is no peer of a name.
    """
    by_name = {peer.name: peer for peer in peers}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise EvalError(f"peers: expected some of {', '.join(by_name)}, found {unknown[0]!r}")
    return tuple(by_name[name] for name in names) if names else tuple(peers)


def _lpips_of(lpips: Lpips, original: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> float | None:
    if original.dtype.kind == "f":
        pairs = zip(original, decoded, strict=True)
        found = [figure for g, r in pairs for figure in lpips_linear_tiles(lpips, g, r, valid)]
    else:
        found = [lpips.distance(g, with_original_outside(g, r, valid)) for g, r in zip(original, decoded, strict=True)]
    return math.fsum(found) / len(found) if found else None


def measured(peer: Peer, setting: float, frames: np.ndarray, valid: np.ndarray, lpips: Lpips | None) -> PeerPoint:
    """Code the day by one peer at one setting and measure what comes back.

    Raises:
        EvalError: the setting is out of range.
        FramesRefusedError: the peer refuses the frames.
        PeerAbsentError: its package is not installed.
    """
    coded = peer.code(frames, valid, setting)
    text = f"{peer.unit} {setting:g}"
    if coded.frames.shape != frames.shape or coded.frames.dtype != frames.dtype:
        raise EvalError(
            f"{peer.name} {text}: expected {frames.shape} {frames.dtype} back, found {coded.frames.shape} "
            f"{coded.frames.dtype}"
        )
    linear = frames.dtype.kind == "f"
    psnr_db = (psnr_linear_db if linear else psnr_srgb_db)(frames, coded.frames, valid)
    rate = RatePoint(peer.name, text, coded.size_bytes, psnr_db, coded.encode_s, coded.decode_ms_per_frame)
    similarity = (ssim_linear if linear else ssim)(frames, coded.frames, valid)
    distance = _lpips_of(lpips, frames, coded.frames, valid) if lpips is not None else None
    return PeerPoint(rate, similarity, distance, peer.random_access)


def bd_rate_percent(anchor: Sequence[RatePoint], test: Sequence[RatePoint]) -> float | None:
    """Bjontegaard's delta rate: bytes of `test` beyond those of `anchor` at equal PSNR, mean over the shared range.

    Args:
        anchor: Points of one codec.
        test: Points of the other.

    Returns:
        Percent, negative where `test` needs fewer bytes; None where either has under `MIN_BD_POINTS` points or they
        share too little range.

    Raises:
        PeerAbsentError: the package bjontegaard is not installed.
    """
    curves = []
    for points in (anchor, test):
        by_psnr = {p.psnr_db: p.size_bytes for p in points if math.isfinite(p.psnr_db)}
        curves.append(sorted(by_psnr.items()))
    if min(map(len, curves)) < MIN_BD_POINTS:
        return None
    low, high = max(c[0][0] for c in curves), min(c[-1][0] for c in curves)
    widest = max(c[-1][0] for c in curves) - min(c[0][0] for c in curves)
    if high - low < MIN_BD_OVERLAP * widest:
        return None
    try:
        bjontegaard = importlib.import_module("bjontegaard")
    except ImportError as error:
        raise PeerAbsentError("the package bjontegaard is not installed (pip install todpack[compare])") from error
    (anchor_db, anchor_bytes), (test_db, test_bytes) = (zip(*curve, strict=True) for curve in curves)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overlap, which is judged above
        percent = bjontegaard.bd_rate(
            list(anchor_bytes),
            list(anchor_db),
            list(test_bytes),
            list(test_db),
            method="pchip",
            require_matching_points=False,
        )
    return float(percent) if math.isfinite(percent) else None


def compare(
    frames: np.ndarray,
    valid: np.ndarray,
    peers: Sequence[Peer],
    lpips: Lpips | LpipsAbsent,
    on_setting: Progress | None = None,
) -> Comparison:
    """Run peers one after another.

    Args:
        frames: (T, H, W, 3) uint8 codes, or float32 radiance.
        valid: (H, W) bool, the texels that are measured.
        peers: Which.
        lpips: The measure, or why it is absent.
        on_setting: Called with (settings done, settings in all, what comes next).

    Returns:
        The points; a peer that cannot run here is named with the reason.

    Raises:
        EvalError: a setting is out of range.
    """
    if not isinstance(lpips, LpipsAbsent) and min(frames.shape[1:3]) < MIN_SIDE:
        lpips = LpipsAbsent(f"LPIPS needs at least {MIN_SIDE} texels a side")
    frames = np.ascontiguousarray(frames)  # some codecs take nothing else
    measure = None if isinstance(lpips, LpipsAbsent) else lpips
    transfer = "linear" if frames.dtype.kind == "f" else "srgb8"
    points: list[PeerPoint] = []
    absent: dict[str, str] = {}
    done, in_all = 0, sum(len(peer.settings) for peer in peers)
    for peer in peers:
        if peer.transfer != transfer and peer.settings:
            absent[peer.name] = f"it codes {peer.transfer} frames, these are {transfer}"
        for setting in peer.settings:
            if peer.name not in absent:
                if on_setting is not None:
                    on_setting(done, in_all, f"{peer.name} {peer.unit} {setting:g}")
                try:
                    points.append(measured(peer, setting, frames, valid, measure))
                except (PeerAbsentError, FramesRefusedError) as error:
                    absent[peer.name] = str(error)
            done += 1
    rates: dict[str, float | None] = {}
    bd_absent: str | None = None
    curves = {peer.name: [p.rate for p in points if p.rate.name == peer.name] for peer in peers}
    anchor = curves.get(standing.X265, [])
    if not anchor:
        bd_absent = "x265 is not among the points"
    try:
        rates = {name: bd_rate_percent(anchor, curve) for name, curve in curves.items() if curve and anchor}
    except PeerAbsentError as error:
        bd_absent = str(error)
    return Comparison(
        tuple(points),
        absent,
        {peer.name: peer.definition for peer in peers if curves[peer.name]},
        rates,
        bd_absent,
        lpips.reason if isinstance(lpips, LpipsAbsent) else None,
    )
