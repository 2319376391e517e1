"""Which trials are drawn from a space: all of a grid, random ones, or optuna's."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

from todpack.decompressor.errors import needs

from ..trials import Trial, Value
from .space import STAGES, Range, Space


def _trial(family: str, drawn: dict[tuple[str, str], Value]) -> Trial:
    train, pack = ({name: value for (at, name), value in drawn.items() if at == stage} for stage in STAGES)
    return Trial(family, train, pack)


def drawn_trials(space: Space) -> Iterator[Trial]:
    """The trials of a grid or of random draws, in an order that the seed fixes.

    Args:
        space: Its sampler is "grid" or "random".
    """
    if space.sampler == "grid":
        choices = [option for option in space.options.values() if not isinstance(option, Range)]
        for family, *chosen in itertools.product(space.families, *choices):
            yield _trial(str(family), dict(zip(space.options, chosen, strict=True)))
        return
    rng = random.Random(space.seed)
    for _ in range(space.trials):
        family = rng.choice(space.families)
        drawn = {
            key: option.at(rng.random()) if isinstance(option, Range) else rng.choice(option)
            for key, option in space.options.items()
        }
        yield _trial(family, drawn)


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
