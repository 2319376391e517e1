"""Train a SIREN: a day in, a run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from todpack.frames import Day
from todpack.packer.run_folder import RunRecord
from todpack.packer.siren.config import SirenConfig

from ..neural.run import NeuralFamily, train_run
from .export import model_arrays, reconstruct, write_exports
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


def train_siren(day: Day, config: SirenConfig, out_dir: Path, *, compute_latent: bool = False, **how: Any) -> RunRecord:
    """Train SIREN on a day and write the run folder.

    Args:
        day: The day, 8-bit.
        config: The run's configuration.
        out_dir: Run folder; created if need be.
        compute_latent: Also write the exports for torch into `out_dir`.
        how: `device`, `resume`, `overwrite`, `quiet`: see `neural.run.train_run`.

    Returns:
        The run's record, as written to `config.json`.

    Raises:
        TodpackError: its message says what was expected.
    """

    def make_fit(device: torch.device, work: Path) -> SirenFit:
        return SirenFit(day, config, work, device)

    def export(model: Siren, work: Path) -> None:
        write_exports(model, work)

    return train_run(SIREN, day, config, out_dir, make_fit, export if compute_latent else None, **how)
