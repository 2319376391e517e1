"""What decoding costs beside what it could not do without, in this process; one line of JSON on stdout.

    python -m todpack.eval.measures.decoding ARCHIVE ROUNDS

`eval.bench.decoding` runs it. One thread; least processor times of the rounds, in ms.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from todpack.decompressor import Archive, open_archive

OPENS = 5


def least_ms(action: Callable[[], object], rounds: int) -> float:
    """Least processor time of an action, which the load of the machine hardly changes."""
    times = []
    for _ in range(rounds):
        start = time.process_time_ns()
        action()
        times.append(time.process_time_ns() - start)
    return min(times) / 1e6


def _open(path: str, decoder: str | None) -> Archive:
    archive = open_archive(path, threads=1, provider="cpu", decoder=decoder)
    archive.prepare()
    return archive


def measure(path: str, rounds: int) -> dict[str, object]:
    """Open, frames, a whole day, and copies of the held maps and a frame.

    Returns:
        `decoder`; `open_ms`, `reference_open_ms`; `frame_ms`, `copy_ms`; `day_ms`, which is open and every hour;
        `held_bytes` of maps, of `samples` = K x valid texels.
    """
    archive = _open(path, None)
    lightmap = archive.lightmaps[0]
    dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
    frame, held = lightmap.decode(12.0, dtype=dtype), archive.held_bytes
    maps = np.zeros(held, np.uint8)
    copies = np.empty_like(maps), np.empty_like(frame)

    def copy() -> None:
        np.copyto(copies[0], maps)
        np.copyto(copies[1], frame)

    def day() -> None:
        with _open(path, None) as again:
            for time_h in again.hours:
                again.decode(float(time_h), dtype=dtype)

    return {
        "decoder": archive.runs_on,
        "open_ms": least_ms(lambda: _open(path, None), 2 * OPENS),
        "reference_open_ms": least_ms(lambda: _open(path, "reference"), OPENS),
        "copy_ms": least_ms(copy, rounds),
        "frame_ms": least_ms(lambda: lightmap.decode(12.0, dtype=dtype), rounds),
        "day_ms": least_ms(day, OPENS),
        "held_bytes": held,
        "samples": archive.metadata["lightmaps"][0]["model"]["n_components"] * lightmap.n_valid,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
