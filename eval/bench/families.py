"""The bench of the model families at their default presets: trained, packed and measured as a user would."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from todpack.frames import read_day

from ..errors import EvalError
from ..measures.frames import as_codes
from ..measures.latency import measure_latency
from ..process import run_todpack
from .archive import DAYBASIS, REFINED, archive_point
from .result import TIMED_Q_STEP, DatasetBench

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
    n_opens: int = 5,
    train_options: dict[str, tuple[str, ...]] | None = None,
    on_step: Callable[[int, int, str], None] | None = None,
) -> list[FamilyRow]:
    """Train families on a folder of frames, pack it, and measure the archive.

    Args:
        data_path: Folder of 8-bit frames.
        families: Which ones; daybasis too, if it is named.
        threads: Decoder threads.
        n_opens: Fresh processes for the open.
        train_options: Options of `todpack train` per family; none: its defaults.
        on_step: Called with (families done, families in all, what is next).

    Returns:
        A row per family.

    Raises:
        EvalError: a command failed; the message is the last line it wrote.
    """
    day = read_day(data_path)
    if day.transfer != "srgb8":
        raise EvalError(f"{data_path}: the families are compared on 8-bit sRGB frames, found {day.transfer} radiance")
    frames, rows = as_codes(day.radiance), []
    with tempfile.TemporaryDirectory(prefix="todpack-bench-") as folder:
        for done, family in enumerate(families):
            if on_step is not None:
                on_step(done, len(families), f"train {family}")
            run, archive = Path(folder) / family, Path(folder) / f"{family}.tod"
            options = (train_options or {}).get(family, ())
            train = ["train", str(data_path), "-o", str(run), "--family", family, "--quiet", *options]
            train_s = run_todpack(train).wall_s
            run_todpack(["pack", str(run), "-o", str(archive)])
            point = archive_point(archive, frames, day, name=family, setting="default", threads=threads)
            latency = measure_latency(archive, threads=threads, provider="cpu", n_opens=n_opens)
            opened, frame = latency.open_ms, latency.frame_ms_median
            rows.append(FamilyRow(family, point.size_bytes, point.psnr_db, opened, frame, train_s))
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


def families_table(rows: list[FamilyRow], data_path: Path) -> str:
    """The rows for people."""
    lines = [
        f"families at their defaults: {data_path}",
        f"  {'family':<10} {'bytes':>9} {'PSNR':>9} {'open':>9} {'frame':>9} {'training':>9}",
    ]
    lines += [
        f"  {row.family:<10} {row.archive_bytes:>9} {row.psnr_db:>6.2f} dB {row.open_ms:>6.0f} ms "
        f"{row.frame_ms:>6.1f} ms {row.train_s:>7.0f} s"
        for row in rows
    ]
    return "\n".join(lines)
