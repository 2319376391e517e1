"""What is fuzzed: functions of bytes that return, or raise `DefectError` and whatever else should never come out.

A typed error is the right answer to hostile bytes and is swallowed here; everything else is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.differential import DIFFERENTIAL
from tests.fuzz.doors import DOORS
from tests.fuzz.scratch import DefectError, scratch
from todpack.decompressor import open_archive
from todpack.decompressor.adaptive_bits import AdaptiveDecoder
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis.entropy import header
from todpack.decompressor.daybasis.entropy.header import HEADER
from todpack.decompressor.daybasis.entropy.packed_model import unpack_model
from todpack.decompressor.daybasis.entropy.stream import decode_bands
from todpack.decompressor.daybasis.transform.charts import label_charts
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.errors import InvalidGraphError, TodpackError
from todpack.decompressor.families import read_entry
from todpack.decompressor.graphs.check import check_graph
from todpack.decompressor.graphs.dims import COLUMNS, ROWS
from todpack.decompressor.graphs.session import make_session, run_session
from todpack.decompressor.graphs.shapes import GraphInputs
from todpack.decompressor.integer_array import Planes, unpack_integers
from todpack.decompressor.json_fields import parse_json
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.mask import decode_mask, unpack_mask
from todpack.decompressor.memory import MemoryAccount
from todpack.decompressor.metadata import read_archive_entry
from todpack.decompressor.packed_metadata import unpack_metadata
from todpack.decompressor.reversible_wavelet import inverse_bands
from todpack.decompressor.sections import read_section_table
from todpack.decompressor.verify import verify_archive
from todpack.decompressor.zstd_frames import unzstd, unzstd_magicless
from todpack.packer.dataset.merge import merge_archives
from todpack.submission.plain_bits.lightmap import read_lightmap

Target = Callable[[bytes], None]
HERE = Path("fuzzed")
N_MAPS, SIDE, N_LEVELS = 3, 21, 3
MAX_FRAME_BYTES = 1 << 22


def container(data: bytes) -> None:
    """Header, metadata, table of sections, every section, digest; nothing is decoded."""
    path = scratch("fuzzed.tod")
    path.write_bytes(data)
    try:
        with open_archive(path, threads=1, provider="cpu") as archive:
            archive.container.verify()
            archive.container.digests()
    except TodpackError:
        return


def metadata(data: bytes) -> None:
    """metadata.json as it lies in an archive, all checks of its fields."""
    try:
        fields = parse_json(data, HERE)
        version = (1, 1) if fields.get("version") == "1.1" else (1, 0)
        sections = fields.get("sections")
        stored = [s.get("stored_bytes") for s in sections if isinstance(s, dict)] if isinstance(sections, list) else []
        file_bytes = sum(n for n in stored if type(n) is int)
        read_section_table(fields, HERE, 0, file_bytes, file_bytes, DEFAULT_LIMITS)
        archive = read_archive_entry(fields, HERE, version, DEFAULT_LIMITS)
        for lightmap in archive.lightmaps:
            read_entry(archive, lightmap)
    except TodpackError:
        return


def packed(data: bytes) -> None:
    """metadata.json in adaptive bits: what comes out is looked at as any other."""
    try:
        text = unpack_metadata(data)
    except EntropyError:
        return
    metadata(text)


@lru_cache(maxsize=1)
def stream_sites() -> Any:
    """Sites of a small tile with holes, the same every time."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return build_pyramid((rows * 3 + columns * 5) % 11 != 0, N_LEVELS).sites


def stream(data: bytes) -> None:
    """A coefficient stream as it is stored."""
    try:
        bands = decode_bands(data, N_MAPS, stream_sites())
    except EntropyError:
        return
    details = np.concatenate([np.abs(band.astype(np.int64)).ravel() for level in bands[1:] for band in level])
    if details.max(initial=0) >= 1 << 19:
        raise DefectError("a detail code of 2^19 or more")


def tables(data: bytes) -> None:
    """A coefficient stream whose model section is not compressed: kind, sizes of model and symbols (u2), the three."""
    if len(data) < 5:
        return
    import zstandard

    n_model, n_symbols = int.from_bytes(data[1:3], "little"), int.from_bytes(data[3:5], "little")
    model = zstandard.compress(data[5 : 5 + n_model], 1)
    symbols, raw = data[5 + n_model :][:n_symbols], data[5 + n_model :][n_symbols:]
    stream(HEADER.pack(data[0] & 3, len(model), len(symbols), len(raw)) + model + symbols + raw)


def zstd(data: bytes) -> None:
    """zstd frames, and pieces without magic number: a length (u2), then the frame."""
    for decode in (
        lambda: unzstd(data, 1 << 16),
        lambda: unzstd_magicless(data[2:], int.from_bytes(data[:2], "little")),
    ):
        try:
            decode()
        except EntropyError:
            continue


def mask(data: bytes) -> None:
    """A mask: rows, columns (u1 each, + 1), then the section; and the charts of what it gives."""
    if len(data) < 2:
        return
    try:
        valid = unpack_mask(decode_mask(data[2:], data[0] + 1, data[1] + 1), data[1] + 1)
    except ValueError:
        return
    labels = label_charts(valid)
    if valid.shape != (data[0] + 1, data[1] + 1) or not np.array_equal(labels > 0, valid):
        raise DefectError("a mask of another shape, or charts of other texels")


