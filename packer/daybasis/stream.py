"""Compress a day that is larger than memory: tiles are read, coded and written one after another.

Three readings: a survey (covariance and mask), the coding, and the check of what was written, which measures it too.
Memory holds the mask, one tile, and a few megabytes of samples; sections wait in a file without a name.
"""

from __future__ import annotations

import dataclasses
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.transform.lifting import inverse
from todpack.decompressor.daybasis.transform.rotations import Regions, restore_bands, turns_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoother
from todpack.decompressor.errors import OutputError
from todpack.decompressor.limits import DEFAULT_LIMITS, MIB
from todpack.decompressor.output import check_output
from todpack.frames.tile_source import TileSource

from ..archive_writer import ArchiveWriter
from ..errors import PackError
from .basis_quantization import quantize_basis
from .config import DayBasisConfig, stored_step
from .encode import CodedLightmap, precision_of, round_tile
from .gaps import choose_gap_modes
from .moments import DayMoments
from .pack import (
    CLOSED_FORM_SMOOTHING,
    DayBasisPackOptions,
    add_basis,
    add_graph,
    add_mask,
    add_tile,
    describe_lightmap,
    describe_model,
    require_features,
)
from .quantization import CentroidFit
from .single_blas import single_blas
from .streams import encode_coefficients
from .survey import (
    SampledTransform,
    Survey,
    classes_of_tile,
    read_tile,
    sample_tiles,
    sampled_transform,
    survey_day,
)

TILES_IN_MEMORY = 256 * MIB  # decoded tiles that the check keeps


@dataclass(frozen=True)
class StreamedDay:
    """What was written.

    Attributes:
        size_bytes: Of the archive.
        psnr_db: Over the valid texels and all frames, of what the decoder gives from the written file.
        n_components: K.
        n_tiles: With valid texels.
    """

    size_bytes: int
    psnr_db: float
    n_components: int
    n_tiles: int


def compress_stream(
    source: TileSource, out: Path, config: DayBasisConfig, options: DayBasisPackOptions | None = None
) -> StreamedDay:
    """Compress a day tile by tile.

    The transform's rotations and the reconstruction points come from sample tiles, so the archive is not the one that
    `encode_day` makes of the same day, but one of the same format and much the same size.

    Args:
        source: The day.
        out: Archive to write; replaced only by one that was decoded again.
        config: Tiles, levels, step.
        options: How to code, without a refinement.

    Raises:
        PackError: a refinement is asked for.
        DataError: the day cannot be read.
        OutputError: the archive cannot be written.
    """
    options = options or DayBasisPackOptions()
    if options.refine != "none":
        raise PackError("--refine: expected none for a day that is read tile by tile")
    check_output(out)
    config = dataclasses.replace(config, q_step=stored_step(config.q_step))
    try:
        spool = tempfile.TemporaryFile(dir=out.parent)  # noqa: SIM115
    except OSError as error:
        raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
    with spool, _Progress(3) as progress:
        progress.begin("survey", source, config.tile)
        survey = survey_day(source, config.tile, progress.step)
        found = sampled_transform(source, survey, config)
        progress.begin("code", source, config.tile)
        try:
            writer = _coded(source, survey, found, config, options, spool, progress.step)
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror or error}") from error
        progress.begin("check", source, config.tile)
        check = _Check(source, survey, progress.step)
        limits = dataclasses.replace(
            DEFAULT_LIMITS, latent_bytes=TILES_IN_MEMORY, texels=max(DEFAULT_LIMITS.texels, survey.valid.size)
        )
        tile_bytes = 4 * found.basis.matrix.shape[1] * config.tile**2
        size = writer.write(out, check, dataclasses.replace(limits, latent_bytes=max(limits.latent_bytes, tile_bytes)))
    n_tiles = sum(bool(survey.valid[place].any()) for place in survey.places)
    return StreamedDay(size, check.psnr_db, found.basis.matrix.shape[1], n_tiles)


