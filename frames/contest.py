"""Read the contest's dataset: many lightmaps, float32 radiance, coverage masks, times by key. HPRC layout.

Files are mapped into memory one at a time; `ContestDataset.read` holds one lightmap.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .contest_config import CONFIG_NAME, MAX_BYTES, ContestEntry, read_config
from .contest_first_layout import MASK_FOLDERS, RAW_FOLDERS
from .day import HOURS_PER_DAY, Day
from .errors import DataError
from .picture import LFS_POINTER_BYTES, refuse_pointer
from .radiance import RadianceCheck

VALID, INVALID = 127, -1
_NAME = re.compile(r"_TOD_([0-9]{1,4})_([0-9]{1,5})_([0-9]{1,5})\.bin_[0-9]+\Z")
"""Time and size in the names of files."""
USUAL_HOURS = tuple(sorted([*map(float, range(24)), 5.9, 18.1]))
FIRST_LAYOUT_HOURS = USUAL_HOURS[:6] + USUAL_HOURS[7:20] + USUAL_HOURS[21:]


def is_contest(path: Path) -> bool:
    """Whether a folder looks like a contest dataset: it has config.json with a list of lightmaps."""
    try:
        if not os.path.isfile(path / CONFIG_NAME):  # a pipe would be waited for
            return False
        if (path / CONFIG_NAME).stat().st_size > MAX_BYTES:
            return True  # `read_config` says what is wrong with it
        return b'"lightmap_list"' in (path / CONFIG_NAME).read_bytes().replace(b"\0", b"")  # of UTF-16 as well
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DataError(f"{path / CONFIG_NAME}: cannot be read: {error.strerror or error}") from error


def _find(root: Path, name: str, folders: tuple[str, ...], where: str) -> Path:
    for folder in folders:
        path = root / folder / name
        if os.path.isfile(path):
            return path
    places = ", ".join(folder or "." for folder in folders)
    raise DataError(f"{root}: {where}: expected the file {name} in one of {places}, found none")


def _sizes(paths: list[Path], n_bytes: int) -> list[int]:
    """Bytes of each file; together they must be n_bytes."""
    sizes = [path.stat().st_size for path in paths]
    if sum(sizes) != n_bytes:
        for path in paths:
            if path.stat().st_size < LFS_POINTER_BYTES:
                refuse_pointer(path)
        files = paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more parts"
        raise DataError(f"{paths[0].parent / files}: expected {n_bytes} bytes, found {sum(sizes)}")
    return sizes


def _tells_other(name: str, entry: ContestEntry, index: int, has_parts: bool) -> bool:
    """Whether a file's name tells another time or size than config.json does."""
    told = _NAME.search(name)
    if told is None:
        return False
    time, *size = map(int, told.groups())
    hours = [time / 100, float(time)] if entry.keys_are_hours else [time / 100]
    is_its_time = any(hour % HOURS_PER_DAY == entry.hours[index] for hour in hours)
    return not is_its_time or not (has_parts or size == [entry.width, entry.height])


def _named_otherwise(entry: ContestEntry) -> list[str]:
    """Files whose names tell another time or size than config.json does."""
    return [
        name
        for kind in (entry.lightmaps, entry.masks)
        for index, names in enumerate(kind)
        for name in names
        if _tells_other(name, entry, index, has_parts=len(names) > 1)
    ]


