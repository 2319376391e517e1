"""A run folder, what a training leaves behind: written by the trainer, read here without torch.

config.json   family, configuration, signal, figures      (`RunRecord`)
arrays.npz    the model's arrays by name, `valid`, `baseline`; no pickled objects

The trainer keeps logs and checkpoints beside them (trainer/run_folder.py).
"""

from __future__ import annotations

import json
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from todpack.decompressor.errors import InvalidMetadataError
from todpack.decompressor.files import identity_of, write_atomic, write_text
from todpack.decompressor.json_fields import Fields, read_shallow
from todpack.decompressor.signatures import is_earlier_output, sign_zip
from todpack.frames import Day

from .configuration import from_json
from .errors import ConfigError, PackError

RUN_FORMAT = 1
CONFIG_NAME = "config.json"
ARRAYS_NAME = "arrays.npz"
CHECKPOINT_NAME = "last.ckpt"
BEST_NAME = "best.ckpt"
TRANSFERS = ("srgb8", "linear")
LARGEST_NUMBER = 1e9
READINGS = 3  # of a run that is replaced meanwhile
MAX_HOURS, MAX_SIDE = 1 << 16, 1 << 24
UNREADABLE = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, SyntaxError, tokenize.TokenError, struct.error,
    zlib.error, zipfile.BadZipFile, TypeError, LookupError, AttributeError, OverflowError,
)  # fmt: skip
"""What NumPy and zipfile raise for files that are no NPZ of arrays which fit into memory."""
Config = TypeVar("Config")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of `config.json`.

    Attributes:
        family: Model family, as `model_type` in the archive.
        config: Configuration of the family.
        name: Name of the lightmap.
        height: H, rows.
        width: W, columns.
        hours: Stored times, hours.
        transfer: "srgb8" or "linear".
        figures: Measured figures (psnr_srgb_db of the unquantized model, epochs, training seconds, ...).
        run_format: Version of this layout.
    """

    family: str
    config: dict[str, Any]
    name: str
    height: int
    width: int
    hours: list[float]
    transfer: str
    figures: dict[str, Any] = field(default_factory=dict)
    run_format: int = RUN_FORMAT

    @staticmethod
    def of_day(day: Day, family: str, config: dict[str, Any], figures: dict[str, Any]) -> RunRecord:
        """The record of a family trained on a day."""
        hours = [float(h) for h in day.hours]
        return RunRecord(
            family=family, config=config, name=day.name, height=day.height, width=day.width, hours=hours,
            transfer=day.transfer, figures=figures,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run(RunRecord):
    """A run folder that was read.

    Attributes:
        path: The folder.
        arrays: By name.
    """

    path: Path
    arrays: Mapping[str, np.ndarray]

    def array(self, name: str, *shape: int | None, largest: float = LARGEST_NUMBER) -> np.ndarray:
        """An array whose shape must fit (None fits any length), of numbers that can be computed with.

        Raises:
            PackError: missing, not finite, of another shape, or of a magnitude over `largest`.
        """
        where = f"{self.path / ARRAYS_NAME}: {name}"
        if name not in self.arrays:
            raise PackError(f"{where}: expected this array, found none")
        array = self.arrays[name]
        if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
            raise PackError(f"{where}: expected shape {list(shape)}, found {list(array.shape)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise PackError(f"{where}: expected finite numbers, found NaN or infinity")
        found = max(float(array.max()), -float(array.min())) if array.size else 0.0
        if found > largest:
            raise PackError(f"{where}: expected numbers up to {largest:g}, found {found:g}")
        return array

    def valid(self) -> np.ndarray:
        """(H, W) bool.

        Raises:
            PackError: missing, of another shape, or no texel is valid.
        """
        valid = self.array("valid", self.height, self.width).astype(bool)
        if not valid.any():
            raise PackError(f"{self.path / ARRAYS_NAME}: valid: expected at least one valid texel, found none")
        return valid

    def configuration(self, kind: type[Config]) -> Config:
        """The family's configuration, checked.

        Raises:
            PackError: an unknown field, or a value that is not allowed.
        """
        where = f"{self.path / CONFIG_NAME}: config"
        try:
            return from_json(kind, self.config, where)
        except ConfigError as error:
            raise PackError(str(error) if str(error).startswith(where) else f"{where}: {error}") from error


def is_run(folder: Path) -> bool:
    """Whether a folder holds a training of any model of ours, finished or not; only so called files make none."""
    checkpoint = folder / CHECKPOINT_NAME
    if checkpoint.is_file() and checkpoint.stat().st_size and is_earlier_output(checkpoint):
        return True
    return has_run_config(folder)


def has_run_config(folder: Path) -> bool:
    """Whether a folder's config.json is a run's."""
    try:
        stored = read_shallow(folder / CONFIG_NAME)
    except (OSError, ValueError):
        return False
    return isinstance(stored, dict) and "family" in stored and ("run_format" in stored or "scene" in stored)


def write_run(path: Path, record: RunRecord, arrays: dict[str, np.ndarray]) -> None:
    """Write `arrays.npz`, then `config.json`, each at once or not at all.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_arrays(path / ARRAYS_NAME, arrays)
    write_text(path / CONFIG_NAME, json.dumps(asdict(record), indent=2, sort_keys=True) + "\n", durable=True)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an NPZ file of numbers; `savez` itself takes no `allow_pickle` before NumPy 2.1.

    Raises:
        OutputError: the folder cannot be written.
    """
    assert not any(array.dtype.hasobject for array in arrays.values())
    named: dict[str, Any] = dict(arrays)

    def write(file: BinaryIO) -> None:
        np.savez(file, **named)
        sign_zip(file)

    write_atomic(path, write, durable=True)


def read_run(path: str | Path) -> Run:
    """Read `config.json` and `arrays.npz` of one run, also while another takes its place.

    Raises:
        PackError: missing, unreadable, or not a run folder of this format.
    """
    folder = Path(path)
    for _ in range(READINGS):
        before = identity_of(folder / CONFIG_NAME)
        run = _read_once(folder)
        if identity_of(folder / CONFIG_NAME) == before:
            return run
    raise PackError(f"{folder}: expected a run that stays while it is read, found others in its place")


def _read_once(folder: Path) -> Run:
    config_path = folder / CONFIG_NAME
    if not config_path.is_file():
        is_begun = (folder / CHECKPOINT_NAME).is_file()
        hint = "; the training has not finished (continue it by --resume)" if is_begun else ""
        raise PackError(f"{folder}: expected a run folder with config.json, found none{hint}")
    try:
        record = _record_of(read_shallow(config_path), str(config_path))
    except (OSError, ValueError) as error:
        raise PackError(f"{config_path}: not readable as JSON: {error}") from error
    except InvalidMetadataError as error:
        raise PackError(str(error)) from error
    values = {spec.name: getattr(record, spec.name) for spec in fields(record)}
    return Run(path=folder, arrays=read_arrays(folder / ARRAYS_NAME), **values)


def _record_of(content: Any, where: str) -> RunRecord:
    stored = Fields(content, where)
    run_format = stored.integer("run_format", 0, 1 << 31)
    if run_format != RUN_FORMAT:
        raise PackError(f"{where}: expected run_format {RUN_FORMAT}, found {run_format}")
    for name in ("config", "figures"):
        stored.child(name)
    hours = stored.numbers("hours", 1, MAX_HOURS)
    if not all(0.0 <= hour < 24.0 for hour in hours) or any(later <= earlier for earlier, later in pairwise(hours)):
        raise PackError(f"{where}.hours: expected hours in [0, 24), ascending, found {str(hours)[:60]}")
    return RunRecord(
        family=stored.text("family"),
        config=content["config"],
        name=stored.text("name"),
        height=stored.integer("height", 1, MAX_SIDE),
        width=stored.integer("width", 1, MAX_SIDE),
        hours=hours,
        transfer=stored.choice("transfer", TRANSFERS),
        figures=content["figures"],
    )


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an NPZ file, by name.

    Raises:
        PackError: missing, or not a file of plain arrays.
    """
    if not path.is_file():  # a pipe would be waited for
        raise PackError(f"{path}: expected the model's arrays, found nothing there")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file):  # NumPy would leave a damaged file open
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except UNREADABLE as error:
        raise PackError(f"{path}: not a readable NPZ file: {error}") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf" or array.itemsize > 8:
            found = array.dtype if isinstance(array, np.ndarray) else "bytes"
            raise PackError(f"{path}: {name}: expected an array of real numbers, found {found}")
    return arrays
