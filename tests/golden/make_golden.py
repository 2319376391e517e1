"""Write golden archives, for each version that added to the format: `make golden`. A person runs this, tests never.

An archive that is already there is never replaced: today's decoder must go on reading it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from decompressor import open_archive
from packer.compress import encode_day, write_day
from packer.daybasis.pack import DayBasisPackOptions
from packer.gridmlp import GridMlpPackOptions
from packer.pack import pack_run
from tests.conftest import make_day
from tests.conftest import write_day as write_frames
from trainer.data import LightmapSequence, read_sequence
from trainer.daybasis.config import DayBasisConfig
from trainer.gridmlp.config import GridMlpConfig
from trainer.gridmlp.train import train_gridmlp

FOLDER = Path(__file__).resolve().parent
HEIGHT, WIDTH, N_FRAMES = 37, 45, 24
TIMES = (0.0, 5.0, 12.0, 23.0)


def frame_digests(path: Path) -> dict[str, str]:
    """SHA-256 of the decoded codes at some stored hours."""
    with open_archive(path, threads=1, provider="cpu") as archive:
        return {f"{t:g}": hashlib.sha256(archive.decode(t).tobytes()).hexdigest() for t in TIMES}


NAMES = ("daybasis-ans-1.0", "daybasis-zstd-1.0", "gridmlp-1.0", "gridmlp-1.1")
PLAIN: dict[str, Any] = {
    "grid_levels": (4, 8), "channels_per_level": 2, "hidden": 8, "layers": 2, "time_harmonics": 2, "epochs": 3,
    "samples_per_epoch": 24 * 1024, "batch_size": 24 * 128, "lr": 3e-3,
}  # fmt: skip
SWITCHES: dict[str, Any] = {
    "hash_top_levels": 1, "hash_capacity": 21, "hash_merge": "learned", "hash_seed": 7, "hash_epochs": 1, "film": True,
    "use_baseline_encoder": True, "be_downsample": 4,
}  # fmt: skip


def _gridmlp(day: LightmapSequence, path: Path, switches: dict[str, Any]) -> None:
    config = GridMlpConfig(**PLAIN, **switches)
    with tempfile.TemporaryDirectory() as scratch:
        train_gridmlp(day, config, Path(scratch) / "run", device="cpu", quiet=True)
        pack_run(Path(scratch) / "run", path, GridMlpPackOptions())


def main() -> int:
    """Write what is missing."""
    frames, valid = make_day(HEIGHT, WIDTH, N_FRAMES)
    with tempfile.TemporaryDirectory() as scratch:
        day = read_sequence(write_frames(Path(scratch) / "golden", frames, valid))
    for name in NAMES:
        path = FOLDER / f"{name}.tod"
        if path.exists():
            print(f"{path.name}: kept")
            continue
        if name.startswith("gridmlp"):
            _gridmlp(day, path, {} if name.endswith("1.0") else SWITCHES)
        else:
            options = DayBasisPackOptions(entropy=name.split("-")[1])
            write_day(encode_day(day, DayBasisConfig(q_step=12.0, tile=24, n_levels=3), options), path)
        with open_archive(path, threads=1, provider="cpu") as archive:
            decoded = np.stack([archive.decode(t) for t in TIMES])
        np.savez_compressed(path.with_suffix(".npz"), codes=decoded)
        path.with_suffix(".json").write_text(json.dumps(frame_digests(path), indent=2) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
