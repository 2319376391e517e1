"""`todpack compress`: a day of frames -> an archive, in one go and without torch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from todpack.frames import Day
from todpack.trainer.daybasis.refine.config import RefineConfig
from todpack.trainer.daybasis.refine.refined import RefinedLightmap

from .daybasis.config import DayBasisConfig
from .daybasis.pack import DayBasisPackOptions, PackedDay, pack_day
from .daybasis.radiance import Coding, first_coding, reweighted
from .daybasis.tiles import Tile, cut_tiles
from .daybasis.transform.closed_form import TemporalTransform, find_transform
from .errors import PackError
from .rate_control import FIRST_STEP, first_step, search_step

log = logging.getLogger("todpack.compress")


def encode_day(
    sequence: Day,
    config: DayBasisConfig,
    options: DayBasisPackOptions,
    *,
    found: TemporalTransform | None = None,
    refined: Callable[[Sequence[Tile]], RefinedLightmap] | None = None,
    refinement: RefineConfig | None = None,
    coding: Coding | None = None,
    target_psnr_db: float | None = None,
    target_size_bytes: int | None = None,
) -> PackedDay:
    """Compress a day into an archive in memory.

    Args:
        sequence: The day.
        config: Tiles, levels, and the step where no target is given.
        options: How to code.
        found: A transform that was found before; None finds one for each step that is tried.
        refined: Gives codes that were refined before, for the configuration's step.
        refinement: How to refine at any other step; None leaves it to `options`.
        coding: The domain that `found` was found in; None chooses one for a linear day, by trial codings.
        target_psnr_db: Search the step for this PSNR.
        target_size_bytes: Search the step for this file size.

    Raises:
        PackError: both targets at once, or one that cannot be met.
    """
    if target_psnr_db is not None and target_size_bytes is not None:
        raise PackError("--target-psnr, --target-size: expected one of them, found both")
    if target_psnr_db is not None and not 0.0 < target_psnr_db <= 99.0:
        raise PackError(f"--target-psnr: expected dB in (0, 99], found {target_psnr_db:g}")
    if target_size_bytes is not None and target_size_bytes < 1:
        raise PackError(f"--target-size: expected bytes >= 1, found {target_size_bytes}")
    n_rounds = 0
    if sequence.transfer == "linear" and coding is None:
        coding, n_rounds = first_coding(sequence, config.transfer), config.reweight
    tiles = _coded_tiles(sequence, config, coding)

    def pack(q_step: float) -> PackedDay:
        used = found if found is not None else find_transform(tiles, replace(config, q_step=q_step))
        codes = refined(tiles) if refined is not None and q_step == config.q_step else None
        day = pack_day(
            sequence,
            tiles,
            used,
            q_step,
            options,
            coding=coding,
            tile=config.tile,
            n_levels=config.n_levels,
            refined=codes,
            refinement=refinement,
        )
        log.info("q_step %.4g: %.2f dB, %d bytes, K = %d", day.q_step, day.psnr_db, day.size_bytes, day.n_components)
        return day

    start = FIRST_STEP
    if sequence.transfer == "linear":
        start = config.q_step if target_psnr_db is None else first_step(target_psnr_db)
    plain = replace(options, refine="none")
    for _ in range(n_rounds):
        assert coding is not None
        rough = find_transform(tiles, replace(config, q_step=start))
        day = pack_day(sequence, tiles, rough, start, plain, coding=coding, tile=config.tile, n_levels=config.n_levels)
        coding = reweighted(coding, day.frame_mse)
        tiles = _coded_tiles(sequence, config, coding)
    if target_psnr_db is None and target_size_bytes is None:
        return pack(config.q_step)
    return search_step(pack, target_psnr_db, target_size_bytes, start)


def _coded_tiles(sequence: Day, config: DayBasisConfig, coding: Coding | None) -> list[Tile]:
    return cut_tiles(sequence if coding is None else coding.encode(sequence), config.tile, config.n_levels)


def write_day(day: PackedDay, out: Path) -> int:
    """Write an archive that is in memory; the old file is replaced only by a verified one.

    Returns:
        Bytes of the file.

    Raises:
        OutputError: it cannot be written.
    """
    return day.writer.write(out)
