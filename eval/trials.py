"""Trials: train, pack, score and time by the commands a user runs, each in processes and a folder of its own.

A folder holds `log.txt`, `run/`, `archive.tod` and `result.json`. A trial that is done there is not done again; one
that was interrupted goes on from its checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import queue
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.errors import require_packages
from todpack.decompressor.files import make_folder, write_json
from todpack.decompressor.json_fields import is_number, read_shallow
from todpack.decompressor.signatures import is_earlier_output
from todpack.frames import AS_FOUND, ReadOptions, read_day
from todpack.frames.digest import frames_digest
from todpack.frames.errors import DataError
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.run_folder import ARRAYS_NAME, BEST_NAME, CHECKPOINT_NAME, CONFIG_NAME, is_run

from .code_digest import MEASURES, SOURCES, code_digest
from .errors import EvalError
from .measures.latency import LatencySettings
from .measures.lpips_weights import LpipsWeights, find_weights
from .process import run_todpack, stopped_together
from .progress import Progress, silent
from .trial_result import RESULT, TIMES, Result, stored_result

Value = str | float | int | bool
Options = dict[str, Value]
SEEDED_FAMILIES = ("gridmlp", "siren")
"""Those whose trainings take a seed."""
ARCHIVE, RUN = "archive.tod", "run"
SHORT_TIMING = LatencySettings(opens=1, frames=12, texels=100)


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        family: Model family.
        train: Options of `todpack train`, without their dashes; True and False stand for `--NAME` and `--no-NAME`.
        pack: Options of `todpack pack`.
        run_of: Name of a trial whose run is packed, which was trained by `train` before; None trains one.
        label: Name of its folder; None: the family and a hash of the values.
        begun_by: Options of the training whose weights this one starts from, which make it another trial.
    """

    family: str
    train: Options = field(default_factory=dict)
    pack: Options = field(default_factory=dict)
    run_of: str | None = None
    label: str | None = None
    begun_by: Options | None = None

    @property
    def values(self) -> dict[str, Options]:
        """What is tried, for `result.json`."""
        family: Options = {"name": self.family} if self.run_of is None else {"name": self.family, "run_of": self.run_of}
        begun: dict[str, Options] = {} if self.begun_by is None else {"begun_by": self.begun_by}
        return {"family": family, "train": self.train, "pack": self.pack, **begun}

    @property
    def name(self) -> str:
        """Name of its folder."""
        text = json.dumps(self.values, sort_keys=True)
        return self.label or f"{self.family}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"

    def repeated(self, n: int) -> list[Trial]:
        """So many trainings, by seeds 0, 1, ...; of a family that has no seed the trial itself."""
        if self.family not in SEEDED_FAMILIES:
            return [self]
        return [replace(self, train={**self.train, "seed": seed}) for seed in range(n)]


@cache
def trial_code() -> tuple[str, str]:
    """Digests of the code that trains and packs any family, and of what measures it: `TrialSettings.code`."""
    return code_digest(SOURCES, ("torch", "numpy")), code_digest(MEASURES, ("numpy", "onnxruntime"))


@dataclass(frozen=True)
class TrialSettings:
    """What all trials share.

    Attributes:
        data: Folder of frames.
        reading: How they are read.
        lightmap: Which one of a level.
        threads: Threads of each trial.
        lpips: Whether LPIPS is measured (where its weights are found).
        lpips_weights: Weights that were named, or None.
        timeout_s: Wall time of one command, or None.
        frames: `frames_digest` of the day: trials of other frames are not taken up.
        code: Digests of the code that trains, and of the code that packs and measures; trials of other code are not
            taken up. Empty where that does not matter.
        timing: How archives are timed, but for the threads; None: not at all, no `frame_ms` and `open_ms`.
    """

    data: Path
    reading: ReadOptions = AS_FOUND
    lightmap: str | None = None
    threads: int = 1
    lpips: bool = True
    lpips_weights: Path | None = None
    timeout_s: float | None = None
    frames: str = ""
    code: tuple[str, str] = ("", "")
    timing: LatencySettings | None = SHORT_TIMING

    @property
    def weights_digest(self) -> str | None:
        """Of the weights by which LPIPS is measured; None where it is not.

        Raises:
            EvalError: they cannot be read.
        """
        weights = find_weights(self.lpips_weights) if self.lpips else None
        return weights.digest if isinstance(weights, LpipsWeights) else None


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


