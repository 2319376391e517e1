"""Micro datasets in the contest's layout, written by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from todpack.frames import Day, open_dataset
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions

LEVEL_CONFIG = DayBasisConfig(q_step=6.0, tile=32, n_levels=3, max_classes=1, reweight=0)
KEYS = tuple(str(key) for key in sorted([*range(0, 2400, 100), 590, 1810]))
LAMPS_ON = 1.5


def make_radiance(height: int, width: int, keys: Sequence[str] = KEYS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A day of linear radiance (T, H, W, 3) with a moving shadow and lamps that jump, and its (H, W) valid texels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    albedo = 0.5 + 0.4 * np.sin(rows[..., None] / 7.0 + rng.uniform(0, 6, 3)) * np.cos(columns[..., None] / 9.0)
    lamp = LAMPS_ON / (1.0 + ((rows - height / 2) ** 2 + (columns - width / 2) ** 2) / 20.0)
    frames = []
    for key in keys:
        hour = int(key) / 100
        sun = max(0.0, float(np.cos((hour - 12.0) * np.pi / 13.0)))
        lit = columns > width * hour / 24.0
        light = 0.02 + 2.0 * sun * lit + 0.2 * sun + (0.0 if 6.0 <= hour <= 18.0 else lamp)
        frames.append(albedo * light[..., None])
    valid = ((rows // 6 + columns // 6) % 4 != 0) | (rows < 3)
    return np.stack(frames).astype(np.float32), valid


def radiance_day(height: int, width: int) -> Day:
    """`make_radiance` at the usual times."""
    radiance, valid = make_radiance(height, width)
    return Day(radiance, valid, np.array([int(key) / 100 for key in KEYS]), "linear", "day")


def write_dataset(
    folder: Path,
    lightmaps: Mapping[tuple[str, int], tuple[np.ndarray, np.ndarray]],
    keys: Sequence[str] = KEYS,
    data: str = "Data",
) -> dict[str, Any]:
    """Write lightmaps, by (level, id), as a dataset; returns the content of config.json."""
    (folder / data).mkdir(parents=True)
    items = []
    for (level, number), (radiance, valid) in lightmaps.items():
        height, width = valid.shape
        item: dict[str, Any] = {
            "id": number, "level": level, "resolution": {"width": width, "height": height},
            "lightmaps": {}, "masks": {},
        }  # fmt: skip
        for n, (key, frame) in enumerate(zip(keys, radiance, strict=True)):
            end = f"Dilate_HQ_Lightmap_{number}_{n}_{key}_0_{level}_TOD_{key}_{width}_{height}.bin_0"
            item["lightmaps"][key], item["masks"][key] = f"lightmapRawData_{end}", f"lightmapCoverage_{end}"
            (folder / data / item["lightmaps"][key]).write_bytes(frame.astype("<f4").tobytes())
            (folder / data / item["masks"][key]).write_bytes(np.where(valid, 127, -1).astype(np.int8).tobytes())
        items.append(item)
    config = {"lightmap_count": len(items), "lightmap_list": items}
    write_config(folder, config)
    return config


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write config.json."""
    (folder / "config.json").write_text(json.dumps(config))


def micro_dataset(folder: Path) -> dict[str, Any]:
    """Two levels, three lightmaps of odd sizes."""
    return write_dataset(
        folder,
        {
            ("L_A", 0): make_radiance(24, 33, seed=1),
            ("L_A", 1): make_radiance(17, 40, seed=2),
            ("L_B", 0): make_radiance(32, 32, seed=3),
        },
    )


def level_jobs(folder: Path) -> list[LightmapJob]:
    """A job for each lightmap of a dataset that takes a moment."""
    options = DayBasisPackOptions(entropy="zstd")
    return [LightmapJob(folder, entry, LEVEL_CONFIG, options) for entry in open_dataset(folder).entries]
