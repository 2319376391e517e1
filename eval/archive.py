"""An archive against the frames it was made from: decoded at their hours, scored, or as a point of a rate curve."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from todpack.decompressor import Archive, open_archive
from todpack.frames import AS_FOUND, Day, ReadOptions, read_day

from .errors import EvalError
from .measures.frames import day_frames
from .measures.metrics import psnr_srgb_db
from .measures.perceptual import Lpips, LpipsAbsent, load_lpips
from .measures.rate_curve import RatePoint
from .measures.score import ScoreReport, score_frames
from .progress import Progress, silent


def decode_day(
    archive: Archive, day: Day, where: str, lightmap: str | None = None, progress: Progress = silent
) -> np.ndarray:
    """Decode the hours of a day.

    Args:
        archive: Of that day.
        day: The originals.
        where: The archive, for messages.
        lightmap: Name of the lightmap, where there are several.
        progress: Told of the frames.

    Returns:
        (T, H, W, 3) uint8 codes or float32 radiance.

    Raises:
        EvalError: The archive holds another size or transfer than the data, or several lightmaps and none is named.
    """
    if lightmap is None and len(archive.lightmaps) != 1:
        raise EvalError(f"{where}: expected an archive of one lightmap or --lightmap, found {len(archive.lightmaps)}")
    stored = archive.lightmaps[0] if len(archive.lightmaps) == 1 else archive.find(lightmap or 0)
    if (stored.height, stored.width) != (day.height, day.width):
        raise EvalError(
            f"{where}: archive and data must have one size: expected {day.width} x {day.height}, "
            f"found {stored.width} x {stored.height}"
        )
    if stored.transfer != day.transfer:
        raise EvalError(
            f"{where}: archive and data must have one transfer: expected {day.transfer}, found {stored.transfer}"
        )
    dtype = "uint8" if day.transfer == "srgb8" else "float32"
    decoded = np.empty(day.radiance.shape, dtype)
    for t, time_h in enumerate(day.hours):
        decoded[t] = stored.decode(float(time_h), dtype=dtype)
        progress(t + 1, day.n_frames, "decoding")
    return decoded


def score(
    archive_path: str | Path,
    data_path: str | Path,
    *,
    lightmap: str | None = None,
    reading: ReadOptions = AS_FOUND,
    lpips: Lpips | LpipsAbsent | None = None,
    threads: int | None = None,
    progress: Progress = silent,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> ScoreReport:
    """Decode an archive at the hours of the originals and score it.

    Args:
        archive_path: The archive.
        data_path: The originals, anything `todpack.frames.read_day` reads.
        lightmap: Name of a lightmap, in the archive and in a contest dataset; may be left out where there is one. The
            bytes are then those of its own sections.
        reading: How the originals are read; what is scored is their valid texels, not the archive's.
        lpips: The measure, or why it is absent; None looks for its weights on this machine (`load_lpips`).
        threads: Decoder threads; None is the decoder's own choice.
        progress: Told of the frames, while decoding and again while scoring.
        on_warning: Told what is unusual about the originals.

    Returns:
        Every measure of the day.

    Raises:
        EvalError: The archive holds another size or transfer than the data, or several lightmaps.
        ArchiveError: The archive cannot be read.
        DataError: The originals cannot be read.
    """
    with open_archive(archive_path, threads=threads) as archive:
        day = read_day(data_path, lightmap=lightmap, **vars(reading))
        for line in day.warnings:
            on_warning(line)
        decoded = decode_day(archive, day, str(archive_path), lightmap, progress)
        stored = archive.find(lightmap) if len(archive.lightmaps) > 1 and lightmap is not None else archive.lightmaps[0]
        archive_bytes = archive.lightmap_bytes(archive.lightmaps.index(stored))
    return score_frames(
        day_frames(day),
        decoded,
        day.valid,
        day.hours,
        archive_bytes=archive_bytes,
        lpips=load_lpips() if lpips is None else lpips,
        source_bytes=day.source_bytes,
        progress=progress,
    )


def archive_point(
    path: Path, day: Day, *, name: str, setting: str, encode_s: float = math.nan, threads: int = 2
) -> RatePoint:
    """Decode an archive of 8-bit frames at their hours and measure it.

    Args:
        path: Archive of one lightmap.
        day: The originals.
        name: The codec's name in the report.
        setting: How the archive was made.
        encode_s: Wall time of making it, NaN where unknown.
        threads: Decoder threads.

    Returns:
        The point; its bytes are those of the file on disk. Opening the archive does not count as decoding.

    Raises:
        EvalError: The archive holds several lightmaps, or another size or transfer than the data.
    """
    with open_archive(path, threads=threads) as archive:
        archive.prepare()
        start = time.perf_counter()
        decoded = decode_day(archive, day, str(path))
        decode_ms = 1e3 * (time.perf_counter() - start) / day.n_frames
    psnr_db = psnr_srgb_db(day_frames(day), decoded, day.valid)
    return RatePoint(name, setting, path.stat().st_size, psnr_db, encode_s, decode_ms)
