"""The refinement as the encoder takes it; torch is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from todpack.packer.daybasis.refined import RefinedLightmap
from todpack.packer.daybasis.tiles import Tile
from todpack.packer.daybasis.transform.closed_form import TemporalTransform
from todpack.packer.errors import ConfigError, PackError

from .refine.config import PRESETS, RefineConfig


@dataclass(frozen=True)
class Refinement:
    """A `Refine` of the encoder: descent over the codes by a configuration."""

    config: RefineConfig

    def __call__(self, tiles: Sequence[Tile], transform: TemporalTransform, q_step: float) -> RefinedLightmap:
        """Refine the codes of all tiles.

        Raises:
            ConfigError: torch is not installed.
        """
        try:
            from .refine.fit import refine
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"--refine needs {error.name}: pip install 'todpack[train]', or use --refine none"
            ) from error
        return refine(tiles, transform, q_step, self.config)


def refiner(how: str | Mapping[str, Any], smoothing: bool | None) -> Refinement:
    """A refinement by a preset's name or by the fields of a configuration.

    Args:
        how: "fast", "full", or fields.
        smoothing: False keeps the decoded maps from being smoothed.

    Raises:
        PackError: fields that are none.
    """
    if isinstance(how, str) and how not in PRESETS:
        raise PackError(f"--refine: expected one of none, {', '.join(PRESETS)}, found {how}")
    try:
        config = PRESETS[how] if isinstance(how, str) else RefineConfig(**how)
    except (TypeError, ConfigError) as error:
        raise PackError(f"config.json: refine: {error}") from error
    return Refinement(replace(config, smoothing_bound=0.0) if smoothing is False else config)
