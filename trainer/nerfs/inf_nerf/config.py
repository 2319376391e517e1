"""Configurations of InfNeRF: their fields are the schema and the defaults of every option."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar

from todpack.packer.errors import ConfigError

from ...configuration import require, require_integers

PRESETS = ("tiny", "small", "full")


@dataclass(frozen=True)
class InfNeRFConfig:
    """The octree of fields and how rays are sampled.

    Attributes:
        max_depth: Depth of the finest nodes; 0 is a single field.
        hidden_dim: Width of the hidden layers of each node's MLP.
        num_samples: Samples of a ray inside of the root's cube.
        scene_bound: Half the edge of the root's cube, world units.
        scene_center: Its centre.
        grid_resolution: Cells along a node's edge in its finest grid: GSD = edge / grid_resolution.
        base_resolution: Cells along a node's edge in its coarsest grid.
        encoding_levels: Grids per node, resolutions in geometric steps.
        features_per_level: Features per entry of a grid.
        table_size: Most entries per grid of a node; finer grids hash.
        geo_features: Numbers that the density layer hands to the colour layers.
        proposal_samples: Samples of the first, coarse pass along a ray; 0: none, samples are stratified.
        proposal_depth: Deepest nodes that the first pass asks.
        background_samples: Samples beyond the root's cube, to infinity; 0: nothing is there.
        gradient_checkpointing: Evaluate fields again in the backward pass instead of keeping their values.
        seed: Of the initial parameters.
    """

    max_depth: int = 8
    hidden_dim: int = 64
    num_samples: int = 64
    scene_bound: float = 1.0
    scene_center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    grid_resolution: int = 64
    base_resolution: int = 8
    encoding_levels: int = 4
    features_per_level: int = 2
    table_size: int = 1 << 14
    geo_features: int = 15
    proposal_samples: int = 64
    proposal_depth: int = 2
    background_samples: int = 8
    gradient_checkpointing: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _integers(
            self,
            max_depth=(0, 20),
            hidden_dim=(1, 1024),
            num_samples=(2, 4096),
            grid_resolution=(2, 1024),
            base_resolution=(2, 1024),
            encoding_levels=(1, 32),
            features_per_level=(1, 32),
            table_size=(8, 1 << 26),
            geo_features=(1, 256),
            proposal_samples=(0, 4096),
            proposal_depth=(0, 20),
            background_samples=(0, 1024),
            seed=(0, (1 << 31) - 1),
        )
        _numbers(self, scene_bound=(1e-6, 1e9))
        require(len(self.scene_center) == 3, "scene_center", "three numbers", self.scene_center)
        require(all(map(math.isfinite, self.scene_center)), "scene_center", "finite numbers", self.scene_center)
        require(
            self.base_resolution <= self.grid_resolution,
            "base_resolution",
            f"at most {self.grid_resolution} (grid_resolution)",
            self.base_resolution,
        )

    @property
    def root_edge(self) -> float:
        """Edge of the root's cube, world units."""
        return 2.0 * self.scene_bound

    def gsd(self, depth: int) -> float:
        """Ground sampling distance of nodes of a depth, world units."""
        return self.root_edge / (self.grid_resolution << depth)

    def resolutions(self) -> list[int]:
        """Cells along a node's edge, grid by grid, coarsest first."""
        if self.encoding_levels == 1:
            return [self.grid_resolution]
        growth = (self.grid_resolution / self.base_resolution) ** (1.0 / (self.encoding_levels - 1))
        return [round(self.base_resolution * growth**level) for level in range(self.encoding_levels)]


@dataclass(frozen=True)
class VolumeRendererConfig:
    """Weights of the losses.

    Attributes:
        lambda_rgb: Of the squared error of colours.
        lambda_depth: Of the error of depth, where depths are given.
        lambda_distortion: Of mip-NeRF 360's distortion.
        lambda_level: Of |a parent's transparency - the mean of its child's samples|.
        lambda_transparency: Of the mean opacity of samples, |1 - transparency|.
    """

    lambda_rgb: float = 1.0
    lambda_depth: float = 0.1
    lambda_distortion: float = 0.002
    lambda_level: float = 0.01
    lambda_transparency: float = 0.001

    def __post_init__(self) -> None:
        _numbers(self, **{f.name: (0.0, 1e6) for f in dataclasses.fields(self)})


