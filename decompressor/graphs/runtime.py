"""How an open archive runs its graphs: threads and provider, decided once when it is opened."""

from __future__ import annotations

import os
from dataclasses import dataclass

import onnxruntime

from ..container import Container
from ..memory import MemoryAccount
from .session import make_session
from .shapes import GraphInputs


def default_workers(threads: int) -> int:
    """Threads that decode tiles at once, where there is memory for them; 0 threads stand for the machine's."""
    return threads or min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class Runtime:
    """Threads and provider of an open archive.

    Attributes:
        threads: Threads for decoding; 0 leaves it to onnxruntime.
        provider: "cpu" or "cuda".
        memory: What the graphs may take.
        workers: Threads that decode tiles at once.
    """

    threads: int
    provider: str
    memory: MemoryAccount
    workers: int

    def load(self, container: Container, section: str, inputs: GraphInputs) -> onnxruntime.InferenceSession:
        """Check the graph in a section and make it ready to run.

        Args:
            container: The file.
            section: Name.
            inputs: What will be fed, at its largest.

        Raises:
            ArchiveError: the section is missing or damaged, or the graph is not allowed or takes too much memory.
        """
        return make_session(
            container.read_bytes(section),
            inputs,
            threads=self.threads,
            provider=self.provider,
            max_nodes=container.limits.graph_nodes,
            memory=self.memory,
            where=f"{container.path}: section {section}",
        )
