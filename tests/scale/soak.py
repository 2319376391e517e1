"""Decode random regions and texels of archives of every family for long, and say whether memory stays flat.

python -m tests.scale.soak --decodes 20000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.conftest import make_day
from tests.golden.test_golden import FOLDER
from todpack.decompressor import Archive, Limits, open_archive
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

GOLDEN = ("daybasis-zstd-1.0", "daybasis-log-1.1", "daybasis-level-1.1", "gridmlp-1.1", "siren-latent-1.1")
TILES_HELD = 4  # of the tiled archive's 20, so that tiles come and go
REOPEN_EVERY = 250
WARM_UP = 0.2  # of the decodes, before memory is first read
TOLERANCE_BYTES = 8 << 20


def resident_bytes() -> int:
    """Memory of this process now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return 1024 * int(line.split()[1])


def write_tiled(path: Path) -> None:
    """An archive of 320 x 256 texels in 20 tiles."""
    frames, valid = make_day(256, 320, 24)
    day = Day(frames.astype(np.float32), valid, np.arange(24.0), "srgb8", "day")
    encode_day(day, DayBasisConfig(q_step=12.0, tile=64, n_levels=3), DayBasisPackOptions()).write(path)


def decode_at_random(archive: Archive, rng: np.random.Generator) -> None:
    """A texel or a region of any lightmap at any time, of either type."""
    lightmap = archive.lightmaps[int(rng.integers(len(archive.lightmaps)))]
    dtype = "float32" if lightmap.transfer == "linear" or rng.random() < 0.5 else "uint8"
    time_h = float(rng.choice(lightmap.hours)) if rng.random() < 0.5 else float(rng.uniform(0, 23.99))
    y0, x0 = int(rng.integers(lightmap.height)), int(rng.integers(lightmap.width))
    if rng.random() < 0.5:
        lightmap.texel(y0, x0, time_h, dtype)
        return
    y1, x1 = int(rng.integers(y0, lightmap.height)) + 1, int(rng.integers(x0, lightmap.width)) + 1
    lightmap.decode(time_h, (y0, y1, x0, x1), dtype)


def soak(n_decodes: int, seed: int = 0) -> dict[str, float]:
    """Decode so often; the archives are closed and opened again all the while.

    Returns:
        Decodes, seconds, and resident bytes after the warm-up, at most, and at the end.
    """
    rng, started = np.random.default_rng(seed), time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        tiled = Path(scratch) / "tiled.tod"
        write_tiled(tiled)
        with open_archive(tiled, provider="cpu") as archive:
            tile_bytes = 4 * archive.metadata["lightmaps"][0]["model"]["n_components"] * 64 * 64
        paths = {tiled: Limits(latent_bytes=TILES_HELD * tile_bytes)}
        paths |= {FOLDER / f"{name}.tod": Limits() for name in GOLDEN}
        first, most, done = 0, 0, 0
        while done < n_decodes:
            with ExitStack() as stack:
                opened = [
                    stack.enter_context(open_archive(path, threads=1, provider="cpu", limits=limits))
                    for path, limits in paths.items()
                ]
                for _ in range(min(REOPEN_EVERY, n_decodes - done)):
                    decode_at_random(opened[done % len(opened)], rng)
                    done += 1
            if done >= WARM_UP * n_decodes:
                first = first or resident_bytes()
                most = max(most, resident_bytes())
    return {
        "decodes": n_decodes, "seconds": round(time.monotonic() - started, 1), "first_bytes": first,
        "most_bytes": most, "last_bytes": resident_bytes(),
    }  # fmt: skip


def main() -> int:
    """Soak and print; 1 where memory grew by more than the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decodes", type=int, default=20_000)
    found = soak(parser.parse_args().decodes)
    print(json.dumps(found))
    grown = found["last_bytes"] - found["first_bytes"]
    if grown > TOLERANCE_BYTES:
        print(f"memory grew by {grown} bytes, over {TOLERANCE_BYTES}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
