"""A day in its domain and its transform, which codings at several steps share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from todpack.frames import TileSource

from .config import DayBasisConfig, DayBasisPackOptions, stored_step
from .encoder import EncodedDay, Refine, encode_tiles
from .fireflies import without_fireflies
from .radiance import RadianceDomain, first_domain, reweighted
from .tiles import DayTiles
from .transform.closed_form import TemporalTransform, find_transform

DomainKey: TypeAlias = tuple[str, int, float]
"""Transfer, trial codings and their step."""
TRIAL_STEPS = 2.0
"""Trials are coded with so many times the transform's step, about as what will be coded."""
Domains: TypeAlias = dict[DomainKey, RadianceDomain]


@dataclass(frozen=True)
class PreparedDay:
    """What is found of a day before it is coded.

    Attributes:
        tiles: In the domain.
        transform: Found for the configuration's step; codings are about twice as coarse.
    """

    tiles: DayTiles
    transform: TemporalTransform

    def encode(self, q_step: float, options: DayBasisPackOptions, refine: Refine | None = None) -> EncodedDay:
        """Code it at a step.

        Args:
            q_step: Width of a bin.
            options: How to code.
            refine: Gives the codes instead of rounding, where the day fits into memory.

        Raises:
            PackError: a value is too large for the coder.
        """
        step, refined = stored_step(q_step), None
        if refine is not None and self.tiles.is_kept:
            refined = refine(self.tiles, self.transform, step, lambda _done, _total, _note: None)
        return encode_tiles(self.tiles, self.transform, step, options, refined)


def prepare_day(
    day: TileSource, config: DayBasisConfig, options: DayBasisPackOptions, domains: Domains | None = None
) -> PreparedDay:
    """Choose a linear day's domain by trial codings, and find the transform.

    Args:
        day: What will be compressed.
        config: Tiles, levels, domain, and the step of the transform.
        options: How trials are coded.
        domains: Of the same day, from earlier calls; those found here are put there.

    Raises:
        DataError: the day cannot be read, or has no valid texel.
    """
    day, step = without_fireflies(day), stored_step(config.q_step)
    known = {} if domains is None else domains

    def tiles_in(domain: RadianceDomain | None) -> DayTiles:
        return DayTiles(day, config.tile, config.n_levels, domain)

    if day.transfer != "linear":
        tiles = tiles_in(None)
        return PreparedDay(tiles, find_transform(tiles, config, step))
    for n_trials in range(config.reweight + 1):
        key = config.transfer, n_trials, step
        if key in known:
            continue
        if n_trials == 0:
            known[key] = first_domain(day, config.transfer)
            continue
        before = known[config.transfer, n_trials - 1, step]
        trial = PreparedDay(tiles := tiles_in(before), find_transform(tiles, config, step)).encode(
            TRIAL_STEPS * step, options
        )
        known[key] = reweighted(before, trial.measured.frame_mse)
    tiles = tiles_in(known[config.transfer, config.reweight, step])
    return PreparedDay(tiles, find_transform(tiles, config, step))
