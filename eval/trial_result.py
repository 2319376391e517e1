"""result.json of a trial's folder, read as whatever may stand there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from todpack.decompressor.json_fields import is_number, read_shallow
from todpack.decompressor.signatures import WRITTEN_BY

ARCHIVE, RESULT = "archive.tod", "result.json"
"""Names in a trial's folder."""
MEASURES = ("psnr_db", "ssim", "lpips", "bytes", "bpt", "frame_ms", "open_ms", "made_s")
ALWAYS = ("bytes", "bpt", "train_s", "made_s")
"""Measures that no trial that worked is without."""
OTHERS = ("psnr_db", "ssim", "lpips", "temporal_l1", "temporal_lpips")
TIMES = ("frame_ms", "open_ms")
"""Of trials whose archives are timed."""
Result = dict[str, Any]
"""What came of a trial: `name`, `values`; `frames`, `code` and `lpips_weights` of the settings; `start`, digest of the
weights that its training starts from, if it starts from some; `measures` (those of `MEASURES`, `temporal_l1`,
`temporal_lpips`, `train_s` and `per_hour`; None where it failed), `error` (None where it did not), `spent_s`, wall time
of all of it in this call, and `resumed`, whether an earlier call made it."""


def stored_result(folder: Path) -> Result:
    """What an earlier call wrote; nothing where that cannot be read, or is nothing that a trial writes."""
    try:
        stored = read_shallow(folder / RESULT)
    except (OSError, ValueError):
        return {}
    if not isinstance(stored, dict) or not isinstance(stored.get("code", []), list):
        return {}
    if stored.get("measures") is not None and not (_are_measures(stored["measures"]) and stored.get("error") is None):
        return {}
    stored = {name: value for name, value in stored.items() if name not in WRITTEN_BY}
    return {**stored, "name": folder.name} if is_number(stored.get("spent_s", 0.0)) else {}


def _are_measures(measures: Any) -> bool:
    if not isinstance(measures, dict) or not isinstance(measures.get("per_hour"), list):
        return False
    if not all(is_number(measures.get(name)) for name in (*ALWAYS, *(name for name in TIMES if name in measures))):
        return False
    hours = all(isinstance(hour, dict) and is_number(hour.get("hour")) for hour in measures["per_hour"])
    may_lack = [measures.get(name, "") for name in OTHERS]
    may_lack += [value for hour in measures["per_hour"] if isinstance(hour, dict) for value in hour.values()]
    return hours and all(value is None or is_number(value) for value in may_lack)
