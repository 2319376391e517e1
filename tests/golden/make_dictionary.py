"""How decompressor/dictionary.bin was made; its bytes belong to the format from version 1.2 on and never change.

python -m tests.golden.make_dictionary OUT
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from todpack.packer.daybasis.graph import frame_graph

KEYS = (0, 1, 2, 3, 4, 5, 5.9, *range(6, 19), 18.1, 19, 20, 21, 22, 23)
"""The contest's times."""


def section(name: str, codec: str, dtype: str, shape: list[int], offset: int) -> dict[str, Any]:
    fields = {"codec": codec, "crc32": 3926755253, "decoded_bytes": 3888, "dtype": dtype, "name": name}
    return {**fields, "offset": offset, "shape": shape, "stored_bytes": 1596}


def metadata(hours: list[float], transfer: str, **more: Any) -> bytes:
    model = {
        "centroids": [0.0, 0.0625],
        "entropy": "ans",
        "exponents": [-13, -12, *[-11] * 8, *[-10] * 4, -9, -9, -8, -8, -7, -7, *[-6] * 6, -5],
        "gap_modes": "CCCLLLLLLLLLLLLLLLLLLCCC",
        "graphs": {"frame": "0/frame.onnx"},
        "n_classes": 1,
        "n_components": 26,
        "n_levels": 5,
        "precision": 14,
        "q_step": 16.0,
        "smoothing": {"bound": 0.375, "weights": [0.203125, 0.203125]},
        "tile": 512,
        **more,
    }
    value = {
        "hours": hours,
        "lightmaps": [
            {"height": 256, "mask": "0/mask", "model": model, "name": "L", "valid_texels": 53942, "width": 256}
        ],
        "model_type": "daybasis",
        "requires": ["smoothing", *sorted(more), "dictionary"],
        "sections": [
            section("0/mask", "zstd", "u1", [1009], 0),
            section("0/basis", "zstd", "u2", [27, 3, 24], 722),
            section("0/turns", "zstd", "u2", [12, 325], 2318),
            section("0/frame.onnx", "zstd-1", "u1", [2323], 4474),
            section("0/1/coefficients", "raw", "u1", [0], 5531),
            section("0/0/coefficients", "raw", "u1", [95177], 5531),
            section("0/0/classes", "zstd", "u1", [16, 16], 100708),
        ],
        "sha256": "",
        "transfer": transfer,
        "version": "1.2",
    }
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def dictionary() -> bytes:
    """What is used most often stands last."""
    contest, day = np.array(KEYS, np.float64), np.arange(24.0)
    parts = [
        metadata([float(key) for key in KEYS], "linear", curve="square"),
        frame_graph(26, contest, "linear", "square"),
        frame_graph(26, day, "srgb8"),
        metadata([float(hour) for hour in day], "srgb8"),
    ]
    return b"".join(parts)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(dictionary())
