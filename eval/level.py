"""A whole level against its dataset: each lightmap's score, the worst first, and the totals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive
from todpack.decompressor.plain_text import plain_name
from todpack.frames import AS_FOUND, ReadOptions, open_dataset, read_day

from .archive import decode_day, warn_of_difference
from .errors import EvalError
from .measures.contest import RAW_BYTES_PER_TEXEL
from .measures.figures import Figures
from .measures.frames import day_frames
from .measures.perceptual import Lpips, LpipsAbsent
from .measures.score import ScoreReport, score_frames
from .plan import SCORE_LPIPS_S, SCORE_S, MeasuringPlan, kilotexels, measuring_plan
from .progress import Progress, silent
from .tables import columns, figure, finite


@dataclass(frozen=True)
class LevelScore:
    """Scores of a level.

    Attributes:
        lightmaps: By name, the worst PSNR first.
        archive_bytes: The whole file; of a dataset that has fewer lightmaps, the sections of those that are scored.
        missing: Lightmaps of the dataset that the archive has not.
        left_out: Lightmaps of the archive that the dataset has not.
    """

    lightmaps: dict[str, ScoreReport]
    archive_bytes: int
    missing: tuple[str, ...]
    left_out: tuple[str, ...] = ()

    @property
    def means(self) -> tuple[float, float, float | None]:
        """PSNR, SSIM and LPIPS: of radiance over all tiles and times, as the contest's, of codes over the lightmaps.

        SSIM is NaN where nothing could be measured, LPIPS then None.
        """
        whole, scores = Figures(), self.lightmaps.values()
        if all(score.transfer == "linear" for score in scores):
            for score in scores:
                whole.extend(score.figures)
            return whole.means()
        whole.psnr_db = [score.psnr_db for score in scores]
        whole.ssim = [score.ssim for score in scores if not math.isnan(score.ssim)]
        whole.lpips = [score.lpips for score in scores if score.lpips is not None]
        return whole.means()

    @property
    def raw_bytes(self) -> int:
        """Raw frames of all lightmaps: 8-bit RGB, or float32 RGB at 24 hours, as the contest counts."""
        sizes = (
            score.height * score.width * (3 * len(score.per_hour) if score.transfer == "srgb8" else RAW_BYTES_PER_TEXEL)
            for score in self.lightmaps.values()
        )
        return sum(sizes)

    def to_json(self) -> dict[str, object]:
        """Plain numbers and strings for `json.dumps`."""
        psnr_db, ssim, lpips = self.means
        return {
            "lightmaps": [{"name": name, **score.to_json()} for name, score in self.lightmaps.items()],
            "archive_bytes": self.archive_bytes,
            "raw_bytes": self.raw_bytes,
            "ratio_percent": 100 * self.archive_bytes / self.raw_bytes,
            "mean_psnr_db": finite(psnr_db),
            "mean_ssim": finite(ssim),
            "mean_lpips": finite(lpips),
            "missing": list(self.missing),
            "left_out": list(self.left_out),
        }

    def table(self) -> str:
        """A row per lightmap, worst first, then the whole level."""

        def row(name: str, size: int, texels: str, bpt: str, means: tuple[float, float, float | None]) -> list[str]:
            psnr, ssim, lpips = means
            measured = None if math.isnan(ssim) else ssim
            return [name, str(size), texels, figure(psnr, 2), figure(measured, 4), figure(lpips, 4), bpt]

        rows = [
            row(
                name,
                score.archive_bytes,
                f"{score.width} x {score.height}",
                f"{score.bpt:.3f}",
                (score.psnr_db, score.ssim, score.lpips),
            )
            for name, score in self.lightmaps.items()
        ]
        whole = "mean, their bytes" if self.left_out else "mean, whole file"
        rows.append(row(whole, self.archive_bytes, "", "", self.means))
        head = ("lightmap", "bytes", "texels", "PSNR dB", "SSIM", "LPIPS", "bits per texel")
        lines = columns(head, rows, "l")
        lines += ["", f"{100 * self.archive_bytes / self.raw_bytes:.3f} % of {self.raw_bytes} raw bytes"]
        reasons = {score.lpips_absent for score in self.lightmaps.values() if score.lpips_absent}
        lines += [f"LPIPS absent: {reason}" for reason in sorted(reasons)]
        lines += [f"{name}: not in the archive" for name in self.missing]
        lines += [f"{name}: not in the dataset" for name in self.left_out]
        return "\n".join(lines)


def plan_level(
    archive_path: str | Path, data_path: str | Path, has_lpips: bool, reading: ReadOptions = AS_FOUND
) -> MeasuringPlan:
    """What scoring a level takes, about.

    Args:
        archive_path: Archive of several lightmaps.
        data_path: The dataset.
        has_lpips: Whether LPIPS is measured.
        reading: How the originals are read.

    Raises:
        TodpackError: The archive or the dataset cannot be read.
    """
    with open_archive(archive_path) as archive:
        names = {one.name for one in archive.lightmaps}
    known = open_dataset(Path(data_path), reading).entries
    entries = [entry for entry in known if plain_name(entry.name) in names] or known
    return measuring_plan(entries, SCORE_S + (SCORE_LPIPS_S if has_lpips else 0.0))


def score_level(
    archive_path: str | Path,
    data_path: str | Path,
    *,
    reading: ReadOptions = AS_FOUND,
    lpips: Lpips | LpipsAbsent,
    threads: int | None = None,
    progress: Progress = silent,
    on_warning: Callable[[str], object] = lambda _line: None,
) -> LevelScore:
    """Score every lightmap of an archive against the one of the same name in a dataset, one in memory at a time.

    Args:
        archive_path: Archive of several lightmaps.
        data_path: The dataset.
        reading: How the originals are read.
        lpips: The measure, or why it is absent.
        threads: Decoder threads; None is the decoder's own choice.
        progress: Told of each lightmap, in thousands of texels.
        on_warning: Told what is unusual about the originals.

    Raises:
        EvalError: No lightmap of the archive is in the dataset, or one has another size or transfer.
        TodpackError: The archive or the originals cannot be read.
    """
    entries = {plain_name(entry.name): entry for entry in open_dataset(Path(data_path), reading).entries}
    names = list(entries)
    scores: dict[str, ScoreReport] = {}
    with open_archive(archive_path, threads=threads) as archive:
        shared = [one for one in archive.lightmaps if one.name in names]
        if not shared:
            found = ", ".join(one.name for one in archive.lightmaps)
            raise EvalError(f"{archive_path}: expected lightmaps of {data_path} ({', '.join(names)}), found {found}")
        works, done = [kilotexels(entries[one.name]) for one in shared], 0
        for stored, work in zip(shared, works, strict=True):
            progress(done, sum(works), stored.name)
            done += work
            day = read_day(data_path, lightmap=stored.name, **vars(reading))
            for line in day.warnings:
                on_warning(f"{stored.name}: {line}")
            decoded, _ = decode_day(archive, day, str(archive_path), stored.name)
            warn_of_difference(stored, day, on_warning)
            n_bytes, first = archive.lightmap_bytes(archive.lightmaps.index(stored)), stored.tile(0)
            tile = max(first.y1 - first.y0, first.x1 - first.x0)
            about: dict[str, Any] = {"archive_bytes": n_bytes, "source_bytes": day.source_bytes, "tile": tile}
            scores[stored.name] = score_frames(day_frames(day), decoded, day.valid, day.hours, lpips=lpips, **about)
        left_out = tuple(one.name for one in archive.lightmaps if one.name not in scores)
        n_bytes = sum(score.archive_bytes for score in scores.values()) if left_out else archive.file_bytes
    worst = sorted(scores.items(), key=lambda item: item[1].psnr_db)
    return LevelScore(dict(worst), n_bytes, tuple(name for name in names if name not in scores), left_out)
