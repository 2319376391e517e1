"""A run folder of the family `daybasis`: the day, its transform, and perhaps refined codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from todpack.decompressor.grid import TileGrid
from todpack.frames import Day
from todpack.frames.radiance import LARGEST_RADIANCE

from ..errors import ConfigError, PackError
from ..run_folder import Run
from .config import DayBasisConfig
from .radiance import RadianceDomain
from .refined import RefinedLightmap, refined_of_run
from .tiles import DayTiles
from .transform.closed_form import TemporalTransform, block_shape
from .transform.klt import TemporalBasis


@dataclass(frozen=True)
class DayBasisRun:
    """What a run folder holds.

    Attributes:
        day: The day.
        config: Of the closed form.
        transform: The transform.
        domain: Domain in which linear radiance was coded; None for 8-bit codes.
        refinement: The configuration by which codes were refined; None: they were not.
        run: The folder.
    """

    day: Day
    config: DayBasisConfig
    transform: TemporalTransform
    domain: RadianceDomain | None
    refinement: dict[str, Any] | None
    run: Run

    def refined(
        self, tiles: DayTiles, _transform: TemporalTransform, _q_step: float, _on_sweep: object = None
    ) -> RefinedLightmap:
        """The refined codes, which are for `config.q_step`; a `Refine` of the encoder."""
        refined = refined_of_run(self.run, [tile.pyramid for tile in tiles if tile.pyramid is not None])
        if "gains" not in self.run.arrays:  # of an earlier version
            return refined
        return replace(refined, gains=self.run.array("gains", self.transform.basis.matrix.shape[1]))


def read_daybasis_run(run: Run) -> DayBasisRun:
    """Read the arrays of a run folder.

    Raises:
        PackError: the run folder is not usable.
    """
    n_hours = len(run.hours)
    matrix = run.array("matrix", 3 * n_hours, None)
    fields = dict(run.config)
    refinement = fields.pop("refine", None)
    try:
        config = DayBasisConfig(**fields)
    except (TypeError, ConfigError) as error:
        raise PackError(f"{run.path / 'config.json'}: config: {error}") from error
    day = Day(
        radiance=run.array(
            "frames", n_hours, run.height, run.width, 3, largest=255.0 if run.transfer == "srgb8" else LARGEST_RADIANCE
        ).astype(np.float32),
        valid=run.valid(),
        hours=np.asarray(run.hours, np.float64),
        transfer=run.transfer,
        name=run.name,
    )
    n_components = matrix.shape[1]
    skew_codes = run.array("skew_codes", None, n_components * (n_components - 1) // 2)
    basis = TemporalBasis(matrix, run.array("offset", 3 * n_hours), np.ones(n_hours))
    domain = None
    if run.transfer == "linear":
        scales, knee = run.array("frame_scales", n_hours), run.array("knee", 1)
        if scales.min() <= 0.0 or knee[0] <= 0.0:
            raise PackError(f"{run.path / 'arrays.npz'}: frame_scales, knee: expected numbers > 0, found others")
        domain = RadianceDomain(config.transfer, float(knee[0]), scales)
    transform = TemporalTransform(basis, tile_classes(run, config.tile, len(skew_codes)), skew_codes)
    return DayBasisRun(day, config, transform, domain, refinement, run)


def tile_classes(run: Run, tile: int, n_classes: int) -> tuple[np.ndarray, ...]:
    """The classes of the blocks of each tile, which the run keeps one after another."""
    shapes = [block_shape(place.shape) for place in TileGrid(run.height, run.width, tile)]
    sizes = [rows * columns for rows, columns in shapes]
    flat = run.array("classes", sum(sizes)).astype(np.uint8)
    if int(flat.max()) >= n_classes:
        raise PackError(f"{run.path / 'arrays.npz'}: classes: expected numbers under {n_classes}, found {flat.max()}")
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
