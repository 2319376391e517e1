"""An archive against the frames it was made from: decoded, scored, as a point of a rate curve; where its bytes go."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor import Archive, Lightmap, open_archive
from todpack.frames import AS_FOUND, Day, ReadOptions, read_day

from .errors import EvalError
from .measures.frames import day_frames
from .measures.metrics import psnr_srgb_db
from .measures.perceptual import Lpips, LpipsAbsent, load_lpips
from .measures.rate_curve import RatePoint
from .measures.score import ScoreReport, score_frames
from .progress import Progress, silent

SAME_TIME_H = 1e-3


def decode_day(
    archive: Archive, day: Day, where: str, lightmap: str | None = None, progress: Progress = silent
) -> tuple[np.ndarray, Lightmap]:
    """Decode the hours of a day.

    Args:
        archive: Of that day.
        day: The originals.
        where: The archive, for messages.
        lightmap: Name of the lightmap; None where there is one.

    Returns:
        (T, H, W, 3) uint8 codes or float32 radiance; the lightmap.

    Raises:
        EvalError: The archive holds another size or transfer than the data, values that are not finite, or several
            lightmaps and none is named.
    """
    if lightmap is None and len(archive.lightmaps) != 1:
        raise EvalError(f"{where}: expected an archive of one lightmap or --lightmap, found {len(archive.lightmaps)}")
    stored = archive.lightmaps[0] if lightmap is None else archive.find(lightmap)
    for what, expected, found in (
        ("size", f"{day.width} x {day.height}", f"{stored.width} x {stored.height}"),
        ("transfer", day.transfer, stored.transfer),
    ):
        if expected != found:
            raise EvalError(f"{where}: archive and data must have one {what}: expected {expected}, found {found}")
    decoded = np.empty(day.radiance.shape, "uint8" if day.transfer == "srgb8" else "float32")
    for t, time_h in enumerate(day.hours):
        decoded[t] = stored.decode(float(time_h), dtype=decoded.dtype.name)
        if not np.isfinite(decoded[t]).all():
            raise EvalError(f"{where}: expected finite radiance, found other values at {time_h:g} h")
        progress(t + 1, day.n_frames, "decoding")
    return decoded, stored


def warn_of_texels(stored: Lightmap, day: Day, on_warning: Callable[[str], object]) -> None:
    """Say where the valid texels of an archive are not those of the originals."""
    if not np.array_equal(stored.valid, day.valid):
        on_warning(
            f"{day.name}: the {int(day.valid.sum())} valid texels of the originals are scored, which are not the "
            f"{int(stored.valid.sum())} of the archive: was it made with another mask?"
        )


def warn_of_difference(stored: Lightmap, day: Day, on_warning: Callable[[str], object]) -> None:
    """Say where an archive was not made from these texels at these times."""
    warn_of_texels(stored, day, on_warning)
    apart = np.abs(day.hours[:, None] - stored.hours).min(axis=1) > SAME_TIME_H
    if apart.any():
        on_warning(
            f"{day.name}: {int(apart.sum())} of the {day.n_frames} originals are at times that the archive does not "
            f"hold, such as {day.hours[apart][0]:g} h: frames between those that it holds are scored there"
        )
    if day.n_frames < len(stored.hours):
        n_scored = day.n_frames - int(apart.sum())
        on_warning(
            f"{day.name}: {n_scored} of the {len(stored.hours)} times of the archive are scored; bits and ratios "
            "count the bytes of all"
        )


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
        lightmap: Name of a lightmap, in the archive and in the dataset; may be left out where there is one. The bytes
            are those of its own sections.
        reading: How the originals are read; what is scored is their valid texels, not the archive's.
        lpips: The measure, or why it is absent; None looks for its weights on this machine (`load_lpips`).
        threads: Decoder threads; None is the decoder's own choice.
        progress: Told of the frames, while decoding and again while scoring.
        on_warning: Told what is unusual about the originals.

    Raises:
        EvalError: The archive holds another size or transfer than the data, or several lightmaps.
        ArchiveError: The archive cannot be read.
        DataError: The originals cannot be read.
    """
    with open_archive(archive_path, threads=threads) as archive:
        day = read_day(data_path, lightmap=lightmap, **vars(reading))
        for line in day.warnings:
            on_warning(line)
        decoded, stored = decode_day(archive, day, str(archive_path), lightmap, progress)
        warn_of_difference(stored, day, on_warning)
        n_bytes = archive.lightmap_bytes(archive.lightmaps.index(stored))
        first = stored.tile(0)
    measure = load_lpips() if lpips is None else lpips
    tile = max(first.y1 - first.y0, first.x1 - first.x0)  # only a lightmap's last ones are smaller
    about = {"archive_bytes": n_bytes, "source_bytes": day.source_bytes, "tile": tile}
    return score_frames(day_frames(day), decoded, day.valid, day.hours, lpips=measure, progress=progress, **about)


def archive_point(
    path: Path,
    day: Day,
    *,
    name: str,
    setting: str,
    lightmap: str | None = None,
    encode_s: float = math.nan,
    threads: int = 2,
) -> RatePoint:
    """Decode an archive of 8-bit frames at their hours and measure it.

    Args:
        path: The archive.
        day: The originals.
        name: The codec's name in the report.
        setting: How the archive was made.
        lightmap: Name of a lightmap in it, where there are several.
        encode_s: Wall time of making it, NaN where unknown.
        threads: Decoder threads.

    Returns:
        The point; its bytes are those of the file on disk, of several lightmaps those of its own sections. Opening the
        archive does not count as decoding.

    Raises:
        EvalError: The archive holds several lightmaps, or another size or transfer than the data.
    """
    with open_archive(path, threads=threads) as archive:
        archive.prepare()
        start = time.perf_counter()
        decoded, stored = decode_day(archive, day, str(path), lightmap if len(archive.lightmaps) > 1 else None)
        decode_ms = 1e3 * (time.perf_counter() - start) / day.n_frames
        n_bytes = archive.lightmap_bytes(archive.lightmaps.index(stored))
    psnr_db = psnr_srgb_db(day_frames(day), decoded, day.valid)
    return RatePoint(name, setting, n_bytes, psnr_db, encode_s, decode_ms)


def section_kind(name: str) -> str:
    """What a section holds, without the lightmap's, tile's or level's number: `0/grid/2` is `grid`."""
    words = [part for part in name.removesuffix(".onnx").split("/") if not part.isdecimal()]
    return f"{words[-1]} graph" if name.endswith(".onnx") else words[-1]


def byte_budget(archive: Archive, lightmap: int | None = None) -> list[dict[str, Any]]:
    """Stored bytes by kind of section, largest first; header and metadata are one kind. They add up to the file.

    Of an archive of several lightmaps and one that is named by its index: its own sections alone, as `lightmap_bytes`.
    """
    alone = lightmap is not None and len(archive.lightmaps) > 1
    sizes: dict[str, int] = {}
    for section in archive.container.sections.values():
        if not alone or section.name.startswith(f"{lightmap}/"):
            kind = section_kind(section.name)
            sizes[kind] = sizes.get(kind, 0) + section.stored_bytes
    if not alone:
        sizes["header and metadata"] = archive.file_bytes - sum(sizes.values())
    return [{"kind": kind, "bytes": size} for kind, size in sorted(sizes.items(), key=lambda item: -item[1])]
