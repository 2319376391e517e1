"""`config.json` of a contest dataset: which lightmaps there are, and which files hold them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from .errors import DataError

CONFIG_NAME = "config.json"
KEYS_PER_HOUR = 100
MAX_SIDE = 1 << 16
USUAL_KEYS = tuple(str(key) for key in sorted([*range(0, 2400, KEYS_PER_HOUR), 590, 1810]))


@dataclass(frozen=True)
class ContestEntry:
    """One lightmap of a dataset.

    Attributes:
        level: Name of its level.
        id: Number within the level.
        width: W, texels.
        height: H, texels.
        hours: (T,) stored times ascending, from the keys: "590" is 5.9.
        keys: The keys in that order.
        lightmaps: Per time, the names of the files with its rows, from top to bottom.
        masks: The same for the coverage.
    """

    level: str
    id: int
    width: int
    height: int
    hours: tuple[float, ...]
    keys: tuple[str, ...]
    lightmaps: tuple[tuple[str, ...], ...]
    masks: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """Level and number, such as L_Courtyard_0."""
        return f"{self.level}_{self.id}"


def _field(item: dict[str, Any], name: str, kind: type, where: str) -> Any:
    value = item.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = "none" if name not in item else f"{type(value).__name__} {str(value)[:40]!r}"
        raise DataError(f"{where}.{name}: expected {kind.__name__}, found {found}")
    return value


def _side(item: dict[str, Any], name: str, where: str) -> int:
    value = int(_field(item, name, int, where))
    if not 1 <= value <= MAX_SIDE:
        raise DataError(f"{where}.{name}: expected 1..{MAX_SIDE}, found {value}")
    return value


def _part_names(value: Any, n_parts: int, where: str) -> tuple[str, ...]:
    """File names of the rows' parts; a single name stands for its `_0`, `_1`, ... where the entry says `parts`."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{where}: expected a file name or a list of them, found {str(value)[:60]!r}")
    if len(names) == 1 and n_parts > 1:
        if not names[0].endswith("_0"):
            raise DataError(f"{where}: expected a name that ends in _0 for the first of {n_parts} parts, "
                            f"found {names[0]!r}")  # fmt: skip
        names = [f"{names[0][:-1]}{part}" for part in range(n_parts)]
    for name in names:
        pure = PurePosixPath(name.replace("\\", "/"))
        if pure.is_absolute() or PureWindowsPath(name).drive or ".." in pure.parts or "\0" in name:
            raise DataError(f"{where}: expected a file inside of the dataset, found {name!r}")
    return tuple(names)


def _keys(table: dict[str, Any], where: str) -> list[str]:
    for key in table:
        if not re.fullmatch(r"0|[1-9]\d{0,3}", key) or int(key) >= 24 * KEYS_PER_HOUR:
            raise DataError(f"{where}: expected keys such as 0, 590, 2300 (hours times 100), found {key!r}")
    return sorted(table, key=int)


def _read_entry(item: Any, where: str) -> ContestEntry:
    if not isinstance(item, dict):
        raise DataError(f"{where}: expected an object, found {type(item).__name__}")
    number, level = _field(item, "id", int, where), _field(item, "level", str, where)
    if number < 0 or not level:
        raise DataError(f"{where}: expected an id >= 0 and the name of a level, found {number} and {level!r}")
    where = f"{where} ({level}, {number})"
    resolution = _field(item, "resolution", dict, where)
    lightmaps, masks = _field(item, "lightmaps", dict, where), _field(item, "masks", dict, where)
    n_parts = 1 if item.get("parts") is None else int(_field(item, "parts", int, where))
    if not 1 <= n_parts <= MAX_SIDE:
        raise DataError(f"{where}.parts: expected 1..{MAX_SIDE}, found {n_parts}")
    keys, mask_keys = _keys(lightmaps, f"{where}.lightmaps"), _keys(masks, f"{where}.masks")
    if not keys:
        raise DataError(f"{where}.lightmaps: expected at least one time, found none")
    if keys != mask_keys:
        odd = sorted(set(keys) ^ set(mask_keys), key=int)
        raise DataError(f"{where}: expected the same keys in lightmaps and masks, found {odd[0]!r} in one of them only")
    return ContestEntry(
        level=level,
        id=number,
        width=_side(resolution, "width", f"{where}.resolution"),
        height=_side(resolution, "height", f"{where}.resolution"),
        hours=tuple(int(key) / KEYS_PER_HOUR for key in keys),
        keys=tuple(keys),
        lightmaps=tuple(_part_names(lightmaps[key], n_parts, f"{where}.lightmaps[{key}]") for key in keys),
        masks=tuple(_part_names(masks[key], n_parts, f"{where}.masks[{key}]") for key in keys),
    )


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return table


def read_config(path: Path) -> tuple[ContestEntry, ...]:
    """Read and check `config.json`.

    Args:
        path: The file.

    Raises:
        DataError: it is missing or not JSON, or a field is missing, of a wrong type or inconsistent.
    """
    try:
        config = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_no_twins)
    except FileNotFoundError as error:
        raise DataError(f"{path}: expected the dataset's config.json, found nothing there") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected JSON, found something else: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: expected an object, found {type(config).__name__}")
    count = _field(config, "lightmap_count", int, str(path))
    items = _field(config, "lightmap_list", list, str(path))
    if count != len(items) or not items:
        raise DataError(f"{path}: expected lightmap_count = entries of lightmap_list >= 1, found {count}, {len(items)}")
    entries = tuple(_read_entry(item, f"{path}: lightmap_list[{i}]") for i, item in enumerate(items))
    seen: set[tuple[str, int]] = set()
    for entry in entries:
        if (entry.level, entry.id) in seen:
            raise DataError(f"{path}: expected each (level, id) once, found ({entry.level}, {entry.id}) twice")
        seen.add((entry.level, entry.id))
    return entries


def hours_of(entry: ContestEntry) -> np.ndarray:
    """(T,) float64."""
    return np.asarray(entry.hours, np.float64)
