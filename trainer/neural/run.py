"""From a day to a run folder, whatever the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from todpack.decompressor.frame_files import write_frame
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import Day
from todpack.packer.errors import ConfigError
from todpack.packer.neural_config import NeuralConfig
from todpack.packer.run_folder import CHECKPOINT_NAME, RunRecord, write_run

from ..checkpoint import CHECKPOINT_FORMAT
from ..device import out_of_memory_is_one_line, pick_device
from ..run_folder import BASELINE_NAME, NEURAL_NAMES, SIREN_NAMES, finish_run, work_folder
from .fit import Fit


@dataclass(frozen=True)
class NeuralFamily:
    """A family.

    Attributes:
        name: As `--family` has it.
        memory_options: What to lower where memory runs out.
        reconstruct: (model, baseline, hours) to (T, H, W, 3) uint8.
        arrays: Model to its arrays by name.
        parameters: Arrays with these prefixes are counted as the model.
        keeps_frames: Packing needs the original frames.
    """

    name: str
    memory_options: str
    reconstruct: Callable[[Any, np.ndarray | None, np.ndarray], np.ndarray]
    arrays: Callable[[Any], dict[str, np.ndarray]]
    parameters: tuple[str, ...]
    keeps_frames: bool


def train_run(
    family: NeuralFamily,
    day: Day,
    config: NeuralConfig,
    out_dir: Path,
    make_fit: Callable[[torch.device, Path], Fit],
    on_trained: Callable[[Any, Path], None] | None = None,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
) -> RunRecord:
    """Train a model on a day and write the run folder.

    Args:
        family: What is trained.
        day: The day, 8-bit.
        config: The run's configuration.
        out_dir: Run folder; created if need be.
        make_fit: The fit on a device, writing into a folder, before its first step.
        on_trained: Called with the trained model and that folder, for more files in it.
        device: "auto", "cpu" or "cuda".
        resume: Continue from `last.ckpt`; without one, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.

    Returns:
        The run's record, as written to `config.json`; `figures["psnr_srgb_db"]` is of the unquantized model.

    Raises:
        TodpackError: its message says what was expected.
    """
    if day.transfer != "srgb8":
        raise ConfigError(f"{family.name}: expected 8-bit sRGB frames, found transfer {day.transfer!r}")
    chosen = pick_device(device)
    names = NEURAL_NAMES if on_trained is None else SIREN_NAMES
    work = work_folder(out_dir, resume=resume, overwrite=overwrite, names=names)
    has_checkpoint = (work / CHECKPOINT_NAME).is_file()
    with out_of_memory_is_one_line(chosen, family.memory_options):
        fit = make_fit(chosen, work)
        if resume and has_checkpoint:
            fit.resume()  # before anything is written: a checkpoint that cannot be read changes nothing
        baseline = fit.baseline
        if baseline is not None:
            write_frame(work / BASELINE_NAME, baseline, "png")
        fit.run(quiet)
        frames = family.reconstruct(fit.model, baseline, day.hours)
    reference = day.radiance.astype(np.uint8)
    arrays = family.arrays(fit.model)
    figures = {
        "psnr_srgb_db": round(psnr_srgb_db(reference, frames, day.valid), 4),
        "epochs": fit.state.epoch,
        "best_epoch": fit.state.best_epoch,
        "train_seconds": round(fit.state.seconds, 1),
        "parameters": int(sum(a.size for name, a in arrays.items() if name.startswith(family.parameters))),
        "checkpoint_format": CHECKPOINT_FORMAT,
    }
    record = RunRecord.of_day(day, family.name, config.to_json(), figures)
    arrays["valid"] = day.valid
    if family.keeps_frames:
        arrays["frames"] = reference
    if baseline is not None:
        arrays["baseline"] = baseline
    if on_trained is not None:
        on_trained(fit.model, work)
    write_run(work, record, arrays)
    finish_run(work, out_dir)
    return record
