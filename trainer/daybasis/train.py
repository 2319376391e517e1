"""`todpack train --family daybasis`: data in, run folder out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.files import write_text
from todpack.frames import Day
from todpack.frames.digest import frames_digest
from todpack.frames.psnr import psnr_db
from todpack.packer.daybasis.config import DayBasisConfig, stored_step
from todpack.packer.daybasis.fireflies import without_fireflies
from todpack.packer.daybasis.radiance import first_domain
from todpack.packer.daybasis.refine.refiner import Refiner
from todpack.packer.daybasis.refined import arrays_of_refined
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform
from todpack.packer.progress import ProgressLine
from todpack.packer.run_folder import RunRecord, write_run

from ..run_folder import FRAMES, finish_run, fresh_folder


def train_daybasis(
    day: Day,
    config: DayBasisConfig,
    out_dir: Path,
    *,
    refine: Refiner | None = None,
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
        refine: How to refine; None leaves the closed form.
        resume: Start afresh where a run was broken off: it takes seconds.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.

    Raises:
        TodpackError: its message says what was expected.
    """
    described = {**config.to_json(), "refine": None if refine is None else refine.config.to_json()}
    digest = frames_digest(day)
    work = fresh_folder(out_dir, "daybasis", described, digest, resume=resume, overwrite=overwrite)
    started = time.monotonic()
    step = stored_step(config.q_step)
    calm = without_fireflies(day)
    domain = first_domain(calm, config.transfer) if day.transfer == "linear" else None
    tiles = DayTiles(calm, config.tile, config.n_levels, domain)
    transform = find_transform(tiles, config, step)
    refined = None
    if refine is not None:
        with ProgressLine("refine", "tile", quiet=quiet) as line:
            refined = refine(tiles, transform, step, line.update)
    figures: dict[str, Any] = {
        FRAMES: digest,
        "n_components": int(transform.basis.matrix.shape[1]),
        "n_classes": len(transform.skew_codes),
        "train_seconds": round(time.monotonic() - started, 2),
    }
    if refined is not None:
        figures["psnr_estimate_db"] = round(psnr_db(refined.history[-1][1]), 4)
        figures["sweeps"] = len(refined.history) - 1
        lines = [f"{n},{rate / 8:.0f},{psnr_db(mse):.4f}" for n, (rate, mse) in enumerate(refined.history)]
        write_text(work / "log.csv", "\n".join(["sweep,bytes_estimate,psnr_estimate_db", *lines, ""]))
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
