"""The refinement with each of its parts left out or changed: bytes at equal PSNR against the closed form.

    python docs/experiments/refine_ablation.py samples/courtyard [--q-step 16] [--only fast full no-smoothing ...]

Whole archives. The closed form's own curve (the step and its neighbors half an octave away, log-linear) says what it
would need at the PSNR that a row reaches.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import replace

import numpy as np

from todpack.frames import read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import EncodedDay, encode_tiles
from todpack.packer.daybasis.refine.config import PRESETS, RefineConfig
from todpack.packer.daybasis.refine.refinement import refine
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform

FAST = PRESETS["fast"]
ROWS = {
    "fast": FAST,
    "full": PRESETS["full"],
    "one-sweep": replace(FAST, n_sweeps=1),
    "four-sweeps": replace(FAST, n_sweeps=4),
    "no-smoothing": replace(FAST, smoothing_bound=0.0),
    "equal-steps": replace(FAST, gain_spread=0.0),
    "no-context-slope": replace(FAST, context_gain=0.0),
    "rd-0.12": replace(FAST, rd_weight=0.12),
    "rd-0.28": replace(FAST, rd_weight=0.28),
    "temporal": replace(FAST, temporal_weight=0.2),
}


def main() -> None:
    """Refine, pack, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--q-step", type=float, default=16.0)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    args = parser.parse_args()
    day = read_day(args.data)
    tiles = DayTiles(day, 512, 5)

    def pack(q_step: float, config: RefineConfig | None = None) -> EncodedDay:
        found = find_transform(tiles, DayBasisConfig(q_step=q_step))
        codes = None if config is None else refine(tiles, found, q_step, config)
        return encode_tiles(tiles, found, q_step, DayBasisPackOptions(), codes)

    closed = [pack(args.q_step * 2**octaves) for octaves in (0.5, 0.0, -0.5)]
    print(f"closed form: {closed[1].size_bytes} bytes, {closed[1].psnr_db:.2f} dB", flush=True)
    for name in args.only:
        started = time.monotonic()
        found = pack(args.q_step, ROWS[name])
        seconds = time.monotonic() - started
        at = np.interp(found.psnr_db, [c.psnr_db for c in closed], [math.log(c.size_bytes) for c in closed])
        change = 100 * (found.size_bytes / math.exp(at) - 1)
        print(
            f"{name}: {found.size_bytes} bytes, {found.psnr_db:.2f} dB, {change:+.1f} %, {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
