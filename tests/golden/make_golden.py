"""Write golden archives, for each version that added to the format: `make golden`. A person runs this, tests never.

An archive that is already there is never replaced: today's decoder must go on reading it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.conftest import make_day
from tests.conftest import write_day as write_frames
from tests.contest_data import KEYS, make_radiance
from tests.golden import dilated_digests
from todpack.decompressor import Lightmap, open_archive
from todpack.decompressor.container import MAJOR, MINOR
from todpack.frames import Day, read_day
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.gridmlp.pack import pack_run
from todpack.packer.gridmlp.rd_config import RdConfig
from todpack.packer.run_folder import read_run
from todpack.packer.siren.command import SirenPackOptions
from todpack.packer.siren.config import SirenConfig
from todpack.packer.siren.pack import pack_siren
from todpack.submission.contest.write_lightmap import plain_bits_of
from todpack.trainer.gridmlp.rd.train import train_rd
from todpack.trainer.gridmlp.train import train_gridmlp
from todpack.trainer.siren.train import train_siren

FOLDER = Path(__file__).resolve().parent
HEIGHT, WIDTH, N_FRAMES = 37, 45, 24
TIMES = (0.0, 5.0, 12.0, 23.0)
LINEAR_TIMES = (0.0, 5.9, 12.0, 18.1)
SUMS = FOLDER / "SHA256SUMS"


def stored_frames(lightmap: Lightmap) -> np.ndarray:
    """(4, H, W, 3) uint8 codes, or float32 radiance of a linear lightmap, at some stored hours."""
    if lightmap.transfer == "linear":
        return np.stack([lightmap.decode(t, dtype="float32") for t in LINEAR_TIMES])
    return np.stack([lightmap.decode(t) for t in TIMES])


def frame_digests(frames: np.ndarray, times: tuple[float, ...] = TIMES) -> dict[str, str]:
    """SHA-256 of each frame, by its hour."""
    return {f"{t:g}": hashlib.sha256(frame.tobytes()).hexdigest() for t, frame in zip(times, frames, strict=True)}


NAMES = (
    "daybasis-ans-1.0", "daybasis-zstd-1.0", "daybasis-ans-smooth-1.1", "daybasis-ans-1.2", "daybasis-ans-1.3",
    "daybasis-ans-smooth-packed-1.4", "gridmlp-1.0", "gridmlp-1.1", "gridmlp-1.4", "gridmlp-maps-1.4",
    "siren-latent-1.1", "siren-weights-1.1",
)  # fmt: skip
CODINGS = {
    "daybasis-linear-1.0": "linear", "daybasis-gamma-1.1": "gamma", "daybasis-log-1.1": "log",
    "daybasis-outliers-1.3": "gamma",
}  # fmt: skip
LEVEL = "daybasis-level-1.1"  # two lightmaps in one
PLAIN_BITS = "contest-gamma", "contest-tdr5"  # the contest's file of the first, today's layout last
PLAIN: dict[str, Any] = {
    "grid_levels": (4, 8), "channels_per_level": 2, "hidden": 8, "layers": 2, "time_harmonics": 2, "epochs": 3,
    "samples_per_epoch": 24 * 1024, "batch_size": 24 * 128, "lr": 3e-3,
}  # fmt: skip
PROBES = {"hash_top_levels": 1, "hash_capacity": 24, "hash_probes": 5, "hash_seed": 3, "hash_dense_epochs": 1}
SWITCHES: dict[str, Any] = {
    "hash_top_levels": 1, "hash_capacity": 21, "hash_merge": "learned", "hash_seed": 7, "hash_epochs": 1, "film": True,
    "use_baseline_encoder": True, "be_downsample": 4,
}  # fmt: skip


def _gridmlp(day: Day, path: Path, switches: dict[str, Any]) -> None:
    config = GridMlpConfig(**PLAIN, **switches)
    with tempfile.TemporaryDirectory() as scratch:
        train_gridmlp(day, config, Path(scratch) / "run", device="cpu", quiet=True)
        pack_run(Path(scratch) / "run", path, GridMlpPackOptions())


def _coded_maps(day: Day, path: Path) -> None:
    config = RdConfig(q_step=12.0, tile=24, n_levels=3, units=4, steps=20, rounds=4, head_steps=10)
    with tempfile.TemporaryDirectory() as scratch:
        train_rd(day, config, Path(scratch) / "run", quiet=True)
        pack_run(Path(scratch) / "run", path, GridMlpPackOptions())


def _siren(day: Day, path: Path, storage: str) -> None:
    config = SirenConfig(
        latent_dim=3, hidden_f1=12, layers_f1=1, hidden_f2=8, layers_f2=1, epochs=20, samples_per_epoch=24 * 1024,
        batch_size=24 * 128, residual_mode=True,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as scratch:
        train_siren(day, config, Path(scratch) / "run", device="cpu", quiet=True)
        pack_siren(read_run(Path(scratch) / "run"), path, SirenPackOptions(storage))


def _linear_day(height: int, width: int, seed: int) -> Day:
    radiance, valid = make_radiance(height, width, seed=seed)
    hours = np.array([int(key) / 100 for key in KEYS])
    return Day(radiance, valid, hours, "linear", f"L_Golden_{seed}")


def _write_linear() -> None:
    """The archives of linear radiance that are missing, a level of two of them, and a contest file."""
    config = DayBasisConfig(q_step=2.5, tile=24, n_levels=3)
    for name, transfer in CODINGS.items():
        path = FOLDER / f"{name}.tod"
        if not path.exists():
            day = _linear_day(HEIGHT, WIDTH, 0)
            if "outliers" in name:
                y, x = np.argwhere(day.valid)[day.valid.sum() // 2]
                day.radiance[list(day.hours).index(12.0), y, x] = 1e3 * day.radiance.max()
            encode_day(day, replace(config, transfer=transfer), DayBasisPackOptions()).write(path)
            _write_expected(path)
    path = FOLDER / f"{LEVEL}.tod"
    if not path.exists():
        with tempfile.TemporaryDirectory() as scratch:
            parts = [Path(scratch) / "0.tod", Path(scratch) / "1.tod"]
            for seed, (part, size) in enumerate(zip(parts, ((20, 33), (26, 17)), strict=True)):
                encode_day(_linear_day(*size, seed), config, DayBasisPackOptions()).write(part)
            merge_archives(parts).write(path)
        _write_expected(path)
    path = FOLDER / f"{PLAIN_BITS[-1]}.bin"
    if not path.exists():
        with open_archive(FOLDER / f"{LEVEL}.tod", provider="cpu") as archive:
            path.write_bytes(plain_bits_of(archive, 0))
        print(f"{path.name}: {path.stat().st_size} bytes")


def _write_expected(path: Path) -> None:
    """What an archive of linear radiance decodes to, lightmap by lightmap."""
    with open_archive(path, threads=1, provider="cpu", gutter="mean") as archive:
        frames = {item.name: stored_frames(item) for item in archive.lightmaps}
    np.savez_compressed(path.with_suffix(".npz"), **frames)
    digests = {name: frame_digests(values, LINEAR_TIMES) for name, values in frames.items()}
    path.with_suffix(".json").write_text(json.dumps(digests, indent=2) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


def _write_dilated() -> None:
    """What archives of daybasis give with filled gutters: those that no file lists, in one of today's version."""
    listed = dilated_digests()
    digests: dict[str, Any] = {}
    for archive_path in sorted(FOLDER.glob("daybasis*.tod")):
        if archive_path.stem in listed:
            continue
        with open_archive(archive_path, threads=1, provider="cpu") as archive:
            times = LINEAR_TIMES if archive.lightmaps[0].transfer == "linear" else TIMES
            digests[archive_path.stem] = {
                item.name: {
                    f"{t:g}": hashlib.sha256(
                        (
                            item.latents() if "log" in archive_path.stem else item.decode(float(t), dtype="float32")
                        ).tobytes()
                    ).hexdigest()
                    for t in times
                }
                for item in archive.lightmaps
            }
    if digests:
        path = FOLDER / f"dilate-{MAJOR}.{MINOR}.json"
        path.write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n")


