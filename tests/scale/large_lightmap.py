"""A large, mostly invalid HDR lightmap in the contest's layout, written and decoded each in a process of its own.

python -m tests.scale.large_lightmap --width 4096 --height 2048 --patch 96 --out out/large
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import REPOSITORY
from tests.scale.scale import peak_bytes

SQUARE = 512
HOURS = (0.0, 6.0, 12.0, 18.1)
NOISE = 0.02
WHOLE_BYTES = 64 << 20  # so that a smaller lightmap than usual is decoded as a large one


@dataclass(frozen=True)
class LargeLightmap:
    """A `TileSource`: every third square of 512 x 512 of every other row of squares has one smooth, noisy patch.

    Attributes:
        height: Texels.
        width: Texels.
        patch: Side of a patch.
    """

    height: int
    width: int
    patch: int
    name: str = "L_0"
    transfer: str = "linear"

    @property
    def hours(self) -> np.ndarray:
        """Stored times."""
        return np.array(HOURS)

    def read(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """See `TileSource`."""
        y, x = np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)[None]
        has_patch = (y // SQUARE % 2 == 0) & ((y // SQUARE + x // SQUARE) % 3 == 0)
        valid = has_patch & (y % SQUARE < self.patch) & (x % SQUARE < self.patch)
        radiance = np.zeros((len(HOURS), *valid.shape, 3), np.float32)
        if valid.any():
            rng = np.random.default_rng([rows.start, columns.start])  # whole tiles are read
            for t, hour in enumerate(HOURS):
                light = 1.2 + np.cos((hour - 12.0) * np.pi / 12.0) * np.sin(y / 31.0) * np.cos(x / 47.0)
                radiance[t] = (light * (1.0 + NOISE * rng.standard_normal(valid.shape)))[..., None] * (1.0, 0.8, 0.5)
            radiance *= valid[None, :, :, None]
        return radiance, valid


def write(source: LargeLightmap, out: Path) -> dict[str, Any]:
    """Compress it, and build a submission in the contest's layout."""
    from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
    from todpack.packer.daybasis.encoder import encode_day
    from todpack.submission.contest.build import build_contest

    started = time.monotonic()
    day = encode_day(source, DayBasisConfig(q_step=6.0, reweight=0), DayBasisPackOptions())
    day.write(out.with_suffix(".tod"))
    compressed_s, compressed_peak = time.monotonic() - started, peak_bytes()
    made = build_contest(out.with_suffix(".tod"), out)
    return {
        "compress_s": round(compressed_s, 1), "compress_peak_bytes": compressed_peak,
        "build_s": round(time.monotonic() - started - compressed_s, 1), "peak_bytes": peak_bytes(),
        "parameter_bytes": made.parameter_bytes, "n_maps": day.n_components,
    }  # fmt: skip


def decode(source: LargeLightmap, out: Path) -> dict[str, Any]:
    """Every stored time by `Interface.py`, beside the source and beside random access; and what all of it took."""
    import torch

    before = peak_bytes()
    sys.path.insert(0, str(out))
    import Interface

    Interface.WHOLE_BYTES = WHOLE_BYTES
    started = time.monotonic()
    lightmap = Interface.get({"level": "L", "id": 0}, "cpu")
    constructor_s, constructor_bytes = time.monotonic() - started, peak_bytes()
    rng, frame_s, squares, count, largest = np.random.default_rng(0), [], 0.0, 0, 0.0
    for t, hour in enumerate(HOURS):
        started = time.monotonic()
        lightmap.reconstruct(hour)
        result = lightmap.get_result()
        frame_s.append(time.monotonic() - started)
        assert result.shape == (1, 3, source.height, source.width)
        for top in range(0, source.height, 2 * SQUARE):
            for left in range(0, source.width, SQUARE):
                bottom, right = min(top + SQUARE, source.height), min(left + SQUARE, source.width)
                radiance, valid = source.read(slice(top, bottom), slice(left, right))
                if valid.any():
                    found = result[0, :, top:bottom, left:right].numpy().transpose(1, 2, 0)
                    error = (found - radiance[t])[valid]
                    squares, count = squares + float(np.square(error).sum()), count + error.size
        for y, x in zip(rng.integers(0, source.height, 20), rng.integers(0, source.width, 20), strict=True):
            y, x = (int(n) // SQUARE * SQUARE + int(n) % (2 * source.patch) for n in (y, x))
            if y < source.height and x < source.width:
                texel = lightmap.random_test([[y, x, hour]])
                largest = max(largest, float((texel[0] - result[0, :, y, x]).abs().max()))
        del result, found  # which is a view of it
    return {
        "kind": type(lightmap).__name__, "constructor_s": round(constructor_s, 2),
        "constructor_bytes": constructor_bytes - before, "frame_s": [round(s, 3) for s in frame_s],
        "rmse": (squares / count) ** 0.5, "random_difference": largest, "tiles": len(lightmap._file.numbers),
        "frame_bytes": 12 * source.height * source.width, "more_bytes": peak_bytes() - before,
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def run_stage(stage: str, source: LargeLightmap, out: Path, *more: str) -> dict[str, Any]:
    """Run a stage in a process of its own, whose memory is its alone."""
    size = ["--width", str(source.width), "--height", str(source.height), "--patch", str(source.patch)]
    command = [sys.executable, "-m", "tests.scale.large_lightmap", *size, "--out", str(out), "--stage", stage, *more]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Both stages one after another, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=16384)
    parser.add_argument("--height", type=int, default=16384)
    parser.add_argument("--patch", type=int, default=256)
    parser.add_argument("--out", type=Path, required=True, help="the submission; the archive is OUT.tod")
    parser.add_argument("--stage", choices=("write", "decode"))
    args = parser.parse_args()
    source = LargeLightmap(args.height, args.width, args.patch)
    for stage in (args.stage,) if args.stage else ("write", "decode"):
        if args.stage is None:
            print(stage, json.dumps(run_stage(stage, source, args.out)), flush=True)
        else:
            print(json.dumps((write if stage == "write" else decode)(source, args.out)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
