"""The jobs of a dataset at a quality, or at steps of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from todpack.frames import open_dataset

from ..daybasis.config import DayBasisConfig, DayBasisPackOptions
from ..errors import PackError
from .job import LightmapJob


def jobs_of(
    data: Path, *, target_psnr_db: float | None = None, q_steps: Mapping[str, float] | None = None
) -> list[LightmapJob]:
    """One job per lightmap.

    Args:
        data: The dataset.
        target_psnr_db: Tiled PSNR that each lightmap meets.
        q_steps: Or the step of each, by name.

    Raises:
        DataError: the dataset cannot be read.
        PackError: a lightmap has no step.
    """
    dataset = open_dataset(data)
    jobs = []
    for entry in dataset.entries:
        config = DayBasisConfig()
        if q_steps is not None:
            if entry.name not in q_steps:
                raise PackError(f"{data}: {entry.name}: expected a step for it, found none")
            config = replace(config, q_step=q_steps[entry.name])
        jobs.append(LightmapJob(dataset.path, entry, config, DayBasisPackOptions(), target_psnr_db))
    return jobs
