"""What decoding costs beside what it could not do without: a copy of what it reads and writes, a video's decoder."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from todpack import decompressor
from todpack.decompressor import open_archive
from todpack.decompressor.errors import MissingPackageError
from todpack.decompressor.staging import scratch_folder
from todpack.frames import read_day

from ..errors import EvalError
from ..measures.decoding import OPENS, least_ms
from ..measures.frames import as_codes
from ..measures.metrics import psnr_srgb_db
from ..peers.video import X265
from ..process import reason_of, run_module
from .sets import BenchSet

FRAMES = 60
HOW = "processor time of one thread, least of"
FIRST_CRF, CLOSE_DB, MAX_CODED = 16.0, 0.1, 5
"""Where the search for x265's stream begins, how near to our PSNR it ends, and after how many streams it does."""
Put = Callable[..., None]
"""Takes a row: measure, value, note."""


def _fresh_process(path: Path, runs: int) -> tuple[float, float]:
    """Least wall and processor time, s, of `decompress.py` for one hour; what Python caches is there."""
    script = Path(decompressor.__file__).parent / "decompress.py"
    with scratch_folder("todpack-bench-") as folder:
        variables = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "cache")}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)
        words = [sys.executable, str(script), str(path), "-o", str(folder / "frames"), "--hours", "12", "-q"]
        wall_s, cpu_s = [], []
        for _ in range(runs + 1):  # the first one fills the cache
            before, start = os.times(), time.perf_counter()
            done = subprocess.run(
                [*words, "--overwrite"], env=variables, stderr=subprocess.PIPE, text=True, check=False
            )
            if done.returncode != 0:
                raise EvalError(f"decompress.py: {reason_of(done.stderr, done.returncode)}")
            wall_s.append(time.perf_counter() - start)
            after = os.times()
            cpu_s.append(after.children_user + after.children_system - before.children_user - before.children_system)
        return min(wall_s[1:]), min(cpu_s[1:])


def _stream_of_equal_psnr(path: Path, one: BenchSet) -> tuple[bytes, float, float]:
    """x265's stream that is nearest to an archive in PSNR, its setting, and how much better it is, dB."""
    day = read_day(one.path, lightmap=one.lightmap)
    with open_archive(path, provider="cpu") as archive:
        if archive.lightmaps[0].transfer != "srgb8":
            raise EvalError("it codes no radiance")
        codes = as_codes(day.radiance)
        ours_db = psnr_srgb_db(codes, np.stack([archive.decode(float(t)) for t in archive.hours]), day.valid)
    if not math.isfinite(ours_db):
        raise EvalError("it gives the frames back exactly")
    crf, found = FIRST_CRF, dict[float, tuple[bytes, float]]()
    for _ in range(MAX_CODED):
        coded = X265.encode(codes, day.valid, crf)
        better_db = psnr_srgb_db(codes, coded.decode(), day.valid) - ours_db
        found[crf] = coded.data, better_db
        if abs(better_db) < CLOSE_DB:
            break
        slope = 0.6  # dB for one step of crf, about
        if len(found) > 1:
            (a, (_, at_a)), (b, (_, at_b)) = list(found.items())[-2:]
            slope = (at_a - at_b) / (b - a) if at_a != at_b else slope
        crf = min(max(crf + better_db / max(slope, 0.1), 0.0), 51.0)
        if crf in found:
            break
    nearest = min(found, key=lambda setting: abs(found[setting][1]))
    return found[nearest][0], nearest, found[nearest][1]


def _video_ms(data: bytes) -> float:
    """Least processor time to decode a stream on one thread; its frames are left as YUV."""
    import av

    def decode() -> None:
        with av.open(io.BytesIO(data), "r", format="hevc") as file:
            stream = file.streams.video[0]
            stream.thread_count = 1
            for _ in file.decode(stream):
                pass

    return least_ms(decode, OPENS)


def decoding_rows(path: Path, one: BenchSet, runs: int, put: Put) -> None:
    """Put the rows of one archive.

    Args:
        path: The archive.
        one: The set that it was made of.
        runs: Fresh processes.
        put: Takes each row.
    """
    wall_s, cpu_s = _fresh_process(path, runs)
    note = f"decompress.py, one hour, least of {runs}; processor time {cpu_s:.3f} s"
    put("first frame s, fresh process", wall_s, note)
    found = json.loads(run_module("todpack.eval.measures.decoding", [str(path), str(FRAMES)]).stdout.splitlines()[-1])
    opens = f"{found['decoder']} {found['open_ms']:.1f} ms, NumPy {found['reference_open_ms']:.0f} ms; {HOW} {OPENS}"
    put("open, share of NumPy's", found["open_ms"] / found["reference_open_ms"], opens)
    frames = f"{found['frame_ms']:.3f} over {found['copy_ms']:.3f} ms; {HOW} {FRAMES}"
    put("frame over copying maps and frame", found["frame_ms"] / found["copy_ms"], frames)
    held = f"{found['held_bytes'] / 1e6:.1f} MB for {found['samples']} of valid texels"
    put("maps held, bytes for each of a texel's K", found["held_bytes"] / found["samples"], held)
    measure = "whole day over decoding x265's"
    try:
        data, crf, better_db = _stream_of_equal_psnr(path, one)
        video_ms = _video_ms(data)
    except (MissingPackageError, EvalError) as error:
        put(measure, None, str(error))
        return
    day = f"open and all hours {found['day_ms']:.0f} ms"
    video = f"x265 at crf {crf:.2f} ({better_db:+.2f} dB) {video_ms:.0f} ms, left as YUV; {HOW} {OPENS}"
    put(measure, found["day_ms"] / video_ms, f"{day}, {video}")
