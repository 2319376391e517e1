"""Families whose graph `latents` takes rows and columns: latent maps once, strip by strip, then frames."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .container import Container
from .errors import InvalidSectionError, LimitExceededError
from .frame import FrameDecoder, block_texels
from .graphs.dims import COLUMNS, ROWS, Dim
from .graphs.runtime import Runtime
from .graphs.session import run_session
from .graphs.shapes import GraphInputs
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_planes


@dataclass(frozen=True)
class LatentGraphs:
    """The two graphs of a lightmap.

    Attributes:
        latents: Section name.
        frame: Section name.
        n_latents: Channels of the latent map, with the baseline's.
        hidden: Widest layer of `frame`.
        strip_texels: Texels that `latents` makes at a time (at least one row), which bounds its memory.
    """

    latents: str
    frame: str
    n_latents: int
    hidden: int
    strip_texels: int


def _baseline(container: Container, lightmap: LightmapEntry, q_step: int) -> np.ndarray:
    """(3, H, W) float32 codes."""
    stream = container.read_array(f"{lightmap.index}/baseline")
    if stream.shape != (3 * lightmap.height * lightmap.width,) or stream.dtype != np.dtype("<u2"):
        raise InvalidSectionError(f"{container.path}: section {lightmap.index}/baseline: expected 3 H W values of u2")
    codes = inverse_planes(stream, lightmap.height, lightmap.width)
    planes: np.ndarray = np.clip(codes * q_step, 0, 255).astype(np.float32).transpose(2, 0, 1)
    return planes


class LatentMapDecoder(ABC):
    """Decodes one lightmap; its latent maps are made once."""

    n_tiles = 1

    def __init__(
        self,
        container: Container,
        lightmap: LightmapEntry,
        graphs: LatentGraphs,
        baseline_q_step: int | None,
        runtime: Runtime,
    ) -> None:
        self._container, self._lightmap, self._graphs, self._runtime = container, lightmap, graphs, runtime
        self._baseline_q_step = baseline_q_step
        self._lock = threading.Lock()
        self._ready: tuple[np.ndarray, FrameDecoder] | None = None

    @abstractmethod
    def stored_inputs(self) -> dict[str, np.ndarray]:
        """The inputs of `latents` that do not depend on the texels.

        Raises:
            ArchiveError: a section is missing, damaged or of a wrong shape.
        """

    def _prepared(self) -> tuple[np.ndarray, FrameDecoder]:
        with self._lock:
            if self._ready is None:
                container, graphs = self._container, self._graphs
                latents = self._make_latents()
                where = f"{container.path}: section {graphs.frame}"
                block = block_texels(max(graphs.hidden, 1))
                inputs = GraphInputs({"z": (graphs.n_latents, ROWS, COLUMNS), "time_h": (1,)}, 1, block)
                self._ready = latents, FrameDecoder(self._runtime.load(container, graphs.frame, inputs), block, where)
            return self._ready

    def _make_latents(self) -> np.ndarray:
        """Run the graph `latents`, some rows at a time: (n_latents, H, W) float32.

        Raises:
            ArchiveError: a section is missing, damaged or of a wrong shape, or the maps would be over the limit.
        """
        container, lightmap, graphs = self._container, self._lightmap, self._graphs
        n_bytes, limit = 4 * graphs.n_latents * lightmap.height * lightmap.width, container.limits.latent_bytes
        if n_bytes > limit:
            raise LimitExceededError(f"{container.path}: latent maps of {n_bytes} bytes are over the limit of {limit}")
        feeds = self.stored_inputs()
        feeds["columns"] = np.arange(lightmap.width, dtype=np.float32)
        baseline = None
        if self._baseline_q_step is not None:
            baseline = _baseline(container, lightmap, self._baseline_q_step)
        where = f"{container.path}: section {graphs.latents}"
        strip = min(lightmap.height, max(1, graphs.strip_texels // lightmap.width))
        shapes: dict[str, Sequence[int | Dim]] = {name: array.shape for name, array in feeds.items()}
        shapes |= {"rows": (ROWS,), "columns": (COLUMNS,)}
        if baseline is not None:
            shapes["baseline"] = (3, ROWS, COLUMNS)
        session = self._runtime.load(container, graphs.latents, GraphInputs(shapes, strip, lightmap.width))
        parts: list[np.ndarray] = []
        for top in range(0, lightmap.height, strip):
            rows = np.arange(top, min(top + strip, lightmap.height), dtype=np.float32)
            feeds["rows"] = rows
            if baseline is not None:
                feeds["baseline"] = baseline[:, top : top + strip]
            part: np.ndarray = run_session(session, "z", feeds, where)
            expected = (graphs.n_latents, len(rows), lightmap.width)
            if part.shape != expected or part.dtype != np.float32:
                raise InvalidSectionError(f"{where}: expected z of shape {expected}, found {part.shape} {part.dtype}")
            if len(rows) == lightmap.height:
                return part
            parts.append(part)
        return np.concatenate(parts, axis=1)

    def prepare(self) -> None:
        """Make the latent maps and load the graph `frame`."""
        self._prepared()

    def latents(self) -> np.ndarray:
        """(C, H, W) float32, the input `z` of the graph `frame` (shared: do not write)."""
        return self._prepared()[0]

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_codes: bool) -> np.ndarray:
        """Decode a region (y0, y1, x0, x1): (h, w, 3) uint8 codes or float32 values."""
        y0, y1, x0, x1 = region
        latents, frame = self._prepared()
        return frame.decode(latents[:, y0:y1, x0:x1], time_h, as_codes)

    def texel(self, y: int, x: int, time_h: float) -> np.ndarray:
        """(3,) float32 of one texel, equal to the same texel of the whole frame."""
        texel: np.ndarray = self.decode(time_h, (y, y + 1, x, x + 1), False)[0, 0]
        # absurd weights give absurd texels, but no warnings where codes are made of them
        finite: np.ndarray = np.nan_to_num(texel)
        return finite
