"""`config.json` of a contest dataset: which lightmaps there are, and which files hold them."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from todpack.decompressor.json_fields import parse_shallow

from .contest_first_layout import find_first_layout
from .day import HOURS_PER_DAY
from .errors import DataError

CONFIG_NAME = "config.json"
KEYS_PER_HOUR = 100
MAX_SIDE = 1 << 16
MAX_BYTES = 1 << 25
MAX_LEVEL = 200
"""Characters; an archive's names are of 1 to 255, with the number."""


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
        keys_are_hours: Whether "6" is 6 h, where all keys are 24 at most.
    """

    level: str
    id: int
    width: int
    height: int
    hours: tuple[float, ...]
    keys: tuple[str, ...]
    lightmaps: tuple[tuple[str, ...], ...]
    masks: tuple[tuple[str, ...], ...]
    keys_are_hours: bool = False

    @property
    def transfer(self) -> str:
        """The contest's values are linear radiance."""
        return "linear"

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
    names = [value] if isinstance(value, str) else value  # of Windows, maybe: a\\b is a/b
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{where}: expected a file name or a list of them, found {str(value)[:60]!r}")
    if len(names) == 1 and n_parts > 1:
        if not names[0].endswith("_0"):
            raise DataError(f"{where}: expected a name that ends in _0 for the first of {n_parts} parts, "
                            f"found {names[0]!r}")  # fmt: skip
        names = [f"{names[0][:-1]}{part}" for part in range(n_parts)]
    plain = [name.replace("\\", "/") for name in names]
    for name, pure in zip(names, map(PurePosixPath, plain), strict=True):
        if pure.is_absolute() or PureWindowsPath(name).drive or ".." in pure.parts or "\0" in name:
            raise DataError(f"{where}: expected a file inside of the dataset, found {name!r}")
    return tuple(plain)


def _hours_of_keys(table: dict[str, Any], where: str) -> tuple[dict[str, float], bool]:
    """Hours of the keys, ascending, and whether whole keys are hours: where no key is over 24."""
    for key in table:
        if not re.fullmatch(r"(0|[1-9]\d{0,3})|\d{1,2}\.\d+", key):
            raise DataError(f"{where}: expected keys such as 0, 590, 2300 (hours times 100), found {key!r}")
    are_hours = any("." in key for key in table) or (len(table) > 1 and all(int(key) <= HOURS_PER_DAY for key in table))
    hours = {key: float(key) if are_hours else int(key) / KEYS_PER_HOUR for key in table}
    for key, hour in hours.items():
        if hour > HOURS_PER_DAY:
            raise DataError(f"{where}: expected keys such as 0, 590, 2300 (hours times 100), found {key!r}")
    hours = {key: hour % HOURS_PER_DAY for key, hour in hours.items()}
    if len(set(hours.values())) < len(hours):
        raise DataError(f"{where}: expected one key for each time, found two of the same")
    return dict(sorted(hours.items(), key=lambda pair: pair[1])), are_hours


def _number(item: dict[str, Any], where: str) -> int:
    """The id, which may be a text of digits."""
    value = item.get("id")
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    return int(_field(item, "id", int, where))


def _read_entry(item: Any, where: str, folder: Path) -> ContestEntry:
    if not isinstance(item, dict):
        raise DataError(f"{where}: expected an object, found {type(item).__name__}")
    number, is_first_layout = _number(item, where), not {"level", "lightmaps", "masks"} & item.keys()
    level = "" if is_first_layout else _field(item, "level", str, where)
    if number < 0 or not (level or is_first_layout):
        raise DataError(f"{where}: expected an id >= 0 and the name of a level, found {number} and {level!r}")
    where = f"{where} ({level[:MAX_LEVEL]}, {number})" if level else f"{where} ({number})"
    resolution = _field(item, "resolution", dict, where)
    width, height = (_side(resolution, name, f"{where}.resolution") for name in ("width", "height"))
    n_parts = 1 if item.get("parts") is None else int(_field(item, "parts", int, where))
    if not 1 <= n_parts <= MAX_SIDE:
        raise DataError(f"{where}.parts: expected 1..{MAX_SIDE}, found {n_parts}")
    if is_first_layout:
        level, lightmaps, masks = find_first_layout(folder, number, width, height, where)
    else:
        lightmaps, masks = _field(item, "lightmaps", dict, where), _field(item, "masks", dict, where)
    if not level.isprintable() or len(level) > MAX_LEVEL:
        raise DataError(f"{where}: level: expected printable text of 1..{MAX_LEVEL} characters, found {level[:60]!a}")
    hours, are_hours = _hours_of_keys(lightmaps, f"{where}.lightmaps")
    if not hours:
        raise DataError(f"{where}.lightmaps: expected at least one time, found none")
    if lightmaps.keys() != masks.keys():
        odd = sorted(lightmaps.keys() ^ masks.keys())
        raise DataError(f"{where}: expected the same keys in lightmaps and masks, found {odd[0]!r} in one of them only")
    return ContestEntry(
        level=level,
        id=number,
        width=width,
        height=height,
        hours=tuple(hours.values()),
        keys=tuple(hours),
        lightmaps=tuple(_part_names(lightmaps[key], n_parts, f"{where}.lightmaps[{key}]") for key in hours),
        masks=tuple(_part_names(masks[key], n_parts, f"{where}.masks[{key}]") for key in hours),
        keys_are_hours=are_hours and not is_first_layout,
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
    if not os.path.isfile(path):
        raise DataError(f"{path}: expected the dataset's config.json, found nothing there")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise DataError(f"{path}: expected at most {MAX_BYTES} bytes, found {size}")
    try:
        # from bytes: a byte order mark is common on Windows, and tells UTF-8 from UTF-16
        config = parse_shallow(partial(json.loads, object_pairs_hook=_no_twins), path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: expected JSON, found something else: {error}") from error
    if not isinstance(config, dict):
        raise DataError(f"{path}: expected an object, found {type(config).__name__}")
    count = _field(config, "lightmap_count", int, str(path))
    items = _field(config, "lightmap_list", list, str(path))
    if count != len(items) or not items:
        raise DataError(f"{path}: expected lightmap_count = entries of lightmap_list >= 1, found {count}, {len(items)}")
    entries = tuple(_read_entry(item, f"{path}: lightmap_list[{i}]", path.parent) for i, item in enumerate(items))
    seen: set[tuple[str, int]] = set()
    for entry in entries:
        if (entry.level, entry.id) in seen:
            raise DataError(f"{path}: expected each (level, id) once, found ({entry.level}, {entry.id}) twice")
        seen.add((entry.level, entry.id))
    return entries
