"""How long an archive takes to decode, alone or beside others, and how much memory.

Cold means a fresh Python process each time, its imports done and not counted; the file itself is in the operating
system's cache after the first run. The report names threads, provider and processor beside the figures.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor import open_archive

from ..errors import EvalError
from ..machine import cpu_name
from ..process import run_module
from ..progress import Progress, silent

COMPARED_ROUNDS = 48


@dataclass(frozen=True)
class LatencySettings:
    """What is timed; every number is at least 1.

    Attributes:
        threads: Decoder threads.
        provider: What runs the graphs: `"auto"`, `"cpu"` or `"cuda"`.
        opens: Fresh processes for open and first frame; the last of them also gives the rest.
        frames: Frames of the steady state; fewer are timed if they take over 20 s.
        texels: Random texels.
        lightmap: Name or number; None is the first.
    """

    threads: int = 2
    provider: str = "auto"
    opens: int = 5
    frames: int = 48
    texels: int = 500
    lightmap: str | None = None


@dataclass(frozen=True)
class LatencyReport:
    """Decode times of one archive.

    Attributes:
        open_ms: Open, and all work before the first frame; median over `n_opens` fresh processes.
        first_frame_ms: The first whole frame after that, median over the same processes.
        frame_ms_median: Whole frames after the first, at the stored hours in turn.
        frame_ms_p95: 95th percentile of the same.
        texel_us_median: One random valid texel at a random stored hour.
        threads: Decoder threads.
        n_opens: Fresh processes.
        n_frames: Frames timed in the steady state.
        n_texels: Texels timed.
        height: H, rows.
        width: W, columns.
        provider: What ran the graphs.
        cpu: Name of the processor, and how many of its cores this process may use.
    """

    open_ms: float
    first_frame_ms: float
    frame_ms_median: float
    frame_ms_p95: float
    texel_us_median: float
    threads: int
    n_opens: int
    n_frames: int
    n_texels: int
    height: int
    width: int
    provider: str
    cpu: str

    def to_json(self) -> dict[str, object]:
        """The attributes by name."""
        return asdict(self)

    def table(self) -> str:
        """One figure per line, with its conditions below."""
        return "\n".join(
            [
                f"cold open        {self.open_ms:9.2f} ms   median of {self.n_opens} fresh processes",
                f"first frame      {self.first_frame_ms:9.2f} ms   median of the same",
                f"frame, median    {self.frame_ms_median:9.2f} ms   "
                f"{self.n_frames} frames of {self.width} x {self.height}",
                f"frame, p95       {self.frame_ms_p95:9.2f} ms",
                f"random texel     {self.texel_us_median:9.1f} us   median of {self.n_texels}",
                f"threads {self.threads}, provider {self.provider}, {self.cpu}",
            ]
        )


def _probe(what: str, archive: str | Path, *words: object) -> dict[str, Any]:
    """Run `eval.measures.probe` in a fresh process; an `EvalError` has the decoder's own message."""
    done = run_module("todpack.eval.measures.probe", [what, str(Path(archive).absolute()), *map(str, words)])
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_latency(
    archive: str | Path, settings: LatencySettings | None = None, progress: Progress = silent
) -> LatencyReport:
    """Time an archive in fresh processes.

    Args:
        archive: Archive file.
        settings: What is timed.

    Raises:
        EvalError: The archive cannot be decoded (the decoder's own message), or a count is below 1.
    """
    chosen = settings or LatencySettings()
    if min(chosen.threads, chosen.opens, chosen.frames, chosen.texels) < 1:
        raise EvalError("latency takes at least 1 thread, 1 open, 1 frame and 1 texel")
    runs: list[dict[str, Any]] = []
    name = [] if chosen.lightmap is None else [chosen.lightmap]
    for i in range(chosen.opens):
        counts = (chosen.frames, chosen.texels) if i == chosen.opens - 1 else (0, 0)
        runs.append(_probe("latency", archive, chosen.threads, chosen.provider, *counts, *name))
        progress(i + 1, chosen.opens, "open")
    last = runs[-1]
    return LatencyReport(
        open_ms=statistics.median(run["open_ms"] for run in runs),
        first_frame_ms=statistics.median(run["first_frame_ms"] for run in runs),
        frame_ms_median=statistics.median(last["frame_ms"]),
        frame_ms_p95=float(np.percentile(last["frame_ms"], 95)),
        texel_us_median=statistics.median(last["texel_us"]),
        threads=chosen.threads,
        n_opens=chosen.opens,
        n_frames=len(last["frame_ms"]),
        n_texels=len(last["texel_us"]),
        **{name: last[name] for name in ("height", "width", "provider")},
        cpu=cpu_name(),
    )


@dataclass(frozen=True)
class ComparedTimes:
    """Decode times of one archive beside others: medians in ms, and the frame's over the base's, round by round.

    Frames by processor time, of all threads, which other work on the machine does not stretch; opening by the clock.
    """

    frame_ms: float
    load_ms: float
    frame_ratio: float


def compare_times(
    archives: Mapping[str, Path], threads: int, base: str, n_rounds: int = COMPARED_ROUNDS
) -> dict[str, ComparedTimes]:
    """Time whole frames and opening, all archives in turn in every round, each first in some, so that all fare alike.

    Args:
        archives: By name, the base among them.
        threads: Decoder threads.
        base: Whose frame times the others' are divided by.
        n_rounds: Frames of each archive; opened a third as often.
    """
    frames: dict[str, list[float]] = {name: [] for name in archives}
    loads: dict[str, list[float]] = {name: [] for name in archives}
    for _ in range(max(1, n_rounds // 3)):
        for name, path in archives.items():
            start = time.perf_counter()
            with open_archive(path, threads=threads, provider="cpu") as archive:
                archive.prepare()
            loads[name].append(1e3 * (time.perf_counter() - start))
    with ExitStack() as stack:
        opened = {
            name: stack.enter_context(open_archive(path, threads=threads, provider="cpu"))
            for name, path in archives.items()
        }
        for archive in opened.values():
            archive.decode(0.0)
        names = list(opened)
        for turn in range(n_rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                archive = opened[name]
                time_h = float(archive.hours[turn % len(archive.hours)])
                start = time.process_time()
                archive.decode(time_h)
                frames[name].append(1e3 * (time.process_time() - start))
    ratios = {name: float(np.median(np.array(frames[name]) / np.array(frames[base]))) for name in archives}
    return {
        name: ComparedTimes(statistics.median(frames[name]), statistics.median(loads[name]), ratios[name])
        for name in archives
    }


@dataclass(frozen=True)
class MemoryReport:
    """Peaks of the resident memory, bytes: imports alone, and with the archive open and every hour decoded."""

    imports_bytes: int
    decode_bytes: int


def measure_memory(archive: Path, threads: int) -> MemoryReport:
    """Measure the peak memory of a fresh process that opens an archive and decodes every stored hour.

    Raises:
        EvalError: The archive cannot be decoded.
    """
    try:
        return MemoryReport(*(_probe("memory", archive, threads, what)["bytes"] for what in ("imports", "decode")))
    except EvalError as error:
        raise EvalError(f"{archive}: memory cannot be measured: {error}") from error
