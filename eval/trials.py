"""One trial: train, pack, score and time by the commands a user runs, in processes and a folder of its own."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.files import make_folder, write_text
from todpack.frames import AS_FOUND, Day, ReadOptions

from .errors import EvalError
from .process import run_todpack
from .search.space import Value, Values

RESULT = "result.json"


@dataclass(frozen=True)
class TrialSettings:
    """What all trials share.

    Attributes:
        data: Folder of frames.
        reading: How they are read.
        threads: Threads of each trial.
        lpips: Whether LPIPS is measured (where its weights are found).
        timeout_s: Wall time of one command, or None.
        frames: `frames_digest` of the day: trials of other frames are not taken up.
    """

    data: Path
    reading: ReadOptions = AS_FOUND
    threads: int = 1
    lpips: bool = True
    timeout_s: float | None = None
    frames: str = ""


def frames_digest(day: Day) -> str:
    """SHA-256 of a day's frames, valid texels and hours, in hexadecimal."""
    digest = hashlib.sha256(f"{day.transfer} {day.radiance.shape}".encode())
    for array in (day.radiance, day.valid, day.hours):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def trial_name(values: Values) -> str:
    """Folder of a trial: its family and a hash of its values, so that a resumed search finds it."""
    text = json.dumps(values, sort_keys=True)
    return f"{values['family']['name']}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def option_words(options: dict[str, Value]) -> list[str]:
    """`{"q-step": 8, "rotate": False}` as command line words."""
    words: list[str] = []
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        else:
            words += [f"--{name}", f"{value:.10g}" if isinstance(value, float) else str(value)]
    return words


def finished_result(folder: Path, values: Values, settings: TrialSettings) -> dict[str, Any] | None:
    """The result of a trial that was done before, or None (failed ones are tried again).

    It counts if it has the same values, is of the same frames, and LPIPS was measured where it is wanted.
    """
    try:
        found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("values") != values or found.get("error") is not None:
        return None
    measured = found.get("frames") == settings.frames and (found.get("asked_lpips") is True or not settings.lpips)
    return found if measured else None


def _run(words: list[str], log: Path, settings: TrialSettings, gpu: str | None) -> str:
    environment = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
    done = run_todpack(words, settings.threads, environment=environment, timeout_s=settings.timeout_s, log=log)
    return done.stdout


def _measures(values: Values, folder: Path, settings: TrialSettings, gpu: str | None) -> dict[str, Any]:
    log, run, archive = folder / "log.txt", folder / "run", folder / "archive.tod"
    family = str(values["family"]["name"])
    reading = settings.reading.words
    train = ["train", str(settings.data), *reading, "-o", str(run), "--family", family, "--overwrite", "--quiet"]
    start = time.perf_counter()
    _run([*train, *option_words(values["train"])], log, settings, gpu)
    _run(["pack", str(run), "-o", str(archive), *option_words(values["pack"])], log, settings, gpu)
    made_s = time.perf_counter() - start
    threads = ["--threads", str(settings.threads), "--json"]
    lpips = [] if settings.lpips else ["--no-lpips"]
    score = json.loads(
        _run(
            ["eval", "score", str(archive), "--data", str(settings.data), *reading, *lpips, *threads],
            log,
            settings,
            gpu,
        )
    )
    timing = ["eval", "latency", str(archive), "--opens", "1", "--frames", "12", "--texels", "100", *threads]
    latency = json.loads(_run(timing, log, settings, gpu))
    psnr_db = score.get("psnr_srgb_db", score.get("psnr_linear_db"))
    return {
        "psnr_db": psnr_db,
        "ssim": score["ssim"],
        "lpips": score["lpips"],
        "bytes": score["archive_bytes"],
        "bpt": score["bpt"],
        "frame_ms": latency["frame_ms_median"],
        "open_ms": latency["open_ms"],
        "made_s": made_s,
        "per_hour": score["per_hour"],
    }


def run_trial(values: Values, out: Path, settings: TrialSettings, gpu: str | None = None) -> dict[str, Any]:
    """Run a trial, or give its earlier result back.

    Args:
        values: Family, options of `train`, options of `pack`.
        out: Folder of the search.
        settings: What all trials share.
        gpu: The one GPU that it sees, or None for the machine's own choice.

    Returns:
        `name`, `values`, `frames` and `asked_lpips` of the settings, `measures` (None where it failed), `error` (None
        where it did not), `resumed`.
    """
    name = trial_name(values)
    folder = out / name
    earlier = finished_result(folder, values, settings)
    if earlier is not None:
        return {**earlier, "resumed": True}
    make_folder(folder)
    (folder / "log.txt").unlink(missing_ok=True)
    result: dict[str, Any] = {
        "name": name,
        "values": values,
        "frames": settings.frames,
        "asked_lpips": settings.lpips,
        "measures": None,
        "error": None,
    }
    try:
        result["measures"] = _measures(values, folder, settings, gpu)
    except EvalError as error:
        result["error"] = str(error)
    text = json.dumps(result, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_text(folder / RESULT, text)
    return {**result, "resumed": False}
