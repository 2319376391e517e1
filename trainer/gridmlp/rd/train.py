"""`todpack train --family gridmlp --preset rd`: a day in, a run folder out."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch

from todpack.decompressor.errors import MissingPackageError
from todpack.decompressor.files import write_text
from todpack.frames import Day
from todpack.frames.digest import frames_digest
from todpack.frames.psnr import psnr_db
from todpack.packer.daybasis.config import stored_step
from todpack.packer.daybasis.native import kernels
from todpack.packer.daybasis.refine.refiner import NO_KERNELS
from todpack.packer.daybasis.refined import RefinedLightmap, arrays_of_refined
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.coded import CONFIG_FIELD
from todpack.packer.gridmlp.rd_config import RdConfig
from todpack.packer.progress import ProgressLine
from todpack.packer.run_folder import RunRecord, write_run

from ...run_folder import FRAMES, finish_run, fresh_folder
from .fit import Descent
from .rounds import Rounds
from .start import Start, start


def train_rd(
    day: Day, config: RdConfig, out_dir: Path, *, resume: bool = False, overwrite: bool = False, quiet: bool = False
) -> RunRecord:
    """Train on a day and write the run folder.

    Args:
        day: The day, 8-bit.
        config: The run's configuration.
        out_dir: Run folder; created if need be.
        resume: Start afresh where a run was broken off.
        overwrite: Replace a run that is already there.
        quiet: No progress line.

    Raises:
        TodpackError: its message says what was expected.
    """
    if day.transfer != "srgb8":
        raise ConfigError(f"--preset rd: expected 8-bit sRGB frames, found transfer {day.transfer!r}")
    if kernels is None:
        raise MissingPackageError(f"--preset rd: {NO_KERNELS}")
    tiles = DayTiles(day, config.tile, config.n_levels)
    if not tiles.is_kept:
        raise ConfigError(f"{day.name}: --preset rd: expected a day that fits into memory")
    described = {CONFIG_FIELD: config.to_json()}
    digest = frames_digest(day)
    work = fresh_folder(out_dir, "gridmlp", described, digest, resume=resume, overwrite=overwrite)
    started, step = time.monotonic(), stored_step(config.q_step)
    begun = start(tiles, config, step)
    model, lines = begun.model, ["stage,step,bytes_estimate,psnr_estimate_db"]

    def note(stage: str, done: int, bits: float, mse: float) -> str:
        size, quality = bits / 8, psnr_db(max(mse, 1e-9))
        lines.append(f"{stage},{done},{size:.0f},{quality:.4f}")
        return f"{size / 1000:.1f} kB, {quality:.2f} dB"

    if config.n_steps:
        with ProgressLine("descent", "step", quiet=quiet) as line:
            n = config.n_steps
            descent = Descent(model, config)
            descent.run(n, lambda done, bits, mse: line.update(done, n, note("descent", done, bits, mse)))
    rounds = Rounds(model, begun.used, begun.rotations, config)
    with ProgressLine("rounds", "round", quiet=quiet) as line:
        last = config.rounds
        rounds.run(last, lambda done, bits, mse: line.update(done, last, note("rounds", done, bits, mse)))
    mse = _as_stored(begun)
    figures = {
        FRAMES: digest,
        "psnr_srgb_db": round(psnr_db(mse), 4),
        "n_components": len(model.latents[0].coefficients),
        "parameters": sum(p.numel() for p in (*model.head.parameters(), *(t.coefficients for t in model.latents))),
        "epochs": config.rounds,
        "train_seconds": round(time.monotonic() - started, 1),
    }
    write_text(work / "log.csv", "\n".join([*lines, ""]))
    record = RunRecord.of_day(day, "gridmlp", described, figures)
    write_run(work, record, {**_arrays(begun, [*rounds.history, (rounds.history[-1][0], mse)]), "valid": day.valid})
    finish_run(work, out_dir)
    return record


@torch.no_grad()
def _as_stored(begun: Start) -> float:
    """Round what is stored in half precision, fit the rest to it; the mean squared error."""
    head = begun.model.head
    head.gather.copy_((head.gather / head.scales).half().float())
    head.scales.fill_(1.0)
    return begun.model.refit(begun.model.maps())


def _arrays(begun: Start, history: list[tuple[float, float]]) -> dict[str, np.ndarray]:
    model, head = begun.model, begun.model.head
    codes = [tile.codes() for tile in model.latents]
    return {
        **arrays_of_refined(RefinedLightmap(codes, model.centroids, begun.smoothing, history)),
        **{f"head_{name}": parameter.detach().numpy() for name, parameter in head.named_parameters()},
        "skew_codes": begun.skew_codes,
        "classes": np.concatenate([blocks.ravel() for blocks in begun.classes]),
    }
