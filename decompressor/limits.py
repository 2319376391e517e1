"""What a reader is willing to take from a file; a caller that trusts its files may raise any of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Caps that are checked before anything is allocated.

    What grows with the file is capped by the file's size too, so that a small file cannot make the reader take much
    memory, however it was made: see `memory_for` and `decoded_for`.

    Attributes:
        metadata_bytes: Decoded size of metadata.json.
        metadata_expansion: Decoded over stored bytes of metadata.json, once it is over `free_metadata_bytes`.
        free_metadata_bytes: Decoded size of metadata.json up to which any expansion is fine.
        n_sections: Sections in an archive.
        section_bytes: Decoded size of one section.
        expansion: Decoded over stored bytes of one section, once it decodes to more than `free_expansion_bytes`; and
            decoded bytes of all sections over those of the file, once they are more than `free_decoded_bytes`.
        free_expansion_bytes: Decoded size up to which any expansion of one section is fine.
        free_decoded_bytes: Decoded size of all sections together up to which any expansion is fine.
        texels: H * W of one lightmap.
        latent_bytes: Size of one lightmap's latent maps in memory.
        graph_nodes: Nodes in one ONNX graph.
        memory_per_byte: Estimated working memory over bytes of the file, once it is over `free_memory_bytes`.
        free_memory_bytes: Estimated working memory that any file may take.
        seconds: Estimated time of one core that a frame of 256 x 256 texels of any file may take.
        seconds_per_byte: The same for each byte of the file.
    """

    metadata_bytes: int = 16 * MIB
    metadata_expansion: int = 64
    free_metadata_bytes: int = 256 * KIB
    n_sections: int = 1 << 20
    section_bytes: int = GIB
    expansion: int = 2048
    free_expansion_bytes: int = 16 * MIB
    free_decoded_bytes: int = 2 * MIB
    texels: int = 1 << 28
    latent_bytes: int = 8 * GIB
    graph_nodes: int = 512
    memory_per_byte: int = 48 * KIB
    free_memory_bytes: int = 48 * MIB
    seconds: float = 1.0
    seconds_per_byte: float = 20e-6

    def metadata_for(self, stored_bytes: int) -> int:
        """Largest metadata.json, decoded, of so many stored bytes."""
        return min(self.metadata_bytes, max(self.free_metadata_bytes, self.metadata_expansion * stored_bytes))

    def decoded_for(self, file_bytes: int) -> int:
        """Largest sum of decoded sections in a file of this size."""
        return max(self.free_decoded_bytes, self.expansion * file_bytes)

    def memory_for(self, file_bytes: int) -> int:
        """Largest estimate of working memory for a file of this size."""
        return max(self.free_memory_bytes, self.memory_per_byte * file_bytes)

    def seconds_for(self, file_bytes: int) -> float:
        """Largest estimate of time for a file of this size."""
        return self.seconds + self.seconds_per_byte * file_bytes

    def scaled(self, factor: float) -> Limits:
        """All caps times a factor, for files that are trusted."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return Limits(**{name: type(value)(value * factor) for name, value in values.items()})


DEFAULT_LIMITS = Limits()
