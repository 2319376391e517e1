"""The model families at their default presets: trained, packed and measured as a user would."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from todpack.frames import read_day

from ..errors import EvalError
from ..measures.latency import LatencySettings
from ..peers.ours import DAYBASIS, REFINED
from ..progress import Progress, silent
from ..tables import Table
from ..trials import Options, Trial, TrialSettings, measures_of, run_trial
from .dataset import TIMED_Q_STEP, DatasetBench

FAMILIES = ("gridmlp", "siren")  # that are trained; daybasis is in every bench


@dataclass(frozen=True)
class FamilyRow:
    """One family.

    Attributes:
        family: Its name.
        archive_bytes: Of the archive that `todpack pack` makes by default.
        psnr_db: Of the decoded valid texels, all hours.
        open_ms: Cold open, all work before the first frame.
        frame_ms: A whole frame in the steady state, median.
        train_s: Wall time of `todpack train`, imports included.
    """

    family: str
    archive_bytes: int
    psnr_db: float
    open_ms: float
    frame_ms: float
    train_s: float


def bench_families(
    data_path: Path,
    *,
    families: tuple[str, ...] = FAMILIES,
    threads: int = 2,
    opens: int = 5,
    train_options: Mapping[str, Options] | None = None,
    progress: Progress = silent,
) -> list[FamilyRow]:
    """Train families on a folder of frames, pack them, and measure the archives.

    Args:
        data_path: Folder of 8-bit frames.
        families: Which ones; daybasis too, if it is named.
        threads: Threads of training and decoding.
        opens: Fresh processes for the open.
        train_options: Options of `todpack train` per family; none: its defaults.
        progress: Told of the families.

    Returns:
        A row per family.

    Raises:
        EvalError: a command failed; the message is the last line it wrote.
    """
    day = read_day(data_path)
    if day.transfer != "srgb8":
        raise EvalError(f"{data_path}: the families are compared on 8-bit sRGB frames, found {day.transfer} radiance")
    settings = TrialSettings(data_path, threads=threads, lpips=False, timing=LatencySettings(opens=opens))
    rows = []
    with tempfile.TemporaryDirectory(prefix="todpack-bench-") as folder:
        for done, family in enumerate(families):
            progress(done, len(families), f"train {family}")
            trial = Trial(family, (train_options or {}).get(family, {}), label=family)
            found = measures_of(run_trial(trial, Path(folder), settings))
            rows.append(FamilyRow(family, *(found[k] for k in ("bytes", "psnr_db", "open_ms", "frame_ms", "train_s"))))
    return rows


def daybasis_row(bench: DatasetBench) -> list[FamilyRow]:
    """The row of daybasis at its defaults, which the bench of the dataset has measured: its refined archive.

    Args:
        bench: Of the dataset.

    Returns:
        The row; `train_s` is the wall time of `todpack compress --refine fast`. None of it where torch is absent.
    """
    setting = f"q_step {TIMED_Q_STEP:g}"
    points = [point for point in bench.results.curve(REFINED) if point.setting == setting]
    latency = bench.refined_latency
    if not points or latency is None:
        return []
    opened, frame = latency.open_ms, latency.frame_ms_median
    return [FamilyRow(DAYBASIS, points[0].size_bytes, points[0].psnr_db, opened, frame, bench.refined_s)]


def families_json(rows: Mapping[str, list[FamilyRow]]) -> list[dict[str, object]]:
    """The rows of each dataset for --json-out."""
    return [{"path": path, **asdict(row)} for path, found in rows.items() for row in found]


def families_table(rows: list[FamilyRow], data_path: Path) -> Table:
    """The rows for people."""
    head = ("family", "bytes", "PSNR dB", "open ms", "frame ms", "training s")
    body = [
        (row.family, str(row.archive_bytes), f"{row.psnr_db:.2f}", f"{row.open_ms:.0f}", f"{row.frame_ms:.1f}",
         f"{row.train_s:.0f}")
        for row in rows
    ]  # fmt: skip
    return Table(f"Families at their defaults: {data_path}", head, body)
