"""Read one day: a folder of frames, or a lightmap of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from todpack.decompressor.given import given_path

from .dataset import find_lightmap, is_dataset, open_dataset
from .day import Day
from .errors import DataError
from .folder import OnFrame, read_folder
from .read_options import AS_FOUND, ReadOptions
from .tile_source import FrameArrays, is_frame_arrays


def read_day(
    path: str | Path,
    mask: str | Path | None = None,
    on_frame: OnFrame | None = None,
    *,
    lightmap: str | None = None,
    hours: str | Path | Sequence[float] | None = None,
    first_hour: float | None = None,
    encoding: str = "none",
    layer: str | None = None,
) -> Day:
    """Read a day into memory: equally sized frames of one kind, or a lightmap of a dataset.

    docs/frames.md says which files are read and how their times and masks are found.

    Args:
        path: The folder, or one that holds the frames in `png/`, or a dataset (`open_dataset`).
        mask: A mask image; "alpha" for the frames' alpha, "none" where all texels are valid. Without it: a mask in the
            folder or beside it, or alpha of 0 and 255 alone, or every texel that is not black in all frames.
        on_frame: Called with (frames read, frames in all), for progress.
        lightmap: Which one of a dataset, such as L_Courtyard_0; may be left out where there is only one.
        hours: Times in the order of the names, or a text or file with them; otherwise hours.txt or hours.csv beside the
            frames, the names, or 24 i / T.
        first_hour: Time of the first frame, where the names only count.
        encoding: How the values are coded, see `encodings.encoding_of`.
        layer: Of EXR files, whose R, G and B are to be read.

    Returns:
        The day; `transfer` is `"srgb8"` for codes of 8 bits and `"linear"` for everything else. Its warnings name what
        is unusual about it.

    Raises:
        DataError: the folder is missing or holds under 2 frames, a frame is unreadable or of another size than the
            first, its radiance is not finite or negative, times or mask do not fit.
    """
    folder = given_path(path, "path: expected that of a folder")
    options = ReadOptions.of(mask=mask, hours=hours, first_hour=first_hour, encoding=encoding, layer=layer)
    if is_dataset(folder):
        dataset = open_dataset(folder, options)
        return dataset.read(find_lightmap(dataset, lightmap), on_frame)
    if lightmap is not None:
        raise DataError(f"{path}: expected a dataset to choose the lightmap {lightmap!r} from, found none")
    return read_folder(folder, options, on_frame)


def open_day(
    path: str | Path,
    options: ReadOptions = AS_FOUND,
    on_frame: OnFrame | None = None,
    *,
    lightmap: str | None = None,
) -> Day | FrameArrays:
    """A day as a source of rectangles: frames as arrays (.npy) stay on disk, everything else is read into memory.

    Args:
        path: As for `read_day`.
        options: The others of `read_day`.
        on_frame: Called with (frames read, frames in all).
        lightmap: Of a dataset.

    Raises:
        DataError: see `read_day`.
    """
    if lightmap is None and not is_dataset(Path(path)) and is_frame_arrays(Path(path)):
        return FrameArrays(Path(path), options)
    return read_day(path, on_frame=on_frame, lightmap=lightmap, **vars(options))
