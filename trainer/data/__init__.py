"""Reading a day of lightmaps (numpy and pillow only)."""

from trainer.data.contest import ContestDataset, is_dataset, open_dataset
from trainer.data.contest_config import ContestEntry
from trainer.data.reader import read_sequence
from trainer.data.sequence import LightmapSequence
from trainer.errors import DataError

__all__ = [
    "ContestDataset",
    "ContestEntry",
    "DataError",
    "LightmapSequence",
    "is_dataset",
    "open_dataset",
    "read_sequence",
]
