"""`todpack pack`: a run folder -> an archive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from packer.container import ArchiveWriter
from packer.errors import PackError
from packer.gridmlp import GridMlpPackOptions, add_gridmlp
from packer.run_folder import read_run


@dataclass(frozen=True)
class PackResult:
    """What packing gave.

    Attributes:
        path: The archive.
        archive_bytes: Its size.
        fp32_bytes: The run's model arrays at 4 bytes a number (8-bit baseline: 1 byte a number), for comparison.
    """

    path: Path
    archive_bytes: int
    fp32_bytes: int


def pack_run(
    run_dir: str | os.PathLike[str], out: str | os.PathLike[str], options: GridMlpPackOptions | None = None
) -> PackResult:
    """Quantise and code a run folder into an archive.

    Args:
        run_dir: Run folder of a finished training.
        out: Archive to write, usually `NAME.tod`; replaced only by a verified one.
        options: How to quantise; None takes the defaults.

    Raises:
        PackError: the run folder is not usable.
        OutputError: the archive cannot be written.
    """
    run = read_run(Path(run_dir))
    if run.family != "gridmlp":
        raise PackError(f"{run.path / 'config.json'}: expected family gridmlp, found {run.family!r}")
    out_path = Path(out)
    if out_path.is_dir():
        raise PackError(f"{out_path}: expected a file name for the archive, found a folder")
    valid = run.array("valid", run.height, run.width).astype(bool)
    if not valid.any():
        raise PackError(f"{run.path / 'arrays.npz'}: valid: expected at least one valid texel, found none")
    writer = ArchiveWriter({"model_type": run.family, "transfer": run.transfer, "hours": run.hours})
    mask = None if valid.all() else "0/mask"
    if mask is not None:
        writer.add(mask, np.packbits(valid))
    model = add_gridmlp(writer, run, options or GridMlpPackOptions(), 0, valid)
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
    size = writer.write(out_path)
    fp32_bytes = sum(4 * a.size for name, a in run.arrays.items() if name.startswith(("grid_", "mlp_")))
    return PackResult(out_path, size, fp32_bytes)
