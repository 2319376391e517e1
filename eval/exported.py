"""Read an export back, as an engine would: textures and the temporal buffer from their files, nothing else.

It shares no code with `packer.export`, so what it measures is in the files.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from todpack.decompressor.errors import needs

from .errors import EvalError

_BC4, _BC6H, _BC7, _BC7_SRGB = 139, 143, 145, 146
_RGBA8, _RGBA16_SINT, _RGBA16F, _RGB9E5 = 37, 96, 97, 123
_PLAIN = {_RGBA8: ("u1", 4), _RGBA16_SINT: ("<i2", 4), _RGBA16F: ("<f2", 4), _RGB9E5: ("<u4", 1)}
_IDENTIFIER = b"\xabKTX 20\xbb\r\n\x1a\n"
_ZSTD = 2


def read_ktx2(path: Path, level: int = 0) -> np.ndarray:
    """One level of a 2D texture or array: (layers, H, W, C) texels, as they are stored or as a GPU expands them.

    Raises:
        EvalError: it is no KTX2 file, or of a format that no export has.
    """
    data = path.read_bytes()
    if not data.startswith(_IDENTIFIER):
        raise EvalError(f"{path}: expected a KTX2 file, found another")
    vk, _, width, height, _, layers, _, n_levels, scheme = struct.unpack_from("<9I", data, 12)
    if not 0 <= level < n_levels:
        raise EvalError(f"{path}: expected a level in 0..{n_levels - 1}, found {level}")
    first, stored, _ = struct.unpack_from("<3Q", data, 80 + 24 * level)
    content = data[first : first + stored]
    if scheme == _ZSTD:
        content = zstandard.ZstdDecompressor().decompress(content)
    height, width, layers = max(1, height >> level), max(1, width >> level), max(1, layers)
    if vk in _PLAIN:
        dtype, channels = _PLAIN[vk]
        return np.frombuffer(content, dtype).reshape(layers, height, width, channels)
    size = len(content) // layers
    images = [content[layer * size : (layer + 1) * size] for layer in range(layers)]
    return np.stack([_blocks(image, vk, height, width, path) for image in images])


def _blocks(image: bytes, vk: int, height: int, width: int, path: Path) -> np.ndarray:
    with needs("export", "reading block compression"):
        import imagecodecs
    codecs: Any = imagecodecs
    kinds = codecs.BCN.FORMAT
    known = {_BC4: (kinds.BC4, ()), _BC6H: (kinds.BC6HU, (3,)), _BC7: (kinds.BC7, (4,)), _BC7_SRGB: (kinds.BC7, (4,))}
    if vk not in known:
        raise EvalError(f"{path}: expected a format of an export, found VkFormat {vk}")
    kind, channels = known[vk]
    texels = codecs.bcn_decode(image, kind, shape=(height + -height % 4, width + -width % 4, *channels))
    return np.asarray(texels[:height, :width].reshape(height, width, -1))


@dataclass(frozen=True)
class ExportedMaps:
    """Maps of a lightmap, of the profiles sample and load.

    Attributes:
        values: (H, W, K) float32, what a shader reads: 0..1, or integers of 16 bits.
        table: (T, 4, K + 1, 4) float32, see temporal.json.
        constants: temporal.json.
    """

    values: np.ndarray
    table: np.ndarray
    constants: dict[str, Any]

    def affine(self, time_h: float) -> np.ndarray:
        """(K + 1, 3) float64: the offset, then a column for each map."""
        starts, gaps = self.table[:, 0, 0, 3].astype(np.float64), self.table[:, 1, 0, 3].astype(np.float64)
        row = max((i for i, start in enumerate(starts) if start <= time_h), default=len(starts) - 1)
        u = (time_h - starts[row]) % 24.0 / gaps[row]
        counts = np.array([1.0, u, u * (1 - u) ** 2, u**2 * (1 - u)])
        return np.asarray(np.tensordot(counts, self.table[row, :, :, :3].astype(np.float64), 1))

    def decode(self, time_h: float) -> np.ndarray:
        """(H, W, 3) float32: codes 0..255, not rounded, or radiance."""
        affine = self.affine(time_h).astype(np.float32)
        v = self.values @ affine[1:] + affine[0]
        if self.constants["transfer"] == "srgb8":
            return np.asarray(255.0 * np.clip(v, 0.0, 1.0))
        if self.constants["curve"] == "square":
            v = np.square(np.maximum(v, 0.0))
        elif self.constants["curve"] == "exp":
            v = np.exp(v) - np.float32(self.constants["knee"])
        return np.asarray(np.maximum(v, 0.0))


def read_maps(folder: Path, level: int = 0) -> ExportedMaps:
    """The maps of one lightmap's folder, of KTX2.

    Raises:
        EvalError: the folder holds no such files.
    """
    try:
        constants = json.loads((folder / "temporal.json").read_text("utf-8"))
        table = np.frombuffer((folder / "temporal.bin").read_bytes(), "<f4")
        layers = read_ktx2(folder / "maps.ktx2", level)
    except (OSError, ValueError) as error:
        raise EvalError(f"{folder}: expected an export of profile sample or load: {error}") from error
    chosen = layers[..., : constants["n_channels"]]
    values = chosen.transpose(1, 2, 0, 3).reshape(*layers.shape[1:3], -1).astype(np.float32)
    if layers.dtype == np.uint8:
        values /= np.float32(255.0)
    shape = (len(constants["hours"]), 4, constants["n_maps"] + 1, 4)
    return ExportedMaps(values, table.reshape(shape), constants)
