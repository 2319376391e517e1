"""`todpack train --family gridmlp`: data in, run folder out."""

from __future__ import annotations

import logging
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from decompressor.output import make_folder, write_atomic
from eval.metrics import psnr_srgb_db
from trainer.checkpoint import CHECKPOINT_FORMAT
from trainer.data import LightmapSequence
from trainer.device import pick_device
from trainer.errors import ConfigError
from trainer.gridmlp.config import GridMlpConfig
from trainer.gridmlp.export import model_arrays, reconstruct
from trainer.gridmlp.fit import GridMlpFit, StartWeights
from trainer.memory import out_of_memory_is_one_line
from trainer.run_folder import ARRAYS_NAME, CONFIG_NAME, RunRecord, clear_run, record_of, write_run

log = logging.getLogger("todpack.train")

PARAMETERS = ("grid_", "mlp_", "encoder")  # arrays that are counted as the model


def _start_weights(run: Path) -> StartWeights:
    path = run / ARRAYS_NAME
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = [name for name in archive.files if name.startswith(("grid_", "mlp_"))]
            return StartWeights({name: archive[name] for name in names}, str(path))
    except FileNotFoundError as error:
        raise ConfigError(f"--init-from: {path}: expected a finished gridmlp run, found none") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"--init-from: {path}: not a readable NPZ file: {error}") from error


def train_gridmlp(
    sequence: LightmapSequence,
    config: GridMlpConfig,
    out_dir: Path,
    *,
    device: str = "auto",
    amp: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    init_from: Path | None = None,
) -> RunRecord:
    """Train GridMLP on a day and write the run folder.

    Args:
        sequence: The day; `transfer` must be "srgb8".
        config: Resolved configuration.
        out_dir: Run folder; created if need be.
        device: "auto", "cpu" or "cuda".
        amp: bfloat16 autocast of the forward pass.
        resume: Continue from `last.ckpt`; without one, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.
        init_from: Run folder of the same sizes whose weights to start from.

    Returns:
        The run's record, as written to `config.json`; `figures["psnr_srgb_db"]` is of the unquantised model.

    Raises:
        TrainerError: see its kinds.
    """
    if sequence.transfer != "srgb8":
        raise ConfigError(f"gridmlp: expected 8-bit sRGB frames, found transfer {sequence.transfer!r}")
    start = None if init_from is None else _start_weights(init_from)
    make_folder(out_dir)
    has_checkpoint = (out_dir / "last.ckpt").is_file()
    if (has_checkpoint or (out_dir / CONFIG_NAME).exists()) and not (resume or overwrite):
        raise ConfigError(f"{out_dir}: already holds a run; continue it by --resume, or replace it by --overwrite")
    where = pick_device(device)
    if not resume:
        clear_run(out_dir)
    with out_of_memory_is_one_line(where, "--batch-size, --hidden, --channels-per-level or --grid-levels"):
        fit = GridMlpFit(sequence, config, out_dir, where, amp, start)
        baseline = fit.baseline
        if baseline is not None:
            write_atomic(out_dir / "baseline.png", lambda file: Image.fromarray(baseline).save(file, "PNG"))
        if resume and has_checkpoint:
            fit.resume()
        fit.run(quiet)
        frames = reconstruct(fit.model, baseline, sequence.hours)
    psnr_db = psnr_srgb_db(sequence.radiance.astype(np.uint8), frames, sequence.valid)
    arrays = model_arrays(fit.model)
    record = record_of(
        sequence,
        "gridmlp",
        config.to_json(),
        {
            "psnr_srgb_db": round(psnr_db, 4),
            "epochs": fit.state.epoch,
            "best_epoch": fit.state.best_epoch,
            "train_seconds": round(fit.state.seconds, 1),
            "parameters": int(sum(a.size for name, a in arrays.items() if name.startswith(PARAMETERS))),
            "checkpoint_format": CHECKPOINT_FORMAT,
        },
    )
    arrays["valid"] = sequence.valid
    if baseline is not None:
        arrays["baseline"] = baseline
    write_run(out_dir, record, arrays)
    return record
