"""`todpack pack`: a run folder -> an archive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.container import Container
from todpack.decompressor.limits import DEFAULT_LIMITS

from .errors import PackError
from .gridmlp import GridMlpPackOptions, add_gridmlp
from .run_archive import write_run
from .run_folder import read_run


@dataclass(frozen=True)
class PackResult:
    """What packing gave.

    Attributes:
        path: The archive.
        archive_bytes: Its size.
        model_bytes: Of which grids and MLP (the rest: baseline, mask, the other graph, metadata).
        fp32_bytes: Grids and MLP at 4 bytes a number, for comparison.
    """

    path: Path
    archive_bytes: int
    model_bytes: int
    fp32_bytes: int


def pack_run(
    run_dir: str | os.PathLike[str], out: str | os.PathLike[str], options: GridMlpPackOptions | None = None
) -> PackResult:
    """Quantise and code a GridMLP run folder into an archive.

    Args:
        run_dir: Run folder of a finished training.
        out: Archive to write, usually `NAME.tod`; replaced only by a verified one.
        options: How to quantise; None takes the defaults.

    Raises:
        PackError: the run folder is not usable, or of another family.
        OutputError: the archive cannot be written.
    """
    run = read_run(Path(run_dir))
    if run.family != "gridmlp":
        raise PackError(f"{run.path / 'config.json'}: expected family gridmlp, found {run.family!r}")
    out_path = Path(out)
    gridmlp = options or GridMlpPackOptions()
    size = write_run(run, out_path, lambda writer, valid: add_gridmlp(writer, run, gridmlp, 0, valid))
    fp32_bytes = sum(4 * a.size for name, a in run.arrays.items() if name.startswith(("grid_", "mlp_", "encoder")))
    with Container(out_path, DEFAULT_LIMITS) as container:
        sections = container.sections.values()
        parts = ("/grid/", "/hash/", "/merge/", "/encoder", "/frame.onnx")
        model_bytes = sum(s.stored_bytes for s in sections if any(part in s.name for part in parts))
    return PackResult(out_path, size, model_bytes, fp32_bytes)
