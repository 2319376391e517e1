"""Our side of the bench: `todpack compress` as a user runs it, and what an archive gives back."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from todpack.decompressor import open_archive
from todpack.frames import Day

from ..errors import EvalError
from ..measures.metrics import psnr_srgb_db
from ..measures.rate_curve import RatePoint
from ..process import run_todpack

DAYBASIS = "daybasis"
REFINED = "daybasis --refine fast"


def compress(data_path: str | Path, out: Path, q_step: float, threads: int, refine: str = "none") -> float:
    """Run `todpack compress DATA -o OUT --q-step Q --refine PRESET` in a process of its own, as a user does.

    Args:
        data_path: Folder of frames.
        out: Archive to write.
        q_step: Quantizer step in codes.
        threads: Threads of the numerical libraries.
        refine: Preset of the refinement, or "none".

    Returns:
        Wall time of the whole process in seconds, imports included.

    Raises:
        EvalError: The command failed; the message is the last line it wrote.
    """
    words = ["compress", str(data_path), "-o", str(out), "--q-step", f"{q_step:g}", "--refine", refine]
    return run_todpack(words, threads).wall_s


def archive_point(
    path: Path,
    frames: np.ndarray,
    day: Day,
    *,
    name: str = DAYBASIS,
    setting: str,
    encode_s: float = math.nan,
    threads: int = 2,
) -> RatePoint:
    """Decode an archive at the hours of the original and measure it.

    Args:
        path: Archive of one lightmap.
        frames: (T, H, W, 3) uint8, the original's codes.
        day: The original: hours, and the valid texels, which PSNR counts.
        name: The codec's name in the report.
        setting: How the archive was made.
        encode_s: Wall time of making it, NaN where unknown.
        threads: Decoder threads.

    Returns:
        The point; its bytes are those of the file on disk.

    Raises:
        EvalError: The archive holds another number of lightmaps, another size or linear radiance.
    """
    with open_archive(path, threads=threads) as archive:
        found = [(lightmap.height, lightmap.width, lightmap.transfer) for lightmap in archive.lightmaps]
        if found != [(day.height, day.width, "srgb8")]:
            raise EvalError(f"{path}: expected one srgb8 lightmap of {day.height} x {day.width} (H x W), found {found}")
        archive.prepare()  # opening is timed by the latency, not here
        start = time.perf_counter()
        decoded = np.stack([archive.decode(float(time_h), dtype="uint8") for time_h in day.hours])
        decode_ms = 1e3 * (time.perf_counter() - start) / day.n_frames
    return RatePoint(name, setting, path.stat().st_size, psnr_srgb_db(frames, decoded, day.valid), encode_s, decode_ms)
