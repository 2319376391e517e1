"""`todpack train --family gridmlp`: data in, run folder out."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from todpack.frames import Day
from todpack.packer.errors import ConfigError

from ..neural import NeuralFamily, require_srgb8, train_run
from ..run_folder import ARRAYS_NAME, RunRecord
from .config import GridMlpConfig
from .export import model_arrays, reconstruct
from .fit import GridMlpFit, StartWeights

GRIDMLP = NeuralFamily(
    name="gridmlp",
    memory_options="--batch-size, --hidden, --channels-per-level or --grid-levels",
    reconstruct=reconstruct,
    arrays=model_arrays,
    parameters=("grid_", "mlp_", "encoder"),
    keeps_frames=False,
)


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
    sequence: Day,
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
        TodpackError: see its kinds.
    """
    require_srgb8(sequence, "gridmlp")
    start = None if init_from is None else _start_weights(init_from)

    def make_fit(where: torch.device, work: Path) -> GridMlpFit:
        return GridMlpFit(sequence, config, work, where, amp, start)

    switches: dict[str, Any] = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    return train_run(GRIDMLP, sequence, config.to_json(), out_dir, make_fit, device=device, **switches)
