"""How one lightmap is coded for the contest, as `todpack tune` chooses it and `submit build` does it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from todpack.decompressor.json_fields import read_shallow
from todpack.frames import open_dataset
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.errors import ConfigError, PackError

from ..errors import SubmissionError

FINER_OCTAVES = 0.65
"""A transform is found for a step about so much finer than the step that is coded with: it keeps more components, which
cost less than they give (courtyard/hprc at step 5: 0.0245 of the score between transforms for 5 and for 3)."""


@dataclass(frozen=True)
class Setting:
    """How a lightmap is coded.

    Attributes:
        transfer: Domain of linear radiance.
        reweight: Trial codings.
        q_step: Width of a quantizer bin.
    """

    transfer: str
    reweight: int
    q_step: float

    @property
    def config(self) -> DayBasisConfig:
        """Of the trials and the transform, which all steps near it share.

        Raises:
            ConfigError: a value out of range.
        """
        step = 2.0 ** round(math.log2(self.q_step) - FINER_OCTAVES)  # one for all steps of an octave
        return DayBasisConfig(q_step=step, transfer=self.transfer, reweight=self.reweight)

    def __str__(self) -> str:
        return f"{self.transfer} {self.reweight} @ {self.q_step:g}"


def jobs_at(data: Path, settings: Mapping[str, Setting]) -> list[LightmapJob]:
    """One job per lightmap of a dataset, codes refined where that is possible.

    Raises:
        DataError: the dataset cannot be read.
        PackError: a lightmap has no setting.
    """
    dataset = open_dataset(data)
    jobs = []
    for entry in dataset.entries:
        if entry.name not in settings:
            raise PackError(f"{data}: {entry.name}: expected a setting for it, found none")
        setting = settings[entry.name]
        jobs.append(
            LightmapJob(
                dataset.path, entry, setting.config, DayBasisPackOptions(), None, refiner(None, None), setting.q_step
            )
        )
    return jobs


def _of_steps(q_steps: dict[str, Any]) -> dict[str, Any]:
    """Settings of a report of version 0.1.0 and earlier, which chose steps alone."""
    usual = DayBasisConfig()
    return {
        name: {"transfer": usual.transfer, "reweight": usual.reweight, "q_step": q_step}
        for name, q_step in q_steps.items()
    }


def read_settings(path: Path) -> dict[str, Setting]:
    """Settings of each lightmap from the report of `todpack tune`.

    Raises:
        SubmissionError: it is not such a report.
    """
    try:
        report = read_shallow(path)
        stored: dict[str, Any] = report["settings"] if "settings" in report else _of_steps(report["q_steps"])
        settings = {
            str(name): Setting(str(row["transfer"]), int(row["reweight"]), float(row["q_step"]))
            for name, row in stored.items()
        }
        if not all(math.isfinite(one.q_step) and one.q_step > 0 and one.config for one in settings.values()):
            raise SubmissionError(f"{path}: expected steps > 0, found others")
    except OSError as error:
        raise SubmissionError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, ConfigError) as error:
        raise SubmissionError(f"{path}: expected a report of `todpack tune`, found something else: {error}") from error
    return settings
