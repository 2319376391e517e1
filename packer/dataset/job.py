"""One lightmap of a dataset as a job: everything it depends on, a digest of that, and the work."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from todpack.decompressor.container import MAJOR, MINOR
from todpack.frames import DataError, DatasetEntry, Day, open_dataset

from ..daybasis.config import DayBasisConfig, DayBasisPackOptions
from ..daybasis.encoder import Refine, encode_day
from ..daybasis.prepared import prepare_day
from ..daybasis.tiles import KEPT_BYTES

ENCODER_VERSION = 8
"""Raised by hand when the encoder gives other bytes for the same digest: old parts are not taken for new ones."""
BYTES_PER_VALUE = 60
"""Memory of one job per value (texel, time, channel), and BASE_BYTES besides: docs/contest.md "Compress a level"."""
LARGE_BYTES_PER_VALUE = 8
"""The same of a day whose tiles are not kept."""
BASE_BYTES = 300 << 20


@dataclass(frozen=True)
class LightmapJob:
    """How to code one lightmap.

    Attributes:
        dataset: The dataset's folder.
        entry: The lightmap.
        config: Tiles, levels, step, domain.
        options: How to code.
        target_psnr_db: Tiled linear PSNR to meet, or None for the configuration's step.
        refine: Gives the codes instead of rounding; its `repr` tells all that it depends on.
        pack_step: Step to code with; the configuration's, finer one is that of the transform.
        content: `digest` when the job was made, under which its result is kept; empty where nothing is kept.
    """

    dataset: Path
    entry: DatasetEntry
    config: DayBasisConfig
    options: DayBasisPackOptions
    target_psnr_db: float | None = None
    refine: Refine | None = None
    pack_step: float | None = None
    content: str = ""

    @property
    def n_codings(self) -> float:
        """So many times the work of coding it once."""
        return 1.0

    @property
    def memory_bytes(self) -> int:
        """Estimate of the memory the job takes."""
        is_kept = self.values_bytes <= KEPT_BYTES
        return BASE_BYTES + (BYTES_PER_VALUE if is_kept else LARGE_BYTES_PER_VALUE) * (self.values_bytes // 4)

    @property
    def values_bytes(self) -> int:
        """Of the float32 values, which are in memory all at once."""
        return 4 * self.entry.width * self.entry.height * 3 * len(self.entry.hours)

    def digest(self) -> str:
        """SHA-256 over the content of the files in order of time, the times, the options and the versions.

        The same digest, the same bytes, on processors that compute alike.

        Raises:
            DataError: a file cannot be read.
        """
        state = hashlib.sha256()
        options = {
            "versions": [MAJOR, MINOR, ENCODER_VERSION],
            "entry": asdict(self.entry),
            "config": self.config.to_json(),
            "options": asdict(self.options),
            "target_psnr_db": self.target_psnr_db,
            "refine": repr(self.refine),
        }
        if self.pack_step is not None:
            options["pack_step"] = self.pack_step
        state.update(json.dumps(options, sort_keys=True).encode())
        for path in open_dataset(self.dataset).files(self.entry):
            try:
                with path.open("rb") as file:
                    while block := file.read(1 << 20):
                        state.update(block)
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
        return state.hexdigest()

    def check_unchanged(self, source: Day) -> None:
        """Refuse to keep a result under the digest of other files than those that were read.

        Args:
            source: What was read.

        Raises:
            DataError: the files, or their times, were changed since the job was made.
        """
        is_of_then = tuple(source.hours.tolist()) == self.entry.hours
        if self.content and not (is_of_then and self.digest() == self.content):
            raise DataError(
                f"{self.dataset}: {self.entry.name}: its files were changed meanwhile; run the command again"
            )

    def encode(self, on_warning: Callable[[str], object] = lambda _line: None) -> bytes:
        """The archive of this lightmap alone.

        Args:
            on_warning: Told what is unusual about the lightmap.

        Raises:
            DataError: the lightmap cannot be read, or was changed meanwhile.
            PackError: the target cannot be met.
        """
        source = open_dataset(self.dataset).read(self.entry)
        for warning in source.warnings:
            on_warning(warning)
        if self.pack_step is not None:
            day = prepare_day(source, self.config, self.options).encode(self.pack_step, self.options, self.refine)
        else:
            day = encode_day(source, self.config, self.options, refine=self.refine, target_psnr_db=self.target_psnr_db)
        for warning in day.warnings:
            on_warning(warning)
        self.check_unchanged(source)
        return day.writer.to_bytes()
