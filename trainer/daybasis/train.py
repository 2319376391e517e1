"""`todpack train --family daybasis`: data in, run folder out; numpy and scipy, and torch where codes are refined."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from todpack.decompressor.errors import needs
from todpack.decompressor.files import write_text
from todpack.frames import Day
from todpack.frames.psnr import psnr_db
from todpack.packer.daybasis.config import DayBasisConfig, stored_step
from todpack.packer.daybasis.fireflies import without_fireflies
from todpack.packer.daybasis.radiance import first_domain
from todpack.packer.daybasis.refined import RefinedLightmap, arrays_of_refined
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import TemporalTransform, find_transform
from todpack.packer.errors import ConfigError
from todpack.packer.run_folder import CHECKPOINT_NAME, RunRecord, write_run

from ..run_folder import finish_run, work_folder
from .config import RefineConfig


def train_daybasis(
    day: Day,
    config: DayBasisConfig,
    out_dir: Path,
    *,
    refine: RefineConfig | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunRecord:
    """Find the temporal transform of a day, refine its codes if asked to, and write the run folder.

    The folder keeps the frames, because packing refits the basis to what the decoder will see and measures the result.

    Args:
        day: The day.
        config: How to find the transform and cut the tiles.
        out_dir: Run folder; created if need be.
        refine: How to refine; None leaves the closed form, which any step can be packed from without torch.
        device: Where to refine: "auto", "cpu" or "cuda".
        resume: Continue a refinement from its last sweep; without a checkpoint, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.

    Raises:
        TodpackError: its message says what was expected.
    """
    is_refined = refine is not None  # the closed form has nothing to continue
    work = work_folder(out_dir, resume=resume and is_refined, overwrite=overwrite or (resume and not is_refined))
    started = time.monotonic()
    step = stored_step(config.q_step)
    calm = without_fireflies(day)
    domain = first_domain(calm, config.transfer) if day.transfer == "linear" else None
    tiles = DayTiles(calm, config.tile, config.n_levels, domain)
    transform = find_transform(tiles, config, step)
    refined = None if refine is None else _refine(tiles, transform, step, refine, work, device, resume, quiet)
    figures = {
        "n_components": int(transform.basis.matrix.shape[1]),
        "n_classes": len(transform.skew_codes),
        "train_seconds": round(time.monotonic() - started, 2),
    }
    if refined is not None:
        figures["psnr_srgb_db"] = round(psnr_db(refined.history[-1][1]), 4)
        figures["sweeps"] = len(refined.history) - 1
    described = {**config.to_json(), "refine": None if refine is None else refine.to_json()}
    record = RunRecord.of_day(day, "daybasis", described, figures)
    frames = day.radiance.astype(np.uint8) if day.transfer == "srgb8" else day.radiance
    arrays = {
        "matrix": transform.basis.matrix,
        "offset": transform.basis.offset,
        "skew_codes": transform.skew_codes,
        "classes": np.concatenate([classes.ravel() for classes in transform.classes]),
        "valid": day.valid,
        "frames": frames,
        **({} if refined is None else arrays_of_refined(refined)),
    }
    if domain is not None:
        arrays |= {"frame_scales": domain.frame_scales, "knee": np.array([domain.knee])}
    write_run(work, record, arrays)
    finish_run(work, out_dir)
    return record


def _refine(
    tiles: DayTiles,
    transform: TemporalTransform,
    q_step: float,
    config: RefineConfig,
    work: Path,
    device: str,
    resume: bool,
    quiet: bool,
) -> RefinedLightmap:
    """Refine with torch, keeping a checkpoint and a line of log.csv for each sweep."""
    with needs("train", "--refine"):
        from ..checkpoint import load_checkpoint, save_checkpoint
        from .refinement import State, fingerprint, refine
    path, state = work / CHECKPOINT_NAME, None
    own = fingerprint(tiles, transform, q_step, config)
    if resume and path.is_file():
        state = load_checkpoint(path)
        if state.get("fingerprint") != own:
            raise ConfigError(
                f"--resume: {path} is of other frames or options; give those of the run, or replace it by --overwrite"
            )

    def keep(reached: State) -> None:
        lines = ["sweep,bytes_estimate,psnr_estimate_db"]
        lines += [f"{n},{rate / 8:.0f},{psnr_db(mse):.4f}" for n, (rate, mse) in enumerate(reached["history"])]
        write_text(work / "log.csv", "\n".join(lines) + "\n")
        # after the log, whose last line would be missing if a kill came between them at the last sweep
        save_checkpoint(path, {**reached, "fingerprint": own})

    return refine(tiles, transform, q_step, config, device=device, quiet=quiet, state=state, on_sweep=keep)
