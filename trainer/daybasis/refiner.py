"""The refinement as the encoder takes it; torch is imported when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from todpack.packer.configuration import from_json
from todpack.packer.daybasis.encoder import Refine
from todpack.packer.daybasis.refined import RefinedLightmap
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import TemporalTransform
from todpack.packer.errors import ConfigError, PackError

from .config import PRESETS, RefineConfig


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
    return partial(_refine, config if smoothing is not False else replace(config, smoothing_bound=0.0))


def _refine(config: RefineConfig, tiles: DayTiles, transform: TemporalTransform, q_step: float) -> RefinedLightmap:
    try:
        from .refinement import refine
    except ModuleNotFoundError as error:
        raise ConfigError(f"--refine needs {error.name}: pip install 'todpack[train]', or use --refine none") from error
    return refine(tiles, transform, q_step, config)
