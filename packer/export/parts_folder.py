"""The files of profile parts, but for those that torch writes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from ..gridmlp.quantize import quantize_grid, shortest_floats
from .blocks import decode_blocks, encode_blocks
from .options import ExportOptions
from .parts import Parts
from .profiles import Exported
from .textures import BC7, Texture

F0 = "f0"
CHANNELS = 4
PEAK = 255.0


def write_parts(parts: Parts, options: ExportOptions, exported: Exported) -> None:
    """Write the files of one lightmap.

    Raises:
        OSError: a file cannot be written.
    """
    metadata = dict(parts.metadata)
    exported.add("mlp.npz", _npz(parts.mlp))
    for name, values in parts.tensors.items():
        exported.add(f"{name}.npy", _npy(values))
    exported.add("latent_map.npy", _npy(parts.latents))
    exported.add("valid.png", _png(np.where(parts.valid, np.uint8(255), np.uint8(0))))
    if parts.baseline is not None:
        exported.add("baseline.png", _png(parts.baseline))
    if F0 in parts.tensors:
        metadata["encoder"] = _add_f0(parts.tensors[F0], options, exported)
    metadata["files"] = sorted(exported.files)
    exported.add("metadata.json", (json.dumps(metadata, indent=1, allow_nan=False) + "\n").encode())


def _add_f0(f0: np.ndarray, options: ExportOptions, exported: Exported) -> dict[str, object]:
    """F0 (rows, columns, C0) as BC7, four channels in a layer; what metadata.json says of it."""
    grid = quantize_grid(f0)
    rows, columns, n_channels = f0.shape
    codes = np.zeros((rows + -rows % 4, columns + -columns % 4, n_channels + -n_channels % CHANNELS), np.uint8)
    margins = ((0, -rows % 4), (0, -columns % 4), (0, 0))
    codes[..., :n_channels] = np.pad(grid.codes.transpose(1, 2, 0), margins, mode="edge")
    layers = [np.ascontiguousarray(codes[..., c : c + CHANNELS]) for c in range(0, codes.shape[2], CHANNELS)]
    stored = [encode_blocks(layer, BC7) for layer in layers]
    back = np.concatenate([decode_blocks(blocks, BC7, *codes.shape[:2]) for blocks in stored], axis=2)
    error = back[:rows, :columns, :n_channels].astype(float) - codes[:rows, :columns, :n_channels]
    exported.add_texture(F0, Texture(BC7, codes.shape[1], codes.shape[0], [stored]), options)
    exported.n_layers = len(stored)
    return {
        "shape": [n_channels, rows, columns],
        "scales": shortest_floats(grid.scales),
        "zero_points": [int(zero) for zero in grid.zero_points],
        "texture": {
            "file": f"{F0}.{options.container}",
            "size": [codes.shape[0], codes.shape[1]],
            "psnr_db": round(float(10 * np.log10(PEAK**2 / max(float(np.square(error).mean()), 1e-10 * PEAK**2))), 2),
        },
    }


def _npy(values: np.ndarray) -> bytes:
    stored = io.BytesIO()
    np.save(stored, values, allow_pickle=False)
    return stored.getvalue()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    stored, named = io.BytesIO(), dict[str, Any](arrays)  # NumPy's stubs take names of arrays for options
    np.savez(stored, **named)
    return stored.getvalue()


def _png(image: np.ndarray) -> bytes:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "PNG")
    return stored.getvalue()
