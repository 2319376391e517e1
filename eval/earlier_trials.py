"""Trials that were done before: which of them count, and which are of something else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from todpack.frames import read_day
from todpack.frames.digest import frames_digest
from todpack.frames.errors import DataError
from todpack.packer.run_folder import ARRAYS_NAME

from .errors import EvalError
from .trial import Trial, TrialSettings
from .trial_result import ARCHIVE, TIMES, Result, stored_result


def start_digest(trial: Trial) -> str | None:
    """Of the weights that the training starts from; None where it starts from none, or they are no longer there."""
    start = trial.train.get("init-from")
    if start is None or trial.begun_by is not None:  # what began it is known by its options
        return None
    try:
        return hashlib.sha256((Path(str(start)) / ARRAYS_NAME).read_bytes()).hexdigest()
    except OSError:
        return None


def run_is_its(stored: Result, trial: Trial, settings: TrialSettings) -> bool:
    """Whether the run in the folder, finished or not, is of the same training, its start, frames and code."""
    if start_digest(trial) not in (None, stored.get("start")):
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
    return stored if same and is_done and run_is_its(stored, trial, settings) else None


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


def are_frames_of(settings: TrialSettings) -> bool:
    """Whether the frames are still those that the trials are of."""
    if not settings.frames:
        return True
    try:
        day = read_day(settings.data, lightmap=settings.lightmap, **vars(settings.reading))
    except DataError:
        return False
    return frames_digest(day) == settings.frames