@dataclass(frozen=True)
class InfNeRFTrainerConfig:
    """One training.

    Attributes:
        num_epochs: Epochs; the learning rate falls to `lr_final_fraction` by the last.
        lr_init: First learning rate of the grids.
        mlp_lr_fraction: Learning rate of the MLPs as a fraction of that of the grids.
        lr_final_fraction: Last learning rate as a fraction of the first.
        rays_batch_size: Rays per step, over all processes together.
        steps_per_epoch: Steps per epoch; 0: as many as there are batches of pixels in the pyramid.
        mixed_precision: bfloat16 matrix products.
        distributed: One process of several (torchrun); subtrees are shared out.
        local_rank: Number of this process on its machine; its CUDA device.
        replicated_depth: Nodes above this depth are in every process, subtrees below belong to one.
        pyramid_levels: Scales that supervise: 1, 1/2, 1/4 ...
        prune_every: Prune nodes of low density every so many epochs, in the first half of the training; 0: never.
        prune_opacity: A node is pruned if no sample of it reaches this opacity over one GSD.
        level_pairs: Pairs of (parent, child) samples per step for the level consistency.
        losses: Weights of the losses.
        seed: Of the choice of rays and samples.
    """

    num_epochs: int = 100
    lr_init: float = 1e-2
    mlp_lr_fraction: float = 0.3
    lr_final_fraction: float = 0.03
    rays_batch_size: int = 4096
    steps_per_epoch: int = 0
    mixed_precision: bool = False
    distributed: bool = False
    local_rank: int = 0
    replicated_depth: int = 2
    pyramid_levels: int = 5
    prune_every: int = 10
    prune_opacity: float = 0.02
    level_pairs: int = 256
    losses: VolumeRendererConfig = field(default_factory=VolumeRendererConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        _integers(
            self,
            num_epochs=(1, 1_000_000),
            rays_batch_size=(1, 1 << 24),
            steps_per_epoch=(0, 1 << 30),
            local_rank=(0, 1 << 16),
            replicated_depth=(1, 20),
            pyramid_levels=(1, 16),
            prune_every=(0, 1_000_000),
            level_pairs=(0, 1 << 20),
            seed=(0, (1 << 31) - 1),
        )
        _numbers(
            self,
            lr_init=(1e-9, 1.0),
            mlp_lr_fraction=(1e-6, 100.0),
            lr_final_fraction=(1e-6, 1.0),
            prune_opacity=(0.0, 1.0),
        )


@dataclass(frozen=True)
class InfNeRFRendererConfig:
    """How images are made.

    Attributes:
        image_width: Pixels of a row.
        image_height: Pixels of a column.
        render_chunk_size: Samples whose fields are evaluated at once.
        max_rays_per_batch: Rays that are sampled at once.
        save_depth: Images come with a depth map.
        save_alpha: Images come with the opacity of what is inside of the root's cube.
        max_resident_bytes: Parameters of nodes kept in memory when they are read from a checkpoint; 0: no bound.
    """

    image_width: int = 800
    image_height: int = 800
    render_chunk_size: int = 1 << 18
    max_rays_per_batch: int = 4096
    save_depth: bool = False
    save_alpha: bool = False
    max_resident_bytes: int = 0

    def __post_init__(self) -> None:
        _integers(
            self,
            image_width=(1, 1 << 16),
            image_height=(1, 1 << 16),
            render_chunk_size=(1, 1 << 30),
            max_rays_per_batch=(1, 1 << 24),
            max_resident_bytes=(0, 1 << 50),
        )


Config = TypeVar("Config", InfNeRFConfig, InfNeRFTrainerConfig, VolumeRendererConfig)


def config_from_json(kind: type[Config], fields: Any, where: str) -> Config:
    """A configuration from plain JSON values.

    Raises:
        ConfigError: not an object, an unknown key, or a value out of range.
    """
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: expected an object of options, found {type(fields).__name__}")
    known = {f.name for f in dataclasses.fields(kind)}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if isinstance(values.get("losses"), dict):
        values["losses"] = config_from_json(VolumeRendererConfig, values["losses"], where)
    make: Any = kind
    try:
        made: Config = make(**values)
        return made
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error


def _integers(config: object, **ranges: tuple[int, int]) -> None:
    require_integers(config, ((name, low, high) for name, (low, high) in ranges.items()))


def _numbers(config: object, **ranges: tuple[float, float]) -> None:
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        fits = type(value) in (int, float) and low <= value <= high
        require(fits, name, f"a number in {low:g}..{high:g}", value)
