"""The space of a search: a JSON or TOML file, and the samplers that draw trials from it."""

from __future__ import annotations

import importlib
import itertools
import json
import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EvalError

SAMPLERS = ("grid", "random", "optuna")
STAGES = ("train", "pack")
_FIELDS = {"family", "train", "pack", "sampler", "trials", "seed", "score"}
MEASURES = ("psnr_db", "ssim", "lpips", "bytes", "bpt", "frame_ms")
Value = str | float | int | bool
Values = dict[str, dict[str, Value]]


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
    options: dict[tuple[str, str], tuple[Value, ...] | Range]
    sampler: str
    trials: int
    seed: int
    score: dict[str, float]


def _number(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise EvalError(f"{where}: expected a number, found {value!r}")
    return float(value)


def _choice(where: str, value: Any) -> Value:
    if not isinstance(value, str | int | float | bool):
        raise EvalError(f"{where}: expected a text, a number, true or false, found {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise EvalError(f"{where}: expected a finite number, found {value!r}")
    return value


def _option(where: str, value: Any) -> tuple[Value, ...] | Range:
    if isinstance(value, list):
        if not value:
            raise EvalError(f"{where}: expected at least one choice, found none")
        return tuple(_choice(where, item) for item in value)
    if not isinstance(value, dict):
        return (_choice(where, value),)
    if not {"low", "high"} <= set(value) <= {"low", "high", "log"}:
        raise EvalError(f"{where}: expected low, high and perhaps log, found {', '.join(sorted(value)) or 'nothing'}")
    low, high, log = _number(where, value["low"]), _number(where, value["high"]), bool(value.get("log", False))
    if low > high or (log and low <= 0):
        raise EvalError(f"{where}: expected low <= high{', above 0 with log' if log else ''}, found {low:g}, {high:g}")
    return Range(low, high, log, isinstance(value["low"], int) and isinstance(value["high"], int))


def _parsed(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise EvalError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise EvalError(f"{path}: expected text, found something else") from error
    try:
        if path.suffix.lower() == ".json":
            found = json.loads(text)
        else:
            try:
                toml: Any = importlib.import_module("tomllib")
            except ModuleNotFoundError:  # Python 3.10
                toml = importlib.import_module("tomli")
            found = toml.loads(text)
    except ValueError as error:
        raise EvalError(f"{path}: not {'JSON' if path.suffix.lower() == '.json' else 'TOML'}: {error}") from error
    if not isinstance(found, dict):
        raise EvalError(f"{path}: expected an object, found {type(found).__name__}")
    return found


def read_space(path: Path) -> Space:
    """Read and check a space.

    Raises:
        EvalError: the file cannot be read, or a field is unknown or wrong.
    """
    fields = _parsed(path)
    unknown = sorted(set(fields) - _FIELDS)
    if unknown:
        raise EvalError(f"{path}: expected fields of {', '.join(sorted(_FIELDS))}, found {unknown[0]!r}")
    families = fields.get("family", "daybasis")
    options: dict[tuple[str, str], tuple[Value, ...] | Range] = {}
    for stage in STAGES:
        given = fields.get(stage, {})
        if not isinstance(given, dict):
            raise EvalError(f"{path}: {stage}: expected a table of options, found {given!r:.40}")
        for name, value in given.items():
            options[stage, name.replace("_", "-")] = _option(f"{path}: {stage}.{name}", value)
    score = fields.get("score", {"psnr_db": 1.0, "bpt": -6.0})
    if not isinstance(score, dict) or not set(score) <= set(MEASURES):
        raise EvalError(f"{path}: score: expected weights of {', '.join(MEASURES)}, found {score!r:.60}")
    sampler, trials = fields.get("sampler", "grid"), fields.get("trials", 20)
    if sampler not in SAMPLERS:
        raise EvalError(f"{path}: sampler: expected one of {', '.join(SAMPLERS)}, found {sampler!r}")
    if not isinstance(trials, int) or not 1 <= trials <= 100_000:
        raise EvalError(f"{path}: trials: expected a whole number from 1, found {trials!r}")
    space = Space(
        families=tuple(families) if isinstance(families, list) else (families,),
        options=options,
        sampler=sampler,
        trials=trials,
        seed=int(_number(f"{path}: seed", fields.get("seed", 0))),
        score={name: _number(f"{path}: score.{name}", weight) for name, weight in score.items()},
    )
    ranged = [name for (_, name), option in options.items() if isinstance(option, Range)]
    if sampler == "grid" and ranged:
        raise EvalError(f"{path}: {ranged[0]}: a grid needs choices, found a range (sampler = 'random' draws from it)")
    if not space.families or not all(isinstance(family, str) and family for family in space.families):
        raise EvalError(f"{path}: family: expected a name or several, found {families!r}")
    return space


def check_names(path: Path, space: Space, families: Collection[str], options: Mapping[str, Collection[str]]) -> None:
    """Refuse a family or an option that no command knows: one error instead of one for each trial.

    Args:
        path: Of the space, for the message.
        space: The space.
        families: Names there are.
        options: By stage: the names of its command's options.

    Raises:
        EvalError: a name is unknown.
    """
    for family in space.families:
        if family not in families:
            raise EvalError(f"{path}: family: expected some of {', '.join(families)}, found {family!r}")
    for stage, name in space.options:
        if name not in options[stage]:
            raise EvalError(f"{path}: {stage}.{name}: expected an option of `todpack {stage}`, found none of that name")


def _values(family: str, drawn: dict[tuple[str, str], Value]) -> Values:
    values: Values = {"family": {"name": family}, "train": {}, "pack": {}}
    for (stage, name), value in drawn.items():
        values[stage][name] = value
    return values


def drawn_trials(space: Space) -> Iterator[Values]:
    """The trials of a grid or of random draws, in an order that the seed fixes.

    Args:
        space: Its sampler is "grid" or "random".
    """
    if space.sampler == "grid":
        choices = [option for option in space.options.values() if not isinstance(option, Range)]
        for family, *chosen in itertools.product(space.families, *choices):
            yield _values(str(family), dict(zip(space.options, chosen, strict=True)))
        return
    rng = random.Random(space.seed)
    for _ in range(space.trials):
        family = rng.choice(space.families)
        drawn = {
            key: option.at(rng.random()) if isinstance(option, Range) else rng.choice(option)
            for key, option in space.options.items()
        }
        yield _values(family, drawn)


class OptunaSampler:
    """Draws by optuna's default sampler; told what came of it."""

    def __init__(self, space: Space) -> None:
        try:
            optuna: Any = importlib.import_module("optuna")
        except ImportError as error:
            raise EvalError("sampler: optuna is not installed (pip install todpack[search])") from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._failed = space, optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=space.seed))

    def ask(self) -> tuple[Any, Values]:
        """The next trial: a handle for `tell`, and its values."""
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
        return asked, _values(family, drawn)

    def tell(self, asked: Any, score: float | None) -> None:
        """What the trial scored; None where it failed."""
        if score is None:
            self._study.tell(asked, state=self._failed)
        else:
            self._study.tell(asked, score)
