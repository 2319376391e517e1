"""What the families that are trained by gradient descent share: from a day to a run folder, whatever the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image

from todpack.decompressor.files import write_atomic
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import Day
from todpack.packer.errors import ConfigError

from .checkpoint import CHECKPOINT_FORMAT
from .device import pick_device
from .memory import out_of_memory_is_one_line
from .run_folder import CHECKPOINT_NAME, RunRecord, finish_run, record_of, work_folder, write_run


class Progress(Protocol):
    """How far a fit is.

    Attributes:
        epoch: Epochs done.
        best_epoch: The one with the lowest loss.
        seconds: Of training.
    """

    epoch: int
    best_epoch: int
    seconds: float


class Fit(Protocol):
    """A model in training."""

    @property
    def model(self) -> Any:
        """The module."""

    @property
    def baseline(self) -> np.ndarray | None:
        """(H, W, 3) uint8 in residual mode."""

    @property
    def state(self) -> Progress:
        """How far it is."""

    def resume(self) -> None:
        """Continue from `last.ckpt`."""

    def run(self, quiet: bool) -> None:
        """Train to the end."""


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


def require_srgb8(sequence: Day, family: str) -> None:
    """Refuse linear radiance.

    Raises:
        ConfigError: the day is linear.
    """
    if sequence.transfer != "srgb8":
        raise ConfigError(f"{family}: expected 8-bit sRGB frames, found transfer {sequence.transfer!r}")


def train_run(
    family: NeuralFamily,
    sequence: Day,
    config: dict[str, Any],
    out_dir: Path,
    make_fit: Callable[[torch.device, Path], Fit],
    on_trained: Callable[[Any, Path], None] | None = None,
    *,
    device: str,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> RunRecord:
    """Train a model on a day and write the run folder.

    Args:
        family: See there.
        sequence: The day, 8-bit.
        config: Resolved configuration as plain JSON values.
        out_dir: Run folder; created if need be.
        make_fit: The fit on a device, writing into a folder, before its first step.
        on_trained: Called with the trained model and that folder, for more files in it.
        device: "auto", "cpu" or "cuda".
        resume: Continue from `last.ckpt`; without one, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.

    Returns:
        The run's record, as written to `config.json`.

    Raises:
        TodpackError: see its kinds.
    """
    chosen = pick_device(device)
    work = work_folder(out_dir, resume=resume, overwrite=overwrite)
    has_checkpoint = (work / CHECKPOINT_NAME).is_file()
    with out_of_memory_is_one_line(chosen, family.memory_options):
        fit = make_fit(chosen, work)
        baseline = fit.baseline
        if baseline is not None:
            write_atomic(work / "baseline.png", lambda file: Image.fromarray(baseline).save(file, "PNG"))
        if resume and has_checkpoint:
            fit.resume()
        fit.run(quiet)
        frames = family.reconstruct(fit.model, baseline, sequence.hours)
    reference = sequence.radiance.astype(np.uint8)
    arrays = family.arrays(fit.model)
    figures = {
        "psnr_srgb_db": round(psnr_srgb_db(reference, frames, sequence.valid), 4),
        "epochs": fit.state.epoch,
        "best_epoch": fit.state.best_epoch,
        "train_seconds": round(fit.state.seconds, 1),
        "parameters": int(sum(a.size for name, a in arrays.items() if name.startswith(family.parameters))),
        "checkpoint_format": CHECKPOINT_FORMAT,
    }
    record = record_of(sequence, family.name, config, figures)
    arrays["valid"] = sequence.valid
    if family.keeps_frames:
        arrays["frames"] = reference
    if baseline is not None:
        arrays["baseline"] = baseline
    if on_trained is not None:
        on_trained(fit.model, work)
    write_run(work, record, arrays)
    finish_run(work, out_dir)
    return record
