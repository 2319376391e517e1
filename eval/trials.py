"""Trials: train, pack, score and time by the commands a user runs, each in processes and a folder of its own.

A folder holds `log.txt`, `run/`, `archive.tod` and `result.json`. A trial that is done there is not done again; one
that was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from todpack.decompressor.errors import require_packages
from todpack.decompressor.files import make_folder, write_json
from todpack.decompressor.json_fields import is_number, read_shallow
from todpack.decompressor.signatures import is_earlier_output
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.run_folder import BEST_NAME, CHECKPOINT_NAME, CONFIG_NAME, is_run

from .earlier_trials import are_frames_of, finished_result, run_is_its, start_digest
from .errors import EvalError
from .process import run_todpack, stopped_together
from .progress import Progress, silent
from .trial import Trial, TrialSettings, Value, option_words
from .trial_result import ARCHIVE, RESULT, Result, stored_result

RUN = "run"


def require_families(families: Iterable[str], *, refined: bool) -> None:
    """Refuse families whose training or packing would find a package missing: one error, not one for each trial.

    Args:
        families: Of models.
        refined: Whether daybasis is refined, which takes the encoder's kernels.

    Raises:
        MissingPackageError: one is not installed.
    """
    for family in families:
        require_packages(family, "onnx", "threadpoolctl", *(() if family == "daybasis" else ("torch",)))
        if refined and family == "daybasis":
            refiner("fast", None)


def run_trial(trial: Trial, out: Path, settings: TrialSettings, gpu: str | None = None) -> Result:
    """Run a trial, or give its earlier result back.

    Args:
        trial: What is tried.
        out: Folder of all trials.
        settings: What they share.
        gpu: The one GPU that it sees, or None for the machine's own choice.

    Raises:
        EvalError: its folder is there, and is no trial's.
    """
    folder = out / trial.name
    earlier = finished_result(folder, trial, settings)
    if earlier is not None:
        return {**earlier, "resumed": True}
    if folder.is_dir() and not is_earlier_output(folder / RESULT) and any(folder.glob("[!.]*")):
        raise EvalError(
            f"{folder}: expected the folder of a trial, with a {RESULT} that todpack wrote, found something else"
        )
    make_folder(folder)
    goes_on = run_is_its(stored_result(folder), trial, settings)
    if not goes_on and is_run(folder / RUN):  # it is not taken for the new one; what else is there stays
        for name in (CONFIG_NAME, CHECKPOINT_NAME):
            (folder / RUN / name).unlink(missing_ok=True)
        if is_earlier_output(folder / RUN / BEST_NAME):
            (folder / RUN / BEST_NAME).unlink(missing_ok=True)
    result: Result = {"name": folder.name, "values": trial.values, "frames": settings.frames}
    result |= {"code": list(settings.code)} if any(settings.code) else {}
    start = start_digest(trial)
    result |= {} if start is None else {"start": start}
    result |= {"lpips_weights": settings.weights_digest, "measures": None, "error": "interrupted"}
    begin = time.perf_counter()

    def write() -> None:
        write_json(folder / RESULT, result)

    write()  # from now on its run, if there is one, is of these values and frames
    try:
        measures = _measures(trial, folder, settings, gpu, goes_on)
        if are_frames_of(settings):
            result |= {"measures": measures, "error": None}
        else:  # its run is not taken up either
            result |= {"frames": "", "error": f"{settings.data}: its frames changed while the trial was made"}
    except EvalError as error:
        result["error"] = str(error)
    result["spent_s"] = round(time.perf_counter() - begin, 1)
    write()
    return {**result, "resumed": False}


def _trained_s(run: Path) -> float:
    """Seconds that the training of a run took, by its own figures."""
    try:
        stored = read_shallow(run / CONFIG_NAME)
        seconds = stored["figures"]["train_seconds"]
    except (OSError, ValueError, LookupError, TypeError):
        return 0.0
    return float(seconds) if is_number(seconds) else 0.0


def _measures(trial: Trial, folder: Path, settings: TrialSettings, gpu: str | None, goes_on: bool) -> dict[str, Any]:
    log, archive = folder / "log.txt", folder / ARCHIVE
    log.unlink(missing_ok=True)

    def run(*words: str | Path, **options: Value | Path | None) -> tuple[str, float]:
        line = [*words, *option_words(options)]
        done = run_todpack(line, settings.threads, gpu=gpu, timeout_s=settings.timeout_s, log=log)
        return done.stdout, done.wall_s

    train_s = 0.0
    frames: list[str | Path] = [settings.data, *settings.reading.words]
    frames += option_words({"lightmap": settings.lightmap})
    is_trained = goes_on and (folder / RUN / CONFIG_NAME).is_file()
    if trial.run_of is None and not is_trained:
        train = ["train", *frames, "-o", folder / RUN, "--family", trial.family, "--quiet"]
        how = ["--resume"] if goes_on else []  # no --overwrite: files of others are refused
        _, train_s = run(*train, *how, *option_words(trial.train))
    if trial.run_of is None and goes_on:  # what an earlier run has done of it took its time too
        train_s = max(train_s, _trained_s(folder / RUN))
    packed = folder.with_name(trial.run_of or folder.name) / RUN
    _, pack_s = run("pack", packed, "-o", archive, *option_words(trial.pack))
    lpips = option_words({"lpips-weights": settings.lpips_weights} if settings.lpips else {"lpips": False})
    words = ["eval", "score", archive, "--data", *frames, "--json", *lpips]
    score = json.loads(run(*words, threads=settings.threads)[0])
    times: dict[str, Any] = {}
    if settings.timing is not None:
        timing = {name: getattr(settings.timing, name) for name in ("provider", "opens", "frames", "texels")}
        latency = json.loads(run("eval", "latency", archive, "--json", **timing, threads=settings.threads)[0])
        times = {"frame_ms": latency["frame_ms_median"], "open_ms": latency["open_ms"]}
    return {
        "psnr_db": score.get("psnr_srgb_db", score.get("psnr_linear_db")),
        "bytes": score["archive_bytes"],
        **times,
        "train_s": train_s,
        "made_s": train_s + pack_s,
        **{name: score[name] for name in ("ssim", "lpips", "temporal_l1", "temporal_lpips", "bpt", "per_hour")},
    }


def run_trials(
    trials: Sequence[Trial],
    out: Path,
    settings: TrialSettings,
    on_trial: Progress = silent,
    *,
    n_workers: int = 1,
    gpu_ids: Sequence[str] = (),
    check: Callable[[Result], object] | None = None,
) -> list[Result]:
    """Run trials; one that is asked for twice runs once.

    Args:
        trials: Of several workers, none may pack the run of another.
        out: Folder of all trials.
        settings: What they share.
        on_trial: Told of each trial that is done.
        n_workers: Trials at once. A worker only waits for the trial's processes, so it is a thread.
        gpu_ids: GPUs that the workers share out: worker i has GPU i modulo their number.
        check: Looks at each result; where it raises, no further trial is begun.

    Returns:
        Results in the order of the trials.
    """
    gpus: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for i in range(n_workers):
        gpus.put(gpu_ids[i % len(gpu_ids)] if gpu_ids else None)

    def work(trial: Trial) -> Result:
        gpu = gpus.get()
        try:
            return run_trial(trial, out, settings, gpu)
        finally:
            gpus.put(gpu)

    with ThreadPoolExecutor(n_workers) as pool, stopped_together():
        jobs = {name: pool.submit(work, trial) for name, trial in {trial.name: trial for trial in trials}.items()}
        try:
            for done, job in enumerate(as_completed(jobs.values()), 1):
                if check is not None:
                    check(job.result())
                on_trial(done, len(jobs), job.result()["name"])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [jobs[trial.name].result() for trial in trials]


def measures_of(result: Result) -> dict[str, Any]:
    """The measures of a trial that must have worked.

    Raises:
        EvalError: It failed.
    """
    if result["measures"] is None:
        raise EvalError(f"{result['name']}: {result['error']}")
    measures: dict[str, Any] = result["measures"]
    return measures
