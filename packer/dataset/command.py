"""What `todpack compress` does with a contest dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from todpack.frames import open_dataset

from ..daybasis.command import pack_options, with_step
from ..daybasis.config import DayBasisConfig
from ..daybasis.encoder import Refine
from ..errors import PackError
from .compress import compress_level
from .job import LightmapJob

RAW_TIMES = 24
"""Times that the contest's compression ratio counts, whatever is stored."""


def compress_dataset(
    path: Path,
    out: Path,
    config: DayBasisConfig,
    options: dict[str, Any],
    refine: Refine | None,
    n_jobs: int | None,
    engine: str,
) -> None:
    """Code all lightmaps of a dataset into one archive and say its size.

    Raises:
        PackError: options that do not go together, or a job that failed.
        DataError: the dataset cannot be read.
        OutputError: the archive cannot be written.
    """
    if options["target_size"] is not None:
        raise PackError("--target-size: expected --target-psnr or --q-step for a dataset; sizes are met one by one")
    config = with_step(config, options, True)
    dataset = open_dataset(path)
    pack = pack_options(options)
    jobs = [LightmapJob(dataset.path, entry, config, pack, options["target_psnr"], refine) for entry in dataset.entries]
    done = compress_level(jobs, out, n_jobs=n_jobs, engine=engine)
    raw = sum(entry.width * entry.height * 3 * 4 * RAW_TIMES for entry in dataset.entries)
    kept = f", {done.n_kept} of them finished before" if done.n_kept else ""
    ratio = 100 * done.size_bytes / raw
    click.echo(f"{out}: {done.n_lightmaps} lightmaps{kept}, {done.size_bytes} bytes, {ratio:.3f} % of raw")
