"""Changed archives through the library and through the Python package: the same pixels, or an error from both.

    python -m tests.native.library.differential LIBRARY COUNT [SEED]

LIBRARY is a shared library that was built with the release of zstd that the package zstandard has, as zstddeclib.c
(TODPACK_VENDORED_ZSTD): releases differ in what they make of frames that no encoder writes.

Each has its own limits, and the library refuses some of what the package decodes: graphs that only a runtime knows, and
numbers beyond exact sums. Everything else that differs is a finding.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from pathlib import Path

import numpy as np

from tests.fuzz.mutators import MUTATORS
from tests.fuzz.seeds import seeds
from todpack.decompressor import open_archive
from todpack.decompressor.errors import LimitExceededError, TodpackError

from .binding import Library, LibraryError
from .seeds import encoded

LIMITED = {-41: "limits", -4: "inexact", -40: "graph", -39: "family"}
SIDE = 48


class FindingError(AssertionError):
    """The two differ."""


def by_package(path: Path, index: int) -> tuple[np.ndarray | None, str]:
    """A region of a lightmap by NumPy, and its curve; None and why, where it is refused."""
    try:
        with open_archive(path, threads=1, provider="cpu", decoder="reference") as archive:
            lightmap = archive.find(index)
            height, width = min(SIDE, lightmap.height), min(SIDE, lightmap.width)
            time_h = float(lightmap.hours[-1])
            curve = archive.metadata["lightmaps"][index]["model"].get("curve") or "none"
            return lightmap.decode(time_h, (0, height, 0, width), "float32"), curve
    except TodpackError as error:
        return None, "limits" if isinstance(error, LimitExceededError) else str(error)


def by_library(library: Library, data: bytes, index: int) -> tuple[np.ndarray | None, str]:
    """The same by the library."""
    try:
        with library.open(data) as archive:
            if index >= archive.info.n_lightmaps:
                return None, "no such lightmap"
            info, hours = archive.lightmap(index), archive.info
            region = 0, min(SIDE, info.height), 0, min(SIDE, info.width)
            return archive.decode(hours.hours[hours.n_hours - 1], region, "float32", index), ""
    except LibraryError as error:
        return None, LIMITED.get(error.status, str(error))


def compare(library: Library, data: bytes, path: Path, index: int = 0) -> str:
    """What came of it: "same", "refused", or the reason that one of the two has for itself.

    Raises:
        FindingError: they differ without a reason.
    """
    path.write_bytes(data)
    (expected, why), (found, problem) = by_package(path, index), by_library(library, data, index)
    if expected is None or found is None:
        if expected is None and found is None:
            return "refused"
        reason = problem if expected is not None else why
        if reason in LIMITED.values():
            return reason
        raise FindingError(f"package: {why if expected is None else 'decoded'}; library: {problem or 'decoded'}")
    if not np.array_equal(expected, found):
        if why == "exp" and np.allclose(expected, found, rtol=1e-5, atol=1e-5):
            return "exp"  # which is the machine's
        raise FindingError(f"pixels differ by up to {np.abs(expected - found).max()}")
    return "same"


def main(argv: list[str]) -> int:
    """Run until the count is reached or something is found, which is kept as finding-*.tod."""
    library, count, seed = Library(Path(argv[0])), int(argv[1]), int(argv[2]) if len(argv) > 2 else 0
    rng, counts = random.Random(seed), Counter[str]()
    path = Path(f"/dev/shm/todpack-{seed}.tod")
    start = [data for data in seeds()["archive"] + encoded() if compare(library, data, path) in ("same", "exp")]
    for n in range(count):
        data = rng.choice(start)
        for _ in range(rng.choice((1, 1, 2, 3))):
            data = MUTATORS["archive"](data, rng)
        try:
            counts[compare(library, data, path, n % 8 == 0)] += 1
        except FindingError as error:
            finding = Path(f"finding-{seed}-{n}.tod")
            finding.write_bytes(data)
            print(f"{finding}: {error}")
            counts["finding"] += 1
        if n % 1000 == 999 or n == count - 1:
            print(n + 1, dict(counts), flush=True)
    return 1 if counts["finding"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
