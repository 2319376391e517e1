"""Families whose graph `latents` takes rows and columns: latent maps of a tile, strip by strip, then frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import InvalidMetadataError
from .forks import Lock
from .frame import LANES, FrameDecoder, block_texels, run_texels
from .graphs.dims import COLUMNS, ROWS, Dim
from .graphs.runtime import Graph
from .graphs.shapes import FRAME_SIDE, FRAME_TEXELS, GraphInputs
from .grid import Place, TileGrid, ceil_div
from .json_fields import Fields
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .reversible_wavelet import inverse_planes
from .tiled import Part, TiledDecoder
from .working_set import BASELINE_BYTES, WorkingSet, mask_bytes

WEIGHT_DTYPES = ("fp16", "fp32", "int8")
MAX_LAYERS = 1 << 10
TILE_TEXEL_BYTES, TILE_SAMPLE_BYTES = 24, 12
"""Of each texel of a tile, and of each texel of each map, while it is made and until it is drawn."""


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


@dataclass(frozen=True)
class MlpEntry:
    """The network of `frame`: the fields `mlp` and `normalization`, checked; but for `hidden` they are for people.

    Attributes:
        hidden: Width of its layers.
        layers: Hidden ones.
        dtype: Of the stored weights.
        harmonics: Of time.
    """

    hidden: int
    layers: int
    dtype: str
    harmonics: int

    def describe(self, name: str) -> str:
        """A line for people."""
        return (
            f"  {name}: {self.layers} hidden layers of {self.hidden}, weights in {self.dtype}, "
            f"{self.harmonics} time harmonics"
        )


@dataclass(frozen=True)
class BaselineEntry:
    """The field `baseline`, checked: hour of the frame, and width of one bin of its codes."""

    time_h: float
    q_step: int

    def describe(self) -> str:
        """A line for people."""
        return f"  baseline: frame of {self.time_h:g} h, bin width {self.q_step} codes"


def read_mlp(model: Fields) -> MlpEntry:
    """The fields of the network of `frame`.

    Raises:
        InvalidMetadataError: one is missing, of a wrong type or out of range.
    """
    mlp, normalization = model.child("mlp"), model.child("normalization")
    time = normalization.child("time")
    normalization.numbers("xy_range", 2, 2)
    time.number("period_h", 0.0, 1e6)
    return MlpEntry(
        hidden=mlp.integer("hidden", 1, 1 << 14),
        layers=mlp.integer("layers", 1, MAX_LAYERS),
        dtype=mlp.choice("dtype", WEIGHT_DTYPES),
        harmonics=time.integer("harmonics", 0, 1 << 12),
    )


def read_baseline(model: Fields) -> BaselineEntry | None:
    """The baseline frame, of the fields `residual_mode` and `baseline`; None without one.

    Raises:
        InvalidMetadataError: one of them is there without the other, or out of range.
    """
    residual = model.boolean("residual_mode")
    if residual == model.is_null("baseline"):
        raise InvalidMetadataError(f"{model.where}.baseline: expected an object in residual mode and only there")
    if not residual:
        return None
    fields = model.child("baseline")
    return BaselineEntry(fields.number("time_h", 0.0, 24.0), fields.integer("q_step", 1, 64))


def working_set(lightmap: LightmapEntry, n_latents: int, has_baseline: bool) -> WorkingSet:
    """Estimate for one lightmap of so many latent channels."""
    n_texels, tiles = lightmap.height * lightmap.width, tiles_of(lightmap)
    tile = min(tiles.side, lightmap.height) * min(tiles.side, lightmap.width)
    baseline = BASELINE_BYTES * n_texels if has_baseline else 0
    kept = mask_bytes(lightmap.height, lightmap.width) + baseline
    return WorkingSet(kept, len(tiles), tile * (TILE_TEXEL_BYTES + TILE_SAMPLE_BYTES * n_latents))


def tiles_of(lightmap: LightmapEntry) -> TileGrid:
    """What is made of the maps at a time."""
    return TileGrid(lightmap.height, lightmap.width, FRAME_SIDE)


@dataclass(frozen=True)
class _Ready:
    """What all tiles need: stored inputs, baseline frame (3, H, W) uint8, rows of a run, the graphs."""

    stored: dict[str, np.ndarray]
    baseline: np.ndarray | None
    strip: int
    latents: Graph
    frame: FrameDecoder


class LatentMapDecoder(TiledDecoder[np.ndarray]):
    """Decodes one lightmap."""

    def __init__(self, file: LightmapFile, graphs: LatentGraphs, baseline: BaselineEntry | None) -> None:
        super().__init__(file, tiles_of(file.entry))
        self._graphs, self._baseline = graphs, baseline
        self._lock = Lock()
        self._ready: _Ready | None = None

    @abstractmethod
    def stored_inputs(self) -> dict[str, np.ndarray]:
        """The inputs of `latents` that do not depend on the texels.

        Raises:
            ArchiveError: a section is missing, damaged or of a wrong shape.
        """

    def latent_inputs(self) -> dict[str, np.ndarray]:
        """What the graph `latents` takes beside `rows` and `columns`, the baseline frame whole."""
        ready = self._prepared()
        baseline = {} if ready.baseline is None else {"baseline": ready.baseline.astype(np.float32)}
        return {**ready.stored, **baseline}

    def _prepared(self) -> _Ready:
        with self._lock.raw:
            if self._ready is None:
                with self._file.time.unless_failed():
                    self._ready = self._load()
            return self._ready

    def _load(self) -> _Ready:
        file, graphs, tiles = self._file, self._graphs, self._tiles
        stored = self.stored_inputs()
        baseline = None if self._baseline is None else self._read_baseline(self._baseline.q_step)
        height, width = min(tiles.side, tiles.height), min(tiles.side, tiles.width)  # of a tile
        n_columns = ceil_div(width, LANES) * LANES
        strip = min(tiles.side, tiles.height, max(1, graphs.strip_texels // n_columns))
        shapes: dict[str, Sequence[int | Dim]] = {name: array.shape for name, array in stored.items()}
        shapes |= {"rows": (ROWS,), "columns": (COLUMNS,)}
        if baseline is not None:
            shapes["baseline"] = (3, ROWS, COLUMNS)
        maps, texels = (graphs.n_latents, ROWS, COLUMNS), min(FRAME_TEXELS, tiles.height * tiles.width)
        n_made = ceil_div(texels, width) * n_columns
        latents = file.load(graphs.latents, GraphInputs(shapes, strip, n_columns, {"z": maps}, frame_texels=n_made))
        block = block_texels(graphs.hidden)
        outputs: dict[str, Sequence[int | Dim]] = {"rgb": (3, ROWS, COLUMNS), "codes": (ROWS, COLUMNS, 3)}
        run, n_run = run_texels(height * width), run_texels(texels)
        inputs = GraphInputs({"z": maps, "time_h": (1,)}, 1, block, outputs, run, n_run)
        frame = file.load(graphs.frame, inputs, every_frame=True)
        return _Ready(stored, baseline, strip, latents, FrameDecoder(frame, block, file.runtime.pool))

    def _read_baseline(self, q_step: int) -> np.ndarray:
        """(3, H, W) uint8 pixel values of the baseline frame."""
        file, name = self._file, self._file.section("baseline")
        height, width = file.entry.height, file.entry.width
        stream = file.sections.read_array(name)
        if stream.shape != (3 * height * width,) or stream.dtype != np.dtype("<u2"):
            raise file.container.invalid(name, "expected 3 H W values of u2")
        frame = np.clip(inverse_planes(stream, height, width) * q_step, 0, 255)
        return np.ascontiguousarray(frame.astype(np.uint8).transpose(2, 0, 1))

    def _make(self, place: Place) -> np.ndarray:
        """Run the graph `latents`, some rows at a time: (n_latents, h, w) float32."""
        ready, n_latents, (height, width) = self._prepared(), self._graphs.n_latents, place.shape
        self._file.check_latents(4 * n_latents * height * width)
        n_columns = ceil_div(width, LANES) * LANES  # see frame.py
        columns = np.arange(place.columns.start, place.columns.start + n_columns, dtype=np.float32)
        feeds = {**ready.stored, "columns": columns}
        maps = np.empty((n_latents, height, width), np.float32)
        for top in range(0, height, ready.strip):
            rows = slice(top, min(top + ready.strip, height))
            feeds["rows"] = np.arange(place.rows.start + rows.start, place.rows.start + rows.stop, dtype=np.float32)
            if ready.baseline is not None:
                pixels = place.cut(ready.baseline)[:, rows].astype(np.float32)
                feeds["baseline"] = np.pad(pixels, ((0, 0), (0, 0), (0, n_columns - width)))
            made = ready.latents.run("z", feeds, (n_latents, rows.stop - rows.start, n_columns))
            maps[:, rows] = made[..., :width]
        maps.flags.writeable = False  # others get the same array
        return maps

    def prepare(self) -> None:
        """Load the graphs, and make the maps as far as there is room."""
        self._prepared()
        super().prepare()

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """Nothing: these families' graphs take `z` and `time_h` only."""
        return {}

    def _maps(self, held: np.ndarray) -> np.ndarray:
        return held

    def _frame(self, held: np.ndarray, part: Part, time_h: float, as_rgb8: bool) -> np.ndarray:
        return self._prepared().frame.decode(held[:, part[0], part[1]], time_h, as_rgb8)
