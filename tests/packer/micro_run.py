"""Run folders written by hand with numpy: no torch, no training; and what their GridMLP must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import map_coordinates

from todpack.packer.run_folder import RunRecord, write_run

MICRO = {"height": 8, "width": 8, "levels": (2, 4), "channels": 1, "hidden": 4, "layers": 1, "harmonics": 1}


def micro_arrays(
    *,
    height: int,
    width: int,
    levels: tuple[int, ...],
    channels: int,
    hidden: int,
    layers: int,
    harmonics: int,
    residual: bool = True,
    masked: bool = True,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Arrays of a random GridMLP whose frames keep off 0 and 255 for the most part."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    longer = max(height, width)
    arrays = {
        f"grid_{i}": rng.normal(size=(max(1, round(n * height / longer)), max(1, round(n * width / longer)), channels))
        for i, n in enumerate(levels)
    }
    arrays = {name: grid.astype(np.float32) for name, grid in arrays.items()}
    arrays["mlp_input_features"] = draw(hidden, channels * len(levels))
    arrays["mlp_input_time"] = draw(hidden, 2 * harmonics)
    arrays["mlp_0_bias"] = draw(hidden)
    for layer in range(1, layers + 1):
        rows, scale = (3, np.float32(0.3)) if layer == layers else (hidden, np.float32(1.5))
        arrays[f"mlp_{layer}_weight"] = scale * draw(rows, hidden)
        arrays[f"mlp_{layer}_bias"] = draw(rows) * scale + np.float32(0.0 if residual or layer < layers else 0.5)
    arrays["valid"] = rng.random((height, width)) < 0.8 if masked else np.ones((height, width), bool)
    arrays["valid"].flat[0] = True
    if residual:
        ramp = np.linspace(60, 190, height * width).reshape(height, width, 1)
        arrays["baseline"] = np.rint(ramp + rng.normal(size=(height, width, 3)) * 9).clip(0, 255).astype(np.uint8)
    return arrays


def micro_config(options: dict[str, Any]) -> dict[str, Any]:
    """The family's configuration, as a run folder's config.json holds it."""
    return {
        "grid_levels": list(options["levels"]),
        "channels_per_level": options["channels"],
        "hidden": options["hidden"],
        "layers": options["layers"],
        "time_harmonics": options["harmonics"],
        "residual_mode": options.get("residual", True),
        "baseline_time": 12.0,
    }


def write_micro_run(
    folder: Path, arrays: dict[str, np.ndarray] | None = None, hours: tuple[float, ...] = (0.0, 12.0), **changed: Any
) -> Path:
    """Write a run folder of a micro GridMLP: `MICRO` and what is changed of it (see `micro_arrays`)."""
    options = {**MICRO, **changed}
    folder.mkdir(parents=True, exist_ok=True)
    record = RunRecord(
        family="gridmlp", config=micro_config(options), name="micro", height=options["height"],
        width=options["width"], hours=list(hours), transfer="srgb8",
    )  # fmt: skip
    write_run(folder, record, micro_arrays(**options) if arrays is None else arrays)
    return folder


def lookup(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """(rows, columns, C) -> (H, W, C) by scipy's linear interpolation, nodes at cell centers, clamped at the border."""
    rows, columns, channels = grid.shape
    y = (np.arange(height) + 0.5) * rows / height - 0.5
    x = (np.arange(width) + 0.5) * columns / width - 0.5
    at = np.meshgrid(y, x, indexing="ij")
    planes = [map_coordinates(grid[..., c].astype(np.float64), at, order=1, mode="nearest") for c in range(channels)]
    return np.stack(planes, axis=-1)


def expected_frame(arrays: dict[str, np.ndarray], layers: int, time_h: float, height: int, width: int) -> np.ndarray:
    """(H, W, 3) float64 codes of the GridMLP at one time, straight from the recipe's formulas."""
    levels = [arrays[f"grid_{i}"] for i in range(sum(name.startswith("grid_") for name in arrays))]
    features = np.concatenate([lookup(grid, height, width) for grid in levels], axis=-1)
    periods = np.arange(1, arrays["mlp_input_time"].shape[1] // 2 + 1)
    angle = 2.0 * np.pi * periods * time_h / 24.0
    time_features = np.concatenate([np.sin(angle), np.cos(angle)])
    x = features @ arrays["mlp_input_features"].T.astype(np.float64)
    x = x + arrays["mlp_input_time"].astype(np.float64) @ time_features + arrays["mlp_0_bias"]
    for layer in range(1, layers + 1):
        x = np.maximum(x, 0.0) @ arrays[f"mlp_{layer}_weight"].T.astype(np.float64) + arrays[f"mlp_{layer}_bias"]
    frame: np.ndarray = 255.0 * x + arrays.get("baseline", 0.0)
    return frame
