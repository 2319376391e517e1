"""Where a training starts: at the maps, codes and basis of daybasis, or at maps of 0 and the day's principal axes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.packer.daybasis.config import DayBasisConfig
from todpack.packer.daybasis.quantize import FIRST_CENTROIDS
from todpack.packer.daybasis.refine.config import RefineConfig
from todpack.packer.daybasis.refine.refinement import refine
from todpack.packer.daybasis.rounding import rotations_of
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import TemporalTransform, block_shape, find_transform
from todpack.packer.daybasis.transform.klt import fit_klt
from todpack.packer.gridmlp.rd_config import RdConfig

from .head import HourlyHead
from .latents import TileLatents
from .model import RdModel

SPREAD_FROM_SCRATCH = 8.0
"""What maps are divided by before the hidden units, in steps, where no map is known yet."""


@dataclass(frozen=True)
class Start:
    """A model, and what of it stays as it is.

    Attributes:
        model: To be trained.
        classes: Region of each block of every tile, with valid texels or without.
        used: Of the tiles with valid texels.
        skew_codes: Regional rotations as they are stored.
        rotations: (n_regions, K, K).
        smoothing: Of the decoded maps.
    """

    model: RdModel
    classes: tuple[np.ndarray, ...]
    used: list[np.ndarray]
    skew_codes: np.ndarray
    rotations: np.ndarray
    smoothing: Smoothing | None


def start(tiles: DayTiles, config: RdConfig, step: float) -> Start:
    """The model before its first step.

    Args:
        tiles: Of the day, kept in memory.
        config: How to start.
        step: Width of a bin, as it is stored.
    """
    if config.start == "scratch":
        return _assemble(tiles, _principal_axes(tiles, config, step), config, step, None)
    wanted = DayBasisConfig(q_step=config.q_step, tile=config.tile, n_levels=config.n_levels)
    transform = find_transform(tiles, wanted, step)
    refined = refine(tiles, transform, step, RefineConfig(rd_weight=config.rd_weight))
    gains = 1.0 if refined.gains is None else refined.gains  # which maps were divided by
    basis = replace(transform.basis, matrix=transform.basis.matrix * gains)
    made = _assemble(tiles, replace(transform, basis=basis), config, step, refined.smoothing)
    made.model.centroids = refined.centroids
    for latents, codes in zip(made.model.latents, refined.codes, strict=True):
        latents.put(codes)
    spread = torch.cat(made.model.maps(), 1).std(1, correction=0)
    made.model.head.scales.copy_(spread.clip(min=step / 8))
    return made


def _principal_axes(tiles: DayTiles, config: RdConfig, step: float) -> TemporalTransform:
    """The largest principal axes of the day's texels as a basis, without regional rotations."""
    days = np.concatenate([tile.days for tile in tiles]).astype(np.float32)
    basis = fit_klt(days, step, keep_ratio=np.inf)
    n_maps = min(config.n_maps, basis.matrix.shape[1])
    kept = replace(basis, matrix=basis.matrix[:, :n_maps])
    classes = tuple(np.zeros(block_shape(tile.shape), np.uint8) for tile in tiles)
    return TemporalTransform(kept, classes, np.zeros((1, n_maps * (n_maps - 1) // 2), np.int64))


def _assemble(
    tiles: DayTiles, transform: TemporalTransform, config: RdConfig, step: float, smoothing: Smoothing | None
) -> Start:
    """Latents of 0, and the head of a transform with hidden units that nothing comes of yet."""
    rotations, basis = rotations_of(transform), transform.basis
    used = [(tile, transform.classes[n]) for n, tile in enumerate(tiles) if tile.pyramid is not None]
    latents = [TileLatents(tile.pyramid, blocks, rotations, step, smoothing) for tile, blocks in used if tile.pyramid]
    n_hours, n_maps = len(tiles.day.hours), basis.matrix.shape[1]
    matrix = torch.from_numpy(basis.matrix.reshape(n_hours, 3, n_maps).astype(np.float32))
    offset = torch.from_numpy(basis.offset.reshape(n_hours, 3).astype(np.float32))
    scales = torch.full((n_maps,), SPREAD_FROM_SCRATCH * step)
    head = HourlyHead(matrix, offset, scales, config.units, torch.Generator().manual_seed(config.seed))
    model = RdModel([tile for tile, _ in used], latents, head, FIRST_CENTROIDS, step)
    return Start(model, transform.classes, [blocks for _, blocks in used], transform.skew_codes, rotations, smoothing)
