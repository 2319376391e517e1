"""Time one archive, or measure its memory, in this process, which should be a fresh one; one line of JSON on stdout.

    python -m todpack.eval.measures.probe latency ARCHIVE THREADS PROVIDER N_FRAMES N_TEXELS
    python -m todpack.eval.measures.probe memory ARCHIVE THREADS imports|decode

`eval.measures.latency` runs it. The imports come first and are not timed. Clock: `time.perf_counter_ns`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from todpack.decompressor import Lightmap, open_archive
from todpack.decompressor.errors import TodpackError

STEADY_LIMIT_S = 20.0
_SEED = 1


def _elapsed_ms(action: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - start) / 1e6


def _steady_ms(lightmap: Lightmap, dtype: str, n_frames: int) -> list[float]:
    """Whole frames at the stored hours in turn, each timed alone, for at most `STEADY_LIMIT_S` seconds."""
    hours = [float(h) for h in lightmap.hours]
    deadline = time.perf_counter() + STEADY_LIMIT_S
    times: list[float] = []
    while len(times) < n_frames and time.perf_counter() < deadline:
        times.append(_elapsed_ms(partial(lightmap.decode, hours[len(times) % len(hours)], dtype=dtype)))
    return times


def _texel_us(lightmap: Lightmap, dtype: str, n_texels: int) -> list[float]:
    """Random valid texels at random stored hours, each timed alone."""
    rng = np.random.default_rng(_SEED)
    rows, columns = np.nonzero(lightmap.valid)
    picks = rng.integers(len(rows), size=n_texels)
    hours = rng.choice(lightmap.hours, size=n_texels)
    times: list[float] = []
    for pick, hour in zip(picks, hours, strict=True):
        y, x, time_h = int(rows[pick]), int(columns[pick]), float(hour)
        start = time.perf_counter_ns()
        lightmap.texel(y, x, time_h, dtype=dtype)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return times


def latency(
    path: str, threads: int, provider: str, n_frames: int, n_texels: int, name: str | None = None
) -> dict[str, object]:
    """Time opening, the first frame, and then, where they are not 0, so many frames and random texels.

    Returns:
        `open_ms`, `first_frame_ms`, `frame_ms` and `texel_us` (lists), `height`, `width`, `provider`.
    """
    start = time.perf_counter_ns()
    with open_archive(path, threads=threads, provider=provider) as archive:
        lightmap = archive.lightmaps[0] if name is None else archive.choose(name)
        lightmap.prepare()
        open_ms = (time.perf_counter_ns() - start) / 1e6
        dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
        noon = float(lightmap.hours[len(lightmap.hours) // 2])
        first_frame_ms = _elapsed_ms(lambda: lightmap.decode(noon, dtype=dtype))
        return {
            "open_ms": open_ms,
            "first_frame_ms": first_frame_ms,
            "frame_ms": _steady_ms(lightmap, dtype, n_frames),
            "texel_us": _texel_us(lightmap, dtype, n_texels),
            "height": lightmap.height,
            "width": lightmap.width,
            "provider": archive.provider,
        }


def peak_bytes() -> int:
    """Peak of the resident memory of this process."""
    try:  # Linux: ru_maxrss would begin with the peak of the process that started this one
        with open("/proc/self/status", encoding="utf-8") as status:
            return 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM")))
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def decode_everything(path: str, threads: int) -> None:
    """Decode every stored hour of every lightmap."""
    with open_archive(path, threads=threads, provider="cpu") as archive:
        for lightmap in archive.lightmaps:
            dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
            for time_h in lightmap.hours:
                lightmap.decode(float(time_h), dtype=dtype)


def main(argv: list[str]) -> int:
    """Run a probe on the arguments; exit 1 with one line on stderr for an archive that cannot be decoded."""
    what, path, threads, *more = argv
    figures: dict[str, object] = {}
    try:
        if what == "latency":
            figures = latency(path, int(threads), more[0], int(more[1]), int(more[2]), *more[3:])
        elif more == ["decode"]:
            decode_everything(path, int(threads))
    except TodpackError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(figures or {"bytes": peak_bytes()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