def planes(data: bytes) -> None:
    """Planes of the neural families: rows, columns (u1 each, modulo 40, + 1), then u2 values."""
    if len(data) < 2:
        return
    rows, columns = data[0] % 40 + 1, data[1] % 40 + 1
    values = np.frombuffer(data[2:].ljust(2 * rows * columns, b"\0")[: 2 * rows * columns], "<u2")
    if inverse_bands(values, rows, columns, 1).shape != (rows, columns, 1):
        raise DefectError("planes of another shape")


GRAPH_INPUTS = GraphInputs(
    {
        "z": (34, ROWS, COLUMNS), "time_h": (1,), "first": (1, 105), "steps": (72, 105), "grid": (105,),
    },
    6, 7,
)  # fmt: skip


def adaptive(data: bytes) -> None:
    """Planes, rows and columns (u1 each) of integers, or maps and bands (u1) of a packed model, in adaptive bits."""
    if len(data) < 3:
        return
    shape = tuple(1 + side % 8 for side in data[:3])
    coder, planes, values = AdaptiveDecoder(data[3:]), Planes(), np.zeros(shape, np.int64).tolist()
    for rows in values:
        planes.walk(coder, rows)
    if not np.array_equal(unpack_integers(data[3:], shape), np.array(values)):
        raise DefectError("integers differ")
    found = []
    for unpack in (unpack_model, header.unpack_model):
        try:
            found.append(unpack(data[2:], shape[0], shape[1]))
        except EntropyError:
            found.append(b"")
    if found[0] != found[1]:
        raise DefectError("models differ")


def graph(data: bytes) -> None:
    """The graph of a `daybasis` lightmap: what the check lets pass must load and run, or fail in one typed line."""
    try:
        n_bytes = check_graph(data, GRAPH_INPUTS, DEFAULT_LIMITS.graph_nodes).n_bytes
        if n_bytes > MAX_FRAME_BYTES:
            return
        memory = MemoryAccount(0, DEFAULT_LIMITS)
        session, _ = make_session(
            data, GRAPH_INPUTS, provider="cpu", max_nodes=DEFAULT_LIMITS.graph_nodes, memory=memory, where="fuzzed"
        )
        size = {ROWS: 6, COLUMNS: 7}
        largest = 4 * 72 * 105  # an input may be an output too
        feeds = {
            name: np.ones([size[d] if not isinstance(d, int) else d for d in shape], np.float32)
            for name, shape in GRAPH_INPUTS.shapes.items()
        }
        made = sum(run_session(session, output.name, feeds, "fuzzed").nbytes for output in session.get_outputs())
    except InvalidGraphError:
        return
    if made > n_bytes + len(session.get_outputs()) * largest:
        raise DefectError(f"the check says {n_bytes} bytes, the outputs have {made}")


def archive(data: bytes) -> None:
    """A whole archive: open it, decode a frame, a region and a texel of its lightmaps."""
    path = scratch("fuzzed.tod")
    path.write_bytes(data)
    try:
        with open_archive(path, threads=1, provider="cpu") as opened:
            for lightmap in opened.lightmaps[:2]:
                _ = lightmap.valid
                dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
                rows, columns = min(lightmap.height, 40), min(lightmap.width, 50)
                frame = lightmap.decode(float(lightmap.hours[-1]), (0, rows, 0, columns), dtype)
                if frame.shape != (rows, columns, 3):
                    raise DefectError(f"a frame of shape {frame.shape}")
                lightmap.texel(0, 0, 5.25, dtype)
    except TodpackError:
        return


def verify(data: bytes) -> None:
    """`todpack verify`: a verdict on anything."""
    path = scratch("fuzzed.tod")
    path.write_bytes(data)
    verdict = verify_archive(path, threads=1)
    if any("\n" in str(fault) for fault in verdict.faults):
        raise DefectError("a fault of two lines")


def level(data: bytes) -> None:
    """A finished job of a level, put together with another one."""
    path = scratch("fuzzed.tod")
    path.write_bytes(data)
    try:
        merge_archives([path, path]).to_bytes()
    except TodpackError:
        return


def raw(data: bytes) -> None:
    """A lightmap in plain bits."""
    path = scratch("fuzzed.tod")
    path.write_bytes(data)
    try:
        read_lightmap(path).times.affine(6.5)
    except ValueError:
        return


TARGETS: dict[str, Target] = {
    "container": container,
    "metadata": metadata,
    "packed": packed,
    "stream": stream,
    "tables": tables,
    "zstd": zstd,
    "mask": mask,
    "planes": planes,
    "adaptive": adaptive,
    "graph": graph,
    "archive": archive,
    "verify": verify,
    "level": level,
    "raw": raw,
    **DOORS,
    **DIFFERENTIAL,
}
PROMISED = ("container", "archive", "verify")
"""Targets that keep SECURITY.md's promise of what a file may cost: `execute` measures them."""
