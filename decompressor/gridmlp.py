"""Stage 1 of the family `gridmlp`: stored grids and baseline -> latent maps. FORMAT.md "gridmlp"."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import onnxruntime

from decompressor.container import Container
from decompressor.errors import InvalidMetadataError, InvalidSectionError, LimitExceededError
from decompressor.frame import FrameDecoder
from decompressor.json_fields import Fields
from decompressor.metadata import LightmapEntry
from decompressor.reversible_wavelet import inverse_planes
from decompressor.runtime import Runtime
from decompressor.session import run_session

GRID_DTYPES = ("uint8", "uint16")
MODEL_FIELDS = (
    "residual_mode", "levels", "channels_per_level", "quant", "hash", "baseline", "normalization", "mlp", "graphs",
)  # fmt: skip
MAX_LEVELS = 32
MAX_NODES = 1 << 16


@dataclass(frozen=True)
class GridMlpEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        level_shapes: (rows, columns) per level.
        channels: Features per node, C.
        scales: (L, C) float32 widths of one quantisation bin.
        zero_points: (L, C) float32 codes that stand for 0.
        baseline_q_step: Width of one baseline bin in codes; None without residual mode.
        hidden: Widest layer of the MLP.
        latents_graph: Section name.
        frame_graph: Section name.
    """

    level_shapes: tuple[tuple[int, int], ...]
    channels: int
    scales: np.ndarray
    zero_points: np.ndarray
    baseline_q_step: int | None
    hidden: int
    latents_graph: str
    frame_graph: str

    @property
    def n_latents(self) -> int:
        """Channels of the latent map: features of every level, then the baseline's RGB in residual mode."""
        return self.channels * len(self.level_shapes) + (0 if self.baseline_q_step is None else 3)


def _level_shape(item: object, where: str) -> tuple[int, int]:
    if not isinstance(item, list) or len(item) != 2 or not all(type(n) is int and 0 < n <= MAX_NODES for n in item):
        raise InvalidMetadataError(f"{where}: expected [rows, columns] of each level, found {item!r:.40}")
    return int(item[0]), int(item[1])


def _table(quant: Fields, name: str, n_levels: int, channels: int) -> np.ndarray:
    values = np.asarray(quant.numbers(name, n_levels * channels, n_levels * channels), np.float64)
    if (np.abs(values) > np.finfo(np.float32).max).any():
        raise InvalidMetadataError(f"{quant.where}.{name}: expected float32 numbers, found one out of range")
    return values.astype(np.float32).reshape(n_levels, channels)


def read_gridmlp_entry(lightmap: LightmapEntry) -> GridMlpEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    shapes = tuple(_level_shape(item, f"{model.where}.levels") for item in model.items("levels", 1, MAX_LEVELS))
    channels = model.integer("channels_per_level", 1, 4096)
    if not model.is_null("hash"):
        raise InvalidMetadataError(f"{model.where}.hash: expected null in this version, found a value")
    quant, graphs = model.child("quant"), model.child("graphs")
    quant.choice("dtype", GRID_DTYPES)
    residual = model.boolean("residual_mode")
    if residual == model.is_null("baseline"):
        raise InvalidMetadataError(f"{model.where}.baseline: expected an object in residual mode and only there")
    return GridMlpEntry(
        level_shapes=shapes,
        channels=channels,
        scales=_table(quant, "scales", len(shapes), channels),
        zero_points=_table(quant, "zero_points", len(shapes), channels),
        baseline_q_step=model.child("baseline").integer("q_step", 1, 64) if residual else None,
        hidden=model.child("mlp").integer("hidden", 1, 1 << 14),
        latents_graph=graphs.text("latents"),
        frame_graph=graphs.text("frame"),
    )


def _baseline(container: Container, lightmap: LightmapEntry, q_step: int) -> np.ndarray:
    """(3, H, W) float32 codes."""
    stream = container.read_array(f"{lightmap.index}/baseline")
    if stream.shape != (3 * lightmap.height * lightmap.width,) or stream.dtype != np.dtype("<u2"):
        raise InvalidSectionError(f"{container.path}: section {lightmap.index}/baseline: expected 3 H W values of u2")
    codes = inverse_planes(stream, lightmap.height, lightmap.width)
    planes: np.ndarray = np.clip(codes * q_step, 0, 255).astype(np.float32).transpose(2, 0, 1)
    return planes


def decode_latents(
    container: Container, lightmap: LightmapEntry, entry: GridMlpEntry, session: onnxruntime.InferenceSession
) -> np.ndarray:
    """Run the graph `latents`.

    Returns:
        (n_latents, H, W) float32.

    Raises:
        ArchiveError: a section is missing, damaged or of a wrong shape, or the maps would be over the limit.
    """
    n_bytes = 4 * entry.n_latents * lightmap.height * lightmap.width
    if n_bytes > container.limits.latent_bytes:
        raise LimitExceededError(
            f"{container.path}: latent maps of {n_bytes} bytes are over the limit of {container.limits.latent_bytes}"
        )
    feeds: dict[str, np.ndarray] = {
        "rows": np.arange(lightmap.height, dtype=np.float32),
        "columns": np.arange(lightmap.width, dtype=np.float32),
    }
    for level, (rows, columns) in enumerate(entry.level_shapes):
        name = f"{lightmap.index}/grid/{level}"
        codes = container.read_array(name)
        if codes.shape != (entry.channels, rows, columns) or codes.dtype.kind != "u":
            raise InvalidSectionError(
                f"{container.path}: section {name}: expected unsigned codes of shape "
                f"{[entry.channels, rows, columns]}, found {codes.dtype} {list(codes.shape)}"
            )
        zero, scale = entry.zero_points[level], entry.scales[level]
        with np.errstate(over="ignore", invalid="ignore"):  # absurd scales give absurd frames, but no warnings
            feeds[f"grid_{level}"] = (codes.astype(np.float32) - zero[:, None, None]) * scale[:, None, None]
    if entry.baseline_q_step is not None:
        feeds["baseline"] = _baseline(container, lightmap, entry.baseline_q_step)
    where = f"{container.path}: section {entry.latents_graph}"
    latents: np.ndarray = run_session(session, "z", feeds, where)
    expected = (entry.n_latents, lightmap.height, lightmap.width)
    if latents.shape != expected or latents.dtype != np.float32:
        raise InvalidSectionError(f"{where}: expected z of shape {expected}, found {latents.shape} {latents.dtype}")
    return latents


class GridMlpDecoder:
    """Decodes one lightmap; its latent maps are made once."""

    n_tiles = 1

    def __init__(self, container: Container, lightmap: LightmapEntry, entry: GridMlpEntry, runtime: Runtime) -> None:
        self._container, self._lightmap, self._entry, self._runtime = container, lightmap, entry, runtime
        self._lock = threading.Lock()
        self._ready: tuple[np.ndarray, FrameDecoder] | None = None

    def _prepared(self) -> tuple[np.ndarray, FrameDecoder]:
        with self._lock:
            if self._ready is None:
                container, entry = self._container, self._entry
                session = self._runtime.load(container, entry.latents_graph)
                latents = decode_latents(container, self._lightmap, entry, session)
                where = f"{container.path}: section {entry.frame_graph}"
                frame = FrameDecoder(self._runtime.load(container, entry.frame_graph), entry.hidden, where)
                self._ready = latents, frame
            return self._ready

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
        return texel
