"""An archive of one lightmap from a run folder; the family adds its model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .archive_writer import ArchiveWriter
from .mask import encode_mask
from .run_folder import Run

AddModel = Callable[[ArchiveWriter, np.ndarray], dict[str, Any]]
"""(writer, valid) -> the model's metadata; its sections are added to the writer."""


def write_run_archive(run: Run, out: Path, add_model: AddModel) -> int:
    """Write mask, model and metadata.

    Args:
        run: The run folder.
        out: Archive to write; replaced only by a verified one.
        add_model: Adds the model of lightmap 0.

    Returns:
        Bytes of the archive.

    Raises:
        OutputError: it cannot be written.
    """
    valid = run.valid()
    writer = ArchiveWriter({"model_type": run.family, "transfer": run.transfer, "hours": run.hours})
    mask = None if valid.all() else "0/mask"
    if mask is not None:
        writer.add_bytes(mask, encode_mask(valid))
    model = add_model(writer, valid)
    writer.metadata["lightmaps"] = [
        {
            "name": run.name,
            "height": run.height,
            "width": run.width,
            "valid_texels": int(valid.sum()),
            "mask": mask,
            "model": model,
        }
    ]
    return writer.write(out)
