"""How long an archive takes: cold open, first frame, steady frames, random texels.

Cold means a fresh Python process each time, its imports done and not counted; the file itself is in the operating
system's cache after the first run. The report names threads, provider and processor beside the figures.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EvalError
from ..machine import cpu_name
from ..process import run_module

DEFAULT_THREADS = 2
DEFAULT_OPENS = 5
DEFAULT_FRAMES = 48
DEFAULT_TEXELS = 500


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


def _run_probe(archive: Path, threads: int, provider: str, n_frames: int, n_texels: int) -> dict[str, Any]:
    """Run `eval.latency_probe` in a fresh process."""
    words = [str(archive), str(threads), provider, str(n_frames), str(n_texels)]
    result: dict[str, Any] = json.loads(run_module("todpack.eval.measures.probe", words).stdout.splitlines()[-1])
    return result


def measure_latency(
    archive: str | Path,
    *,
    threads: int = DEFAULT_THREADS,
    provider: str = "auto",
    n_opens: int = DEFAULT_OPENS,
    n_frames: int = DEFAULT_FRAMES,
    n_texels: int = DEFAULT_TEXELS,
    on_run: Callable[[int, int], None] | None = None,
) -> LatencyReport:
    """Time an archive in fresh processes; of several lightmaps, the first.

    Args:
        archive: Archive file.
        threads: Decoder threads.
        provider: `"auto"`, `"cpu"` or `"cuda"`.
        n_opens: Fresh processes for open and first frame; the last of them also gives the rest. At least 1.
        n_frames: Frames of the steady state, at least 1; fewer are timed if they take over 20 s.
        n_texels: Random texels, at least 1.
        on_run: Called with (processes done, processes in all).

    Returns:
        The figures with their conditions.

    Raises:
        EvalError: The archive cannot be decoded (the decoder's own message), or a count is below 1.
    """
    if min(threads, n_opens, n_frames, n_texels) < 1:
        raise EvalError("latency takes at least 1 thread, 1 open, 1 frame and 1 texel")
    runs: list[dict[str, Any]] = []
    for i in range(n_opens):
        last = i == n_opens - 1
        runs.append(_run_probe(Path(archive).absolute(), threads, provider, *(n_frames, n_texels) if last else (0, 0)))
        if on_run is not None:
            on_run(i + 1, n_opens)
    frames_ms, texels_us = runs[-1]["frame_ms"], runs[-1]["texel_us"]
    return LatencyReport(
        open_ms=statistics.median(run["open_ms"] for run in runs),
        first_frame_ms=statistics.median(run["first_frame_ms"] for run in runs),
        frame_ms_median=statistics.median(frames_ms),
        frame_ms_p95=float(np.percentile(frames_ms, 95)),
        texel_us_median=statistics.median(texels_us),
        threads=threads,
        n_opens=n_opens,
        n_frames=len(frames_ms),
        n_texels=len(texels_us),
        height=runs[-1]["height"],
        width=runs[-1]["width"],
        provider=runs[-1]["provider"],
        cpu=cpu_name(),
    )
