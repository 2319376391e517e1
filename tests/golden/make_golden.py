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
from packer.run_folder import read_run
from packer.siren import SirenPackOptions, pack_siren
from tests.conftest import make_day
from tests.conftest import write_day as write_frames
from trainer.data import LightmapSequence, read_sequence
from trainer.daybasis.config import DayBasisConfig
from trainer.gridmlp.config import GridMlpConfig
from trainer.gridmlp.train import train_gridmlp
from trainer.siren.config import SirenConfig
from trainer.siren.train import train_siren

FOLDER = Path(__file__).resolve().parent
HEIGHT, WIDTH, N_FRAMES = 37, 45, 24
TIMES = (0.0, 5.0, 12.0, 23.0)


def frame_digests(path: Path) -> dict[str, str]:
    """SHA-256 of the decoded codes at some stored hours."""
    with open_archive(path, threads=1, provider="cpu") as archive:
        return {f"{t:g}": hashlib.sha256(archive.decode(t).tobytes()).hexdigest() for t in TIMES}


NAMES = (
    "daybasis-ans-1.0", "daybasis-zstd-1.0", "daybasis-ans-smooth-1.1", "gridmlp-1.0", "gridmlp-1.1",
    "siren-latent-1.1", "siren-weights-1.1",
)  # fmt: skip
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


def _siren(day: LightmapSequence, path: Path, storage: str) -> None:
    config = SirenConfig(
        latent_dim=3, hidden_f1=12, layers_f1=1, hidden_f2=8, layers_f2=1, epochs=20, samples_per_epoch=24 * 1024,
        batch_size=24 * 128, residual_mode=True,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        train_siren(day, config, Path(scratch) / "run", device="cpu", quiet=True)
        pack_siren(read_run(Path(scratch) / "run"), path, SirenPackOptions(storage))


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
        elif name.startswith("siren"):
            _siren(day, path, name.split("-")[1])
        else:
            options = DayBasisPackOptions(entropy=name.split("-")[1], smoothing="smooth" in name or None)
            write_day(encode_day(day, DayBasisConfig(q_step=12.0, tile=24, n_levels=3), options), path)
        with open_archive(path, threads=1, provider="cpu") as archive:
            decoded = np.stack([archive.decode(t) for t in TIMES])
        np.savez_compressed(path.with_suffix(".npz"), codes=decoded)
        path.with_suffix(".json").write_text(json.dumps(frame_digests(path), indent=2) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
