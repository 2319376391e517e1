"""`todpack submit check`: rehearse the grading as a grader would do it.

The bundle is copied to a scratch folder and run there by `python decompress.py` in a new virtual environment that has
its requirements and nothing else; then its frames are compared with the archive's own decode and scored against the
originals.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor import Archive, open_archive
from todpack.decompressor.errors import ArchiveError, TodpackError
from todpack.decompressor.files import check_output, check_replaced, write_json
from todpack.decompressor.json_fields import is_number, read_shallow
from todpack.decompressor.lightmap import Lightmap
from todpack.decompressor.names import safe_names
from todpack.decompressor.staging import scratch_folder
from todpack.eval.archive import SAME_TIME_H, warn_of_texels
from todpack.eval.machine import cpu_name
from todpack.eval.measures.frames import day_frames
from todpack.eval.measures.perceptual import Lpips, LpipsAbsent
from todpack.eval.measures.score import ScoreReport, score_frames
from todpack.frames import AS_FOUND, Day, ReadOptions, read_day

from .decoded_frames import FORMATS, read_frames
from .environment import interpreter, make_environment, run_clean
from .errors import SubmissionError
from .folder import check_plain, named
from .manifest import MANIFEST_NAME, manifest_faults, read_manifest

FLAT_COLOR_FACTOR = 4.0
LEAST_WRONG_SHARE = 1e-3  # of the peak's square, 30 dB: a day of one color is no reason to fault a fair reconstruction
AGREEING_SHARE = 0.999  # of texels at most 1 code, or CLOSE_RADIANCE of the peak, from this library's own decode
CLOSE_RADIANCE = 1e-3
EXP_SHARE = 1e-6  # 4 units in the last place, as docs/reliability.md says of `--transfer log`, and a reserve

Say = Callable[[str], None]


@dataclass
class Rehearsal:
    """What the rehearsal found.

    Attributes:
        faults: What a grader would reject, one line each; empty is a pass.
        score: Quality and bytes; None where no frames could be scored.
        process_s: Seconds of the whole `python decompress.py` process, all hours.
        process_without_core_s: The same without the native core; None where the bundle has none for this platform.
        frame_ms_median: Median decode time of a frame in it, without writing the file.
        threads: Decoder threads it was run with.
        cpu: Processor.
        bundle_bytes: Size of all files of the bundle.
    """

    faults: list[str] = field(default_factory=list)
    score: ScoreReport | None = None
    process_s: float = 0.0
    process_without_core_s: float | None = None
    frame_ms_median: float = 0.0
    threads: int = 0
    cpu: str = ""
    bundle_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """As written to report.json."""
        return {
            "passed": not self.faults,
            "faults": self.faults,
            "process_s": self.process_s,
            "process_without_core_s": self.process_without_core_s,
            "frame_ms_median": self.frame_ms_median,
            "threads": self.threads,
            "cpu": self.cpu,
            "bundle_bytes": self.bundle_bytes,
            **(self.score.to_json() if self.score else {}),
        }


def _decompress(
    python: Path, bundle: Path, archive: str, out: Path, kind: str, threads: int
) -> tuple[float, list[float]]:
    """Run the bundle as a grader does; returns the process's seconds and the decode time of each frame in ms."""
    timings = out.parent / "timings.json"
    command = [str(python), "-I", "decompress.py", archive, "-o", str(out), "--timings", str(timings)]
    if kind != "png":
        command += ["--format", kind]
    started = time.perf_counter()
    run_clean([*command, "--threads", str(threads)], "decompress.py", bundle)
    seconds = time.perf_counter() - started
    try:
        frame_ms = [ms for times in read_shallow(timings)["frame_ms"].values() for ms in times]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SubmissionError(f"decompress.py: expected it to write its timings, found {error!r}") from error
    if not frame_ms or not all(map(is_number, frame_ms)):
        raise SubmissionError("decompress.py: expected it to write the times of its frames, found none or no numbers")
    return seconds, frame_ms


def _found(archive: Archive, lightmap: str | None) -> Lightmap:
    """The lightmap of a name; without one the only one."""
    return archive.find(0 if lightmap is None and len(archive.lightmaps) == 1 else lightmap or "")


def _place_of(archive: Path, lightmap: str | None) -> tuple[str, int, np.ndarray | None]:
    """Where the frames of a lightmap lie in the folder of frames, its bytes of the archive, and the stored times.

    Raises:
        RequestError: there is none of that name.
    """
    try:
        with open_archive(archive, provider="cpu") as opened:
            names = [one.name for one in opened.lightmaps]
            index = names.index(_found(opened, lightmap).name)
            place = "." if len(names) == 1 else safe_names(names)[index]
            return place, opened.lightmap_bytes(index), opened.hours
    except ArchiveError:  # decompress.py says so
        return ".", archive.stat().st_size if archive.is_file() else 0, None


def _check_times(found: np.ndarray | None, expected: np.ndarray) -> None:
    """Refuse to compare frames of one time with originals of another; as many as originals are expected later.

    Raises:
        SubmissionError: the stored times are others.
    """
    if found is None or len(found) != len(expected):
        return
    apart = np.flatnonzero(np.abs(found - expected) > SAME_TIME_H)
    if len(apart):
        raise SubmissionError(
            f"frames: expected the times of the originals, such as {expected[apart[0]]:g} h, found an archive of "
            f"{found[apart[0]]:g} h (--hours, --first-hour: those of the originals)"
        )


