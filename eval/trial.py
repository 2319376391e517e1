"""A trial: what is trained and packed by which options, and what all trials of a command share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from todpack.frames import AS_FOUND, ReadOptions

from .code_digest import MEASURES, SOURCES, code_digest
from .measures.latency import LatencySettings
from .measures.lpips_weights import LpipsWeights, find_weights

Value = str | float | int | bool
Options = dict[str, Value]
SEEDED_FAMILIES = ("gridmlp", "siren")
"""Those whose trainings take a seed."""
SHORT_TIMING = LatencySettings(opens=1, frames=12, texels=100)


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        family: Model family.
        train: Options of `todpack train`, without their dashes; True and False stand for `--NAME` and `--no-NAME`.
        pack: Options of `todpack pack`.
        run_of: Name of a trial whose run is packed, which was trained by `train` before; None trains one.
        label: Name of its folder; None: the family and a hash of the values.
        begun_by: Options of the training whose weights this one starts from, which make it another trial.
    """

    family: str
    train: Options = field(default_factory=dict)
    pack: Options = field(default_factory=dict)
    run_of: str | None = None
    label: str | None = None
    begun_by: Options | None = None

    @property
    def values(self) -> dict[str, Options]:
        """What is tried, for `result.json`."""
        family: Options = {"name": self.family} if self.run_of is None else {"name": self.family, "run_of": self.run_of}
        begun: dict[str, Options] = {} if self.begun_by is None else {"begun_by": self.begun_by}
        return {"family": family, "train": self.train, "pack": self.pack, **begun}

    @property
    def name(self) -> str:
        """Name of its folder."""
        text = json.dumps(self.values, sort_keys=True)
        return self.label or f"{self.family}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"

    def repeated(self, n: int) -> list[Trial]:
        """So many trainings, by seeds 0, 1, ...; of a family that has no seed the trial itself."""
        if self.family not in SEEDED_FAMILIES:
            return [self]
        return [replace(self, train={**self.train, "seed": seed}) for seed in range(n)]


@cache
def trial_code() -> tuple[str, str]:
    """Digests of the code that trains and packs any family, and of what measures it: `TrialSettings.code`."""
    return code_digest(SOURCES, ("torch", "numpy")), code_digest(MEASURES, ("numpy", "onnxruntime"))


@dataclass(frozen=True)
class TrialSettings:
    """What all trials share.

    Attributes:
        data: Folder of frames.
        reading: How they are read.
        lightmap: Which one of a level.
        threads: Threads of each trial.
        lpips: Whether LPIPS is measured (where its weights are found).
        lpips_weights: Weights that were named, or None.
        timeout_s: Wall time of one command, or None.
        frames: `frames_digest` of the day: trials of other frames are not taken up.
        code: Digests of the code that trains, and of the code that packs and measures; trials of other code are not
            taken up. Empty where that does not matter.
        timing: How archives are timed, but for the threads; None: not at all, no `frame_ms` and `open_ms`.
    """

    data: Path
    reading: ReadOptions = AS_FOUND
    lightmap: str | None = None
    threads: int = 1
    lpips: bool = True
    lpips_weights: Path | None = None
    timeout_s: float | None = None
    frames: str = ""
    code: tuple[str, str] = ("", "")
    timing: LatencySettings | None = SHORT_TIMING

    @property
    def weights_digest(self) -> str | None:
        """Of the weights by which LPIPS is measured; None where it is not.

        Raises:
            EvalError: they cannot be read.
        """
        weights = find_weights(self.lpips_weights) if self.lpips else None
        return weights.digest if isinstance(weights, LpipsWeights) else None


def option_words(options: Mapping[str, Value | Path | None]) -> list[str | Path]:
    """`{"q-step": 8, "rotate": False}` as words of a command line; None leaves an option out."""
    words: list[str | Path] = []
    for name, value in options.items():
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            words += [
                f"--{name}",
                f"{value:.10g}" if isinstance(value, float) else value if isinstance(value, Path) else str(value),
            ]
    return words
