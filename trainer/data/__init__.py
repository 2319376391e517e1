"""Reading a day of lightmaps (numpy and pillow only)."""

from trainer.data.reader import read_sequence
from trainer.data.sequence import LightmapSequence
from trainer.errors import DataError

__all__ = ["DataError", "LightmapSequence", "read_sequence"]
