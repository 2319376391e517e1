"""What the bench measures, and what it found: plain records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..measures.latency import LatencyReport
from ..measures.rate_curve import RatePoint
from ..peers import PeerResults

TIMED_Q_STEP = 16.0  # the step at which compressing is timed and whose archive is opened
BRACKETED_DB = 43.0  # where JPEG XL is compared


@dataclass(frozen=True)
class BenchSettings:
    """What to measure.

    Attributes:
        crfs: Rate factors of x265, around the levels compared.
        distances: Distances of JPEG XL; more are added until 43 dB lie between two points.
        q_steps: Steps of ours; 16 is always among them.
        threads: Threads of compressing and decoding. The peers choose their own.
        compress_runs: Runs of `todpack compress` at step 16, of which the median counts.
        n_opens: Fresh processes of a latency.
    """

    crfs: tuple[float, ...] = (8.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0)
    distances: tuple[float, ...] = (0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.0)
    q_steps: tuple[float, ...] = (8.0, 11.0, 16.0, 22.0, 30.0)
    threads: int = 2
    compress_runs: int = 3
    n_opens: int = 5

    @property
    def refined_q_steps(self) -> list[float]:
        """Steps of the refinement."""
        return sorted({*self.q_steps, TIMED_Q_STEP})

    def n_measurements(self, n_archives: int = 0) -> int:
        """Measurements on one dataset, for a progress bar."""
        compressed = len({*self.q_steps, TIMED_Q_STEP}) + self.compress_runs - 1 + len(self.refined_q_steps)
        latencies = len({self.threads, 1}) + 1
        return compressed + latencies + n_archives + len(self.crfs) + len(self.distances)


QUICK = BenchSettings((10.0, 16.0, 22.0), (0.35, 1.0), (11.0, 16.0, 22.0), compress_runs=1, n_opens=2)


@dataclass(frozen=True)
class ArchiveBench:
    """A ready archive, measured beside the others: where it lies on the rate curve, and its latency."""

    point: RatePoint
    latency: LatencyReport


@dataclass(frozen=True)
class DatasetBench:
    """Everything measured on one dataset.

    Attributes:
        path: The folder as it was named.
        name: Short name for headings, e.g. `"courtyard 256 x 256"`.
        height: H, rows.
        width: W, columns.
        n_frames: T.
        n_valid: Valid texels.
        results: Points of ours and of the peers, and the absent peers.
        compress_s: Wall times of `todpack compress --q-step 16`, whole processes.
        latencies: Of the archive at step 16: with the threads of the settings, then with 1.
        refined_s: Wall time of `todpack compress --q-step 16 --refine fast`, NaN where torch is absent.
        refined_latency: Of that archive.
        refined_frame_ratio: Its frame time over that of the archive at step 16, both decoded in turn; NaN likewise.
        archives: Ready archives.
    """

    path: str
    name: str
    height: int
    width: int
    n_frames: int
    n_valid: int
    results: PeerResults
    compress_s: tuple[float, ...]
    latencies: tuple[LatencyReport, ...]
    refined_s: float = math.nan
    refined_latency: LatencyReport | None = None
    refined_frame_ratio: float = math.nan
    archives: tuple[ArchiveBench, ...] = ()
