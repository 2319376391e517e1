"""The model families at their default presets: trained, packed and measured as a user would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from todpack.decompressor.staging import scratch_folder
from todpack.frames import read_day

from ..errors import EvalError
from ..measures.latency import LatencySettings
from ..progress import Progress, silent
from ..trial import Options, Trial, TrialSettings
from ..trials import measures_of, run_trial

FAMILIES = ("daybasis", "gridmlp", "siren")


Row = dict[str, Any]
"""One family: its name `family`, `archive_bytes` of the archive that `todpack pack` makes by default, `psnr_db` of the
decoded valid texels, `open_ms` cold, `frame_ms` in the steady state, `train_s` of the whole process."""


def bench_families(
    data_path: Path,
    *,
    lightmap: str | None = None,
    families: tuple[str, ...] = FAMILIES,
    threads: int = 2,
    opens: int = 5,
    train_options: Mapping[str, Options] | None = None,
    progress: Progress = silent,
) -> list[Row]:
    """Train families on a folder of frames, pack them, and measure the archives.

    Args:
        data_path: Folder of 8-bit frames.
        lightmap: Which one of a level.
        families: Which ones; daybasis too, if it is named.
        threads: Threads of training and decoding.
        opens: Fresh processes for the open.
        train_options: Options of `todpack train` per family; none: its defaults.

    Raises:
        EvalError: a command failed; the message is the last line it wrote.
    """
    day = read_day(data_path, lightmap=lightmap)
    if day.transfer != "srgb8":
        raise EvalError(f"{data_path}: the families are compared on 8-bit sRGB frames, found {day.transfer} radiance")
    settings = TrialSettings(
        data_path, lightmap=lightmap, threads=threads, lpips=False, timing=LatencySettings(opens=opens)
    )
    rows = []
    with scratch_folder("todpack-bench-") as folder:
        for done, family in enumerate(families):
            progress(done, len(families), f"train {family}")
            trial = Trial(family, (train_options or {}).get(family, {}), label=family)
            measures = measures_of(run_trial(trial, folder, settings))
            figures = {name: measures[name] for name in ("psnr_db", "open_ms", "frame_ms", "train_s")}
            rows.append({"family": family, "archive_bytes": measures["bytes"], **figures})
    return rows
