"""What a reader is willing to take from a file; a caller that trusts its files may raise any of it."""

from __future__ import annotations

import contextlib
import operator
from dataclasses import dataclass, fields

from .errors import RequestError
from .given import given_number

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30
MOST_FACTOR = 1e9
MOST_MEMORY = 1 << 62
MOST_CAP = 1e300


@dataclass(frozen=True)
class Limits:
    """Caps that are checked before anything is allocated.

    What grows with the file is capped by the file's size too, so that a small file is cheap, however it was made:
    opening it, `verify`, and each frame of 256 x 256 texels take no more than `memory_for` and `seconds_for` allow.
    SECURITY.md states them.

    Attributes:
        metadata_bytes: Decoded size of metadata.json.
        metadata_per_byte: The same over bytes of the file, once it is over `free_metadata_bytes`.
        free_metadata_bytes: Decoded size of metadata.json that any file may have.
        n_sections: Sections in an archive.
        section_bytes: Decoded size of one section.
        expansion: Decoded over stored bytes of one section, once it decodes to more than `free_expansion_bytes`; and
            decoded bytes of all sections over those of the file, once they are more than `free_decoded_bytes`.
        free_expansion_bytes: Decoded size up to which any expansion of one section is fine.
        free_decoded_bytes: Decoded size of all sections together up to which any expansion is fine.
        texels: H * W of one lightmap.
        texels_per_byte: Texels of all lightmaps over bytes of the file, once they are over `free_texels`.
        free_texels: Texels of all lightmaps that any file may have.
        latent_bytes: Size of the latent maps of one tile, and of all that are held.
        graph_nodes: Nodes in one ONNX graph.
        memory: Bytes, by estimate, that any file may take, beside whole frames that its reader asks for.
        memory_per_byte: The same for each byte of the file.
        seconds: Estimated time of one core that a frame of 256 x 256 texels of any file may take.
        seconds_per_byte: The same for each byte of the file.
    """

    metadata_bytes: int = 16 * MIB
    metadata_per_byte: int = 8
    free_metadata_bytes: int = MIB
    n_sections: int = 1 << 20
    section_bytes: int = GIB
    expansion: int = 2048
    free_expansion_bytes: int = 16 * MIB
    free_decoded_bytes: int = 2 * MIB
    texels: int = 1 << 28
    texels_per_byte: int = 3 * KIB
    free_texels: int = 3 * MIB
    latent_bytes: int = 8 * GIB
    graph_nodes: int = 512
    memory: int = 64 * MIB
    memory_per_byte: int = 200
    seconds: float = 1.0
    seconds_per_byte: float = 20e-6

    def __post_init__(self) -> None:
        """Refuse what is no number, and take each as one of Python's, which do not overflow.

        Raises:
            RequestError: a cap is none, or less than 0.
        """
        for field in fields(self):
            value, expected = getattr(self, field.name), f"limits: {field.name}: expected a number >= 0"
            number = given_number(value, expected)
            if not number >= 0:
                raise RequestError(f"{expected}, found {value}")
            with contextlib.suppress(TypeError):  # of an array of NumPy that holds a float
                number = operator.index(value)
            object.__setattr__(self, field.name, number)

    def metadata_for(self, file_bytes: int) -> int:
        """Largest metadata.json, decoded, in a file of this size."""
        return min(self.metadata_bytes, max(self.free_metadata_bytes, self.metadata_per_byte * file_bytes))

    def texels_for(self, file_bytes: int) -> int:
        """Most texels of all lightmaps of a file of this size."""
        return max(self.free_texels, self.texels_per_byte * file_bytes)

    def decoded_for(self, file_bytes: int) -> int:
        """Largest sum of decoded sections in a file of this size."""
        return max(self.free_decoded_bytes, self.expansion * file_bytes)

    def memory_for(self, file_bytes: int) -> int:
        """Largest estimate of working memory for a file of this size."""
        return int(min(self.memory + self.memory_per_byte * file_bytes, MOST_MEMORY))  # callers may give floats

    def seconds_for(self, file_bytes: int) -> float:
        """Largest estimate of time for a file of this size."""
        return self.seconds + self.seconds_per_byte * file_bytes

    def scaled(self, factor: float) -> Limits:
        """All caps times a factor, for files that are trusted.

        Raises:
            RequestError: it is no positive, finite number.
        """
        number = given_number(factor, "limits: expected a factor > 0")
        if not 0 < number < MOST_FACTOR:
            raise RequestError(f"limits: expected a factor > 0 and < {MOST_FACTOR:g}, found {factor}")
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Limits(**{name: type(value)(min(value * number, MOST_CAP)) for name, value in values.items()})


DEFAULT_LIMITS = Limits()
