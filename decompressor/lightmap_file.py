"""A lightmap in its archive: what the decoder of any family reads from, and how it runs its graphs."""

from __future__ import annotations

from dataclasses import dataclass, field

from .container import Container
from .counted_sections import CountedSections
from .errors import LimitExceededError
from .graphs.runtime import Graph, Runtime
from .graphs.shapes import GraphInputs
from .mask import Mask
from .metadata import ArchiveEntry, LightmapEntry
from .outliers import Outliers
from .time_account import TimeAccount

GUTTERS = ("dilate", "mean", "black")
"""What texels outside the mask are: the nearest valid texel, the family's own color, or 0. FORMAT.md "Gutters"."""


@dataclass(frozen=True)
class LightmapFile:
    """A lightmap in its archive.

    Attributes:
        sections: The archive's, as the lightmap reads them.
        archive: What all lightmaps share.
        entry: The lightmap's fields.
        mask: Read when it is asked for.
        outliers: Alike.
        runtime: Threads, provider, memory.
        gutter: What texels outside the mask are, one of GUTTERS.
        graphs: That were loaded.
    """

    sections: CountedSections
    archive: ArchiveEntry
    entry: LightmapEntry
    mask: Mask
    outliers: Outliers
    runtime: Runtime
    gutter: str
    graphs: list[Graph] = field(default_factory=list)

    @property
    def container(self) -> Container:
        """The archive."""
        return self.sections.container

    @property
    def time(self) -> TimeAccount:
        """What is left of the time that the lightmap's frames may take."""
        return self.sections.time

    def section(self, name: str) -> str:
        """Full name of one of the lightmap's own sections."""
        return f"{self.entry.index}/{name}"

    def load(self, section: str, inputs: GraphInputs, *, every_frame: bool = False) -> Graph:
        """A graph of the lightmap, ready to run, which every frame or every tile needs; errors as of `Runtime.load`."""
        self.graphs.append(self.runtime.load(self.sections, section, inputs, every_frame=every_frame))
        return self.graphs[-1]

    def start_graphs(self) -> None:
        """Have onnxruntime load the graphs that were checked, but for those that the metadata tell.

        Raises:
            InvalidGraphError: it refuses one.
            MissingPackageError: it is not there.
        """
        for graph in self.graphs:
            if self.container.find(graph.section).codec != "standard":
                graph.start()

    def check_latents(self, n_bytes: int) -> None:
        """Refuse latent maps before they are made.

        Raises:
            LimitExceededError: they would take more bytes than the caller's limits allow.
        """
        limit = self.container.limits.latent_bytes
        if n_bytes > limit:
            raise LimitExceededError(
                f"{self.container.path}: latent maps of {n_bytes} bytes are over the limit of {limit}"
            )
