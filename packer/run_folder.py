"""Read a run folder (trainer/run_folder.py describes it) without torch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .errors import PackError

RUN_FORMAT = 1
TRANSFERS = ("srgb8", "linear")
FIELDS = {
    "family": str, "config": dict, "name": str, "height": int, "width": int, "hours": list, "transfer": str,
    "figures": dict, "run_format": int,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A trained model on disk.

    Attributes:
        path: The run folder.
        family: Model family.
        config: Resolved configuration.
        name: Name of the lightmap.
        height: H, rows.
        width: W, columns.
        hours: (T,) stored times.
        transfer: "srgb8" or "linear".
        figures: Measured figures of the training.
        arrays: By name.
    """

    path: Path
    family: str
    config: dict[str, Any]
    name: str
    height: int
    width: int
    hours: list[float]
    transfer: str
    figures: dict[str, Any]
    arrays: Mapping[str, np.ndarray]

    def array(self, name: str, *shape: int | None) -> np.ndarray:
        """An array whose shape must fit (None fits any length).

        Raises:
            PackError: missing, not finite, or of another shape.
        """
        where = f"{self.path / 'arrays.npz'}: {name}"
        if name not in self.arrays:
            raise PackError(f"{where}: expected this array, found none")
        array = self.arrays[name]
        if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
            raise PackError(f"{where}: expected shape {list(shape)}, found {list(array.shape)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise PackError(f"{where}: expected finite numbers, found NaN or infinity")
        return array

    def valid(self) -> np.ndarray:
        """(H, W) bool.

        Raises:
            PackError: missing, of another shape, or no texel is valid.
        """
        valid = self.array("valid", self.height, self.width).astype(bool)
        if not valid.any():
            raise PackError(f"{self.path / 'arrays.npz'}: valid: expected at least one valid texel, found none")
        return valid


def _check_signal(fields: dict[str, Any], where: Path) -> None:
    for name in ("height", "width"):
        if isinstance(fields[name], bool) or fields[name] < 1:
            raise PackError(f"{where}: {name}: expected a number >= 1, found {fields[name]}")
    hours = fields["hours"]
    for hour in hours:
        is_number = isinstance(hour, (int, float)) and not isinstance(hour, bool)
        if not is_number or not 0.0 <= hour < 24.0:
            raise PackError(f"{where}: hours: expected numbers in [0, 24), found {str(hour)[:40]!r}")
    if not hours or any(later <= earlier for earlier, later in pairwise(hours)):
        raise PackError(f"{where}: hours: expected at least one time, ascending, found {str(hours)[:60]}")
    if fields["transfer"] not in TRANSFERS:
        raise PackError(f"{where}: transfer: expected {' or '.join(TRANSFERS)}, found {str(fields['transfer'])[:40]!r}")


def read_run(path: str | Path) -> Run:
    """Read `config.json` and `arrays.npz`.

    Raises:
        PackError: missing, unreadable, or not a run folder of this format.
    """
    folder = Path(path)
    config_path, arrays_path = folder / "config.json", folder / "arrays.npz"
    if not config_path.is_file():
        hint = "; the training has not finished (continue it by --resume)" if (folder / "last.ckpt").is_file() else ""
        raise PackError(f"{folder}: expected a run folder with config.json, found none{hint}")
    try:
        fields = json.loads(config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PackError(f"{config_path}: not readable as JSON: {error}") from error
    if not isinstance(fields, dict):
        raise PackError(f"{config_path}: expected an object, found {type(fields).__name__}")
    for name, kind in FIELDS.items():
        if not isinstance(fields.get(name), kind):
            found = type(fields[name]).__name__ if name in fields else "none"
            raise PackError(f"{config_path}: expected the field {name!r} ({kind.__name__}), found {found}")
    if fields["run_format"] != RUN_FORMAT:
        raise PackError(f"{config_path}: expected run_format {RUN_FORMAT}, found {fields['run_format']}")
    _check_signal(fields, config_path)
    try:
        with arrays_path.open("rb") as file, zipfile.ZipFile(file):  # NumPy would leave a damaged file open
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise PackError(f"{arrays_path}: expected the model's arrays, found nothing there") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PackError(f"{arrays_path}: not a readable NPZ file: {error}") from error
    values = {name: fields[name] for name in FIELDS if name != "run_format"}
    return Run(path=folder, arrays=arrays, **values)
