"""Our own default family as a peer, closed form and refined, by the command that a user runs."""

from __future__ import annotations

import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from todpack.decompressor import open_archive
from todpack.decompressor.errors import needs

from ..process import run_todpack
from .peer import Coded, Peer

DAYBASIS = "daybasis"
REFINED = "daybasis --refine fast"
Q_STEPS = (8.0, 13.0, 20.0, 30.0)
THREADS = 2


def compress(data_path: str | Path, out: Path, q_step: float, threads: int, refine: str = "none") -> float:
    """Run `todpack compress DATA -o OUT --q-step Q --refine PRESET`: the wall time of the process, in seconds.

    Raises:
        EvalError: The command failed; the message is the last line it wrote.
    """
    words = ["compress", str(data_path), "-o", str(out), "--q-step", f"{q_step:g}", "--refine", refine]
    return run_todpack(words, threads).wall_s


def _code(refine: str, frames: np.ndarray, valid: np.ndarray, q_step: float) -> Coded:
    if refine != "none":
        with needs("train", "the refinement"):
            import torch  # noqa: F401
    with tempfile.TemporaryDirectory(prefix="todpack-peers-") as folder:
        source, path = Path(folder) / "day", Path(folder) / "day.tod"
        source.mkdir()
        for index, frame in enumerate(frames):
            Image.fromarray(frame).save(source / f"{index:03}.png", compress_level=1)
        Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(source / "valid.png")
        encode_s = compress(source, path, q_step, THREADS, refine)
        with open_archive(path, threads=THREADS, provider="cpu") as archive:
            start = time.perf_counter()
            archive.prepare()
            decoded = np.stack([archive.decode(float(time_h), dtype="uint8") for time_h in archive.hours])
            decode_ms = 1e3 * (time.perf_counter() - start) / len(frames)
        return Coded(path.stat().st_size, decoded, encode_s, decode_ms)


def _peer(name: str, refine: str) -> Peer:
    definition = f"todpack compress --q-step Q --refine {refine}, a whole process; decoding counts opening the archive"
    return Peer(name, definition, "q_step", Q_STEPS, "yes", partial(_code, refine))


PEERS = (_peer(DAYBASIS, "none"), _peer(REFINED, "fast"))
