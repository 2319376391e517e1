"""Train a GridMLP: a day in, a run folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from todpack.frames import Day
from todpack.packer.errors import ConfigError, PackError
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.run_folder import ARRAYS_NAME, RunRecord, read_arrays

from ..neural.run import NeuralFamily, train_run
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
    if not path.is_file():
        raise ConfigError(f"--init-from: {path}: expected a finished gridmlp run, found none")
    try:
        arrays = read_arrays(path)
    except PackError as error:
        raise ConfigError(f"--init-from: {error}") from error
    return StartWeights({name: a for name, a in arrays.items() if name.startswith(("grid_", "mlp_"))}, str(path))


def train_gridmlp(
    day: Day,
    config: GridMlpConfig,
    out_dir: Path,
    *,
    amp: bool = False,
    init_from: Path | None = None,
    **how: Any,
) -> RunRecord:
    """Train GridMLP on a day and write the run folder.

    Args:
        day: The day, 8-bit.
        config: The run's configuration.
        out_dir: Run folder; created if need be.
        amp: bfloat16 autocast of the forward pass.
        init_from: Run folder of the same sizes whose weights to start from.
        how: `device`, `resume`, `overwrite`, `quiet`: see `neural.run.train_run`.

    Returns:
        The run's record, as written to `config.json`.

    Raises:
        TodpackError: its message says what was expected.
    """
    start = None if init_from is None else _start_weights(init_from)

    def make_fit(device: torch.device, work: Path) -> GridMlpFit:
        return GridMlpFit(day, config, work, device, amp, start)

    return train_run(GRIDMLP, day, config, out_dir, make_fit, **how)
