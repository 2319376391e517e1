"""The memory that threads of a caller take together, which decode regions of 256 x 256 of one archive at once.

    python -m tests.decompressor.callers WARM FILE CALLERS THREADS

reads WARM first, and prints the peak of resident memory over that before as a share of what FILE may take, whether or
not it is refused.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from pathlib import Path

from tests.decompressor.promise import memory_of, read
from todpack.decompressor import TodpackError, open_archive
from todpack.decompressor.limits import DEFAULT_LIMITS

SIDE = 256


def share(path: Path, n_callers: int, threads: int) -> float:
    """Of an archive's promised memory, with so many threads of the caller and of the archive."""
    before = memory_of("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    with contextlib.suppress(TodpackError), open_archive(path, threads=threads) as archive:
        lightmap = archive.lightmaps[0]
        tops, lefts = (range(0, max(1, side - SIDE + 1), SIDE) for side in (lightmap.height, lightmap.width))

        def work(number: int) -> None:
            for turn in range(3):
                y, x = tops[(number + turn) % len(tops)], lefts[number % len(lefts)]
                region = (y, min(lightmap.height, y + SIDE), x, min(lightmap.width, x + SIDE))
                with contextlib.suppress(TodpackError):
                    lightmap.decode(0.0, region, dtype="float32")

        callers = [threading.Thread(target=work, args=(number,)) for number in range(n_callers)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    return (memory_of("VmHWM") - before) / DEFAULT_LIMITS.memory_for(path.stat().st_size)


if __name__ == "__main__":
    warm, file, callers, threads = sys.argv[1:]
    assert read(Path(warm))[0] == "decoded"
    print(f"{share(Path(file), int(callers), int(threads)):.2f}")
