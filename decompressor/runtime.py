"""How an open archive runs its graphs: threads and provider, decided once when it is opened."""

from __future__ import annotations

from dataclasses import dataclass

import onnxruntime

from decompressor.container import Container
from decompressor.session import make_session


@dataclass(frozen=True)
class Runtime:
    """Threads and provider of an open archive.

    Attributes:
        threads: Threads for decoding; 0 leaves it to onnxruntime.
        provider: "cpu" or "cuda".
    """

    threads: int
    provider: str

    def load(self, container: Container, section: str) -> onnxruntime.InferenceSession:
        """Check the graph in a section and make it ready to run.

        Raises:
            ArchiveError: the section is missing or damaged, or the graph is not allowed.
        """
        return make_session(
            container.read_bytes(section),
            threads=self.threads,
            provider=self.provider,
            max_nodes=container.limits.graph_nodes,
            where=f"{container.path}: section {section}",
        )
