"""Families whose graph `latents` takes rows and columns: latent maps once, strip by strip, then frames."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InvalidMetadataError
from .frame import FrameDecoder, block_texels
from .graphs.dims import COLUMNS, ROWS, Dim
from .graphs.shapes import GraphInputs
from .json_fields import Fields
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_planes
from .working_set import BASELINE_BYTES, TEXEL_BYTES, WorkingSet


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


def read_baseline(model: Fields) -> int | None:
    """Width of one bin of the baseline frame, of the fields `residual_mode` and `baseline`; None without one.

    Raises:
        InvalidMetadataError: one of them is there without the other, or out of range.
    """
    residual = model.boolean("residual_mode")
    if residual == model.is_null("baseline"):
        raise InvalidMetadataError(f"{model.where}.baseline: expected an object in residual mode and only there")
    return model.child("baseline").integer("q_step", 1, 64) if residual else None


def working_set(lightmap: LightmapEntry, n_latents: int, has_baseline: bool) -> WorkingSet:
    """Estimate for one lightmap of so many latent channels."""
    n_texels = lightmap.height * lightmap.width
    at_work = 4 * n_latents + (BASELINE_BYTES if has_baseline else 0)
    return WorkingSet(n_texels * (TEXEL_BYTES + 4 * n_latents), 1, n_texels * at_work)


def describe_mlp(name: str, model: dict[str, Any]) -> str:
    """The network of the second stage, for people."""
    mlp, harmonics = model["mlp"], model["normalization"]["time"]["harmonics"]
    return (
        f"  {name}: {mlp['layers']} hidden layers of {mlp['hidden']}, weights in {mlp['dtype']}, "
        f"{harmonics} time harmonics"
    )


def describe_baseline(model: dict[str, Any]) -> list[str]:
    """The baseline frame, where there is one, for people."""
    baseline = model["baseline"]
    if not baseline:
        return []
    return [f"  baseline: frame of {baseline['time_h']:g} h, bin width {baseline['q_step']} codes"]


class LatentMapDecoder(ABC):
    """Decodes one lightmap; its latent maps are made once."""

    def __init__(self, file: LightmapFile, graphs: LatentGraphs, baseline_q_step: int | None) -> None:
        self._file, self._graphs, self._baseline_q_step = file, graphs, baseline_q_step
        self._lock = threading.Lock()
        self._ready: tuple[np.ndarray, FrameDecoder] | None = None

    @abstractmethod
    def stored_inputs(self) -> dict[str, np.ndarray]:
        """The inputs of `latents` that do not depend on the texels.

        Raises:
            ArchiveError: a section is missing, damaged or of a wrong shape.
        """

    def latent_inputs(self) -> dict[str, np.ndarray]:
        """What the graph `latents` takes beside `rows` and `columns`, the baseline frame whole."""
        baseline = {} if self._baseline_q_step is None else {"baseline": self._baseline(self._baseline_q_step)}
        return {**self.stored_inputs(), **baseline}

    def _prepared(self) -> tuple[np.ndarray, FrameDecoder]:
        with self._lock:
            if self._ready is None:
                file, graphs = self._file, self._graphs
                latents = self._make_latents()
                block = block_texels(max(graphs.hidden, 1))
                inputs = GraphInputs({"z": (graphs.n_latents, ROWS, COLUMNS), "time_h": (1,)}, 1, block)
                frame = file.runtime.load(file.container, graphs.frame, inputs)
                self._ready = latents, FrameDecoder(frame, block)
            return self._ready

    def _baseline(self, q_step: int) -> np.ndarray:
        """(3, H, W) float32 pixel values of the baseline frame."""
        file, name = self._file, self._file.section("baseline")
        height, width = file.entry.height, file.entry.width
        stream = file.container.read_array(name)
        if stream.shape != (3 * height * width,) or stream.dtype != np.dtype("<u2"):
            raise file.container.invalid(name, "expected 3 H W values of u2")
        frame = np.clip(inverse_planes(stream, height, width) * q_step, 0, 255)
        planes: np.ndarray = frame.astype(np.float32).transpose(2, 0, 1)
        return planes

    def _make_latents(self) -> np.ndarray:
        """Run the graph `latents`, some rows at a time: (n_latents, H, W) float32.

        Raises:
            ArchiveError: a section is missing, damaged or of a wrong shape, or the maps would be over the limit.
        """
        file, graphs = self._file, self._graphs
        height, width = file.entry.height, file.entry.width
        file.check_latents(4 * graphs.n_latents * height * width)
        feeds = {**self.latent_inputs(), "columns": np.arange(width, dtype=np.float32)}
        baseline = feeds.pop("baseline", None)
        strip = min(height, max(1, graphs.strip_texels // width))
        shapes: dict[str, Sequence[int | Dim]] = {name: array.shape for name, array in feeds.items()}
        shapes |= {"rows": (ROWS,), "columns": (COLUMNS,)}
        if baseline is not None:
            shapes["baseline"] = (3, ROWS, COLUMNS)
        graph = file.runtime.load(file.container, graphs.latents, GraphInputs(shapes, strip, width))
        strips: list[np.ndarray] = []
        for top in range(0, height, strip):
            feeds["rows"] = np.arange(top, min(top + strip, height), dtype=np.float32)
            if baseline is not None:
                feeds["baseline"] = baseline[:, top : top + strip]
            strips.append(graph.run("z", feeds, (graphs.n_latents, len(feeds["rows"]), width)))
        return strips[0] if len(strips) == 1 else np.concatenate(strips, axis=1)

    def prepare(self) -> None:
        """Make the latent maps and load the graph `frame`."""
        self._prepared()

    def latents(self) -> np.ndarray:
        """(C, H, W) float32, the input `z` of the graph `frame` (shared: do not write)."""
        return self._prepared()[0]

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """Nothing: these families' graphs take `z` and `time_h` only."""
        return {}

    def decode(self, time_h: float, region: tuple[int, int, int, int], as_rgb8: bool) -> np.ndarray:
        """Decode a region (y0, y1, x0, x1): (h, w, 3) uint8 sRGB or float32 values."""
        y0, y1, x0, x1 = region
        latents, frame = self._prepared()
        return frame.decode(latents[:, y0:y1, x0:x1], time_h, as_rgb8)

    def texel(self, y: int, x: int, time_h: float) -> np.ndarray:
        """(3,) float32 of one texel, equal to the same texel of the whole frame."""
        texel: np.ndarray = self.decode(time_h, (y, y + 1, x, x + 1), False)[0, 0]
        # absurd weights give absurd texels, but no warnings where codes are made of them
        finite: np.ndarray = np.nan_to_num(texel)
        return finite
