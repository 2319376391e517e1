"""Configuration of a GridMLP run: its fields are the schema and the defaults of every option."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from todpack.packer.errors import ConfigError

from ..configuration import from_fields, require, require_integers

HASH_MERGES = ("mean", "learned")
QAT_MLPS = ("int8", "fp16", "off")
PTQ_RANGES = ("off", "minmax", "percentile")
LPIPS_PATCH = 32
PLAIN_FIELDS = (
    "grid_levels", "channels_per_level", "hidden", "layers", "time_harmonics", "residual_mode", "baseline_time",
    "epochs", "samples_per_epoch", "batch_size", "lr", "grid_lr", "grad_clip", "patience", "seed",
)  # fmt: skip
PRESETS = ("fast", "full", "ab")


@dataclass(frozen=True)
class GridMlpConfig:
    """One GridMLP run.

    Attributes:
        grid_levels: Nodes along the longer side, per level; the shorter side gets them in proportion.
        channels_per_level: Features per node.
        hidden: Width of the hidden layers.
        layers: Number of hidden layers.
        time_harmonics: F; time enters as sin and cos of 1..F periods a day.
        residual_mode: Learn rgb - baseline instead of rgb.
        baseline_time: Hour of the baseline frame (the nearest stored one is taken).
        epochs: Passes; the cosine schedule ends with the last.
        samples_per_epoch: (texel, time) pairs per epoch.
        batch_size: (texel, time) pairs per step; every texel of a batch comes with all of its times.
        lr: Learning rate of the MLP.
        grid_lr: Learning rate of the grids; 0 means 5 x lr.
        grad_clip: Largest norm of the MLP's gradient; 0 turns clipping off.
        patience: Epochs without a better loss before the run stops early; 0 never stops.
        seed: Of initialisation and sampling.

    The rest are switches; at their defaults a run is plain, bit for bit, and they are not written with it:

        hash_top_levels: k; the last k levels are hash grids.
        hash_capacity: M, entries of each hash grid.
        hash_merge: "mean" (nodes that collide share an entry) or "learned" (two entries a node, merged by a matrix).
        hash_seed: Of the hash.
        hash_epochs: Of `epochs`, the first ones, which train the hash grids alone.
        qat: Fine-tune with fake quantisation after the ranges are calibrated.
        qat_epochs: Epochs of it, after `epochs` (or alone where weights are given to start from).
        qat_levels: Levels it quantises; none named: all.
        qat_mlp: "int8", "fp16" or "off": how it quantises the MLP.
        ptq: "minmax" or "percentile": how the grids' ranges are found after training, on the validation frames; "off"
            leaves them to the packer.
        temporal_loss: Add E|(I_t - I_t') - (G_t - G_t')| over adjacent times.
        temporal_w_start: Its weight in the first epoch.
        temporal_w: Its weight from the middle of the training on; linear between.
        temporal_lpips_w: Weight of LPIPS of the same differences, on patches.
        patch_size: Side of the patches a batch is made of; 0: single texels.
        loss_ssim_w: Weight of 1 - SSIM of the patches.
        loss_lpips_w: Weight of LPIPS of the patches.
        lpips_freq: LPIPS is taken every so many steps.
        use_baseline_encoder: Feed the latents that a small CNN makes of the baseline frame.
        be_channels: Channels of these latents.
        be_downsample: Texels per latent along each axis.
        film: Time scales and shifts the hidden layers instead of being an input.
        film_width: Width of its time embedding.
        val_hours: Stored hours held out of training and measured after every epoch; early stopping looks at them.
        val_downsample: Every so many rows and columns of them are measured.
    """

    grid_levels: tuple[int, ...] = (16, 32, 64, 128)
    channels_per_level: int = 16
    hidden: int = 256
    layers: int = 8
    time_harmonics: int = 8
    residual_mode: bool = True
    baseline_time: float = 12.0
    epochs: int = 150
    samples_per_epoch: int = 1_048_576
    batch_size: int = 16_384
    lr: float = 1e-4
    grid_lr: float = 0.0
    grad_clip: float = 1.0
    patience: int = 40
    seed: int = 0
    hash_top_levels: int = 0
    hash_capacity: int = 4096
    hash_merge: str = "mean"
    hash_seed: int = 0
    hash_epochs: int = 5
    qat: bool = False
    qat_epochs: int = 10
    qat_levels: tuple[int, ...] = ()
    qat_mlp: str = "int8"
    ptq: str = "off"
    temporal_loss: bool = False
    temporal_w_start: float = 0.05
    temporal_w: float = 0.2
    temporal_lpips_w: float = 0.0
    patch_size: int = 0
    loss_ssim_w: float = 0.2
    loss_lpips_w: float = 0.0
    lpips_freq: int = 4
    use_baseline_encoder: bool = False
    be_channels: int = 8
    be_downsample: int = 4
    film: bool = False
    film_width: int = 16
    val_hours: tuple[float, ...] = ()
    val_downsample: int = 1

    def __post_init__(self) -> None:
        require(bool(self.grid_levels), "grid-levels", "at least one level", self.grid_levels)
        require(all(1 <= n <= 16384 for n in self.grid_levels), "grid-levels", "sizes in 1..16384", self.grid_levels)
        require(len(self.grid_levels) <= 32, "grid-levels", "at most 32 levels", len(self.grid_levels))
        ranges = (
            ("channels_per_level", 1, 256),
            ("hidden", 1, 4096),
            ("layers", 1, 64),
            ("time_harmonics", 1, 64),
            ("epochs", 1, 1_000_000),
            ("samples_per_epoch", 1, 1 << 40),
            ("batch_size", 1, 1 << 30),
            ("patience", 0, 1_000_000),
            ("seed", 0, (1 << 31) - 1),
            ("hash_top_levels", 0, len(self.grid_levels)),
            ("hash_capacity", 1, 1 << 24),
            ("hash_seed", 0, (1 << 31) - 1),
            ("hash_epochs", 0, self.epochs - 1 if self.hash_top_levels else 1_000_000),
            ("qat_epochs", 1, 1_000_000),
            ("lpips_freq", 1, 1_000_000),
            ("be_channels", 8, 32),
            ("be_downsample", 1, 16),
            ("film_width", 1, 1024),
            ("val_downsample", 1, 64),
        )
        require_integers(self, ranges)
        require(0.0 <= self.baseline_time < 24.0, "baseline-time", "an hour in [0, 24)", self.baseline_time)
        require(0.0 < self.lr <= 1.0, "lr", "a number in (0, 1]", self.lr)
        require(0.0 <= self.grid_lr <= 1.0, "grid-lr", "a number in [0, 1]", self.grid_lr)
        require(0.0 <= self.grad_clip < float("inf"), "grad-clip", "a finite number >= 0", self.grad_clip)
        self._check_switches()

    def _check_switches(self) -> None:
        for name, choices in (("hash_merge", HASH_MERGES), ("qat_mlp", QAT_MLPS), ("ptq", PTQ_RANGES)):
            value = getattr(self, name)
            require(value in choices, name, f"one of {', '.join(choices)}", value)
        for name in ("temporal_w_start", "temporal_w", "temporal_lpips_w", "loss_ssim_w", "loss_lpips_w"):
            value = getattr(self, name)
            require(0.0 <= value <= 1e6, name, "a number in [0, 1e6]", value)
        require(self.patch_size in (0, 16, 32), "patch-size", "0, 16 or 32", self.patch_size)
        for name in ("loss_lpips_w", "temporal_lpips_w"):
            needs = f"0 without --patch-size {LPIPS_PATCH} (LPIPS takes 31 texels a side)"
            require(
                self.patch_size == LPIPS_PATCH or not getattr(self, name),
                name,
                needs,
                f"{getattr(self, name):g} with --patch-size {self.patch_size}",
            )
        known = all(0 <= level < len(self.grid_levels) for level in self.qat_levels)
        require(known, "qat-levels", f"levels in 0..{len(self.grid_levels) - 1}", self.qat_levels)
        require(all(0.0 <= t < 24.0 for t in self.val_hours), "val-hours", "hours in [0, 24)", self.val_hours)
        encoder_has_frame = self.residual_mode or not self.use_baseline_encoder
        require(encoder_has_frame, "use-baseline-encoder", "--residual-mode, which has a baseline frame", "none")

    @property
    def effective_grid_lr(self) -> float:
        """Learning rate of the grids."""
        return self.grid_lr or min(1.0, 5.0 * self.lr)

    @property
    def n_dense(self) -> int:
        """Levels that are dense grids; the others are hash grids."""
        return len(self.grid_levels) - self.hash_top_levels

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, without the switches that are at their defaults."""
        return {
            f.name: list(value) if isinstance(value := getattr(self, f.name), tuple) else value
            for f in dataclasses.fields(self)
            if f.name in PLAIN_FIELDS or getattr(self, f.name) != f.default
        }

    @staticmethod
    def from_json(fields: dict[str, Any]) -> GridMlpConfig:
        """From plain JSON or TOML values.

        Raises:
            ConfigError: an unknown key or a value out of range.
        """
        values = dict(fields)
        try:
            for name, kind in (("grid_levels", int), ("qat_levels", int), ("val_hours", float)):
                if name in values:
                    values[name] = tuple(kind(n) for n in values[name])
        except (TypeError, ValueError) as error:
            raise ConfigError(f"configuration: {error}") from error
        return from_fields(GridMlpConfig, values)
