"""`todpack compress DATASET`: every lightmap is a job, finished jobs stay on disk until the level is written."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from todpack.decompressor.container import Container
from todpack.decompressor.errors import ArchiveError
from todpack.decompressor.files import check_output, exclusive_folder
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.plain_text import plain_name
from todpack.decompressor.signatures import is_earlier_output
from todpack.decompressor.staging import remove_strays

from ..errors import PackError
from ..progress import ProgressLine
from .estimate import LevelClock, LevelPlan, plan_of
from .job import LightmapJob
from .merge import merge_archives
from .workers import Task, available_bytes, run_local

ENGINES = ("local", "ray")
_PART = re.compile(r"[0-9a-f]{64}\.tod")
"""Name of a job's archive: its `digest`."""


@dataclass(frozen=True)
class CodedLightmap:
    """One lightmap of the archive: its sections' bytes, and bits for each valid texel and time."""

    name: str
    width: int
    height: int
    size_bytes: int
    bits: float


@dataclass(frozen=True)
class LevelResult:
    """What was made.

    Attributes:
        size_bytes: Of the archive.
        n_lightmaps: In it.
        n_kept: Of these, how many an earlier run had finished.
        lightmaps: All of them, those with the most bits a texel first.
    """

    size_bytes: int
    n_lightmaps: int
    n_kept: int
    lightmaps: tuple[CodedLightmap, ...] = ()


def parts_folder(out: Path) -> Path:
    """Where finished jobs are kept until the archive is written."""
    return out.with_name(f"{out.name}.parts")


def compress_level(
    jobs: Sequence[LightmapJob],
    out: Path,
    *,
    n_jobs: int | None = None,
    engine: str = "local",
    on_warning: Callable[[str], object] | None = None,
    on_plan: Callable[[LevelPlan], object] = lambda _plan: None,
    dry_run: bool = False,
) -> LevelResult:
    """Code lightmaps in parallel and write one archive; its bytes depend on the jobs alone, not on how they are run.

    Args:
        jobs: One per lightmap.
        out: The archive.
        n_jobs: Jobs at once; None takes the number of cores.
        engine: "local" or "ray".
        on_warning: Told what is unusual about each lightmap that is coded.
        on_plan: Told what will be done.
        dry_run: End after the plan, with nothing made.

    Raises:
        PackError: a job failed; the others are finished, kept, and not done again by the next run.
        OutputError: the archive or its work folder cannot be written, or another process works there.
    """
    if n_jobs is not None and n_jobs < 1:
        raise PackError(f"--jobs: expected a number >= 1, found {n_jobs}")
    _check_alike(jobs)
    check_output(out)
    if engine == "local":
        _check_memory(jobs, available_bytes())
    folder = parts_folder(out)
    dated = [replace(job, content=job.digest()) for job in jobs]
    tasks = [Task(job, folder / f"{job.content}.tod") for job in dated]
    with contextlib.nullcontext() if dry_run else exclusive_folder(folder):
        todo = [task for task in tasks if not _is_finished(task.part)]
        n_kept, n_workers = len(tasks) - len(todo), n_jobs or os.cpu_count() or 1
        on_plan(plan_of([task.job for task in todo], out, n_workers, n_kept))
        if dry_run:
            return LevelResult(0, len(tasks), n_kept)
        clock = LevelClock(todo, n_workers)
        left_s = clock.left_s if engine == "local" else None
        with ProgressLine("compress", "lightmap", len(tasks), n_kept, left_s=left_s) as line:

            def on_done(task: Task) -> None:
                clock.finish(task)
                line.update(line.done + 1)

            tell = on_warning or (lambda _line: None)

            if engine == "ray" and todo:
                from .ray_engine import run_on_ray

                failures = run_on_ray(todo, n_jobs, on_done, on_warning=tell)
            else:
                failures = run_local(todo, n_workers, on_done, on_warning=tell, on_start=clock.start)
        if failures:
            kept = f", the others are kept in {folder}" if len(failures) < len(tasks) else ""
            raise PackError(f"{len(failures)} of {len(tasks)} lightmaps failed{kept}; {'; '.join(failures)}")
        size = merge_archives([task.part for task in tasks]).write(out)
        coded = sorted((_coded(task) for task in tasks), key=lambda one: -one.bits)
        _clear(folder, tasks)
        return LevelResult(size, len(tasks), n_kept, tuple(coded))


def _check_alike(jobs: Sequence[LightmapJob]) -> None:
    if len({job.entry.hours for job in jobs}) > 1:
        odd = next(job for job in jobs if job.entry.hours != jobs[0].entry.hours)
        raise PackError(
            f"{odd.dataset}: {odd.entry.name}: expected the {len(jobs[0].entry.hours)} times of "
            f"{jobs[0].entry.name}, found others; an archive holds lightmaps of the same times (use --lightmap)"
        )
    if len({job.entry.transfer for job in jobs}) > 1:
        odd = next(job for job in jobs if job.entry.transfer != jobs[0].entry.transfer)
        raise PackError(
            f"{odd.dataset}: {odd.entry.name}: expected {jobs[0].entry.transfer} values as in {jobs[0].entry.name}, "
            f"found {odd.entry.transfer}; an archive holds 8-bit or HDR lightmaps (use --lightmap)"
        )
    taken: dict[str, str] = {}
    for job in jobs:
        name = plain_name(job.entry.name)
        if name in taken:
            raise PackError(
                f"{job.dataset}: {job.entry.name!a}: expected another name than {taken[name]!a}; both are {name}"
            )
        taken[name] = job.entry.name


def _check_memory(jobs: Sequence[LightmapJob], free_bytes: int) -> None:
    for job in jobs:
        if job.values_bytes > free_bytes:
            entry = job.entry
            raise PackError(
                f"{job.dataset}: {entry.name}: expected values that fit into {free_bytes / 1e9:.1f} GB of free memory, "
                f"found {job.values_bytes / 1e9:.1f} GB: {entry.width} x {entry.height} at {len(entry.hours)} times; "
                "as a folder of .npy frames it is coded tile by tile (docs/frames.md)"
            )


def _coded(task: Task) -> CodedLightmap:
    with Container(task.part, DEFAULT_LIMITS) as container:
        n_bytes = sum(section.stored_bytes for section in container.sections.values())
        n_valid = int(container.metadata["lightmaps"][0]["valid_texels"])
    entry = task.job.entry
    bits = 8 * n_bytes / (n_valid * len(entry.hours))
    return CodedLightmap(entry.name, entry.width, entry.height, n_bytes, bits)


def _is_finished(part: Path) -> bool:
    """Whether an earlier run left a whole archive there."""
    if not part.is_file():
        return False
    try:
        with Container(part, DEFAULT_LIMITS) as container:
            container.verify()
    except ArchiveError:
        return False
    return True


def _clear(folder: Path, tasks: Sequence[Task]) -> None:
    """Remove the parts of this level, and those that runs with other options or frames have left."""
    left = {path for path in folder.iterdir() if _PART.fullmatch(path.name) and is_earlier_output(path)}
    for part in left.union(task.part for task in tasks):
        remove_strays(part)
        part.unlink(missing_ok=True)
