"""What a level takes, told before it is begun, and how much of it is left: docs/contest.md "Compress a level"."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.files import place_of

from ..progress import duration_text, texels_text
from .job import LightmapJob
from .workers import MEMORY_SHARE, Task, available_bytes

VALUE_S, LIGHTMAP_S, PROCESS_S = 0.4e-6, 0.1, 1.0
"""Seconds of a core for each texel, time and channel (0.23 to 0.74e-6 measured), each lightmap, each process."""
TARGET_TIMES, REFINED_TIMES = 3.0, 1.7
"""So many times more where a PSNR is to be met (2.1 to 3 measured), and where codes are refined (1.4 to 1.9)."""
BITS = 0.7
"""Of the archive, for each texel and time, valid or not (0.27 to 1.4 measured at the default step)."""


def work_s(job: LightmapJob) -> float:
    """Seconds of a core that a job takes, a guess."""
    values = job.entry.width * job.entry.height * 3 * len(job.entry.hours)
    times = 1.0 if job.target_psnr_db is None else TARGET_TIMES
    return LIGHTMAP_S + VALUE_S * values * job.n_codings * (times if job.refine is None else times * REFINED_TIMES)


@dataclass(frozen=True)
class LevelPlan:
    """What will be done.

    Attributes:
        n_lightmaps: In all.
        n_kept: Of these, what an earlier run finished.
        n_texels: Of what is left to do.
        n_hours: Stored times.
        n_jobs: Processes at once.
        seconds: Until it is done, a guess by the work of each lightmap.
        memory_bytes: Most that the processes take together, an estimate.
        memory_limit_bytes: What they may take: fewer run at once where they would take more.
        disk_bytes: Of finished lightmaps and the archive, a guess.
        free_bytes: Of the disk.
    """

    n_lightmaps: int
    n_kept: int
    n_texels: int
    n_hours: int
    n_jobs: int
    seconds: float
    memory_bytes: int
    memory_limit_bytes: int
    disk_bytes: int
    free_bytes: int

    def line(self) -> str:
        """For people."""
        kept = f" ({self.n_kept} are finished)" if self.n_kept else ""
        lightmaps = f"{self.n_lightmaps} lightmap{'s' if self.n_lightmaps > 1 else ''}{kept}"
        processes = f"{self.n_jobs} process{'es' if self.n_jobs > 1 else ''}"
        return (
            f"{lightmaps}, {texels_text(self.n_texels)} at {self.n_hours} times: about "
            f"{duration_text(self.seconds)} with {processes}, up to {self.memory_bytes / 1e9:.1f} GB of memory, about "
            f"{_size(self.disk_bytes)} of disk ({_size(self.free_bytes)} free)"
        )


def plan_of(jobs: Sequence[LightmapJob], out: Path, n_jobs: int, n_kept: int = 0) -> LevelPlan:
    """The plan for jobs that are to be done.

    Args:
        jobs: Those that are not finished.
        out: The archive.
        n_jobs: Processes at once.
        n_kept: Lightmaps that are finished.
    """
    works = sorted((work_s(job) for job in jobs), reverse=True)
    texels = sum(job.entry.width * job.entry.height for job in jobs)
    n_hours = len(jobs[0].entry.hours) if jobs else 0
    limit = int(MEMORY_SHARE * available_bytes())
    memories = sorted((job.memory_bytes for job in jobs), reverse=True)
    together = max(memories[:1] + [min(sum(memories[:n_jobs]), limit)])
    where = next(folder for folder in place_of(out).parents if folder.is_dir())
    return LevelPlan(
        n_lightmaps=len(jobs) + n_kept,
        n_kept=n_kept,
        n_texels=texels,
        n_hours=n_hours,
        n_jobs=min(n_jobs, max(1, len(jobs))),
        seconds=PROCESS_S + max(works[:1] + [sum(works) / n_jobs]),
        memory_bytes=together,
        memory_limit_bytes=limit,
        disk_bytes=int(2 * BITS * texels * n_hours / 8),
        free_bytes=shutil.disk_usage(where).free,
    )


class LevelClock:
    """Time that is left, by the work of what is done and of what is being done."""

    def __init__(self, tasks: Sequence[Task], n_jobs: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = {task: work_s(task.job) for task in tasks}
        self._n_jobs, self._began = n_jobs, dict[Task, float]()
        self._done_work = self._done_s = 0.0

    def start(self, task: Task) -> None:
        """A process begins with a task."""
        self._began[task] = self._now()

    def finish(self, task: Task) -> None:
        """It is done."""
        self._done_work += self._left.pop(task)
        self._done_s += self._now() - self._began.pop(task, self._now())

    def left_s(self) -> float:
        """Seconds until all is done; the speed is that of what was done so far, less where jobs are overdue."""
        speed = self._done_work / self._done_s if self._done_s > 0.0 else 1.0
        now, began, left = self._now(), dict(self._began), dict(self._left)  # another thread may ask
        running_s = sum(now - at for at in began.values())
        if running_s > 0.0:
            running = sum(left[task] for task in began if task in left)
            speed = min(speed, (self._done_work + running) / (self._done_s + running_s))
        rest = {task: max(0.05 * work, work - speed * (now - began.get(task, now))) for task, work in left.items()}
        longest = max((rest[task] for task in began if task in rest), default=0.0)
        return max(sum(rest.values()) / self._n_jobs, longest) / speed


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"
