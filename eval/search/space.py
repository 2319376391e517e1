"""The space of a search: a JSON or TOML file of options, and the trials that are drawn from it."""

from __future__ import annotations

import itertools
import json
import math
import random
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from todpack.decompressor.errors import needs
from todpack.decompressor.json_fields import read_shallow

from ..errors import EvalError
from ..trial import Trial, Value

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAMPLERS = ("grid", "random", "optuna")
STAGES = ("train", "pack")
SCORED = ("psnr_db", "ssim", "lpips", "bytes", "bpt", "frame_ms")
MAX_TRIALS, LARGEST = 100_000, 1e30
MOST_IN_VAIN = 10_000  # draws one after another that were there before
GIVEN = (
    "data-dir", "mask", "hours", "first-hour", "encoding", "layer", "lightmap", "out-dir", "out", "family", "overwrite",
    "resume", "quiet",
)  # fmt: skip
"""Options that are the same for all trials, or their folders."""
_DEFAULTS: dict[str, Any] = {
    "family": "daybasis", "train": {}, "pack": {}, "sampler": "grid", "trials": 20, "seed": 0,
    "score": {"psnr_db": 1.0, "bpt": -6.0},
}  # fmt: skip


@dataclass(frozen=True)
class Range:
    """Numbers from low to high: real or whole, even or by their logarithm."""

    low: float
    high: float
    log: bool
    whole: bool

    def at(self, fraction: float) -> float | int:
        """The number a fraction 0..1 of the way."""
        if self.log:
            value = math.exp(math.log(self.low) + fraction * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + fraction * (self.high - self.low)
        return min(int(self.high), max(int(self.low), round(value))) if self.whole else value


Option = tuple[Value, ...] | Range


@dataclass(frozen=True)
class Space:
    """What is tried.

    Attributes:
        families: Model families, one or several.
        options: By (stage, option): choices, or a range.
        sampler: "grid", "random" or "optuna".
        trials: How many are drawn; the grid is tried whole.
        seed: Of the sampler.
        score: Weight of each measure; the sum is what optuna maximizes and what the table is sorted by.
    """

    families: tuple[str, ...]
    options: dict[tuple[str, str], Option]
    sampler: str
    trials: int
    seed: int
    score: dict[str, float]


def _refuse(where: str, expected: str, found: Any) -> NoReturn:
    raise EvalError(f"{where}: expected {expected}, found {found if isinstance(found, str) else repr(found)[:60]}")


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        _refuse(where, "a finite number", value)
    if abs(value) > LARGEST:
        _refuse(where, f"a number up to {LARGEST:g}", value)
    return float(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _choice(where: str, value: Any) -> Value:
    if isinstance(value, str | bool):
        return value
    number = _number(where, value)
    return value if isinstance(value, int) else number


def _option(where: str, value: Any) -> Option:
    if isinstance(value, dict):
        if not {"low", "high"} <= set(value) <= {"low", "high", "log"}:
            _refuse(where, "low, high and perhaps log", ", ".join(sorted(value)) or "nothing")
        low, high, log = _number(where, value["low"]), _number(where, value["high"]), value.get("log", False)
        if not isinstance(log, bool):
            _refuse(f"{where}.log", "true or false", log)
        if low > high or (log and low <= 0):
            _refuse(where, f"low <= high{', above 0 with log' if log else ''}", f"{low:g}, {high:g}")
        return Range(low, high, log, isinstance(value["low"], int) and isinstance(value["high"], int))
    choices = value if isinstance(value, list) else [value]
    if not choices:
        _refuse(where, "at least one choice", "none")
    return tuple(_choice(where, choice) for choice in choices)


def _parsed(path: Path) -> dict[str, Any]:
    kind, parse = ("JSON", json.loads) if path.suffix.lower() == ".json" else ("TOML", tomllib.loads)
    try:
        fields = read_shallow(path, parse)
    except OSError as error:
        raise EvalError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # of the text's encoding as well
        raise EvalError(f"{path}: not {kind}: {error}") from error
    if not isinstance(fields, dict):
        _refuse(str(path), "an object", type(fields).__name__)
    beside, names = {"family", "seed"}, set(fields)  # these two mean something in either form
    is_flat = kind == "JSON" and not names <= beside and not names & (set(_DEFAULTS) - beside)
    if is_flat:  # options of training alone, as the original recipe has them
        fields = {"family": fields.pop("family", "gridmlp"), "train": fields}
    unknown = sorted(set(fields) - set(_DEFAULTS))
    if unknown:
        _refuse(str(path), f"fields of {', '.join(sorted(_DEFAULTS))}", repr(unknown[0]))
    return {**_DEFAULTS, **fields}


def read_space(path: Path) -> Space:
    """Read and check a space.

    Raises:
        EvalError: the file cannot be read, or a field is unknown or wrong.
    """
    fields = _parsed(path)
    options: dict[tuple[str, str], Option] = {}
    for stage in STAGES:
        if not isinstance(fields[stage], dict):
            _refuse(f"{path}: {stage}", "a table of options", fields[stage])
        for name, value in fields[stage].items():
            key = stage, name.replace("_", "-")
            if key in options:
                _refuse(f"{path}: {stage}.{name}", "each option once", "it with _ and with -")
            options[key] = _option(f"{path}: {stage}.{name}", value)
    families, sampler, trials, score = (fields[name] for name in ("family", "sampler", "trials", "score"))
    names = families if isinstance(families, list) else [families]
    if not names or not all(isinstance(name, str) and name for name in names):
        _refuse(f"{path}: family", "a name or several", repr(families))
    if not isinstance(score, dict) or not set(score) <= set(SCORED):
        _refuse(f"{path}: score", f"weights of {', '.join(SCORED)}", repr(score))
    if sampler not in SAMPLERS:
        _refuse(f"{path}: sampler", f"one of {', '.join(SAMPLERS)}", repr(sampler))
    if not _is_whole(trials) or not 1 <= trials <= MAX_TRIALS:
        _refuse(f"{path}: trials", f"a whole number in 1..{MAX_TRIALS}", trials)
    if not _is_whole(fields["seed"]):
        _refuse(f"{path}: seed", "a whole number", fields["seed"])
    ranged = [".".join(key) for key, option in options.items() if isinstance(option, Range)]
    if sampler == "grid" and ranged:
        _refuse(f"{path}: {ranged[0]}", "choices for a grid", "a range (sampler = 'random' draws from it)")
    n_trials = len(names) * math.prod(len(option) for option in options.values() if not isinstance(option, Range))
    if sampler == "grid" and n_trials > MAX_TRIALS:
        _refuse(f"{path}: grid", f"at most {MAX_TRIALS} trials", f"{n_trials} (sampler = 'random' draws some)")
    return Space(
        families=tuple(names),
        options=options,
        sampler=sampler,
        trials=trials,
        seed=fields["seed"],
        score={name: _number(f"{path}: score.{name}", weight) for name, weight in score.items()},
    )


def check_names(path: Path, space: Space, families: Collection[str], options: Mapping[str, Collection[str]]) -> None:
    """Refuse a family or an option (of a stage's command) that there is not: one error instead of one for each trial.

    Raises:
        EvalError: a name is unknown.
    """
    for family in space.families:
        if family not in families:
            _refuse(f"{path}: family", f"some of {', '.join(families)}", repr(family))
    for stage, name in space.options:
        if name in GIVEN:
            _refuse(f"{path}: {stage}.{name}", "an option of the trial's own", "one that the search gives itself")
        if name not in options[stage]:
            _refuse(f"{path}: {stage}.{name}", f"an option of `todpack {stage}`", "none of that name")


def _trial(family: str, drawn: dict[tuple[str, str], Value]) -> Trial:
    train, pack = ({name: value for (at, name), value in drawn.items() if at == stage} for stage in STAGES)
    return Trial(family, train, pack)


def drawn_trials(space: Space) -> Iterator[Trial]:
    """The trials of a grid or of random draws, in an order that the seed fixes; fewer where the space has no more.

    Args:
        space: Its sampler is "grid" or "random".
    """
    if space.sampler == "grid":
        choices = [option for option in space.options.values() if not isinstance(option, Range)]
        for family, *chosen in itertools.product(space.families, *choices):
            yield _trial(str(family), dict(zip(space.options, chosen, strict=True)))
        return
    rng = random.Random(space.seed)
    names, in_vain = set[str](), 0
    while len(names) < space.trials and in_vain < MOST_IN_VAIN:
        family = rng.choice(space.families)
        drawn = {
            key: option.at(rng.random()) if isinstance(option, Range) else rng.choice(option)
            for key, option in space.options.items()
        }
        trial = _trial(family, drawn)
        in_vain += 1
        if trial.name not in names:
            names.add(trial.name)
            in_vain = 0
            yield trial


class OptunaSampler:
    """Draws by optuna's default sampler; told what came of it.

    Source: Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011 (TPE).
    """

    def __init__(self, space: Space) -> None:
        with needs("search", "the sampler optuna"):
            import optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._failed = space, optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=space.seed))

    def ask(self) -> tuple[Any, Trial]:
        """The next trial: a handle for `tell`, and what is tried."""
        asked = self._study.ask()
        family = asked.suggest_categorical("family", list(self._space.families))
        drawn: dict[tuple[str, str], Value] = {}
        for (stage, name), option in self._space.options.items():
            key = f"{stage}.{name}"
            if not isinstance(option, Range):
                drawn[stage, name] = asked.suggest_categorical(key, list(option))
            elif option.whole:
                drawn[stage, name] = asked.suggest_int(key, int(option.low), int(option.high), log=option.log)
            else:
                drawn[stage, name] = asked.suggest_float(key, option.low, option.high, log=option.log)
        return asked, _trial(family, drawn)

    def tell(self, asked: Any, score: float | None) -> None:
        """What the trial scored; None where it failed."""
        if score is None:
            self._study.tell(asked, state=self._failed)
        else:
            self._study.tell(asked, score)
