"""How an open archive runs its graphs: threads, provider and decoder, decided once when it is opened; its graphs."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ..counted_sections import CountedSections
from ..errors import ArchiveError, InvalidGraphError
from ..forks import Lock, resets
from ..memory import MemoryAccount
from ..pool import Pool
from ..tile_cache import TileCache
from ..turns import Turn, Turns
from .heap import HEAP
from .session import check_model, choose_provider, run_session, start_session
from .shapes import GraphCost, GraphInputs, as_shape
from .wire import Graph as Nodes

if TYPE_CHECKING:
    from .engine import onnxruntime

Result = TypeVar("Result")

_left_behind: list[object] = []
MOST_WORKERS = 8  # where the caller says no number
MOST_TURNS = 64  # at decoding tiles


def default_workers(threads: int) -> int:
    """Threads of an archive; 0 stands for the machine's."""
    return threads or min(MOST_WORKERS, os.cpu_count() or 1)


class Slots:
    """As many runs of graphs at once as there is memory for: all but one of them take no more than a file may.

    Args:
        n_bytes: What all but one may take.
    """

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes, self._largest = n_bytes, 1
        self._turns = Turns(MOST_WORKERS)

    def make_room(self, run_bytes: int) -> None:
        """There will be runs that take so much."""
        self._largest = max(self._largest, run_bytes)

    def do(self, run: Callable[[], Result]) -> Result:
        """The result of a run, when it is its turn."""
        return self._turns.one_of(1 + self._n_bytes // self._largest).do(run)

    def close(self) -> None:
        """Let threads go that runs have."""
        self._turns.close()


class Session:
    """A graph that was checked, and its session once it is run.

    Attributes:
        nodes: The graph as it is stored.
        cost: What runs take.
    """

    def __init__(self, model: bytes, provider: str, nodes: Nodes, cost: GraphCost) -> None:
        self._model, self._provider, self.nodes, self.cost = model, provider, nodes, cost
        self._lock = Lock()
        self._session: onnxruntime.InferenceSession | None = None
        resets(self)

    def after_fork(self) -> None:
        """Forget the session: a thread that is not here may have run it, and then it is locked for ever."""
        _left_behind.append(self._session)  # its end might wait too
        self._session = None

    def start(self, where: str) -> onnxruntime.InferenceSession:
        """The session, made when it is first asked for.

        Raises:
            InvalidGraphError: onnxruntime refuses the graph.
            RequestError: the provider is not there.
        """
        with self._lock.raw:
            if self._session is None:
                self._session = start_session(self._model, provider=choose_provider(self._provider), where=where)
            return self._session


@dataclass(frozen=True)
class Runtime:
    """Threads, provider, decoder and sessions of an open archive.

    Attributes:
        provider: "auto", "cpu" or "cuda".
        memory: What decoding may still take.
        pool: Threads of all its lightmaps.
        most_at_once: Tiles that there is memory for at once, while it is lent.
        decoder: "native", "onnx" or "reference", see decoders.py.
        tiles: Decoded tiles of all its lightmaps.
        turns: At decoding a tile: as many are, whoever asks for them, as there is memory for; who needs all that is
            left does it alone.
        reading: At masks and outliers, one after the other: each takes many times what it keeps.
        opening: At what comes before the tiles of a lightmap.
    """

    provider: str
    memory: MemoryAccount
    pool: Pool
    most_at_once: int = 1
    decoder: str = "onnx"
    tiles: TileCache[Any] = field(default_factory=lambda: TileCache(lambda: 0))
    _sessions: dict[Hashable, Session] = field(default_factory=dict)
    turns: Turns = field(init=False)
    reading: Turn = field(default_factory=Turn)
    opening: Turn = field(default_factory=Turn)
    _slots: Slots = field(init=False)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_slots", Slots(self.memory.total))
        object.__setattr__(self, "turns", Turns(min(self.most_at_once, MOST_TURNS)))

    @property
    def tiles_at_once(self) -> int:
        """Tiles that there is memory for at once."""
        return self.most_at_once if self.memory.is_lent else 1

    def close(self) -> None:
        """Let threads go; work that comes later makes new ones."""
        for one in (self.pool, self.turns, self.reading, self.opening, self._slots):
            one.close()

    def load(self, sections: CountedSections, section: str, inputs: GraphInputs, *, every_frame: bool = False) -> Graph:
        """Check the graph in a section; lightmaps of equal graphs share its session, which starts at the first run.

        Args:
            sections: Of the file.
            section: Name.
            inputs: What will be fed, at its largest.
            every_frame: Whether every frame runs it, or only what comes before.

        Raises:
            ArchiveError: the section is missing or damaged, or the graph is not allowed or takes too much memory or
                time.
        """
        container = sections.container
        where = f"{container.path}: section {section}"
        model = sections.read_bytes(section)
        shapes = tuple(sorted((name, as_shape(shape)) for name, shape in inputs.shapes.items()))
        key = model, shapes, inputs.rows, inputs.columns, inputs.run_texels, inputs.frame_texels
        try:
            with self._lock.raw:
                if key not in self._sessions:
                    max_nodes = container.limits.graph_nodes
                    checked = check_model(model, inputs, max_nodes=max_nodes, memory=self.memory, where=where)
                    self._sessions[key] = Session(model, self.provider, *checked)
                session = self._sessions[key]
                self._slots.make_room(session.cost.run_bytes)
            sections.time.take(session.cost.seconds, f"{where}: the graph", every_frame=every_frame)
        except ArchiveError as error:
            error.section = section
            raise
        return Graph(session, where, section, self._slots)


class Graph:
    """A graph of an archive; results are checked, because a file may hold any graph.

    Attributes:
        nodes: As it is stored.
        section: Its name.
    """

    def __init__(self, session: Session, where: str, section: str, slots: Slots) -> None:
        self._shared, self._where, self.section, self.nodes = session, where, section, session.nodes
        self._slots = slots

    def start(self) -> onnxruntime.InferenceSession:
        """Its session; errors as of `Session.start`."""
        try:
            return self._shared.start(self._where)
        except ArchiveError as error:
            error.section = self.section
            raise

    def invalid(self, problem: str) -> InvalidGraphError:
        """The error that says what is wrong with the graph."""
        return InvalidGraphError(f"{self._where}: {problem}", section=self.section)

    @property
    def inputs(self) -> set[str]:
        """Names."""
        return {value.name for value in self.start().get_inputs()}

    @property
    def outputs(self) -> set[str]:
        """Names."""
        return {value.name for value in self.start().get_outputs()}

    def run(
        self, output: str, feeds: dict[str, np.ndarray], shape: tuple[int, ...], dtype: type[np.generic] = np.float32
    ) -> np.ndarray:
        """Run it for one output.

        Raises:
            InvalidGraphError: the inputs do not fit, it fails, or the output is of another shape or type.
        """
        session = self.start()

        def run() -> np.ndarray:
            with HEAP.room_for(self._shared.cost.run_bytes):
                values: np.ndarray = run_session(session, output, feeds, self._where)
                return values

        values = self._slots.do(run)
        if values.shape != shape or values.dtype != dtype:
            raise self.invalid(f"expected {output} of shape {shape}, found {values.shape} {values.dtype}")
        return values
