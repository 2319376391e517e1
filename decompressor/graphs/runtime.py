"""How an open archive runs its graphs: threads and provider, decided once when it is opened; graphs that are loaded."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from ..container import Container
from ..errors import ArchiveError, InvalidGraphError
from ..memory import MemoryAccount
from .engine import onnxruntime
from .session import make_session, run_session
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

    def load(self, container: Container, section: str, inputs: GraphInputs) -> Graph:
        """Check the graph in a section and make it ready to run.

        Args:
            container: The file.
            section: Name.
            inputs: What will be fed, at its largest.

        Raises:
            ArchiveError: the section is missing or damaged, or the graph is not allowed or takes too much memory.
        """
        where = f"{container.path}: section {section}"
        model = container.read_bytes(section)
        try:
            session = make_session(
                model,
                inputs,
                threads=self.threads,
                provider=self.provider,
                max_nodes=container.limits.graph_nodes,
                memory=self.memory,
                where=where,
            )
        except ArchiveError as error:
            error.section = section
            raise
        return Graph(session, where, section)


class Graph:
    """A graph of an archive, ready to run; results are checked, because a file may hold any graph."""

    def __init__(self, session: onnxruntime.InferenceSession, where: str, section: str) -> None:
        self._session, self._where, self._section = session, where, section

    def invalid(self, problem: str) -> InvalidGraphError:
        """The error that says what is wrong with the graph."""
        return InvalidGraphError(f"{self._where}: {problem}", section=self._section)

    @property
    def inputs(self) -> set[str]:
        """Names."""
        return {value.name for value in self._session.get_inputs()}

    @property
    def outputs(self) -> set[str]:
        """Names."""
        return {value.name for value in self._session.get_outputs()}

    def run(
        self, output: str, feeds: dict[str, np.ndarray], shape: tuple[int, ...], dtype: type[np.generic] = np.float32
    ) -> np.ndarray:
        """Run it for one output.

        Raises:
            InvalidGraphError: the inputs do not fit, it fails, or the output is of another shape or type.
        """
        values: np.ndarray = run_session(self._session, output, feeds, self._where)
        if values.shape != shape or values.dtype != dtype:
            raise self.invalid(f"expected {output} of shape {shape}, found {values.shape} {values.dtype}")
        return values
