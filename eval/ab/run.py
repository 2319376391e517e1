"""Train, pack and score every variant of GridMLP with several seeds; what is done already is not done again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor import open_archive

from ..progress import Progress, silent
from ..trials import ARCHIVE, RUN, Options, Result, Trial, TrialSettings, measures_of, run_trials
from .variants import PLAIN, VARIANTS, Variant

_MODEL_SECTIONS = ("/grid/", "/hash/", "/merge/", "/encoder", "/frame.onnx")
QUICK_TRAINING: Options = {"epochs": 2, "samples-per-epoch": 16384, "hash-epochs": 1, "qat-epochs": 1}


@dataclass(frozen=True)
class AbResult:
    """One variant with one seed.

    Attributes:
        variant: Its name.
        seed: Of the training.
        archive: The file.
        figures: `psnr_db`, `ssim`, `lpips`, `temporal_lpips` and `temporal_l1` of the decoded day (LPIPS None where its
            weights are absent), `archive_bytes`, `model_bytes` of the grids, tables, latents of the encoder and graph
            of the MLP, `parameters` of the trained model, `train_s`.
    """

    variant: str
    seed: int
    archive: Path
    figures: dict[str, float | None]


def _trial(variant: Variant, seed: int, out: Path, shared: Options) -> Trial:
    run_of = None if variant.run_of is None else f"{variant.run_of}-s{seed}"
    start = out / f"{variant.starts_from}-s{seed}" / RUN
    starts: Options = {} if variant.starts_from is None else {"init-from": str(start)}
    train = {"seed": seed, **starts, **variant.train, **shared}
    return Trial("gridmlp", train, variant.pack, run_of, label=f"{variant.name}-s{seed}")


def _result(variant: str, seed: int, out: Path, trial: Trial, result: Result) -> AbResult:
    measures, archive = measures_of(result), out / trial.name / ARCHIVE
    config = out / (trial.run_of or trial.name) / RUN / "config.json"
    trained = json.loads(config.read_text(encoding="utf-8"))["figures"]
    with open_archive(archive, provider="cpu") as opened:
        sections = opened.container.sections.values()
        model_bytes = sum(s.stored_bytes for s in sections if any(part in s.name for part in _MODEL_SECTIONS))
    figures = {name: measures[name] for name in ("psnr_db", "ssim", "lpips", "temporal_lpips", "temporal_l1")}
    figures |= {"archive_bytes": measures["bytes"], "model_bytes": model_bytes}
    figures |= {"parameters": trained["parameters"], "train_s": trained["train_seconds"]}
    return AbResult(variant, seed, archive, figures)


def run_ab(
    out: Path,
    settings: TrialSettings,
    variants: tuple[Variant, ...] = VARIANTS,
    *,
    n_seeds: int = 3,
    training: Options | None = None,
    progress: Progress = silent,
) -> list[AbResult]:
    """Train, pack and score all variants and seeds.

    Args:
        out: One folder per variant and seed, kept between calls.
        settings: Frames, threads and LPIPS.
        variants: What is compared; the plain one is always among them.
        n_seeds: Seeds 0 .. n_seeds - 1.
        training: Options of every training, e.g. its preset, or fewer epochs.

    Returns:
        All results, variant by variant.

    Raises:
        EvalError: a command failed.
    """
    if PLAIN not in {variant.name for variant in variants}:
        variants = (VARIANTS[0], *variants)
    shared: Options = {"device": "cpu", "threads": settings.threads, **(training or {})}
    jobs = [(seed, variant) for seed in range(n_seeds) for variant in variants]
    trials = [_trial(variant, seed, out, shared) for seed, variant in jobs]
    results = run_trials(trials, out, settings, progress, check=measures_of)
    measured = [
        _result(variant.name, seed, out, trial, result)
        for (seed, variant), trial, result in zip(jobs, trials, results, strict=True)
    ]
    order = [variant.name for variant in variants]
    return sorted(measured, key=lambda result: (order.index(result.variant), result.seed))
