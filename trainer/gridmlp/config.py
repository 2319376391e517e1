"""Configuration of a GridMLP run: its fields are the schema and the defaults of every option."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from importlib import resources
from typing import Any

from trainer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PRESETS = ("fast", "full")


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

    def __post_init__(self) -> None:
        _require(bool(self.grid_levels), "grid-levels", "at least one level", self.grid_levels)
        _require(all(1 <= n <= 16384 for n in self.grid_levels), "grid-levels", "sizes in 1..16384", self.grid_levels)
        _require(len(self.grid_levels) <= 32, "grid-levels", "at most 32 levels", len(self.grid_levels))
        for name, low, high in (
            ("channels_per_level", 1, 256),
            ("hidden", 1, 4096),
            ("layers", 1, 64),
            ("time_harmonics", 1, 64),
            ("epochs", 1, 1_000_000),
            ("samples_per_epoch", 1, 1 << 40),
            ("batch_size", 1, 1 << 30),
            ("patience", 0, 1_000_000),
            ("seed", 0, (1 << 31) - 1),
        ):
            value = getattr(self, name)
            _require(low <= value <= high, name.replace("_", "-"), f"{low}..{high}", value)
        _require(0.0 <= self.baseline_time < 24.0, "baseline-time", "an hour in [0, 24)", self.baseline_time)
        _require(0.0 < self.lr <= 1.0, "lr", "a number in (0, 1]", self.lr)
        _require(0.0 <= self.grid_lr <= 1.0, "grid-lr", "a number in [0, 1]", self.grid_lr)
        _require(0.0 <= self.grad_clip < float("inf"), "grad-clip", "a finite number >= 0", self.grad_clip)

    @property
    def effective_grid_lr(self) -> float:
        """Learning rate of the grids."""
        return self.grid_lr or min(1.0, 5.0 * self.lr)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**dataclasses.asdict(self), "grid_levels": list(self.grid_levels)}

    @staticmethod
    def from_json(fields: dict[str, Any]) -> GridMlpConfig:
        """From plain JSON or TOML values.

        Raises:
            ConfigError: an unknown key or a value out of range.
        """
        known = {f.name for f in dataclasses.fields(GridMlpConfig)}
        unknown = sorted(set(fields) - known)
        if unknown:
            raise ConfigError(f"configuration: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
        values = dict(fields)
        try:
            if "grid_levels" in values:
                values["grid_levels"] = tuple(int(n) for n in values["grid_levels"])
            return GridMlpConfig(**values)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"configuration: {error}") from error


def _require(fits: bool, option: str, expected: str, found: object) -> None:
    if not fits:
        raise ConfigError(f"--{option}: expected {expected}, found {found}")


def load_preset(name: str) -> dict[str, Any]:
    """Fields of the preset `name` ("fast" or "full") that differ from the defaults.

    Raises:
        ConfigError: no such preset.
    """
    if name not in PRESETS:
        raise ConfigError(f"--preset: expected one of {', '.join(PRESETS)}, found {name}")
    text = resources.files("trainer.presets").joinpath(f"gridmlp_{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
