"""A run folder: what a training leaves behind, and what the packer reads without torch.

config.json   family, resolved configuration, signal, figures       (this module's `RunRecord`)
arrays.npz    the model's arrays by name, `valid`, `baseline`       (no pickled objects)
baseline.png  the baseline frame, in residual mode
log.csv       one line per epoch
best.ckpt, last.ckpt
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from decompressor.output import write_atomic
from trainer.data import LightmapSequence
from trainer.errors import ConfigError

RUN_FORMAT = 1
CONFIG_NAME = "config.json"
ARRAYS_NAME = "arrays.npz"
CHECKPOINT_NAME = "last.ckpt"


@dataclass(frozen=True)
class RunRecord:
    """The content of `config.json`.

    Attributes:
        family: Model family, as `model_type` in the archive.
        config: Resolved configuration of the family.
        name: Name of the lightmap.
        height: H, rows.
        width: W, columns.
        hours: Stored times, hours.
        transfer: "srgb8" or "linear".
        figures: Measured figures (psnr_srgb_db of the unquantised model, epochs run, training seconds, ...).
        run_format: Version of this layout.
    """

    family: str
    config: dict[str, Any]
    name: str
    height: int
    width: int
    hours: list[float]
    transfer: str
    figures: dict[str, Any] = field(default_factory=dict)
    run_format: int = RUN_FORMAT


def record_of(sequence: LightmapSequence, family: str, config: dict[str, Any], figures: dict[str, Any]) -> RunRecord:
    """The record of a run of a family on a day."""
    return RunRecord(
        family=family,
        config=config,
        name=sequence.name,
        height=sequence.height,
        width=sequence.width,
        hours=[float(h) for h in sequence.hours],
        transfer=sequence.transfer,
        figures=figures,
    )


def require_free(path: Path, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds a run, finished or not, unless it is to be continued or replaced.

    Raises:
        ConfigError: it holds one.
    """
    held = (path / CONFIG_NAME).exists() or (path / CHECKPOINT_NAME).exists()
    if held and not (resume or overwrite):
        raise ConfigError(f"{path}: already holds a run; continue it by --resume, or replace it by --overwrite")


def clear_run(path: Path) -> None:
    """Remove what an older run left, so that an interrupted new one is not taken for it."""
    for name in (CONFIG_NAME, ARRAYS_NAME, "baseline.png", "best.ckpt", CHECKPOINT_NAME, "log.csv"):
        (path / name).unlink(missing_ok=True)


def write_run(path: Path, record: RunRecord, arrays: dict[str, np.ndarray]) -> None:
    """Write `arrays.npz`, then `config.json`, each at once or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_atomic(path / ARRAYS_NAME, lambda file: np.savez(file, allow_pickle=False, **arrays), durable=True)
    text = json.dumps(asdict(record), indent=2, sort_keys=True) + "\n"
    write_atomic(path / CONFIG_NAME, lambda file: file.write(text.encode("utf-8")), durable=True)
