"""Reading a day of lightmaps, or a level of them: files, times, masks, values (docs/frames.md)."""

from .contest import ContestDataset, is_contest, open_contest
from .contest_config import ContestEntry
from .dataset import Dataset, DatasetEntry, find_lightmap, is_dataset, open_dataset
from .day import Day
from .errors import DataError
from .from_array import day_of_array
from .read_options import AS_FOUND, ReadOptions
from .reader import open_day, read_day
from .tile_source import FrameArrays, TileSource, is_frame_arrays

__all__ = [
    "AS_FOUND",
    "ContestDataset",
    "ContestEntry",
    "DataError",
    "Dataset",
    "DatasetEntry",
    "Day",
    "FrameArrays",
    "ReadOptions",
    "TileSource",
    "day_of_array",
    "find_lightmap",
    "is_contest",
    "is_dataset",
    "is_frame_arrays",
    "open_contest",
    "open_dataset",
    "open_day",
    "read_day",
]
