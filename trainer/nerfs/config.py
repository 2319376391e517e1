"""Configurations of InfNeRF, which the command line needs without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from todpack.packer.configuration import check, from_json, option, require
from todpack.packer.neural_config import LARGEST_SEED, MOST_EPOCHS


@dataclass(frozen=True)
class InfNeRFConfig:
    """The octree of fields and how rays are sampled."""

    max_depth: int = option(8, 0, 20, help="Depth of the finest nodes; 0 is a single field.")
    hidden_dim: int = option(64, 1, 1024, help="Width of the hidden layers of each node's MLP.")
    num_samples: int = option(64, 2, 4096, help="Samples of a ray inside the root's cube.")
    scene_bound: float = option(1.0, 1e-6, 1e9, help="Half the edge of the root's cube, if the data does not say it.")
    scene_center: tuple[float, float, float] = option((0.0, 0.0, 0.0), -1e9, 1e9, help="Center of the root's cube.")
    grid_resolution: int = option(64, 2, 1024, help="Cells along a node's edge in its finest grid: GSD = edge / this.")
    base_resolution: int = option(8, 2, 1024, help="Cells along a node's edge in its coarsest grid.")
    encoding_levels: int = option(4, 1, 32, help="Grids per node, resolutions in geometric steps.")
    features_per_level: int = option(2, 1, 32, help="Features per entry of a grid.")
    table_size: int = option(1 << 14, 8, 1 << 26, help="Most entries per grid of a node; finer grids hash.")
    geo_features: int = option(15, 1, 256, help="Numbers that the density layer hands to the color layers.")
    proposal_samples: int = option(64, 0, 4096, help="Samples of the first, coarse pass along a ray; 0: no such pass.")
    proposal_depth: int = option(2, 0, 20, help="Deepest nodes that the first pass asks.")
    background_samples: int = option(8, 0, 1024, help="Samples beyond the root's cube; 0: nothing is there.")
    gradient_checkpointing: bool = option(False, help="Less memory, more time: evaluate fields again going backward.")
    seed: int = option(0, 0, LARGEST_SEED, flag="", help="Of the initial parameters.")

    def __post_init__(self) -> None:
        check(self)
        require(len(self.scene_center) == 3, "--scene-center", "three numbers", self.scene_center)
        expected, base = f"at most {self.grid_resolution} (--grid-resolution)", self.base_resolution
        require(base <= self.grid_resolution, "--base-resolution", expected, base)

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
    """Weights of the losses."""

    lambda_rgb: float = option(1.0, 0.0, 1e6, help="Of the squared error of colors.")
    lambda_depth: float = option(0.1, 0.0, 1e6, help="Of the error of depth, where depths are given.")
    lambda_distortion: float = option(0.002, 0.0, 1e6, help="Of mip-NeRF 360's distortion.")
    lambda_level: float = option(0.01, 0.0, 1e6, help="Of |a parent's transparency - its child's samples' mean|.")
    lambda_transparency: float = option(0.001, 0.0, 1e6, help="Of the mean opacity of samples.")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class InfNeRFTrainerConfig:
    """One training.

    Attributes:
        losses: Weights of the losses.
    """

    num_epochs: int = option(100, 1, MOST_EPOCHS, flag="--num-epochs --epochs", help="Epochs.")
    lr_init: float = option(1e-2, 1e-9, 1.0, help="First learning rate of the grids.")
    mlp_lr_fraction: float = option(0.3, 1e-6, 100.0, help="Learning rate of the MLPs over that of the grids.")
    lr_final_fraction: float = option(0.03, 1e-6, 1.0, help="Last learning rate over the first.")
    rays_batch_size: int = option(4096, 1, 1 << 24, help="Rays per step, all processes together.")
    steps_per_epoch: int = option(0, 0, 1 << 30, help="Steps per epoch; 0: all pixels of the pyramid once.")
    mixed_precision: bool = option(False, flag="--amp", help="bfloat16 matrix products.")
    distributed: bool = option(False, flag="", help="One process of several (torchrun); subtrees are shared out.")
    local_rank: int = option(0, 0, 1 << 16, flag="", help="Number of this process on its machine; its CUDA device.")
    replicated_depth: int = option(2, 1, 20, help="Nodes above this depth are in every process, subtrees in one.")
    pyramid_levels: int = option(5, 1, 16, help="Scales that supervise: 1, 1/2, 1/4 ...")
    prune_every: int = option(10, 0, MOST_EPOCHS, help="Epochs between prunings in the first half; 0: never.")
    prune_opacity: float = option(0.02, 0.0, 1.0, help="Nodes go in which nothing is as opaque as this over a GSD.")
    val_every: int = option(
        1,
        0,
        MOST_EPOCHS,
        help="Epochs between validations, which choose checkpoints/best.pth; 0: it is the last.",
    )
    level_pairs: int = option(256, 0, 1 << 20, help="Pairs of parent and child samples per step that should agree.")
    losses: VolumeRendererConfig = field(default_factory=VolumeRendererConfig)
    seed: int = option(0, 0, LARGEST_SEED, help="Seed of parameters and samples.")

    def __post_init__(self) -> None:
        check(self)

    @staticmethod
    def from_json(fields: Any, where: str) -> InfNeRFTrainerConfig:
        """From plain JSON values.

        Raises:
            ConfigError: an unknown name, or a value that is not allowed.
        """
        if isinstance(fields, dict) and "losses" in fields:
            fields = {**fields, "losses": from_json(VolumeRendererConfig, fields["losses"], where)}
        return from_json(InfNeRFTrainerConfig, fields, where)


@dataclass(frozen=True)
class SceneConfig:
    """Where images come from.

    Attributes:
        data: Folder of a dataset; "" is the built-in scene.
    """

    data: str = ""
    scene_images: int = option(48, 1, 10_000, help="Training images of the built-in scene.")
    scene_test_images: int = option(8, 1, 10_000, help="Held-out images of it, from other places.")
    scene_size: int = option(96, 1, 8192, help="Their width and height, pixels.")
    scene_rays: int = option(4, 1, 64, help="Rays per pixel along each axis.")
    hold_out: int = option(8, 0, 1_000_000, help="Of a dataset without a test file, hold every so many images out.")

    def __post_init__(self) -> None:
        require(isinstance(self.data, str) and "\0" not in self.data, "data", "the path of a folder", repr(self.data))
        check(self)


@dataclass(frozen=True)
class InfNeRFRendererConfig:
    """How images are made.

    Attributes:
        max_resident_bytes: Parameters of nodes kept in memory when they are read from a checkpoint; 0: no bound.
    """

    image_width: int = option(800, 1, 1 << 16, flag="--width", help="Pixels of a row.")
    image_height: int = option(800, 1, 1 << 16, flag="--height", help="Pixels of a column.")
    render_chunk_size: int = option(1 << 18, 1, 1 << 30, help="Samples whose fields are evaluated at once.")
    max_rays_per_batch: int = option(4096, 1, 1 << 24, help="Rays that are sampled at once.")
    save_depth: bool = option(False, help="Also write view_000_depth.png ...")
    save_alpha: bool = option(False, help="Also write view_000_alpha.png ..., the opacity inside the root's cube.")
    max_resident_bytes: int = 0

    def __post_init__(self) -> None:
        check(self)
