"""Train, pack and score every variant of GridMLP with several seeds; what is done already is not done again."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor import open_archive
from todpack.packer.gridmlp.pack import MODEL_SECTIONS
from todpack.packer.progress import clock

from ..code_digest import MEASURES, SOURCES, code_digest
from ..earlier_trials import finished_result
from ..errors import EvalError
from ..progress import Progress, silent
from ..trial import Options, Trial, TrialSettings
from ..trial_result import ARCHIVE, Result, stored_result
from ..trials import RUN, measures_of, run_trials
from .variants import PLAIN, VARIANTS, Variant

QUICK_TRAINING: Options = {"epochs": 2, "samples-per-epoch": 16384, "hash-epochs": 1, "qat-epochs": 1}
GIVEN = ("preset", "threads", *QUICK_TRAINING)
"""Options of every training that the command line decides."""
_TRAINS = (
    "trainer/gridmlp/*.py", "trainer/neural/*.py", "trainer/losses.py", "trainer/presets/gridmlp_*.toml",
    "packer/gridmlp/config.py", "packer/neural_config.py",
)  # fmt: skip


def ab_code() -> tuple[str, str]:
    """Digests of the code that trains GridMLP, and of what packs and measures it: `TrialSettings.code`."""
    return code_digest(_TRAINS, ("torch",)), code_digest((*SOURCES, *MEASURES), ("numpy", "onnxruntime"))


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


@dataclass(frozen=True)
class AbPlan:
    """What is to be done: `jobs` are (variant, seed, trial), seed by seed, so that early results compare."""

    out: Path
    settings: TrialSettings
    jobs: tuple[tuple[Variant, int, Trial], ...]

    @property
    def to_do(self) -> list[Trial]:
        """Trials of which there is no result that counts."""
        trials = [trial for _, _, trial in self.jobs]
        return [trial for trial in trials if finished_result(self.out / trial.name, trial, self.settings) is None]

    def refuse_other_options(self) -> None:
        """Refuse finished trials of other options than these, which would be replaced.

        Raises:
            EvalError: there is one.
        """
        for _, _, trial in self.jobs:
            stored = stored_result(self.out / trial.name)
            values = stored.get("values")
            train = values.get("train") if isinstance(values, dict) else None
            if stored.get("measures") is None or not isinstance(train, dict):
                continue
            for name in GIVEN:
                if train.get(name) != trial.train.get(name):
                    raise EvalError(
                        f"{self.out / trial.name}: expected a trial with {_given(name, trial.train)}, found a finished "
                        f"one with {_given(name, train)}; name another folder, or replace it by --overwrite"
                    )

    def seconds_left(self) -> float | None:
        """By what the same variants took before, the others by the mean; None before there is any."""
        took: dict[str, list[float]] = {}
        for variant, _, trial in self.jobs:
            stored = stored_result(self.out / trial.name)
            if stored.get("measures") is not None and "spent_s" in stored:
                took.setdefault(variant.name, []).append(float(stored["spent_s"]))
        if not took:
            return None
        mean = statistics.fmean(seconds for group in took.values() for seconds in group)
        left = {trial.name for trial in self.to_do}
        names = [variant.name for variant, _, trial in self.jobs if trial.name in left]
        return sum(statistics.fmean(took[name]) if name in took else mean for name in names)

    def describe(self) -> str:
        """In one line."""
        n_seeds, n_left, left = len({seed for _, seed, _ in self.jobs}), len(self.to_do), self.seconds_left()
        about = "" if left is None or not n_left else f", about {clock(left)}"
        return (
            f"{len(self.jobs) // n_seeds} variants x {n_seeds} seeds: {len(self.jobs) - n_left} trials are there, "
            f"{n_left} to do{about}"
        )


def _given(name: str, train: Options) -> str:
    return f"--{name} {train[name]}" if name in train else f"no --{name}"


def plan_ab(
    out: Path,
    settings: TrialSettings,
    variants: tuple[Variant, ...] = VARIANTS,
    *,
    n_seeds: int = 3,
    training: Options | None = None,
) -> AbPlan:
    """Plan all variants and seeds.

    Args:
        out: One folder per variant and seed, kept between calls.
        settings: Frames, threads, LPIPS and code.
        variants: What is compared; the plain one, and those that others start from, are always among them.
        n_seeds: Seeds 0 .. n_seeds - 1.
        training: Options of every training, e.g. its preset, or fewer epochs.
    """
    named = {variant.name for variant in variants} | {PLAIN}
    named |= {one.run_of or one.starts_from or PLAIN for one in variants}
    shared: Options = {"device": "cpu", "threads": settings.threads, **(training or {})}
    chosen = tuple(variant for variant in VARIANTS if variant.name in named)
    jobs = [(one, seed, _trial(one, seed, out, shared)) for seed in range(n_seeds) for one in chosen]
    return AbPlan(out, settings, tuple(jobs))


def _trial(variant: Variant, seed: int, out: Path, shared: Options) -> Trial:
    source = next((one for one in VARIANTS if one.name == (variant.run_of or variant.starts_from)), None)
    train: Options = {"seed": seed, **variant.train, **shared}
    label = f"{variant.name}-s{seed}"
    if source is None:
        return Trial("gridmlp", train, variant.pack, label=label)
    first = _trial(source, seed, out, shared)
    if variant.run_of is not None:
        return Trial("gridmlp", first.train, variant.pack, first.name, label=label)
    start: Options = {"init-from": str(out / first.name / RUN)}
    return Trial("gridmlp", {**start, **train}, variant.pack, label=label, begun_by=first.train)


def _result(variant: str, seed: int, out: Path, trial: Trial, result: Result) -> AbResult:
    measures, archive = measures_of(result), out / trial.name / ARCHIVE
    config = out / (trial.run_of or trial.name) / RUN / "config.json"
    trained = json.loads(config.read_text(encoding="utf-8"))["figures"]
    with open_archive(archive, provider="cpu") as opened:
        sections = opened.container.sections.values()
        model_bytes = sum(s.stored_bytes for s in sections if any(part in s.name for part in MODEL_SECTIONS))
    figures = {name: measures[name] for name in ("psnr_db", "ssim", "lpips", "temporal_lpips", "temporal_l1")}
    figures |= {"archive_bytes": measures["bytes"], "model_bytes": model_bytes}
    figures |= {"parameters": trained["parameters"], "train_s": trained["train_seconds"]}
    return AbResult(variant, seed, archive, figures)


def run_ab(plan: AbPlan, progress: Progress = silent) -> list[AbResult]:
    """Train, pack and score what is planned.

    Returns:
        All results, variant by variant.

    Raises:
        EvalError: a command failed.
    """
    trials = [trial for _, _, trial in plan.jobs]
    results = run_trials(trials, plan.out, plan.settings, progress, check=measures_of)
    measured = [
        _result(variant.name, seed, plan.out, trial, result)
        for (variant, seed, trial), result in zip(plan.jobs, results, strict=True)
    ]
    order = [variant.name for variant in VARIANTS]
    return sorted(measured, key=lambda result: (order.index(result.variant), result.seed))