@dataclass(frozen=True)
class ContestDataset:
    """A dataset folder.

    Attributes:
        path: The folder.
        entries: Its lightmaps, as config.json lists them.
    """

    path: Path
    entries: tuple[ContestEntry, ...]

    def _paths(self, names: tuple[str, ...], folders: tuple[str, ...], where: str) -> list[Path]:
        return [_find(self.path, name, folders, where) for name in names]

    def files(self, entry: ContestEntry) -> list[Path]:
        """All files of a lightmap.

        Raises:
            DataError: one is missing, or files are of a wrong size.
        """
        found: list[Path] = []
        n_texels = entry.height * entry.width
        for key, raw, mask in zip(entry.keys, entry.lightmaps, entry.masks, strict=True):
            kinds = (raw, RAW_FOLDERS, "", 12 * n_texels), (mask, MASK_FOLDERS, "mask of ", n_texels)
            for names, folders, kind, n_bytes in kinds:
                paths = self._paths(names, folders, f"{entry.name}: {kind}time {key}")
                _sizes(paths, n_bytes)  # before any of them is read
                found += paths
        return found

    def _fill(self, paths: list[Path], out: np.ndarray) -> None:
        """Read the items of files, little-endian, into out, flat; together they must be as many.

        They are read and not mapped: a file that is cut meanwhile is an error then, and not the end of the process.
        """
        size, at = out.itemsize, 0
        for path, n_bytes in zip(paths, _sizes(paths, out.nbytes), strict=True):
            if n_bytes % size:
                raise DataError(f"{path}: expected whole items of {size} bytes, found {n_bytes} bytes")
            try:
                items = np.fromfile(path, out.dtype.newbyteorder("<"), n_bytes // size)
            except OSError as error:
                raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
            if items.nbytes != n_bytes:
                raise DataError(f"{path}: expected {n_bytes} bytes, found {items.nbytes} while it was read")
            out[at : at + items.size] = items
            at += items.size

    def mask(self, entry: ContestEntry, index: int) -> np.ndarray:
        """(H, W) bool, the valid texels at one time.

        Raises:
            DataError: the file is missing, of a wrong size, or has other values than 127 and -1.
        """
        where = f"{entry.name}: mask of time {entry.keys[index]}"
        paths = self._paths(entry.masks[index], MASK_FOLDERS, where)
        codes = np.empty(entry.height * entry.width, np.int8)
        self._fill(paths, codes)
        odd = codes[(codes != VALID) & (codes != INVALID)]
        if odd.size:
            raise DataError(f"{paths[0]}: expected mask values {VALID} or {INVALID}, found {int(odd[0])}")
        return np.asarray(codes.reshape(entry.height, entry.width) == VALID)

    def _frame(self, entry: ContestEntry, index: int, out: np.ndarray) -> list[Path]:
        """Read one time into out (H, W, 3); returns its files."""
        paths = self._paths(entry.lightmaps[index], RAW_FOLDERS, f"{entry.name}: time {entry.keys[index]}")
        self._fill(paths, out.reshape(-1))
        return paths

    def read(self, entry: ContestEntry, on_frame: Callable[[int, int], None] | None = None) -> Day:
        """Read one lightmap.

        Where the masks of its times differ, `valid` is their union, and a warning says so.

        Args:
            entry: One of `entries`.
            on_frame: Called with (frames read, frames in all), for progress.

        Returns:
            The day, `transfer == "linear"`; invalid texels hold what the files hold, but 0 for NaN, infinite and
            negative values.

        Raises:
            DataError: a file is missing or of a wrong size, a valid texel is NaN, infinite or clearly negative, a mask
                has other values than 127 and -1, or no texel is valid.
        """
        n_times = len(entry.keys)
        radiance = np.empty((n_times, entry.height, entry.width, 3), np.float32)
        first = self.mask(entry, 0)
        union, differing, source_bytes, check = first.copy(), 0, 0, RadianceCheck()
        for index in range(n_times):
            valid = self.mask(entry, index)
            differing += not np.array_equal(valid, first)
            union |= valid
            paths = self._frame(entry, index, radiance[index])
            check.clean(radiance[index], valid, paths[0])
            source_bytes += sum(path.stat().st_size for path in paths)
            if on_frame is not None:
                on_frame(index + 1, n_times)
        where = f"{self.path}: {entry.name}"
        if not union.any():
            raise DataError(f"{where}: expected at least one valid texel, found none")
        warnings = check.finish(where)
        if differing:
            warnings.append(
                f"{where}: the masks of {differing} times differ from the first; "
                "texels that are valid at any time are coded and measured; the contest measures those of each time"
            )
        others = _named_otherwise(entry)
        if others:
            warnings.append(
                f"{where}: {len(others)} files are named as of another time or size than {CONFIG_NAME} tells, such as "
                f"{others[0]}; what {CONFIG_NAME} tells is taken"
            )
        if entry.keys_are_hours:
            least, largest = min(entry.keys, key=float), max(entry.keys, key=float)
            warnings.append(f"{where}: the keys {least} to {largest} are taken as hours, not as hours times 100")
        if entry.hours not in (USUAL_HOURS, FIRST_LAYOUT_HOURS):
            warnings.append(f"{where}: expected the {len(USUAL_HOURS)} usual times, found {n_times} times")
        return Day(
            radiance, union, np.array(entry.hours, np.float64), "linear", entry.name, source_bytes, tuple(warnings)
        )


def open_contest(path: str | Path) -> ContestDataset:
    """Open a dataset folder: config.json is read and checked, and that its files exist.

    All layouts are read: files in the folder itself or in Data/; the older one under Original/ and Mask/ that splits
    lightmaps into parts along the rows (an entry's `parts`, or a list of file names for a time); and the first public
    one, whose config.json names no files (contest_first_layout.py).

    Raises:
        DataError: it is not a dataset, config.json is inconsistent, or a file is missing or of a wrong size.
    """
    folder = Path(path)
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: expected a dataset folder with {CONFIG_NAME}, found none")
    dataset = ContestDataset(folder, read_config(folder / CONFIG_NAME))
    for entry in dataset.entries:
        dataset.files(entry)
    return dataset
