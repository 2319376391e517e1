"""Encode a day: transform, round, fit the basis to what the decoder sees, code; tile by tile.

A day in memory and one that is read from disk tile by tile take the same way and give the same bytes. What a tile
needs is kept while the day fits into memory (`DayTiles`), and made again at each pass where it does not.
"""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.transform.pyramid import in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.errors import OutputError
from todpack.decompressor.limits import DEFAULT_LIMITS, MIB, Limits
from todpack.frames import TileSource

from ..archive_writer import ArchiveWriter, decode_everything
from ..errors import PackError
from ..rate_control import FIRST_STEP, approach_step, check_targets, first_step, search_step
from .basis import BasisFit, choose_gap_modes, quantize_basis, worthwhile_loss
from .config import DayBasisConfig, DayBasisPackOptions, stored_step
from .entropy.encode import encode_coefficients
from .fireflies import CalmDay, without_fireflies
from .measure import Measured, measure
from .radiance import RadianceDomain, first_domain, reweighted
from .refined import RefinedLightmap
from .rounding import RoundedTiles, rotations_of
from .sections import Model, add_model, add_tile, new_writer
from .single_blas import single_blas
from .tiles import DayTiles
from .transform.closed_form import TemporalTransform, find_transform

CLOSED_FORM_SMOOTHING = Smoothing(0.16, (13 / 64, 13 / 64))
"""Where the rounding does not know of the smoothing, a smaller bound suits it than in the refinement."""
DECODED_BYTES = 256 * MIB  # decoded tiles that measuring keeps
NEAR_OCTAVES = 0.25
"""Between steps that one transform serves: the rotations hardly change, and K follows the step slowly."""
REFINED_STEP = 1 / 1.1
"""Of the closed form's step: at this one refined codes have about its PSNR."""

OnSweep: TypeAlias = Callable[[int, int, str], object]
"""Told of tiles that were swept, of how many, and of rate and PSNR."""
Refine: TypeAlias = Callable[[DayTiles, TemporalTransform, float, OnSweep], RefinedLightmap]
"""Codes of all tiles with valid texels that are better than rounding gives, for a transform and a step."""
Progress: TypeAlias = Callable[[str, int, int], object]
"""Told of a stage: its name (and more to say of it, after a comma), tiles done, tiles in all."""


