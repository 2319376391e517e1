"""Write a large synthetic archive and decode regions of it, each in a process of its own; say time and peak memory.

python -m tests.scale.scale --side 16384 --out out/scale
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tests.scale.synthetic_day import SyntheticDay
from todpack.decompressor import Limits, open_archive
from todpack.decompressor.limits import MIB

REGION = 384
CACHE_BYTES = 256 * MIB


def peak_bytes() -> int:
    """Largest resident memory of this process so far (ru_maxrss may still hold the parent's)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def write(side: int, path: Path, q_step: float) -> dict[str, float]:
    """Compress the synthetic day."""
    from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
    from todpack.packer.daybasis.encoder import encode_day

    started = time.monotonic()
    day = encode_day(SyntheticDay(side), DayBasisConfig(q_step=q_step), DayBasisPackOptions())
    day.write(path)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "archive_bytes": day.size_bytes,
        "psnr_db": round(day.psnr_db, 3),
        "n_components": day.n_components,
        "tiles": len(day.tiles),
        "peak_bytes": peak_bytes(),
    }


def decode(side: int, path: Path, n_regions: int) -> dict[str, float]:
    """Decode random regions at random stored hours and compare them with the day."""
    source, rng = SyntheticDay(side), np.random.default_rng(0)
    squares, count, took = 0, 0, []
    limits = Limits(latent_bytes=CACHE_BYTES, texels=max(Limits().texels, side * side))
    with open_archive(path, threads=1, provider="cpu", limits=limits) as archive:
        lightmap = archive.lightmaps[0]
        for _ in range(n_regions):
            y, x = (int(n) for n in rng.integers(0, max(1, side - REGION), 2))
            region = y, min(y + REGION, side), x, min(x + REGION, side)
            t = int(rng.integers(len(source.hours)))
            started = time.monotonic()
            decoded = lightmap.decode(float(source.hours[t]), region)
            took.append(time.monotonic() - started)
            codes, valid = source.read(slice(region[0], region[1]), slice(region[2], region[3]))
            error = decoded[valid].astype(np.int32) - codes[t][valid]
            squares, count = squares + int(np.square(error).sum(dtype=np.int64)), count + error.size
    return {
        "regions": n_regions,
        "psnr_db": round(10 * float(np.log10(255.0**2 * count / max(squares, 1))), 3),
        "median_ms": round(1e3 * float(np.median(took)), 1),
        "peak_bytes": peak_bytes(),
    }


def run_stage(stage: str, side: int, path: Path, q_step: float = 16.0, n_regions: int = 200) -> dict[str, float]:
    """Run one stage in a process of its own, whose memory is its alone."""
    command = [sys.executable, "-m", "tests.scale.scale", "--stage", stage, "--side", str(side), "--out", str(path)]
    command += ["--q-step", str(q_step), "--regions", str(n_regions)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Both stages one after another, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--out", type=Path, required=True, help="the archive")
    parser.add_argument("--q-step", type=float, default=16.0)
    parser.add_argument("--regions", type=int, default=200)
    parser.add_argument("--stage", choices=("write", "decode"))
    args = parser.parse_args()
    if args.stage == "write":
        print(json.dumps(write(args.side, args.out, args.q_step)))
    elif args.stage == "decode":
        print(json.dumps(decode(args.side, args.out, args.regions)))
    else:
        for stage in ("write", "decode"):
            print(stage, json.dumps(run_stage(stage, args.side, args.out, args.q_step, args.regions)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
