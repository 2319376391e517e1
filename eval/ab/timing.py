"""Decode times of several archives against each other, on a machine that may be busy."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor import open_archive

from .variants import PLAIN

TIMED_ROUNDS = 48


@dataclass(frozen=True)
class AbTiming:
    """Decode times of one archive: medians in ms, and the frame's over the base's, round by round."""

    frame_ms: float
    load_ms: float
    frame_ratio: float


def time_archives(
    archives: dict[str, Path], threads: int, n_rounds: int = TIMED_ROUNDS, base: str = PLAIN
) -> dict[str, AbTiming]:
    """Time whole frames and opening, all archives in turn in every round, so that a busy machine troubles all alike.

    Args:
        archives: By variant, the base among them.
        threads: Decoder threads.
        n_rounds: Frames of each archive; opened a third as often.
        base: Whose times the others are compared with.
    """
    frames: dict[str, list[float]] = {name: [] for name in archives}
    loads: dict[str, list[float]] = {name: [] for name in archives}
    for _ in range(max(1, n_rounds // 3)):
        for name, path in archives.items():
            start = time.perf_counter()
            with open_archive(path, threads=threads, provider="cpu") as archive:
                archive.prepare()
            loads[name].append(1e3 * (time.perf_counter() - start))
    opened = {name: open_archive(path, threads=threads, provider="cpu") for name, path in archives.items()}
    try:
        for archive in opened.values():
            archive.decode(0.0)
        for turn in range(n_rounds):
            for name, archive in opened.items():
                time_h = float(archive.hours[turn % len(archive.hours)])
                start = time.perf_counter()
                archive.decode(time_h)
                frames[name].append(1e3 * (time.perf_counter() - start))
    finally:
        for archive in opened.values():
            archive.close()
    base_ms = np.array(frames[base])
    return {
        name: AbTiming(
            frame_ms=statistics.median(frames[name]),
            load_ms=statistics.median(loads[name]),
            frame_ratio=float(np.median(np.array(frames[name]) / base_ms)),
        )
        for name in archives
    }
