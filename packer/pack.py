"""`todpack pack`: a run folder -> an archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor.container import Container
from todpack.decompressor.daybasis.transform.rotations import BLOCK
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.frames import Day
from todpack.trainer.daybasis.refine.config import RefineConfig
from todpack.trainer.daybasis.refine.refined import RefinedLightmap, refined_of_arrays

from .daybasis.config import DayBasisConfig
from .daybasis.radiance import Coding
from .daybasis.tiles import Tile
from .daybasis.transform.closed_form import TemporalTransform
from .daybasis.transform.klt import TemporalBasis
from .errors import ConfigError, PackError
from .gridmlp import GridMlpPackOptions, add_gridmlp
from .run_archive import write_run
from .run_folder import Run, read_run


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


@dataclass(frozen=True)
class DayBasisRun:
    """What a run folder of the family `daybasis` holds.

    Attributes:
        sequence: The day.
        config: Of the closed form.
        found: The transform.
        coding: Domain in which linear radiance was coded; None for 8-bit codes.
        refinement: How the codes were refined; None: they were not.
        arrays: Gives an array of the run by name and shape.
    """

    sequence: Day
    config: DayBasisConfig
    found: TemporalTransform
    coding: Coding | None
    refinement: RefineConfig | None
    arrays: Callable[..., np.ndarray]

    def refined(self, tiles: Sequence[Tile]) -> RefinedLightmap:
        """The refined codes, for `config.q_step`."""
        return refined_of_arrays(self.arrays, tiles)


def read_daybasis_run(run: Run) -> DayBasisRun:
    """Read the arrays of a run folder of the family `daybasis`.

    Raises:
        PackError: the run folder is not usable.
    """
    n_hours = len(run.hours)
    matrix = run.array("matrix", 3 * n_hours, None)
    try:
        fields = dict(run.config)
        refine = fields.pop("refine", None)
        refinement = None if refine is None else RefineConfig(**refine)
        config = DayBasisConfig(**fields)
    except (TypeError, ConfigError) as error:
        raise PackError(f"{run.path / 'config.json'}: config: {error}") from error
    sequence = Day(
        radiance=run.array("frames", n_hours, run.height, run.width, 3).astype(np.float32),
        valid=run.valid(),
        hours=np.asarray(run.hours, np.float64),
        transfer=run.transfer,
        name=run.name,
    )
    n_components = matrix.shape[1]
    skew_codes = run.array("skew_codes", None, n_components * (n_components - 1) // 2)
    basis = TemporalBasis(matrix, run.array("offset", 3 * n_hours), np.ones(n_hours))
    coding = None
    if run.transfer == "linear":
        scales, knee = run.array("frame_scales", n_hours), run.array("knee", 1)
        if scales.min() <= 0.0 or knee[0] <= 0.0:
            raise PackError(f"{run.path / 'arrays.npz'}: frame_scales, knee: expected numbers > 0, found others")
        coding = Coding(config.transfer, float(knee[0]), scales)
    found = TemporalTransform(basis, _tile_classes(run, config.tile, len(skew_codes)), skew_codes)
    return DayBasisRun(sequence, config, found, coding, refinement, run.array)


def _tile_classes(run: Run, tile: int, n_classes: int) -> tuple[np.ndarray, ...]:
    """The classes of the blocks of each tile, which the run keeps one after another."""
    heights = [min(tile, run.height - top) for top in range(0, run.height, tile)]
    widths = [min(tile, run.width - left) for left in range(0, run.width, tile)]
    shapes = [(-(-h // BLOCK), -(-w // BLOCK)) for h in heights for w in widths]
    sizes = [rows * columns for rows, columns in shapes]
    flat = run.array("classes", sum(sizes)).astype(np.uint8)
    if int(flat.max()) >= n_classes:
        raise PackError(f"{run.path / 'arrays.npz'}: classes: expected numbers under {n_classes}, found {flat.max()}")
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
