"""A lightmap of an archive as a file of plain bits: what plain_bits/lightmap.py reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from todpack.decompressor.archive import Archive
from todpack.decompressor.bits import unzigzag, zigzag
from todpack.decompressor.container import Container
from todpack.decompressor.counted_sections import CountedSections
from todpack.decompressor.daybasis.entropy.stream import decode_bands
from todpack.decompressor.daybasis.entry import CURVES, DayBasisEntry, read_entry
from todpack.decompressor.daybasis.family import standard_decoder
from todpack.decompressor.daybasis.temporal.ramps import CUBIC
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.daybasis.transform.smoothing import WEIGHT_SCALE, Smoothing
from todpack.decompressor.grid import TileGrid
from todpack.decompressor.mask import Mask
from todpack.decompressor.metadata import read_archive_entry
from todpack.decompressor.outliers import Outliers
from todpack.decompressor.time_account import TimeAccount
from todpack.decompressor.turns import Turn
from todpack.packer.errors import PackError

from ..plain_bits.golomb import MAX_BITS
from ..plain_bits.header import (
    CENTROID_SCALE,
    MAGIC,
    MAGIC_WITH_OUTLIERS,
    Header,
    least_file_bytes,
    with_checksum,
)
from ..plain_bits.opened import WORD_BITS, PlainFile, region_bits
from ..plain_bits.tables import EXPONENT_BIAS, EXPONENT_BITS, HOUR_BITS, HOUR_STEPS, RICE_BITS
from ..plain_bits.zero_flags import N_LEVELS, write_flags
from .write_bands import BitWriter, best_order, write_bands

MAX_ORDER = MAX_BITS // 2
HOUR_ERROR = 1e-9


def plain_bits_of(opened: Archive, index: int) -> bytes:
    """Take the codes of a lightmap out of an archive and write them as plain bits; it decodes to the same values.

    Args:
        opened: The archive, family daybasis.
        index: Of the lightmap.

    Raises:
        PackError: the family, the graph, the times or so large numbers cannot be written so; nothing is given that does
            not read back.
        ArchiveError: the archive is damaged.
    """
    container = opened.container
    archive = read_archive_entry(container.metadata, container.path, container.version, container.limits)
    lightmap = archive.lightmaps[index]
    where = f"{container.path}: lightmap {lightmap.name}"
    if archive.model_type != "daybasis" or archive.transfer != "linear":
        raise PackError(
            f"{where}: expected linear radiance of the family daybasis, "
            f"found {archive.transfer} of {archive.model_type}"
        )
    decoder = standard_decoder(opened.lightmaps[index].decoder)
    if decoder is None or decoder.frame is None:
        raise PackError(f"{where}: expected the standard graph of the family, found another")
    if not decoder.has_exact_sums():
        raise PackError(f"{where}: expected numbers whose sums are exact in float32, found larger ones")
    keys = np.rint(archive.hours * HOUR_STEPS).astype(np.int64)
    are_hundredths = np.abs(keys / HOUR_STEPS - archive.hours).max() <= HOUR_ERROR and (np.diff(keys) > 0).all()
    if not are_hundredths or keys[-1] >= 24 * HOUR_STEPS or max(lightmap.height, lightmap.width) > 0xFFFF:
        raise PackError(f"{where}: expected times in hundredths of an hour and sides under 65536, found others")
    entry = read_entry(lightmap, len(archive.hours))
    sections = CountedSections(container, TimeAccount(container.counted_bytes, container.limits))
    valid = Mask(sections, lightmap, Turn()).valid
    writer = BitWriter()
    writer.integers(keys, HOUR_BITS)
    writer.integers(entry.exponents + EXPONENT_BIAS, EXPONENT_BITS)
    writer.flags(np.array([mode == CUBIC for mode in entry.gap_modes]))
    write_mask(writer, valid)
    basis = unzigzag(container.read_array(f"{lightmap.index}/basis").astype(np.int64))
    _write_rows(writer, basis.reshape(entry.n_components + 1, -1))
    if entry.n_classes > 1:
        _write_rows(writer, unzigzag(container.read_array(f"{lightmap.index}/turns").astype(np.int64)))
    _write_tiles(writer, container, lightmap.index, entry, valid)
    outliers = Outliers(sections, archive, lightmap, Turn()).read()
    if len(outliers):
        _write_outliers(writer, outliers)
    one, more = (round(CENTROID_SCALE * point) for point in entry.centroids)
    smoothing = entry.smoothing or Smoothing(0.0, (0.0, 0.0))
    along_x, along_y = (round(WEIGHT_SCALE * weight) for weight in smoothing.weights)
    header = Header(
        MAGIC_WITH_OUTLIERS if len(outliers) else MAGIC,
        lightmap.height,
        lightmap.width,
        n_hours=len(keys),
        n_maps=entry.n_components,
        last_region=entry.n_classes - 1,
        n_levels=entry.n_levels,
        tile=entry.tile,
        precision=entry.precision,
        curve=CURVES.index(entry.curve),
        centroid_one=one,
        centroid_more=more,
        q_step=entry.q_step,
        knee=float(decoder.frame.knee),
        smoothing_bound=smoothing.bound,
        smoothing_x=along_x,
        smoothing_y=along_y,
    )
    data = with_checksum(header, _filled_up(writer.to_bytes(), header, valid))
    try:
        file = PlainFile(Path(lightmap.name), data=data)
        for _ in file.tiles():
            pass
        file.outliers()
    except ValueError as error:
        raise PackError(f"{where}: cannot be written as plain bits: {error}") from error
    return data


def _filled_up(content: bytes, header: Header, valid: np.ndarray) -> bytes:
    """Zero bytes behind what a flat lightmap takes, until its reader may use the memory that it needs."""
    tiles = [place.cut(valid) for place in TileGrid(header.height, header.width, header.tile)]
    n_texels = max(tiles[0].size, sum(tile.size for tile in tiles if tile.any()))
    return content.ljust(least_file_bytes(header.memory_bytes(n_texels)), b"\0")


def write_mask(writer: BitWriter, valid: np.ndarray) -> None:
    """Write (H, W) bool valid texels, as `read_mask` reads them."""
    edges = valid.copy()
    edges[1:] ^= valid[:-1]
    corners = edges.copy()
    corners[:, 1:] ^= edges[:, :-1]
    write_flags(writer, np.ones_like(corners[None]), corners[None], np.array([N_LEVELS - 1]))


def _write_outliers(writer: BitWriter, rows: np.ndarray) -> None:
    values = rows[:, 3:].view(np.uint32)
    words = np.stack([values >> WORD_BITS, values & ((1 << WORD_BITS) - 1)], axis=2).reshape(len(rows), -1)
    writer.integers(np.array([len(rows)]), WORD_BITS)
    writer.integers(np.concatenate([rows[:, :3], words], axis=1), WORD_BITS)


def _write_rows(writer: BitWriter, rows: np.ndarray) -> None:
    """Signed integers, each row of an order of its own."""
    orders = np.array([best_order(zigzag(row), MAX_ORDER) for row in rows], np.int64)
    writer.integers(orders, RICE_BITS)
    writer.golomb(zigzag(rows.ravel()), np.repeat(orders, rows.shape[1]))


def _write_tiles(writer: BitWriter, container: Container, index: int, entry: DayBasisEntry, valid: np.ndarray) -> None:
    height, width = valid.shape
    for place in TileGrid(height, width, entry.tile):
        inside = np.ascontiguousarray(place.cut(valid))
        if not inside.any():
            continue
        name = f"{index}/{place.number}"
        if entry.n_classes > 1:
            writer.integers(container.read_array(f"{name}/classes"), region_bits(entry.n_classes))
        sites = build_pyramid(inside, entry.n_levels).sites
        write_bands(
            writer, decode_bands(container.read_bytes(f"{name}/coefficients"), entry.n_components, sites), sites
        )