@single_blas
def _coded(
    source: TileSource,
    survey: Survey,
    found: SampledTransform,
    config: DayBasisConfig,
    options: DayBasisPackOptions,
    spool: BinaryIO,
    on_tile: Callable[[], object],
) -> ArchiveWriter:
    """Code every tile into the spool; then what all tiles share."""
    q_step, n_classes = config.q_step, len(found.rotations)
    turns = turns_of_codes(found.skew_codes, found.basis.matrix.shape[1])
    smoothing = CLOSED_FORM_SMOOTHING if options.smoothing else None
    hours = [float(h) for h in source.hours]
    writer = ArchiveWriter({"model_type": "daybasis", "transfer": "srgb8", "hours": hours}, spool=spool)
    fit = CentroidFit()
    for number in sample_tiles(survey.spreads):
        tile = read_tile(source, survey.places[number], config.n_levels)
        if tile.pyramid is not None:
            region = Regions(classes_of_tile(tile, found, q_step), turns)
            fit.add(*round_tile(tile, found.basis, region, q_step, options.rd_weight))
    centroids, moments = fit.centroids(), DayMoments(found.basis.matrix)
    for number, place in enumerate(survey.places):
        tile = read_tile(source, place, config.n_levels)
        region = Regions(classes_of_tile(tile, found, q_step), turns)
        stream = b""
        if tile.pyramid is not None:
            _, codes = round_tile(tile, found.basis, region, q_step, options.rd_weight)
            stream = encode_coefficients(codes, tile.pyramid.sites, options.entropy)
            maps = inverse(restore_bands(codes, tile.pyramid.sites, region, centroids), tile.pyramid, q_step)
            if smoothing is not None:
                Smoother(smoothing, tile.pyramid.valid, q_step).apply(maps)
            moments.add(maps[:, tile.pyramid.valid].T, tile.days)
        add_tile(writer, number, stream, region.classes if n_classes > 1 else None)
        on_tile()
    matrix, offset, rough = moments.fit()
    precision = precision_of(moments.largest_sum(matrix, offset) + 1.0)
    basis_codes, exponents = quantize_basis(matrix, offset, moments.energy, max(rough, 1e-6), precision)
    matrix, _ = dequantize_basis(basis_codes, exponents)
    gap_modes = choose_gap_modes(matrix.reshape(len(hours), -1), np.tile(moments.energy, 3), source.hours)
    coded = CodedLightmap(
        (), basis_codes, exponents, precision, centroids, smoothing, gap_modes, q_step, math.nan, np.zeros(len(hours))
    )
    mask = add_mask(writer, survey.valid)
    add_basis(writer, basis_codes, found.skew_codes)
    graph = add_graph(writer, coded, source.hours, "srgb8", None)
    model = describe_model(coded, None, graph, n_classes, config.tile, config.n_levels, options.entropy)
    entry = describe_lightmap(source.name, survey.valid, mask, model)
    writer.metadata["lightmaps"] = [entry]
    require_features(writer, entry)
    return writer


class _Check:
    """Decode every tile of the written archive at all hours, and measure it against the day."""

    def __init__(self, source: TileSource, survey: Survey, on_tile: Callable[[], object]) -> None:
        self._source, self._survey, self._on_tile = source, survey, on_tile
        self._squares = 0.0

    def __call__(self, archive: Archive) -> None:
        lightmap = archive.lightmaps[0]
        for rows, columns in self._survey.places:
            codes, valid = self._source.read(rows, columns)
            if valid.any():
                region = rows.start, rows.stop, columns.start, columns.stop
                counts = valid[..., None].astype(np.float32)
                for original, time_h in zip(codes, self._source.hours, strict=True):
                    error = np.subtract(lightmap.decode(float(time_h), region), original, dtype=np.float32)
                    error *= counts
                    self._squares += float(np.vdot(error, error))
            self._on_tile()

    @property
    def psnr_db(self) -> float:
        mse = self._squares / (3 * len(self._source.hours) * int(self._survey.valid.sum()))
        return math.inf if mse == 0.0 else 10.0 * math.log10(255.0**2 / mse)


class _Progress:
    """Bars on stderr, on a terminal."""

    def __init__(self, n_stages: int) -> None:
        self._n_stages, self._stage, self._bar = n_stages, 0, None

    def begin(self, name: str, source: TileSource, side: int) -> None:
        if self._bar is not None:
            self._bar.close()
        self._stage += 1
        total = -(-source.height // side) * -(-source.width // side)
        self._bar = tqdm(
            total=total, unit="tile", desc=f"{name} {self._stage}/{self._n_stages}", file=sys.stderr,
            disable=not sys.stderr.isatty(),
        )  # fmt: skip

    def step(self) -> None:
        assert self._bar is not None
        self._bar.update(1)

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
