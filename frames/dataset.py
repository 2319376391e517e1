"""Many lightmaps in one folder: a dataset of the contest, or a level that holds one folder of frames per lightmap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from todpack.decompressor.plain_text import plain_name

from .contest import is_contest, open_contest
from .day import Day
from .errors import DataError
from .level import is_level, open_level
from .read_options import AS_FOUND, ReadOptions


class DatasetEntry(Protocol):
    """One lightmap of a dataset; a frozen dataclass of plain values.

    Attributes:
        name: Within the dataset.
        width: W, texels.
        height: H, texels.
        hours: (T,) stored times, ascending.
        transfer: Of its day.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def hours(self) -> tuple[float, ...]: ...
    @property
    def transfer(self) -> str: ...


class Dataset(Protocol):
    """Lightmaps that are read one at a time.

    Attributes:
        path: The folder.
        entries: Its lightmaps.
    """

    @property
    def path(self) -> Path: ...
    @property
    def entries(self) -> Sequence[DatasetEntry]: ...

    def files(self, entry: Any) -> list[Path]:
        """All files of a lightmap, of `entries`; DataError if one is missing."""

    def read(self, entry: Any, on_frame: Callable[[int, int], None] | None = None) -> Day:
        """Read a lightmap, of `entries`; DataError if that cannot be."""


def is_dataset(path: Path) -> bool:
    """Whether a folder holds several lightmaps, for `open_dataset`."""
    return is_contest(path) or is_level(path)


def open_dataset(path: str | Path, options: ReadOptions = AS_FOUND) -> Dataset:
    """Open a dataset of the contest, or a level of folders.

    Args:
        path: The folder.
        options: How a level's frames are to be read.

    Raises:
        DataError: it is neither, is inconsistent, or has options that it says itself.
    """
    if is_level(Path(path)):
        return open_level(Path(path), options)
    if options != AS_FOUND:
        if options.mask is not None:
            raise DataError(f"{options.mask}: a contest dataset has masks of its own; expected no --mask")
        if options.hours is not None or options.first_hour is not None:
            name = "hours" if options.hours is not None else "first-hour"
            raise DataError(f"{path}: a contest dataset has times of its own; expected no --{name}")
        raise DataError(f"{path}: a contest dataset holds linear radiance; expected no --encoding or --layer")
    return open_contest(path)


def find_lightmap(dataset: Dataset, name: str | None) -> DatasetEntry:
    """A lightmap by its name, the folder's or the archive's; without one, the only lightmap.

    Raises:
        DataError: there is none of that name, or several to choose from.
    """
    entries = dataset.entries
    if name is None:
        if len(entries) > 1:
            raise DataError(
                f"{dataset.path}: expected one lightmap, found a dataset of {len(entries)}; choose one by --lightmap "
                f"(such as {entries[0].name}), or compress all into one archive by todpack compress"
            )
        return entries[0]
    for entry in entries:
        if plain_name(entry.name) == plain_name(name):
            return entry
    names = ", ".join(plain_name(entry.name) for entry in entries[:5])
    more = f" and {len(entries) - 5} more" if len(entries) > 5 else ""
    raise DataError(f"{dataset.path}: expected a lightmap of {names}{more}, found {name!r}")
