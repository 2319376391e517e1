"""Configuration of a GridMLP run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from todpack.decompressor.gridmlp import HASH_MERGES, MAX_LEVELS, MAX_PROBES

from ..configuration import option, require
from ..neural_config import LARGEST_SEED, MOST_EPOCHS, NeuralConfig

MOST_TIMES = 1 << 20
PLAIN = {spec.name for spec in dataclasses.fields(NeuralConfig)} | {
    "grid_levels", "channels_per_level", "hidden", "layers", "grid_lr", "patience",
}  # fmt: skip
"""Fields that are always written; the others are switches, and a run without them is written as if there were none."""


@dataclass(frozen=True)
class GridMlpConfig(NeuralConfig):
    """One GridMLP run."""

    grid_levels: tuple[int, ...] = option(
        (16, 32, 64, 128), 1, 16384, help="Nodes along the longer side, level by level; the shorter one in proportion."
    )
    channels_per_level: int = option(16, 1, 256, help="Features per grid node.")
    hidden: int = option(256, 1, 4096, help="Width of the hidden layers.")
    layers: int = option(8, 1, 64, help="Number of hidden layers.")
    grid_lr: float = option(0.0, 0.0, 1.0, help="Learning rate of the grids; 0: 5 x lr.")
    warmup: float = option(0.0, 0.0, 1.0, ends="[)", help="Share of the training in which the learning rates rise.")
    adam_beta2: float = option(0.999, 0.0, 1.0, ends="()", help="Decay of Adam's mean of squares.")
    times_per_step: int = option(0, 0, MOST_TIMES, help="Hours that a step sees, drawn for each; 0: all of the day.")
    patience: int = option(40, 0, MOST_EPOCHS, help="Stop after so many epochs without a better loss; 0: never.")
    hash_top_levels: int = option(0, 0, MAX_LEVELS, help="How many of the last levels are hash grids.")
    hash_capacity: int = option(4096, 1, 1 << 24, help="Entries of each hash grid.")
    hash_merge: str = option(
        "mean", choices=HASH_MERGES,
        help="Nodes that collide share an entry, or have two each, which a learned matrix merges.",
    )  # fmt: skip
    hash_lr: float = option(0.0, 0.0, 1.0, help="Learning rate of the hash grids; 0: twice the grids'.")
    hash_seed: int = option(0, 0, LARGEST_SEED, help="Seed of the hash; stored.")
    hash_epochs: int = option(
        5, 0, MOST_EPOCHS, help="First epochs, which train the hash grids alone; all but the last at most."
    )
    hash_probes: int = option(
        1, 1, MAX_PROBES,
        help="Entries that a node of a hash grid may have; which one is learned and stored. 1: the hash decides.",
    )  # fmt: skip
    hash_dense_epochs: int = option(
        0, 0, MOST_EPOCHS, help="With --hash-probes: first epochs, which train dense grids that the tables begin from."
    )
    qat: bool = option(False, help="Fine-tune with fake quantization after training.")
    qat_epochs: int = option(10, 1, MOST_EPOCHS, help="Epochs of fine-tuning.")
    qat_levels: tuple[int, ...] = option((), 0, MAX_LEVELS, of=int, help="Levels it quantizes; all if none is given.")
    qat_mlp: str = option("int8", choices=("int8", "fp16", "off"), help="How it quantizes the MLP.")
    ptq: str = option(
        "off", choices=("off", "minmax", "percentile"),
        help="Ranges of the grids after training; percentile: the best on validation frames; off: the packer's.",
    )  # fmt: skip
    temporal_loss: bool = option(False, help="Count changes of the error from hour to hour.")
    temporal_w_start: float = option(0.05, 0.0, 1e6, help="Weight of --temporal-loss in the first epoch.")
    temporal_w: float = option(0.2, 0.0, 1e6, help="Its weight from the middle of the training on; linear between.")
    temporal_lpips_w: float = option(0.0, 0.0, 1e6, help="Weight of LPIPS of the changes, on patches.")
    patch_size: int = option(0, choices=(0, 16, 32), help="Also train on patches of this side; 0: on single texels.")
    relative_weights: bool = option(
        False, help="Weights of all further losses are shares of the squared error, whatever their own scale."
    )
    loss_ssim_w: float = option(0.2, 0.0, 1e6, help="Weight of 1 - SSIM of the patches.")
    loss_lpips_w: float = option(0.0, 0.0, 1e6, help="Weight of LPIPS of the patches; needs its weights.")
    lpips_freq: int = option(4, 0, MOST_EPOCHS, help="LPIPS is taken every so many steps; 0: never.")
    use_baseline_encoder: bool = option(False, help="Feed latents that a CNN makes of the baseline frame.")
    be_channels: int = option(8, 8, 32, help="Channels of these latents.")
    be_downsample: int = option(4, 1, 16, help="Texels per latent along each axis.")
    xy_harmonics: int = option(0, 0, 64, help="The place enters too, as sin and cos of 1 to so many periods a side.")
    xy_include_input: bool = option(False, help="And as it is: column and row from 0 to 1.")
    be_fold: bool = option(
        False, help="Add the latents to the grid of their size; the archive has one grid then, and nothing of them."
    )
    baseline_input: bool = option(False, help="The baseline's texel is an input too, at no cost per texel.")
    film: bool = option(False, help="Time scales and shifts the hidden layers instead of being an input.")
    film_width: int = option(16, 1, 1024, help="Width of its time embedding.")
    val_hours: tuple[float, ...] = option(
        (), 0.0, 24.0, ends="[)", of=float, help="Stored hours held out and measured; early stopping looks at them."
    )
    val_downsample: int = option(1, 1, 64, help="Every so many rows and columns of them are measured.")

    def __post_init__(self) -> None:
        super().__post_init__()
        n_levels = len(self.grid_levels)
        require(1 <= n_levels <= MAX_LEVELS, "--grid-levels", f"1..{MAX_LEVELS} levels", n_levels)
        fits = self.hash_top_levels <= n_levels
        require(fits, "--hash-top-levels", f"an integer in 0..{n_levels}", self.hash_top_levels)
        for name, weight in (("loss", self.loss_lpips_w), ("temporal", self.temporal_lpips_w)):
            flag = f"--{name}-lpips-w"
            require(self.patch_size > 0 or not weight, flag, "0 without --patch-size, which LPIPS is taken of", weight)
        known = all(level < n_levels for level in self.qat_levels)
        require(known, "--qat-levels", f"levels in 0..{n_levels - 1}", self.qat_levels)
        has_frame = self.residual_mode or not self.use_baseline_encoder
        require(has_frame, "--use-baseline-encoder", "--residual-mode, which has a baseline frame", "none")
        has_frame = self.residual_mode or not self.baseline_input
        require(has_frame, "--baseline-input", "--residual-mode, which has a baseline frame", "none")
        has_latents = self.use_baseline_encoder or not self.be_fold
        require(has_latents, "--be-fold", "--use-baseline-encoder, which gives latents", "none")
        fits = self.hash_probes <= self.hash_capacity
        require(fits, "--hash-probes", f"at most --hash-capacity {self.hash_capacity}", self.hash_probes)
        merges = self.hash_probes == 1 or self.hash_merge == "mean"
        require(merges, "--hash-probes", "--hash-merge mean, as nodes choose one entry", self.hash_merge)
        is_left = self.hash_dense_epochs < self.epochs
        require(is_left, "--hash-dense-epochs", f"fewer than --epochs {self.epochs}", self.hash_dense_epochs)

    @property
    def effective_grid_lr(self) -> float:
        """Learning rate of the grids."""
        return self.grid_lr or min(1.0, 5.0 * self.lr)

    @property
    def n_dense(self) -> int:
        """Levels that are dense grids; the others are hash grids."""
        return len(self.grid_levels) - self.hash_top_levels

    @property
    def n_encoded(self) -> int:
        """Channels that the encoder's latents put behind the grids' features."""
        return self.be_channels if self.use_baseline_encoder and not self.be_fold else 0

    @property
    def n_coordinates(self) -> int:
        """Inputs that are the place itself."""
        return 4 * self.xy_harmonics + 2 * self.xy_include_input

    def level_shapes(self, height: int, width: int) -> list[tuple[int, int]]:
        """(rows, columns) of each level: the longer side gets the level's size, the shorter one its proportion."""
        longer = max(height, width)
        return [(max(1, round(n * height / longer)), max(1, round(n * width / longer))) for n in self.grid_levels]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without the switches that are at their defaults."""
        changed = {spec.name for spec in dataclasses.fields(self) if getattr(self, spec.name) != spec.default}
        return {name: value for name, value in super().to_json().items() if name in PLAIN | changed}
