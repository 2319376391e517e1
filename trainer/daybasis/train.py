"""`todpack train --family daybasis`: data in, run folder out; numpy and scipy only."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from decompressor.output import make_folder
from trainer.data import LightmapSequence
from trainer.daybasis.closed_form import find_transform
from trainer.daybasis.coding import first_coding
from trainer.daybasis.config import DayBasisConfig
from trainer.daybasis.tiles import cut_tiles
from trainer.errors import ConfigError
from trainer.run_folder import CONFIG_NAME, RunRecord, clear_run, record_of, write_run


def train_daybasis(
    sequence: LightmapSequence, config: DayBasisConfig, out_dir: Path, overwrite: bool = False
) -> RunRecord:
    """Find the temporal transform of a day and write the run folder.

    The folder keeps the frames, because packing refits the basis to what the decoder will see and measures the result.

    Args:
        sequence: The day.
        config: See there.
        out_dir: Run folder; created if need be.
        overwrite: Replace a run that is already there.

    Raises:
        TrainerError: see its kinds.
    """
    make_folder(out_dir)
    if (out_dir / CONFIG_NAME).exists() and not overwrite:
        raise ConfigError(f"{out_dir}: already holds a run; replace it by --overwrite")
    started = time.monotonic()
    coding = first_coding(sequence, config.transfer) if sequence.transfer == "linear" else None
    coded = sequence if coding is None else coding.encode(sequence)
    found = find_transform(cut_tiles(coded, config.tile, config.n_levels), config)
    seconds = time.monotonic() - started
    clear_run(out_dir)
    record = record_of(
        sequence,
        "daybasis",
        config.to_json(),
        {
            "n_components": int(found.basis.matrix.shape[1]),
            "n_classes": len(found.skew_codes),
            "train_seconds": round(seconds, 2),
        },
    )
    frames = sequence.radiance.astype(np.uint8) if sequence.transfer == "srgb8" else sequence.radiance
    arrays = {
        "matrix": found.basis.matrix,
        "offset": found.basis.offset,
        "skew_codes": found.skew_codes,
        "classes": np.concatenate([part.ravel() for part in found.classes]),
        "valid": sequence.valid,
        "frames": frames,
    }
    if coding is not None:
        arrays |= {"frame_scales": coding.frame_scales, "knee": np.array([coding.knee])}
    write_run(out_dir, record, arrays)
    return record
