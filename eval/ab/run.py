"""Train, pack and score every variant of GridMLP with several seeds; what is done already is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive
from todpack.decompressor.files import make_folder, write_text

from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.score import score
from ..process import run_todpack
from .variants import PLAIN, VARIANTS, Variant

_MODEL_SECTIONS = ("/grid/", "/hash/", "/merge/", "/encoder", "/frame.onnx")
QUICK_TRAINING = ("--epochs", "2", "--samples-per-epoch", "16384", "--hash-epochs", "1", "--qat-epochs", "1")

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class AbSettings:
    """How the comparison runs.

    Attributes:
        out_dir: One folder per variant and seed, kept between calls.
        n_seeds: Seeds 0 .. n_seeds - 1.
        preset: Of `todpack train`.
        training: More options for every training, e.g. fewer epochs.
        threads: Of training and decoding.
        variants: What is compared; the plain one is always among them.
    """

    out_dir: Path
    n_seeds: int = 3
    preset: str = "ab"
    training: tuple[str, ...] = ()
    threads: int = 1
    variants: tuple[Variant, ...] = VARIANTS


@dataclass(frozen=True)
class AbResult:
    """One variant with one seed; LPIPS figures are None where its weights are absent.

    Attributes:
        variant: Its name.
        seed: Of the training.
        psnr_db: Of the day, decoded from the archive.
        ssim: Likewise.
        lpips: Likewise.
        temporal_lpips: LPIPS of the frame differences.
        temporal_l1: Mean error of the frame differences.
        archive_bytes: The file.
        model_bytes: Its grids, tables, latents of the encoder, and the graph with the MLP.
        parameters: Numbers in the trained model.
        train_s: Training, seconds.
        archive: The file.
    """

    variant: str
    seed: int
    psnr_db: float
    ssim: float
    lpips: float | None
    temporal_lpips: float | None
    temporal_l1: float
    archive_bytes: int
    model_bytes: int
    parameters: int
    train_s: float
    archive: Path


def _folder(settings: AbSettings, variant: str, seed: int) -> Path:
    return settings.out_dir / f"{variant}-s{seed}"


def _train_arguments(variant: Variant, seed: int, data_path: Path, settings: AbSettings) -> list[str]:
    run = _folder(settings, variant.name, seed) / "run"
    arguments = ["train", str(data_path), "-o", str(run), "--family", "gridmlp", "--preset", settings.preset]
    arguments += ["--seed", str(seed), "--device", "cpu", "--threads", str(settings.threads), "--quiet", "--resume"]
    if variant.starts_from is not None:
        arguments += ["--init-from", str(_folder(settings, variant.starts_from, seed) / "run")]
    return [*arguments, *variant.train, *settings.training]


def _model_bytes(archive_path: Path) -> int:
    with open_archive(archive_path, provider="cpu") as archive:
        sections = archive.container.sections.values()
        return sum(s.stored_bytes for s in sections if any(part in s.name for part in _MODEL_SECTIONS))


def _finished(path: Path, key: list[str]) -> dict[str, Any] | None:
    """What an earlier call measured, if it was with the same options."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stored["figures"] if isinstance(stored, dict) and stored.get("key") == key else None


def _run_one(
    variant: Variant, seed: int, data_path: Path, settings: AbSettings, lpips: Lpips | LpipsAbsent
) -> AbResult:
    folder = _folder(settings, variant.name, seed)
    make_folder(folder)
    archive_path, result_path = folder / "archive.tod", folder / "result.json"
    measures = "no lpips" if isinstance(lpips, LpipsAbsent) else "lpips"
    key = [*_train_arguments(variant, seed, data_path, settings), *variant.pack, measures]
    figures = _finished(result_path, key) if archive_path.is_file() else None
    if figures is None:
        if variant.run_of is None:
            run_todpack(_train_arguments(variant, seed, data_path, settings), settings.threads)
        run = _folder(settings, variant.run_of or variant.name, seed) / "run"
        run_todpack(["pack", str(run), "-o", str(archive_path), *variant.pack], settings.threads)
        report = score(archive_path, data_path, lpips=lpips, threads=settings.threads)
        trained = json.loads((run / "config.json").read_text(encoding="utf-8"))["figures"]
        figures = {
            "psnr_db": report.psnr_db,
            "ssim": report.ssim,
            "lpips": report.lpips,
            "temporal_lpips": report.temporal_lpips,
            "temporal_l1": report.temporal_l1,
            "archive_bytes": report.archive_bytes,
            "model_bytes": _model_bytes(archive_path),
            "parameters": trained["parameters"],
            "train_s": trained["train_seconds"],
        }
        text = json.dumps({"key": key, "figures": figures}, indent=2, sort_keys=True) + "\n"
        write_text(result_path, text)
    return AbResult(variant=variant.name, seed=seed, archive=archive_path, **figures)


def run_ab(
    data_path: Path, settings: AbSettings, lpips: Lpips | LpipsAbsent, on_result: Progress | None = None
) -> list[AbResult]:
    """Train, pack and score all variants and seeds.

    Args:
        data_path: Folder of frames.
        settings: How.
        lpips: The measure, or why it is absent.
        on_result: Called with (done, in all, what comes next).

    Returns:
        All results, variant by variant.

    Raises:
        EvalError: a command failed, or the variants lack the plain one.
    """
    if PLAIN not in {variant.name for variant in settings.variants}:
        settings = replace(settings, variants=(VARIANTS[0], *settings.variants))
    jobs = [(seed, variant) for seed in range(settings.n_seeds) for variant in settings.variants]
    results: list[AbResult] = []
    for seed, variant in jobs:
        if on_result is not None:
            on_result(len(results), len(jobs), f"{variant.name}, seed {seed}")
        results.append(_run_one(variant, seed, data_path, settings, lpips))
    if on_result is not None:
        on_result(len(results), len(jobs), "timing")
    order = [variant.name for variant in settings.variants]
    return sorted(results, key=lambda result: (order.index(result.variant), result.seed))
