"""What a reader is willing to take from a file; a caller that trusts its files may raise any of it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Caps that are checked before anything is allocated.

    Attributes:
        metadata_bytes: Decoded size of metadata.json.
        n_sections: Sections in an archive.
        section_bytes: Decoded size of one section.
        expansion: Decoded over stored bytes of one section, once it decodes to more than `free_expansion_bytes`.
        free_expansion_bytes: Decoded size up to which any expansion is fine.
        texels: H * W of one lightmap.
        latent_bytes: Size of one lightmap's latent maps in memory.
        graph_nodes: Nodes in one ONNX graph.
    """

    metadata_bytes: int = 16 * MIB
    n_sections: int = 1 << 20
    section_bytes: int = GIB
    expansion: int = 2048
    free_expansion_bytes: int = 16 * MIB
    texels: int = 1 << 28
    latent_bytes: int = 8 * GIB
    graph_nodes: int = 512


DEFAULT_LIMITS = Limits()
