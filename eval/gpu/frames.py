"""Frames of the contest's Interface on a device: equal to those of the CPU, and how long large ones take."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..machine import cpu_name

TOLERANCE = 1e-2
"""Of the contest's own comparison of frames and texels."""
CALLS, WARM = 40, 5


@dataclass(frozen=True)
class FrameTime:
    """One size.

    Attributes:
        width: W.
        height: H.
        n_maps: K.
        median_ms: Of reconstruct and get_result together.
        least_ms: The least disturbed call.
        gb_per_s: Bytes that a frame reads and writes at least, by the median.
    """

    width: int
    height: int
    n_maps: int
    median_ms: float
    least_ms: float
    gb_per_s: float


def device_name(device: str) -> str:
    """As people know it."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else cpu_name()


def synchronize(device: str) -> None:
    """Wait for the device, so that a clock counts its work."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def call_times_s(call: Callable[[], object], device: str, calls: int = CALLS) -> list[float]:
    """Seconds of each call, after some that warm up."""
    taken = []
    for number in range(WARM + calls):
        synchronize(device)
        start = time.perf_counter()
        call()
        synchronize(device)
        if number >= WARM:
            taken.append(time.perf_counter() - start)
    return taken


def bandwidth_gb_per_s(device: str, n_bytes: int) -> float:
    """Of a copy inside of the device's memory, bytes read and written."""
    source = torch.ones(n_bytes // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    return 2 * n_bytes / float(np.median(call_times_s(lambda: target.copy_(source), device))) / 1e9


def read_interface(submission: Path) -> Any:
    """The module Interface.py of a submission."""
    sys.path.insert(0, str(submission))
    sys.modules.pop("Interface", None)  # of another submission
    try:
        return importlib.import_module("Interface")
    finally:
        sys.path.remove(str(submission))


def largest_difference(submission: Path, data: Path, device: str) -> float:
    """Between frames on the device and on the CPU, over all lightmaps, their stored times and some between."""
    get, largest = read_interface(submission).get, 0.0
    for config in json.loads((data / "config.json").read_bytes())["lightmap_list"]:
        one, other = get(config, device), get(config, "cpu")
        for hour in (0.0, 5.9, 5.95, 6.0, 9.25, 12.0, 18.1, 21.5):
            frames = []
            for lightmap in (one, other):
                lightmap.reconstruct(hour)
                frames.append(lightmap.get_result().cpu())
            largest = max(largest, float((frames[0] - frames[1]).abs().max()))
    return largest


def enlarged(lightmap: Any, height: int, width: int) -> Any:
    """A lightmap whose maps are repeated until they fill a size: the shipped code, at any size, without coding it."""
    n_blocks = -(-height * width // lightmap._maps.shape[2])
    repeats = -(-n_blocks // lightmap._maps.shape[0])
    lightmap._maps = lightmap._maps.repeat(repeats, 1, 1)[:n_blocks].contiguous()
    lightmap._height, lightmap._width = height, width
    return lightmap


def frame_time(submission: Path, data: Path, device: str, height: int, width: int, calls: int = CALLS) -> FrameTime:
    """Time whole frames of the dataset's first lightmap, enlarged.

    A frame reads K float32 maps and writes 3 planes; the product's planes are written and read once more by the curve.
    """
    config = json.loads((data / "config.json").read_bytes())["lightmap_list"][0]
    lightmap = enlarged(read_interface(submission).get(config, device), height, width)

    def frame() -> None:
        lightmap.reconstruct(12.0)
        result = lightmap.get_result()
        assert tuple(result.shape) == (1, 3, height, width)

    taken, n_maps = call_times_s(frame, device, calls), int(lightmap._maps.shape[1])
    n_bytes = height * width * 4 * (n_maps + 3 * 3)
    median_s = float(np.median(taken))
    return FrameTime(width, height, n_maps, 1e3 * median_s, 1e3 * min(taken), n_bytes / median_s / 1e9)
