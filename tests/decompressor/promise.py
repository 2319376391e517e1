"""What reading files costs, measured in a process of its own: open, `verify`, a frame of 256 x 256 texels.

    python -m tests.decompressor.promise THREADS WARM FILE...

prints one JSON object for each file: "outcome", peak of resident memory over that before ("n_bytes"; of a level with
a frame of each lightmap), seconds of the processor ("seconds", without `verify` "read_seconds"), and what the reader
estimated ("counted_bytes", "counted_seconds"; null where it was refused).
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from todpack.decompressor import TodpackError, open_archive
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.verify import verify_archive

MOST_READ_S = 8.0
FACTOR = 5
"""Between a second of an idle core and one of a slow and busy one."""


def read(path: Path, threads: int = 1) -> tuple[str, int | None, float | None]:
    """Open, verify, decode; the outcome, and the reader's own estimates."""
    counted: tuple[int | None, float | None] = None, None
    try:
        with open_archive(path, threads=threads, provider="cpu") as archive:
            counted = archive.memory.total - archive.memory.left, 0.0
            for lightmap in archive.lightmaps[:1]:
                part = min(256, lightmap.height), min(256, lightmap.width)
                lightmap.decode(6.5, (0, part[0], 0, part[1]), dtype="float32")
                lightmap.texel(lightmap.height - 1, lightmap.width - 1, 6.5, dtype="float32")
                counted = archive.memory.total - archive.memory.left, lightmap.seconds[0]
    except TodpackError as error:
        return f"{type(error).__name__}: {error}", *counted
    return "decoded", *counted


def read_others(path: Path, threads: int) -> None:
    """A frame of every lightmap of a level, for what they keep; as many as take no more than MOST_READ_S."""
    until = time.process_time() + MOST_READ_S
    with contextlib.suppress(TodpackError), open_archive(path, threads=threads, provider="cpu") as archive:
        for lightmap in archive.lightmaps if len(archive.lightmaps) > 1 else ():
            part = 0, min(256, lightmap.height), 0, min(256, lightmap.width)
            with contextlib.suppress(TodpackError):
                lightmap.decode(6.5, part, dtype="float32")
            if time.process_time() > until:
                return


def memory_of(name: str) -> int:
    """A figure of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))


def cost_of(path: Path, threads: int = 1) -> dict[str, Any]:
    """The figures of one file."""
    before, started = memory_of("VmRSS"), time.process_time()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    outcome, n_bytes, seconds = read(path, threads)
    took = read_s = time.process_time() - started
    verdict = verify_archive(path, threads=threads)
    took = max(took, time.process_time() - started - took)
    read_others(path, threads)
    return {
        "name": path.name, "size": path.stat().st_size, "outcome": outcome, "whole": verdict.whole,
        "n_bytes": memory_of("VmHWM") - before, "seconds": took, "read_seconds": read_s,
        "counted_bytes": n_bytes, "counted_seconds": seconds,
    }  # fmt: skip


def costs(paths: Sequence[Path], warm: Path, threads: int = 1) -> list[dict[str, Any]]:
    """What each file costs; `warm` is read and verified first, so that imports and the runtime's tables are there."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.decompressor.promise", str(threads), str(warm), *map(str, paths)],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def broken(cost: dict[str, Any]) -> list[str]:
    """How a file breaks the promise."""
    memory, seconds = DEFAULT_LIMITS.memory_for(cost["size"]), DEFAULT_LIMITS.seconds_for(cost["size"])
    over = {
        "memory": cost["n_bytes"] > memory,
        "seconds of the processor": cost["seconds"] > FACTOR * seconds,
        "counted memory": (cost["counted_bytes"] or 0) > memory,
        "counted seconds": (cost["counted_seconds"] or 0.0) > seconds,
    }
    return [what for what, is_over in over.items() if is_over]


if __name__ == "__main__":
    n_threads, first, *others = sys.argv[1:]
    assert read(Path(first))[0] == "decoded"
    assert verify_archive(first).whole
    for argument in others:
        print(json.dumps(cost_of(Path(argument), int(n_threads))), flush=True)