@dataclass(frozen=True)
class EncodedDay:
    """An archive that is ready to be written.

    Attributes:
        writer: Its sections and metadata.
        tiles: Of the day, for measuring.
        q_step: Width of a bin.
        n_components: K.
        is_refined: Whether the codes were given, rather than rounded here.
    """

    writer: ArchiveWriter
    tiles: DayTiles
    q_step: float
    n_components: int
    is_refined: bool = False
    progress: Progress | None = field(default=None, repr=False)

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.writer.size_bytes

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines for the user."""
        return self.tiles.day.warnings if isinstance(self.tiles.day, CalmDay) else ()

    @property
    def _limits(self) -> Limits:
        """What a reader needs that keeps as many tiles as it can, whatever the size of the day."""
        tile_bytes = 4 * self.n_components * self.tiles.side**2
        texels = max(DEFAULT_LIMITS.texels, self.tiles.day.height * self.tiles.day.width)
        if self.tiles.is_kept:
            return replace(DEFAULT_LIMITS, texels=texels)
        return replace(DEFAULT_LIMITS, texels=texels, latent_bytes=max(DECODED_BYTES, tile_bytes))

    @cached_property
    def measured(self) -> Measured:
        """What the decoder gives, against the day."""
        on_tile = _Counter("measure", len(self.tiles), self.progress)
        return self.writer.reopened(lambda archive: measure(archive, self.tiles, on_tile), self._limits)

    @property
    def psnr_db(self) -> float:
        """See `Measured`."""
        return self.measured.psnr_db

    def write(self, out: Path) -> int:
        """Write the archive; an old file is replaced only by one that was read back.

        Returns:
            Bytes of the file.

        Raises:
            OutputError: it cannot be written.
        """
        if not self.tiles.is_kept:
            _ = self.measured  # all of it is decoded before an older file goes
        check = decode_everything if self.tiles.is_kept else lambda _: None
        return self.writer.write(out, check, self._limits)


class _Counter:
    """Counts the tiles of a stage."""

    def __init__(self, stage: str, total: int, progress: Progress | None) -> None:
        self._stage, self._total, self._done, self._progress = stage, total, 0, progress

    def __call__(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._stage, self._done, self._total)


def encode_day(
    day: TileSource,
    config: DayBasisConfig,
    options: DayBasisPackOptions,
    *,
    transform: TemporalTransform | None = None,
    domain: RadianceDomain | None = None,
    refine: Refine | None = None,
    target_psnr_db: float | None = None,
    target_size_bytes: int | None = None,
    progress: Progress | None = None,
) -> EncodedDay:
    """Compress a day into an archive that is ready to be written.

    Args:
        day: What is compressed.
        config: Tiles, levels, and the step where no target is given.
        options: How to code.
        transform: One that was found before; None finds one for each step that is tried.
        domain: The domain that `transform` was found in; None chooses one for a linear day, by trial encodings.
        refine: Gives the codes instead of rounding.
        target_psnr_db: Search the step for this PSNR.
        target_size_bytes: Search the step for this file size.
        progress: Told of the tiles of each stage.

    Raises:
        PackError: both targets at once, or one that cannot be met; a refinement of a day that does not fit into memory.
        DataError: the day cannot be read, or has no valid texel.
    """
    check_targets(target_psnr_db, target_size_bytes)
    day, n_trials = without_fireflies(day), 0
    if day.transfer == "linear" and domain is None:
        domain, n_trials = first_domain(day, config.transfer), config.reweight
    tiles = DayTiles(day, config.tile, config.n_levels, domain)
    if not tiles.is_kept and getattr(refine, "is_default", False):
        refine = None
    if refine is not None and not tiles.is_kept:
        raise PackError(f"{day.name}: --refine: expected a day that fits into memory; use --refine none")

    def on_sweep(done: int, total: int, note: str) -> None:
        if progress is not None:
            progress(f"refine, {note}", done, total)

    latest: tuple[float, TemporalTransform] | None = None

    def encode(q_step: float, refine: Refine | None) -> EncodedDay:
        nonlocal latest
        step = stored_step(q_step)
        found = transform or find_transform(tiles, config, step, _Counter("transform", 2 * len(tiles), progress))
        latest = step, found
        refined = None if refine is None else refine(tiles, found, step, on_sweep)
        return encode_tiles(tiles, found, step, options, refined, progress)

    start = FIRST_STEP
    if day.transfer == "linear":
        start = config.q_step if target_psnr_db is None else first_step(target_psnr_db)
    for _ in range(n_trials):
        assert tiles.domain is not None
        trial = encode(start, None)
        tiles = DayTiles(day, config.tile, config.n_levels, reweighted(tiles.domain, trial.measured.frame_mse))
    if target_psnr_db is None and target_size_bytes is None:
        return encode(config.q_step, refine)
    given = transform
    if refine is not None:  # the closed form says where about, and the search begins there in the one transform
        if target_psnr_db is not None:
            start = first_step(target_psnr_db)
        start = REFINED_STEP * approach_step(lambda step: encode(step, None), target_psnr_db, target_size_bytes, start)
        if latest is not None and abs(math.log2(start / latest[0])) < NEAR_OCTAVES:
            transform = latest[1]
    try:
        return search_step(lambda step: encode(step, refine), target_psnr_db, target_size_bytes, start)
    except PackError:
        if transform is given:
            raise
    transform = given  # the one that was kept has components for another quality, which bound this one
    return search_step(lambda step: encode(step, refine), target_psnr_db, target_size_bytes, start)


@single_blas
def encode_tiles(
    tiles: DayTiles,
    transform: TemporalTransform,
    q_step: float,
    options: DayBasisPackOptions,
    refined: RefinedLightmap | None = None,
    progress: Progress | None = None,
) -> EncodedDay:
    """Code all tiles in a given transform; then what they share.

    Args:
        tiles: Of one lightmap, at least one with a valid texel.
        transform: From `find_transform`.
        q_step: Width of a bin, as an archive can store it.
        options: How to code.
        refined: Codes to take instead of rounding here, made for this step and transform.
        progress: Told of the tiles.

    Raises:
        PackError: the coder's package is not installed, or a value is too large for it.
    """
    smoothing = CLOSED_FORM_SMOOTHING if options.smoothing else None
    codes: RoundedTiles | _GivenTiles
    if refined is None:
        codes = RoundedTiles(tiles, transform, q_step, options.rd_weight)
    else:
        codes, smoothing = _GivenTiles(tiles, refined), refined.smoothing
    writer = new_writer(tiles.day)
    writer.packs_metadata = options.packs_metadata
    if not tiles.is_kept:
        _spool(writer)
    rotations = rotations_of(transform)
    valid = np.zeros((tiles.day.height, tiles.day.width), bool)
    basis = transform.basis
    if refined is not None and refined.gains is not None:
        basis = replace(basis, matrix=basis.matrix * refined.gains)  # which is what its maps are of
    n_bytes, fit, on_tile = 0, BasisFit(basis), _Counter("code", len(tiles), progress)
    for number, tile in enumerate(tiles):
        classes, stream = transform.classes[number], b""
        tile.place.cut(valid)[...] = tile.valid
        if tile.pyramid is not None:
            bands = codes[number]
            stream = encode_coefficients(bands, tile.pyramid.sites, options.entropy)
            maps = reconstruct_maps(
                in_coding_order(bands),
                tile.pyramid,
                Regions(classes, rotations),
                q_step=q_step,
                centroids=codes.centroids,
                smoothing=smoothing,
            )
            n_bytes += len(stream)
            fit.add(np.ascontiguousarray(maps[:, tile.valid].T), tile.days)
        add_tile(writer, number, stream, classes if len(transform.skew_codes) > 1 else None)
        on_tile()
    hours, n_hours = tiles.day.hours, len(tiles.day.hours)
    scales = np.repeat(np.ones(n_hours) if tiles.domain is None else tiles.domain.frame_scales, 3)
    matrix, offset, error = fit.fit()
    precision = fit.precision(matrix, offset, scales, 1.0 if tiles.domain is None else 1e-6)
    allowed = max(error, 1e-6) / float(np.mean(scales**2))
    loss = worthwhile_loss(matrix.size + offset.size, 8 * n_bytes)
    basis_codes, exponents = quantize_basis(
        matrix / scales[:, None], offset / scales, fit.energy, allowed, precision, loss
    )
    matrix, _ = dequantize_basis(basis_codes, exponents)
    gap_modes = choose_gap_modes(matrix.reshape(n_hours, -1), np.tile(fit.energy, 3), hours)
    model = Model(
        basis_codes,
        exponents,
        transform.skew_codes,
        precision,
        codes.centroids,
        smoothing,
        gap_modes,
        q_step,
        tiles.side,
        tiles.n_levels,
        options.entropy,
        transform.basis.matrix.shape[1],
    )
    add_model(writer, tiles.day, valid, model, tiles.domain)
    return EncodedDay(writer, tiles, q_step, transform.basis.matrix.shape[1], refined is not None, progress)


def _spool(writer: ArchiveWriter) -> None:
    """Keep the writer's sections in a temporary file, as long as the writer lives."""
    try:
        writer.spool = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()}: cannot be written: {error.strerror or error}") from error
    weakref.finalize(writer, writer.spool.close)


class _GivenTiles:
    """Codes that a refinement has made, by number of the tile."""

    def __init__(self, tiles: DayTiles, refined: RefinedLightmap) -> None:
        numbers = [number for number, tile in enumerate(tiles) if tile.pyramid is not None]
        self._codes = dict(zip(numbers, refined.codes, strict=True))
        self.centroids = refined.centroids

    def __getitem__(self, number: int) -> list[Any]:
        return list(self._codes[number])