def option_words(options: Mapping[str, Value | Path | None]) -> list[str | Path]:
    """`{"q-step": 8, "rotate": False}` as words of a command line; None leaves an option out."""
    words: list[str | Path] = []
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            words += [
                f"--{name}",
                f"{value:.10g}" if isinstance(value, float) else value if isinstance(value, Path) else str(value),
            ]
    return words


def _start_digest(trial: Trial) -> str | None:
    """Of the weights that the training starts from; None where it starts from none, or they are no longer there."""
    start = trial.train.get("init-from")
    if start is None or trial.begun_by is not None:  # what began it is known by its options
        return None
    try:
        return hashlib.sha256((Path(str(start)) / ARRAYS_NAME).read_bytes()).hexdigest()
    except OSError:
        return None


def _run_is_its(stored: Result, trial: Trial, settings: TrialSettings) -> bool:
    """Whether the run in the folder, finished or not, is of the same training, its start, frames and code."""
    if _start_digest(trial) not in (None, stored.get("start")):
        return False
    values, code = stored.get("values"), stored.get("code", ["", ""])
    same_training = isinstance(values, dict) and all(
        values.get(name) == trial.values.get(name) for name in ("family", "train", "begun_by")
    )
    return same_training and stored.get("frames") == settings.frames and code[:1] == [settings.code[0]]


def finished_result(folder: Path, trial: Trial, settings: TrialSettings) -> Result | None:
    """The result of a trial that was done before, or None; one that failed or was interrupted is tried again.

    It counts if it has the same values, is of the same frames, code and weights to start from, and LPIPS was measured
    by the weights that are here, where it is wanted.
    """
    stored = stored_result(folder)
    same = stored.get("values") == trial.values and stored.get("code", ["", ""]) == list(settings.code)
    has_lpips = settings.weights_digest in (None, stored.get("lpips_weights"))
    measures = stored.get("measures")
    is_timed = settings.timing is None or (measures is not None and all(name in measures for name in TIMES))
    is_done = measures is not None and has_lpips and is_timed and _has_archive(folder, measures)
    return stored if same and is_done and _run_is_its(stored, trial, settings) else None


def _has_archive(folder: Path, measures: Mapping[str, Any]) -> bool:
    """Whether the archive is there that was measured, by its size."""
    try:
        return bool((folder / ARCHIVE).stat().st_size == measures["bytes"])
    except OSError:
        return False


def refuse_other_frames(out: Path, settings: TrialSettings) -> None:
    """Refuse a folder with finished trials of other frames, which trials of these would replace.

    Raises:
        EvalError: there is one.
    """
    for folder in sorted(out.iterdir()) if out.is_dir() else []:
        stored = stored_result(folder)
        if stored.get("measures") is not None and stored.get("frames") not in ("", settings.frames):
            raise EvalError(
                f"{folder}: expected trials of these frames, found a finished one of others; name another folder, or "
                "replace it by --overwrite"
            )


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
    goes_on = _run_is_its(stored_result(folder), trial, settings)
    if not goes_on and is_run(folder / RUN):  # it is not taken for the new one; what else is there stays
        for name in (CONFIG_NAME, CHECKPOINT_NAME):
            (folder / RUN / name).unlink(missing_ok=True)
        if is_earlier_output(folder / RUN / BEST_NAME):
            (folder / RUN / BEST_NAME).unlink(missing_ok=True)
    result: Result = {"name": folder.name, "values": trial.values, "frames": settings.frames}
    result |= {"code": list(settings.code)} if any(settings.code) else {}
    start = _start_digest(trial)
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


def are_frames_of(settings: TrialSettings) -> bool:
    """Whether the frames are still those that the trials are of."""
    if not settings.frames:
        return True
    try:
        day = read_day(settings.data, lightmap=settings.lightmap, **vars(settings.reading))
    except DataError:
        return False
    return frames_digest(day) == settings.frames


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


def mean_and_deviation(values: Sequence[float]) -> dict[str, float | None]:
    """`mean` and `deviation` of repeated trials: the sample standard deviation, which a single one does not have."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "deviation": deviation}


def with_deviation(values: Sequence[float], digits: int) -> str:
    """Repeated trials as text: "41.20 ± 0.03", or "41.20" of a single one."""
    both = mean_and_deviation(values)
    spread = "" if both["deviation"] is None else f" ± {both['deviation']:.{digits}f}"
    return f"{both['mean']:.{digits}f}{spread}"
