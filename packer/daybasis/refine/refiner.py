"""The refinement as the encoder takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from todpack.decompressor.errors import MissingPackageError

from ...configuration import from_json
from ...errors import PackError
from ..native import kernels
from ..refined import RefinedLightmap
from ..tiles import DayTiles
from ..transform.closed_form import TemporalTransform
from .config import PRESETS, RefineConfig

DEFAULT = "fast"
NO_KERNELS = "the encoder's kernels were not built here, which takes a C compiler at installation"


@dataclass(frozen=True)
class Refiner:
    """A `Refine` of the encoder; its `repr`, which tells finished jobs apart, is that of the configuration.

    Attributes:
        config: How to refine.
        is_default: Nobody asked for it: days that it is not for are coded in closed form.
    """

    config: RefineConfig
    is_default: bool = field(default=False, repr=False)

    def __call__(
        self,
        tiles: DayTiles,
        transform: TemporalTransform,
        q_step: float,
        on_sweep: Callable[[int, int, str], object] = lambda _done, _total, _note: None,
    ) -> RefinedLightmap:
        """Refine the codes of all tiles."""
        from .refinement import refine

        return refine(tiles, transform, q_step, self.config, on_sweep)


def refiner(
    how: str | Mapping[str, Any] | None, smoothing: bool | None, on_warning: Callable[[str], object] | None = None
) -> Refiner | None:
    """A refinement by a preset's name or by the fields of a configuration.

    Args:
        how: "none", "fast", "full", or fields; None is "fast" where its kernels are there, else "none".
        smoothing: False keeps the decoded maps from being smoothed.
        on_warning: Told where the default is "none".

    Raises:
        PackError: no such preset.
        MissingPackageError: its kernels are not there.
        ConfigError: fields that are none, or not allowed.
    """
    if isinstance(how, str) and how not in ("none", *PRESETS):
        raise PackError(f"--refine: expected one of none, {', '.join(PRESETS)}, found {how}")
    if how == "none":
        return None
    if kernels is None:
        if how is not None:
            raise MissingPackageError(f"--refine: {NO_KERNELS}; use --refine none")
        if on_warning is not None:
            on_warning(f"codes are not refined (about 10 % more bytes): {NO_KERNELS}")
        return None
    if isinstance(how, Mapping):
        config = from_json(RefineConfig, how, "config.json: refine")
    else:
        config = PRESETS[how or DEFAULT]
    return Refiner(config if smoothing is not False else replace(config, smoothing_bound=0.0), how is None)
