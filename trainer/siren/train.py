"""`todpack train --family siren`: data in, run folder out."""

from __future__ import annotations

from pathlib import Path

import torch

from todpack.frames import Day

from ..neural import NeuralFamily, require_srgb8, train_run
from ..run_folder import EXPORTS_NAME, RunRecord
from .config import SirenConfig
from .export import clear_exports, model_arrays, reconstruct, write_exports
from .fit import SirenFit
from .model import Siren

SIREN = NeuralFamily(
    name="siren",
    memory_options="--batch-size, --hidden-f1, --hidden-f2 or --latent-dim",
    reconstruct=reconstruct,
    arrays=model_arrays,
    parameters=("f1_", "mlp_"),
    keeps_frames=True,
)


def train_siren(
    sequence: Day,
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
        TodpackError: see its kinds.
    """
    require_srgb8(sequence, "siren")

    def make_fit(where: torch.device, work: Path) -> SirenFit:
        if not resume:
            clear_exports(work / EXPORTS_NAME)
        return SirenFit(sequence, config, work, where)

    def export(model: Siren, work: Path) -> None:
        write_exports(model, work / EXPORTS_NAME)

    switches = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    more = export if compute_latent else None
    return train_run(SIREN, sequence, config.to_json(), out_dir, make_fit, more, device=device, **switches)
