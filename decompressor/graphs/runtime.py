"""How an open archive runs its graphs: threads and provider, decided once when it is opened; graphs that are loaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Hashable
from dataclasses import dataclass, field

import numpy as np

from ..container import Container
from ..errors import ArchiveError, InvalidGraphError
from ..forks import Lock
from ..memory import MemoryAccount
from ..pool import Pool
from ..time_account import TimeAccount
from .engine import onnxruntime
from .session import make_session, run_session
from .shapes import GraphCost, GraphInputs, as_shape
from .wire import Graph as Nodes
from .wire import parse_model

MOST_WORKERS = 8  # where the caller says no number


def default_workers(threads: int) -> int:
    """Threads of an archive; 0 stands for the machine's."""
    return threads or min(MOST_WORKERS, os.cpu_count() or 1)


@dataclass(frozen=True)
class Runtime:
    """Threads, provider and sessions of an open archive.

    Attributes:
        provider: "cpu" or "cuda".
        memory: What decoding may still take.
        pool: Threads of all its lightmaps.
        tiles_at_once: Tiles that there is memory for at once.
    """

    provider: str
    memory: MemoryAccount
    pool: Pool
    tiles_at_once: int = 1
    _sessions: dict[Hashable, tuple[onnxruntime.InferenceSession, GraphCost]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def load(self, container: Container, section: str, inputs: GraphInputs, time: TimeAccount) -> Graph:
        """Check the graph in a section and make it ready to run; lightmaps of equal graphs share one.

        Args:
            container: The file.
            section: Name.
            inputs: What will be fed, at its largest.
            time: What is left to the lightmap.

        Raises:
            ArchiveError: the section is missing or damaged, or the graph is not allowed or takes too much memory or
                time.
        """
        where = f"{container.path}: section {section}"
        model = container.read_bytes(section)
        shapes = tuple(sorted((name, as_shape(shape)) for name, shape in inputs.shapes.items()))
        key = hashlib.sha256(model).digest(), shapes, inputs.rows, inputs.columns, inputs.frame_texels
        try:
            with self._lock:
                if key not in self._sessions:
                    self._sessions[key] = make_session(
                        model,
                        inputs,
                        provider=self.provider,
                        max_nodes=container.limits.graph_nodes,
                        memory=self.memory,
                        where=where,
                    )
                session, cost = self._sessions[key]
            time.take(cost.seconds, f"{where}: the graph")
        except ArchiveError as error:
            error.section = section
            raise
        return Graph(session, where, section, parse_model(model, container.limits.graph_nodes))


class Graph:
    """A graph of an archive, ready to run; results are checked, because a file may hold any graph.

    Attributes:
        nodes: As it is stored.
    """

    def __init__(self, session: onnxruntime.InferenceSession, where: str, section: str, nodes: Nodes) -> None:
        self._session, self._where, self._section, self.nodes = session, where, section, nodes

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
