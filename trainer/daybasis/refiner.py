"""The refinement as the encoder takes it; torch is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from todpack.decompressor.errors import needs
from todpack.packer.configuration import from_json
from todpack.packer.daybasis.encoder import Refine
from todpack.packer.daybasis.refined import RefinedLightmap
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import TemporalTransform
from todpack.packer.errors import PackError

from .config import PRESETS, RefineConfig


@dataclass(frozen=True)
class RefineWithTorch:
    """A `Refine` of the encoder; its `repr`, which tells finished jobs apart, is that of the configuration."""

    config: RefineConfig

    def __call__(self, tiles: DayTiles, transform: TemporalTransform, q_step: float) -> RefinedLightmap:
        """Refine the codes of all tiles.

        Raises:
            MissingPackageError: torch is not installed.
        """
        with needs("train", "--refine"):
            from .refinement import refine
        return refine(tiles, transform, q_step, self.config)


def refiner(how: str | Mapping[str, Any], smoothing: bool | None) -> Refine:
    """A refinement by a preset's name or by the fields of a configuration.

    Args:
        how: "fast", "full", or fields.
        smoothing: False keeps the decoded maps from being smoothed.

    Raises:
        PackError: no such preset.
        ConfigError: fields that are none, or not allowed.
    """
    if isinstance(how, str) and how not in PRESETS:
        raise PackError(f"--refine: expected one of none, {', '.join(PRESETS)}, found {how}")
    config = PRESETS[how] if isinstance(how, str) else from_json(RefineConfig, how, "config.json: refine")
    return RefineWithTorch(config if smoothing is not False else replace(config, smoothing_bound=0.0))
