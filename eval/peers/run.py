"""Run peers on the same frames, one after another: code, decode, measure."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from todpack.decompressor.errors import TodpackError

from ..errors import EvalError
from ..measures.border import border_score
from ..measures.figures import Figures
from ..measures.metrics import psnr_linear_db, psnr_srgb_db
from ..measures.perceptual import MIN_SIDE, Lpips, LpipsAbsent
from ..measures.rate_curve import RatePoint
from ..progress import Progress, silent
from . import blocks, images, libaom, neural, ours, vector_quantization, video
from .cache import PointCache
from .peer import Peer


@dataclass(frozen=True)
class PeerResults:
    """What peers need on one day.

    Attributes:
        points: All measured points, in the order of the peers.
        absent: For each peer that could not run, by name: why.
        peers: Which were asked for.
        lpips_absent: Why LPIPS is absent, None where it is not.
        n_valid: Valid texels.
        n_frames: T.
        psnr_key: `psnr_srgb_db` or `psnr_linear_db`, whichever was measured.
    """

    points: tuple[RatePoint, ...]
    absent: dict[str, str]
    peers: tuple[Peer, ...] = ()
    lpips_absent: str | None = None
    n_valid: int = 1
    n_frames: int = 1
    psnr_key: str = "psnr_srgb_db"

    def curve(self, name: str) -> list[RatePoint]:
        """The points of one peer."""
        return [point for point in self.points if point.name == name]

    @property
    def measured(self) -> list[Peer]:
        """Peers with points."""
        return [peer for peer in self.peers if self.curve(peer.name)]


def all_peers(
    crfs: Sequence[float] = video.X265.settings,
    distances: Sequence[float] = images.JPEG_XL.settings,
    train_s: float = neural.TRAIN_S,
    hours: np.ndarray | None = None,
) -> tuple[Peer, ...]:
    """Every peer there is.

    Args:
        crfs: Settings of x265; empty leaves it out.
        distances: Settings of JPEG XL; empty leaves it out.
        train_s: Seconds of training per setting of a neural peer.
        hours: (T,) float64, hours of the day that is coded, which archives of ours hold; None spreads its frames.
    """
    return (
        *ours.our_peers(hours),
        replace(video.X265, settings=tuple(crfs)),
        replace(libaom.LIBAOM, settings=libaom.LIBAOM.settings if crfs else ()),
        replace(images.JPEG_XL, settings=tuple(distances)),
        video.SVT_AV1,
        *images.OTHERS,
        *blocks.PEERS,
        *vector_quantization.PEERS,
        *neural.neural_peers(train_s),
    )


def reference_peers(crfs: Sequence[float], distances: Sequence[float]) -> tuple[Peer, ...]:
    """The two that every curve of ours is drawn beside: x265 and JPEG XL at these settings."""
    return chosen_peers(all_peers(crfs, distances), (video.X265.name, images.JPEG_XL.name))


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


def run_peers(
    frames: np.ndarray,
    valid: np.ndarray,
    peers: Sequence[Peer],
    *,
    lpips: Lpips | LpipsAbsent | None = None,
    progress: Progress = silent,
    cache: PointCache | None = None,
) -> PeerResults:
    """Run peers one after another at all their settings.

    Args:
        frames: (T, H, W, 3) uint8 codes, or float32 radiance.
        valid: (H, W) bool, the texels that are measured.
        peers: Which.
        lpips: The measure, or why it is absent. None measures PSNR alone, which is what a rate curve needs.
        progress: Told of each setting.
        cache: Points that were measured before; new ones are put there.

    Returns:
        The points. A peer that fails, for whatever reason, is named with it, and the others go on.

    Raises:
        EvalError: A setting is out of its peer's range; nothing was run.
        OutputError: A point cannot be put into the cache.
    """
    for peer in peers:
        low, high = peer.bounds
        wrong = [setting for setting in peer.settings if not low <= setting <= high]
        if wrong:
            raise EvalError(f"{peer.name}: expected a {peer.unit} from {low:g} to {high:g}, found {wrong[0]:g}")
    if isinstance(lpips, Lpips) and min(frames.shape[1:3]) < MIN_SIDE:
        lpips = LpipsAbsent(f"LPIPS needs at least {MIN_SIDE} texels a side")
    frames = np.ascontiguousarray(frames)  # some codecs take nothing else
    transfer = "linear" if frames.dtype.kind == "f" else "srgb8"
    jobs = [(peer, setting) for peer in peers for setting in peer.settings]
    points: list[RatePoint] = []
    absent: dict[str, str] = {}
    for done, (peer, setting) in enumerate(jobs):
        if peer.transfer not in ("both", transfer):
            absent[peer.name] = f"it codes {peer.transfer} frames, these are {transfer}"
        if peer.name in absent:
            continue
        progress(done, len(jobs), f"{peer.name} {peer.unit} {setting:g}")
        try:
            found = cache.get(peer, setting, frames, valid, lpips) if cache is not None else None
            point = found or _point(peer, setting, frames, valid, lpips)
        except TodpackError as error:
            absent[peer.name] = str(error)
        except (Exception, SystemExit) as error:  # a codec raises what it likes
            said = (str(error).splitlines() or [type(error).__name__])[0]
            size = f"{frames.shape[2]} x {frames.shape[1]}"
            absent[peer.name] = f"{peer.unit} {setting:g} cannot code frames of {size}: {said}"
        else:
            if cache is not None and found is None:
                cache.put(point, peer, setting, frames, valid, lpips)
            points.append(point)
    lpips_absent = lpips.reason if isinstance(lpips, LpipsAbsent) else None
    key = "psnr_srgb_db" if transfer == "srgb8" else "psnr_linear_db"
    return PeerResults(tuple(points), absent, tuple(peers), lpips_absent, int(valid.sum()), len(frames), key)


def _processor_s() -> float:
    """Processor time of this process, its threads and its finished children, in seconds."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _point(
    peer: Peer, setting: float, frames: np.ndarray, valid: np.ndarray, lpips: Lpips | LpipsAbsent | None
) -> RatePoint:
    """Code the day by one peer at one setting, and measure what comes back."""
    text, start, start_cpu = f"{peer.unit} {setting:g}", time.perf_counter(), _processor_s()
    coded = peer.encode(frames, valid, setting)
    encoded, encoded_cpu = time.perf_counter(), _processor_s()
    back = coded.decode()
    decode_ms = 1e3 * (time.perf_counter() - encoded) / len(frames)
    decode_cpu_ms = 1e3 * (_processor_s() - encoded_cpu) / len(frames)
    if back.shape != frames.shape or back.dtype != frames.dtype:
        raise EvalError(f"{text}: expected {frames.shape} {frames.dtype} back, found {back.shape} {back.dtype}")
    psnr_db = (psnr_srgb_db if frames.dtype.kind == "u" else psnr_linear_db)(frames, back, valid)
    encode_s = encoded - start if coded.encode_s is None else coded.encode_s
    point = RatePoint(
        peer.name,
        text,
        coded.size_bytes,
        psnr_db,
        encode_s,
        decode_ms,
        parts=coded.parts,
        encode_cpu_s=encoded_cpu - start_cpu,
        decode_cpu_ms_per_frame=decode_cpu_ms,
    )
    if lpips is None:
        return point
    border = border_score(frames, back, valid)
    border_db = None if border is None else max(border.psnr_db[-1], border.own_gutter_db[-1])
    figures = Figures()
    for original, decoded in zip(frames, back, strict=True):
        figures.add_frame(original, decoded, valid, lpips if isinstance(lpips, Lpips) else None)
    _, similarity, distance = figures.means()
    return replace(point, ssim=similarity, lpips=distance, border_db=border_db)
