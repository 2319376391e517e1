"""The jobs of a dataset at a quality."""

from __future__ import annotations

from pathlib import Path

from todpack.frames import open_dataset

from ..daybasis.config import DayBasisConfig, DayBasisPackOptions
from .job import LightmapJob


def jobs_of(data: Path, *, target_psnr_db: float | None = None) -> list[LightmapJob]:
    """One job per lightmap.

    Args:
        data: The dataset.
        target_psnr_db: Tiled PSNR that each lightmap meets.

    Raises:
        DataError: the dataset cannot be read.
    """
    dataset = open_dataset(data)
    return [
        LightmapJob(dataset.path, entry, DayBasisConfig(), DayBasisPackOptions(), target_psnr_db)
        for entry in dataset.entries
    ]
