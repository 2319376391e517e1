"""Reading a day of lightmaps (numpy and pillow only)."""

from .contest import ContestDataset, is_dataset, open_dataset
from .contest_config import ContestEntry
from .day import Day
from .errors import DataError
from .from_array import day_of_array
from .reader import read_day
from .tile_source import FrameArrays, TileSource, is_frame_arrays

__all__ = [
    "ContestDataset",
    "ContestEntry",
    "DataError",
    "Day",
    "FrameArrays",
    "TileSource",
    "day_of_array",
    "is_dataset",
    "is_frame_arrays",
    "open_dataset",
    "read_day",
]
