"""`todpack train --family siren`: data in, run folder out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from decompressor.output import make_folder, write_atomic
from eval.metrics import psnr_srgb_db
from trainer.checkpoint import CHECKPOINT_FORMAT
from trainer.data import LightmapSequence
from trainer.device import pick_device
from trainer.errors import ConfigError
from trainer.memory import out_of_memory_is_one_line
from trainer.run_folder import CONFIG_NAME, RunRecord, clear_run, record_of, write_run
from trainer.siren.config import SirenConfig
from trainer.siren.export import clear_exports, model_arrays, reconstruct, write_exports
from trainer.siren.fit import SirenFit

EXPORTS = "exports"


def train_siren(
    sequence: LightmapSequence,
    config: SirenConfig,
    out_dir: Path,
    *,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool = False,
    compute_latent: bool = False,
) -> RunRecord:
    """Train SIREN on a day and write the run folder.

    Args:
        sequence: The day; `transfer` must be "srgb8".
        config: Resolved configuration.
        out_dir: Run folder; created if need be.
        device: "auto", "cpu" or "cuda".
        resume: Continue from `last.ckpt`; without one, start afresh.
        overwrite: Replace a run that is already there.
        quiet: No progress bar.
        compute_latent: Also write the exports for torch into `out_dir`/exports.

    Returns:
        The run's record, as written to `config.json`.

    Raises:
        TrainerError: see its kinds.
    """
    if sequence.transfer != "srgb8":
        raise ConfigError(f"siren: expected 8-bit sRGB frames, found transfer {sequence.transfer!r}")
    chosen = pick_device(device)
    make_folder(out_dir)
    has_checkpoint = (out_dir / "last.ckpt").is_file()
    if (has_checkpoint or (out_dir / CONFIG_NAME).exists()) and not (resume or overwrite):
        raise ConfigError(f"{out_dir}: already holds a run; continue it by --resume, or replace it by --overwrite")
    if not resume:
        clear_run(out_dir)
        clear_exports(out_dir / EXPORTS)
    with out_of_memory_is_one_line(chosen, "--batch-size, --hidden-f1, --hidden-f2 or --latent-dim"):
        fit = SirenFit(sequence, config, out_dir, chosen)
        baseline = fit.baseline
        if baseline is not None:
            write_atomic(out_dir / "baseline.png", lambda file: Image.fromarray(baseline).save(file, "PNG"))
        if resume and has_checkpoint:
            fit.resume()
        fit.run(quiet)
        frames = reconstruct(fit.model, baseline, sequence.hours)
    reference = sequence.radiance.astype(np.uint8)
    psnr_db = psnr_srgb_db(reference, frames, sequence.valid)
    arrays = model_arrays(fit.model)
    record = record_of(
        sequence,
        "siren",
        config.to_json(),
        {
            "psnr_srgb_db": round(psnr_db, 4),
            "epochs": fit.state.epoch,
            "best_epoch": fit.state.best_epoch,
            "train_seconds": round(fit.state.seconds, 1),
            "parameters": int(sum(a.size for a in arrays.values())),
            "checkpoint_format": CHECKPOINT_FORMAT,
        },
    )
    arrays |= {"valid": sequence.valid, "frames": reference}
    if baseline is not None:
        arrays["baseline"] = baseline
    write_run(out_dir, record, arrays)
    if compute_latent:
        write_exports(fit.model, out_dir / EXPORTS)
    return record
