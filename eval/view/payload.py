"""Latent maps, mask and tables as the bytes that the page carries."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from todpack.decompressor.archive import Archive
from todpack.decompressor.counted_sections import CountedSections
from todpack.decompressor.graphs.dims import COLUMNS, ROWS
from todpack.decompressor.graphs.runtime import Graph, Runtime
from todpack.decompressor.graphs.shapes import GraphInputs
from todpack.decompressor.lightmap import Lightmap
from todpack.decompressor.memory import MemoryAccount
from todpack.decompressor.pool import ALONE
from todpack.decompressor.time_account import TimeAccount

MAX_ERROR_CODES = 0.35  # that rounding of the maps may cost; with the decoder's own rounding within 1 code
PACKED_BITS = (10, 11, 12, 13, 14, 15, 16)
_GZIP_LEVEL = 9
_CHECKED_TEXELS = 1 << 14  # at a time


@dataclass(frozen=True)
class PackedMaps:
    """Latent maps as the shader reads them.

    Attributes:
        kind: "uint16": code * scale + offset per channel; "float32": as they are.
        values: (C, H, W) uint16 codes or float32.
        scale: (C,) float32.
        offset: (C,) float32.
        error_codes: Largest change of a decoded value, in codes, at any texel and stored hour; 0 for float32.
    """

    kind: str
    values: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    error_codes: float


def graph_section(archive: Archive, index: int) -> str:
    """Name of the section that holds the graph `frame` of a lightmap; every family has it in the same place."""
    name: str = archive.metadata["lightmaps"][index]["model"]["graphs"]["frame"]
    return name


def _quantize(maps: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = maps.min(axis=(1, 2)), maps.max(axis=(1, 2))
    scale = ((high.astype(np.float64) - low) / ((1 << bits) - 1)).astype(np.float32)
    scale[scale == 0] = 1  # of a flat map, or one whose range is less than a float's least step
    codes = np.rint((maps - low[:, None, None]) / scale[:, None, None]).astype(np.uint16)
    return codes, scale, low.astype(np.float32)


def _largest_change(
    graph: Graph,
    before: np.ndarray,
    after: np.ndarray,
    hours: np.ndarray,
    inputs: Mapping[str, np.ndarray],
) -> float:
    """Largest change of any decoded value within the range of codes; (C, N) maps."""
    worst = 0.0
    for start in range(0, before.shape[1], _CHECKED_TEXELS):
        parts = [maps[:, None, start : start + _CHECKED_TEXELS] for maps in (before, after)]
        for time_h in hours:
            time = np.array([time_h], np.float32)
            was, now = (
                np.clip(graph.run("rgb", {"z": part, "time_h": time, **inputs}, (3, 1, part.shape[2])), 0, 255)
                for part in parts
            )
            worst = max(worst, float(np.abs(was - now).max()))
    return worst


def pack_maps(archive: Archive, index: int) -> PackedMaps:
    """The latent maps of one lightmap in as few bits as keep every decoded value within `MAX_ERROR_CODES`.

    Linear radiance has no fixed peak, so its maps stay float32.
    """
    lightmap, maps = archive.lightmaps[index], archive.lightmaps[index].latents()
    ones = np.ones(len(maps), np.float32)
    spread = float(maps.max()) - float(maps.min())  # of an absurd file one that float32 lacks, or NaN
    if lightmap.transfer == "srgb8" and spread <= float(np.finfo(np.float32).max):
        container, inputs, valid = archive.container, lightmap.frame_inputs(), lightmap.valid
        shapes = {name: table.shape for name, table in inputs.items()}
        runtime = Runtime("cpu", MemoryAccount(archive.file_bytes, container.limits), ALONE)
        fed = GraphInputs({**shapes, "z": (len(maps), ROWS, COLUMNS), "time_h": (1,)}, 1, _CHECKED_TEXELS)
        sections = CountedSections(container, TimeAccount(archive.file_bytes, container.limits))
        graph = runtime.load(sections, graph_section(archive, index), fed)
        before = np.ascontiguousarray(maps[:, valid])
        cleaned = np.where(valid, maps, 0.0)
        for bits in PACKED_BITS:
            codes, scale, offset = _quantize(cleaned, bits)
            after = codes[:, valid] * scale[:, None] + offset[:, None]
            error = _largest_change(graph, before, after, lightmap.hours, inputs)
            if error <= MAX_ERROR_CODES:
                return PackedMaps("uint16", codes, scale, offset, error)
    return PackedMaps("float32", maps, ones, 0.0 * ones, 0.0)


def encode_maps(packed: PackedMaps) -> bytes:
    """Byte planes of every channel; codes as differences to the texel on the left, which compress better."""
    values = packed.values
    if packed.kind == "uint16":
        values = np.diff(values, axis=2, prepend=np.uint16(0))  # modulo 2^16
    width = values.dtype.itemsize
    rows = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).view(np.uint8)
    planes = rows.reshape(len(values), -1, width).transpose(0, 2, 1)
    return planes.tobytes()


def encode_blob(lightmap: Lightmap, packed: PackedMaps, constants: Mapping[str, np.ndarray]) -> str:
    """Base64 of gzip of: constants (float32, little-endian), mask (a byte per texel), maps."""
    parts = [np.ascontiguousarray(values, "<f4").tobytes() for values in constants.values()]
    parts += [lightmap.valid.astype(np.uint8).tobytes(), encode_maps(packed)]
    return base64.b64encode(gzip.compress(b"".join(parts), _GZIP_LEVEL, mtime=0)).decode("ascii")
