"""Time one archive in this process, which should be a fresh one; the result is one line of JSON on stdout.

`eval.latency` runs this file as `python -m eval.latency_probe ARCHIVE THREADS PROVIDER N_FRAMES N_TEXELS`. The imports
come first and are not timed. Clock: `time.perf_counter_ns`.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from todpack.decompressor import Archive, open_archive
from todpack.decompressor.errors import TodpackError

STEADY_LIMIT_S = 20.0
_SEED = 1


def _elapsed_ms(action: Callable[[], object]) -> float:
    start = time.perf_counter_ns()
    action()
    return (time.perf_counter_ns() - start) / 1e6


def _steady_ms(archive: Archive, dtype: str, n_frames: int) -> list[float]:
    """Whole frames at the stored hours in turn, each timed alone, for at most `STEADY_LIMIT_S` seconds."""
    hours = [float(h) for h in archive.lightmaps[0].hours]
    deadline = time.perf_counter() + STEADY_LIMIT_S
    times: list[float] = []
    while len(times) < n_frames and time.perf_counter() < deadline:
        times.append(_elapsed_ms(partial(archive.decode, hours[len(times) % len(hours)], dtype=dtype)))
    return times


def _texel_us(archive: Archive, dtype: str, n_texels: int) -> list[float]:
    """Random valid texels at random stored hours, each timed alone."""
    lightmap = archive.lightmaps[0]
    rng = np.random.default_rng(_SEED)
    rows, columns = np.nonzero(lightmap.valid)
    picks = rng.integers(len(rows), size=n_texels)
    hours = rng.choice(lightmap.hours, size=n_texels)
    times: list[float] = []
    for pick, hour in zip(picks, hours, strict=True):
        y, x, time_h = int(rows[pick]), int(columns[pick]), float(hour)
        start = time.perf_counter_ns()
        archive.texel(y, x, time_h, dtype=dtype)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return times


def probe(path: str, threads: int, provider: str, n_frames: int, n_texels: int) -> dict[str, object]:
    """Time opening, the first frame, `n_frames` more and `n_texels` texels.

    Args:
        path: Archive.
        threads: Decoder threads.
        provider: `"auto"`, `"cpu"` or `"cuda"`.
        n_frames: Frames of the steady state, 0 for a cold start alone.
        n_texels: Random texels, 0 for none.

    Returns:
        `open_ms`, `first_frame_ms`, `frame_ms` and `texel_us` (lists), `height`, `width`, `provider`.
    """
    start = time.perf_counter_ns()
    with open_archive(path, threads=threads, provider=provider) as archive:
        archive.prepare()
        open_ms = (time.perf_counter_ns() - start) / 1e6
        lightmap = archive.lightmaps[0]
        dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
        noon = float(lightmap.hours[len(lightmap.hours) // 2])
        first_frame_ms = _elapsed_ms(lambda: archive.decode(noon, dtype=dtype))
        return {
            "open_ms": open_ms,
            "first_frame_ms": first_frame_ms,
            "frame_ms": _steady_ms(archive, dtype, n_frames),
            "texel_us": _texel_us(archive, dtype, n_texels),
            "height": lightmap.height,
            "width": lightmap.width,
            "provider": archive.provider,
        }


def main(argv: list[str]) -> int:
    """Run `probe` on the arguments; exit 1 with one line on stderr for an archive that cannot be decoded."""
    path, threads, provider, n_frames, n_texels = argv
    try:
        result = probe(path, int(threads), provider, int(n_frames), int(n_texels))
    except TodpackError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