def _are_same(plain: np.ndarray, frames: np.ndarray) -> bool:
    """Whether frames are the same with the native core and without: of radiance, but for the last bits of an exp."""
    if plain.dtype == np.uint8:
        return np.array_equal(plain, frames)
    return np.allclose(plain, frames, rtol=EXP_SHARE, atol=EXP_SHARE * float(frames.max(initial=0.0)))


def _without_core(
    python: Path, bundle: Path, archive: str, place: str, day: Day, frames: np.ndarray, result: Rehearsal
) -> None:
    """Run the bundle again as where its native core cannot be loaded: the frames must be the same."""
    cores = sorted((bundle / "decompressor").glob("_native*"))
    if not cores:
        return
    for core in cores:
        core.unlink()
    out = bundle.parent / "frames-without-core"
    try:
        result.process_without_core_s, _ = _decompress(
            python, bundle, archive, out, FORMATS[day.transfer], result.threads
        )
        plain = read_frames(out / place, day)
    except SubmissionError as error:
        result.faults.append(f"without the native core: {error}")
        return
    if not _are_same(plain, frames):
        result.faults.append("frames: expected the same without the native core, found others")


def _compare_with_library(
    archive: Path, lightmap: str | None, day: Day, frames: np.ndarray, faults: list[str], say: Say
) -> None:
    within = 1.0 if day.transfer == "srgb8" else CLOSE_RADIANCE * float(day.radiance.max(initial=0.0))
    with open_archive(archive, provider="cpu") as opened:
        stored = _found(opened, lightmap)
        warn_of_texels(stored, day, say)
        for t, time_h in enumerate(day.hours):
            own = stored.decode(float(time_h), dtype=frames.dtype.name).astype(np.float32)
            share = float((np.abs(own - frames[t]).max(axis=2) <= within).mean())
            if share < AGREEING_SHARE:
                faults.append(
                    f"hour {time_h:g}: only {100 * share:.2f} % of texels agree with the archive's own decode"
                )


def _compare_with_flat_color(day: Day, frames: np.ndarray, faults: list[str]) -> None:
    """Frames of another day decode consistently, but they miss the originals by far more than one flat color does."""
    originals = day.radiance[:, day.valid]
    peak = 255.0 if day.transfer == "srgb8" else float(originals.max(initial=0.0))
    flat = float(np.square(originals - originals.mean(axis=(0, 1))).mean(dtype=np.float64))
    error = float(np.square(originals - frames[:, day.valid]).mean(dtype=np.float64))
    if error > max(FLAT_COLOR_FACTOR * flat, LEAST_WRONG_SHARE * peak**2):
        faults.append(
            f"frames: mean squared error {error:.4g} is far over the {flat:.4g} of one flat color; "
            "expected an archive of these originals"
        )


def check(
    folder: Path,
    data: Path,
    *,
    lpips: Lpips | LpipsAbsent,
    reading: ReadOptions = AS_FOUND,
    lightmap: str | None = None,
    python: Path | None = None,
    threads: int = 2,
    report_path: Path | None = None,
    say: Say = lambda _: None,
) -> Rehearsal:
    """Rehearse the grading of a bundle.

    Args:
        folder: The submission.
        data: The originals.
        lpips: The measure, or why it is absent.
        reading: How the originals are read.
        lightmap: Which one of a level is compared and scored; all are decoded.
        python: Interpreter to use instead of a new virtual environment.
        threads: Decoder threads.
        report_path: Where report.json goes; None is beside the folder.
        say: Called with a line before each step.

    Returns:
        The figures, and the faults a grader would reject; report.json holds the same.

    Raises:
        SubmissionError: the folder is no submission, or it cannot be run at all.
        DataError: the originals cannot be read.
    """
    folder, python = named(folder), None if python is None else interpreter(python)
    manifest = read_manifest(folder)
    check_plain(folder)
    if report_path is None:
        report_path = folder.parent / "report.json"
        check_replaced([report_path], overwrite=False, way="name another place by --report")
    check_output(report_path)
    archive: str = manifest["archive"]
    day = read_day(data, lightmap=lightmap, **vars(reading))
    for warning in day.warnings:
        say(warning)
    result = Rehearsal(faults=manifest_faults(folder, manifest), threads=threads, cpu=cpu_name())
    result.bundle_bytes = sum(f["bytes"] for f in manifest["files"].values()) + (folder / MANIFEST_NAME).stat().st_size
    with scratch_folder("todpack-check-") as scratch:
        bundle, out = scratch / "submission", scratch / "frames"
        shutil.copytree(folder, bundle)
        place, archive_bytes, hours = _place_of(bundle / archive, lightmap)
        if python is None:
            say("new virtual environment with only requirements.txt")
            python = make_environment(scratch / "venv", bundle / "requirements.txt")
        say("python decompress.py")
        try:
            result.process_s, frame_ms = _decompress(python, bundle, archive, out, FORMATS[day.transfer], threads)
            result.frame_ms_median = float(np.median(frame_ms))
            _check_times(hours, day.hours)
            frames = read_frames(out / place, day)
        except SubmissionError as error:
            result.faults.append(str(error))
        else:
            say("python decompress.py without the native core")
            _without_core(python, bundle, archive, place, day, frames, result)
            say("comparing and scoring the frames")
            try:
                _compare_with_library(bundle / archive, lightmap, day, frames, result.faults, say)
            except TodpackError as error:
                result.faults.append(f"{archive}: {error}")
            _compare_with_flat_color(day, frames, result.faults)
            result.score = score_frames(
                day_frames(day), frames, day.valid, day.hours,
                archive_bytes=archive_bytes, lpips=lpips, source_bytes=day.source_bytes,
            )  # fmt: skip
    write_json(report_path, result.to_json())
    return result
