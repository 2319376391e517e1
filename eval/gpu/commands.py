"""What the commands do with a device: neural training, onnxruntime's provider; and what stays on the CPU."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor import open_archive

from ..process import run_todpack


@dataclass(frozen=True)
class Decoding:
    """An archive's graphs on a provider, against the CPU's.

    Attributes:
        largest: Difference of 8-bit codes over the stored hours.
        frame_ms: Median of whole frames.
        cpu_ms: The same on the CPU.
    """

    largest: int
    frame_ms: float
    cpu_ms: float


def train_s(data: Path, run: Path, device: str, options: tuple[str, ...]) -> float:
    """Seconds of training gridmlp, without starting Python."""
    how = ["--family", "gridmlp", "--device", device, "--overwrite", "--quiet", *options]
    run_todpack(["train", data, "-o", run, *how])
    record = json.loads((run / "config.json").read_text(encoding="utf-8"))
    return float(record["figures"]["train_seconds"])


def compress_s(data: Path, out: Path, refine: str) -> float:
    """Seconds of `todpack compress`, Python's start included."""
    return run_todpack(["compress", data, "-o", out, "--refine", refine]).wall_s


def decoding(archive: Path, provider: str) -> Decoding:
    """Decode all stored hours by onnxruntime's provider and by its CPU provider.

    Raises:
        RequestError: the provider is not there.
    """
    frames, times_ms = [], []
    for name in (provider, "cpu"):
        with open_archive(archive, provider=name, decoder="onnx") as opened:
            opened.decode(opened.hours[0])
            found, taken = [], []
            for hour in opened.hours:
                start = time.perf_counter()
                found.append(opened.decode(hour))
                taken.append(time.perf_counter() - start)
        frames.append(np.stack(found).astype(np.int16))
        times_ms.append(1e3 * float(np.median(taken)))
    return Decoding(int(np.abs(frames[0] - frames[1]).max()), *times_ms)