def _add_sums() -> None:
    """List the files that are not listed yet; a line that is there stays."""
    lines = SUMS.read_text().splitlines() if SUMS.exists() else []
    listed = {line.split("  ")[1] for line in lines}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in (".tod", ".npz", ".json", ".bin") and path.name not in listed:
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    SUMS.write_text("\n".join(lines) + "\n")


def main() -> int:
    """Write what is missing."""
    frames, valid = make_day(HEIGHT, WIDTH, N_FRAMES)
    with tempfile.TemporaryDirectory() as scratch:
        day = read_day(write_frames(Path(scratch) / "golden", frames, valid))
    for name in NAMES:
        path = FOLDER / f"{name}.tod"
        if path.exists():
            print(f"{path.name}: kept")
            continue
        if "maps" in name:
            _coded_maps(day, path)
        elif name.startswith("gridmlp"):
            _gridmlp(day, path, {"1.0": {}, "1.1": SWITCHES, "1.4": PROBES}[name.split("-")[1]])
        elif name.startswith("siren"):
            _siren(day, path, name.split("-")[1])
        else:
            options = DayBasisPackOptions(
                entropy=name.split("-")[1], smoothing="smooth" in name or None, packs_metadata="packed" in name
            )
            encode_day(day, DayBasisConfig(q_step=12.0, tile=24, n_levels=3), options).write(path)
        with open_archive(path, threads=1, provider="cpu", gutter="mean") as archive:
            decoded = stored_frames(archive.lightmaps[0])
        np.savez_compressed(path.with_suffix(".npz"), codes=decoded)
        path.with_suffix(".json").write_text(json.dumps(frame_digests(decoded), indent=2) + "\n")
        print(f"{path.name}: {path.stat().st_size} bytes")
    _write_linear()
    _write_dilated()
    _add_sums()
    return 0


if __name__ == "__main__":
    sys.exit(main())
