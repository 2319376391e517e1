"""Our own default family as a peer, closed form and refined, by the command that a user runs."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from todpack.decompressor import open_archive
from todpack.decompressor.hours_file import NAME as HOURS_FILE
from todpack.decompressor.staging import scratch_folder
from todpack.packer.daybasis.refine.refiner import refiner

from ..archive import byte_budget
from ..code_digest import SOURCES, code_digest
from ..process import run_todpack
from .peer import Encoded, Peer

DAYBASIS = "daybasis"
REFINED = "daybasis --refine fast"
Q_STEPS = (8.0, 13.0, 20.0, 30.0)
THREADS = 2


def compress(
    data_path: str | Path, out: Path, q_step: float, threads: int, refine: str = "none", lightmap: str | None = None
) -> float:
    """Run `todpack compress DATA -o OUT --q-step Q --refine PRESET`: the wall time of the process, in seconds.

    Raises:
        EvalError: The command failed; the message is the last line it wrote.
    """
    words: list[str | Path] = ["compress", Path(data_path), "-o", out, "--q-step", f"{q_step:g}", "--refine", refine]
    words += [] if lightmap is None else ["--lightmap", lightmap]
    return run_todpack(words, threads).wall_s


def _encode(refine: str, hours: np.ndarray | None, frames: np.ndarray, valid: np.ndarray, q_step: float) -> Encoded:
    refiner(refine, None)  # says what it lacks
    with scratch_folder("todpack-peers-") as folder:
        source, path = folder / "day", folder / "day.tod"
        source.mkdir()
        for index, frame in enumerate(frames):
            if frames.dtype.kind == "f":
                np.save(source / f"{index:03}.npy", frame)
            else:
                Image.fromarray(frame).save(source / f"{index:03}.png", compress_level=1)
        if hours is not None:
            (source / HOURS_FILE).write_text("".join(f"{time_h!r}\n" for time_h in hours.tolist()), encoding="utf-8")
        Image.fromarray(np.where(valid, 255, 0).astype(np.uint8)).save(source / "valid.png")
        encode_s = compress(source, path, q_step, THREADS, refine)
        stored = path.read_bytes()
        with open_archive(path, provider="cpu") as archive:
            parts = {part["kind"]: part["bytes"] for part in byte_budget(archive)}

    def decode() -> np.ndarray:
        with scratch_folder("todpack-peers-") as folder:
            path = folder / "day.tod"
            path.write_bytes(stored)
            with open_archive(path, threads=THREADS, provider="cpu") as archive:
                return np.stack([archive.decode(float(time_h), dtype=frames.dtype.name) for time_h in archive.hours])

    return Encoded(len(stored), decode, encode_s, parts)


@cache
def sources_digest() -> str:
    """SHA-256 of the code that makes and reads archives, as hexadecimal: points of other code are measured again."""
    return code_digest(SOURCES)


def _version(hours: np.ndarray | None) -> str:
    """Of the code, and of hours that it is told: an archive holds them."""
    return sources_digest() if hours is None else f"{sources_digest()} {hours.tolist()}"


def our_peers(hours: np.ndarray | None = None) -> tuple[Peer, ...]:
    """Closed form and refined.

    Args:
        hours: (T,) float64, hours of the day that is coded; None spreads its frames over the day.
    """

    def peer(name: str, refine: str) -> Peer:
        definition = (
            f"todpack compress --q-step Q --refine {refine}, a whole process; decoding counts opening the archive"
        )
        encode, version = partial(_encode, refine, hours), partial(_version, hours)
        return Peer(name, definition, "q_step", Q_STEPS, "yes", encode, "both", version=version)

    return peer(DAYBASIS, "none"), peer(REFINED, "fast")
