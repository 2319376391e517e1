"""What an archive stores of a lightmap of this family, section by section, read and checked. FORMAT.md "daybasis"."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ..bits import EntropyError, unzigzag
from ..cached import cached_property
from ..errors import ArchiveError
from ..forks import importing
from ..frame import FrameDecoder, run_texels
from ..graphs.dims import COLUMNS, ROWS, Dim
from ..graphs.runtime import Graph
from ..graphs.shapes import FRAME_TEXELS, GraphInputs
from ..grid import Place, TileGrid, ceil_div
from ..lightmap_file import LightmapFile
from .entry import DayBasisEntry, frame_seconds, most_times, numpy_seconds
from .frame_graph import AffineFrame, read_affine_frame
from .standard_graph import makes_standard_matrix
from .transform.rotations import BLOCK

if TYPE_CHECKING:
    from .temporal.matrix import TemporalMatrix

ZIGZAG_DTYPES = ("<u2", "<i4")
COEFFICIENTS, CLASSES = "/coefficients", "/classes"
"""Ends of the names of a tile's sections."""
STREAM_S, STREAM_BYTES, MOST_STREAMS = 1.5e-5, 5, 512
"""Of each zstd stream of a tile, which are decompressed one by one; its least bytes, and the most streams of a tile."""


class Stored:
    """The sections of a lightmap.

    Attributes:
        file: Where they lie.
        entry: The lightmap's fields.
        is_tight: A tile took more memory than there was beside the tiles that are held.
    """

    def __init__(self, file: LightmapFile, entry: DayBasisEntry) -> None:
        self.file, self.entry, self.is_tight = file, entry, False
        container, of_tiles = file.container, (COEFFICIENTS, CLASSES)
        own = (name for name in container.serial_sections if name.startswith(file.section("")))
        tile_s = 2 * max((container.serial_seconds(name) for name in own if name.endswith(of_tiles)), default=0.0)
        tile_s += STREAM_S * min(MOST_STREAMS, container.largest(COEFFICIENTS) // STREAM_BYTES)
        seconds = frame_seconds(file.entry, entry, len(file.archive.hours), tile_s)
        file.time.take(seconds, f"{container.path}: decoding")
        if file.runtime.decoder != "native":
            self.count_numpy()
        file.mask.check()

    def count_numpy(self) -> None:
        """Count the time that NumPy takes more than the native core.

        Raises:
            LimitExceededError: so much is not left.
        """
        file = self.file
        file.time.take(numpy_seconds(file.entry, self.entry), f"{file.container.path}: decoding by NumPy")

    @property
    def most_times(self) -> int:
        """Times whose matrices a decoder keeps."""
        return most_times(len(self.file.archive.hours))

    def _read_zigzag(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """int64 signed integers of one of the lightmap's sections."""
        codes = self.file.sections.read_array(name)
        if codes.shape != shape or codes.dtype.str not in ZIGZAG_DTYPES:
            problem = f"expected u2 or i4 of shape {list(shape)}, found {codes.dtype} {list(codes.shape)}"
            raise self.file.sections.invalid(name, problem)
        return unzigzag(codes.astype(np.int64))

    def invalid(self, section: str, problem: object) -> ArchiveError:
        """The error that says what is wrong with one of the lightmap's own sections."""
        return self.file.container.invalid(self.file.section(section), problem)

    def basis_codes(self) -> np.ndarray:
        """(N + 1, 3, T) int64 codes of the temporal matrix of N columns."""
        shape = (self.entry.n_columns + 1, 3, len(self.file.archive.hours))
        return self._read_zigzag(self.file.section("basis"), shape)

    def rotation_codes(self) -> np.ndarray:
        """(n_classes, K (K - 1) / 2) int64 codes of the regional rotations, of which there is more than one."""
        n, n_classes = self.entry.n_components, self.entry.n_classes
        return self._read_zigzag(self.file.section("turns"), (n_classes, n * (n - 1) // 2))

    @property
    def _columns(self) -> int:
        """Of the widest tile."""
        return min(self.entry.tile, self.file.entry.width)

    @property
    def _frame_texels(self) -> int:
        """Of the lightmap, or of a usual frame where that is less."""
        return min(FRAME_TEXELS, self.file.entry.height * self.file.entry.width)

    @property
    def strip_rows(self) -> int:
        """Rows of a tile that the graph is run for at a time, which bounds its memory."""
        return min(self.entry.tile, self.file.entry.height, max(1, FRAME_TEXELS // self._columns))

    @cached_property
    def graph(self) -> Graph:
        """The graph `frame`, checked for strips of tiles, which a standard graph is fed."""
        return self._load(self.strip_rows, self._columns, self._frame_texels)

    def frame_decoder(self, block: int) -> FrameDecoder:
        """What runs any graph, checked for its runs of up to so many texels.

        Raises:
            ArchiveError: the graph takes too much, or takes something else.
        """
        strip = self.strip_rows * self._columns
        run, n_runs = run_texels(strip), ceil_div(self._frame_texels, strip)
        graph = self._load(1, run, n_runs * run)
        return FrameDecoder(graph, min(block, run), self.file.runtime.pool, self.matrix.tables)

    def _load(self, rows: int, columns: int, frame_texels: int) -> Graph:
        entry = self.entry
        n, n_columns, n_hours = entry.n_components, 3 * entry.n_columns + 3, len(self.file.archive.hours)
        shapes: dict[str, Sequence[int | Dim]] = {
            "first": (1, n_columns),
            "steps": (3 * n_hours, n_columns),
            "grid": (n_columns,),
            "z": (n, ROWS, COLUMNS),
            "time_h": (1,),
        }
        outputs: dict[str, Sequence[int | Dim]] = {
            "rgb": (3, ROWS, COLUMNS),
            "codes": (ROWS, COLUMNS, 3),
            "affine": (1, n_columns),
        }
        inputs = GraphInputs(shapes, rows, columns, outputs, frame_texels=frame_texels)
        return self.file.load(entry.frame_graph, inputs, every_frame=True)

    @cached_property
    def frame(self) -> AffineFrame | None:
        """What the graph computes, if it is an affine map and its curve."""
        known = read_affine_frame(self.graph.nodes, self.entry.n_components)
        if known is not None and known.curve != self.entry.curve:
            raise self.graph.invalid(f"expected the curve {self.entry.curve} of the metadata, found {known.curve}")
        return known

    @cached_property
    def is_standard(self) -> bool:
        """Whether frames may be computed without a runtime."""
        return self.frame is not None and makes_standard_matrix(self.graph.nodes, self.file.archive.hours)

    @cached_property
    def matrix(self) -> TemporalMatrix:
        """The temporal matrix in NumPy."""
        with importing.raw:
            from .temporal.matrix import TemporalMatrix  # frames in C do without

        codes, hours, entry = self.basis_codes(), self.file.archive.hours, self.entry
        try:
            return TemporalMatrix(codes, hours, entry.gap_modes, entry.exponents)
        except ValueError as error:
            raise self.invalid("basis", error) from error

    def mask(self, place: Place) -> np.ndarray:
        """(h, w) bool of a tile, contiguous."""
        return self.file.mask.cut(place.rows, place.columns)

    def stream(self, place: Place) -> bytes:
        """Coefficient stream of a tile; refused where its maps would be too large."""
        self.file.check_latents(4 * self.entry.n_components * math.prod(place.shape))
        return self.file.container.read_bytes(self.file.section(f"{place.number}{COEFFICIENTS}"))

    def blocks(self, place: Place, *, is_empty: bool = False) -> np.ndarray:
        """Region of each block of a tile, (rows, columns) uint8; nobody looks at those of an empty one."""
        shape = TileGrid(*place.shape, BLOCK).shape
        if self.entry.n_classes == 1 or is_empty:
            return np.zeros(shape, np.uint8)
        classes = self.file.section(f"{place.number}{CLASSES}")
        blocks = self.file.container.read_array(classes)
        if blocks.shape != shape or blocks.dtype != np.uint8 or int(blocks.max()) >= self.entry.n_classes:
            raise self.file.container.invalid(
                classes,
                f"expected u1 of shape {list(shape)} under {self.entry.n_classes}, "
                f"found {blocks.dtype} {list(blocks.shape)}",
            )
        return blocks

    @contextmanager
    def errors_of(self, place: Place) -> Iterator[None]:
        """Errors name the tile, and a damaged stream is an ArchiveError."""
        try:
            yield
        except EntropyError as error:
            invalid = self.invalid(f"{place.number}/coefficients", error)
            invalid.tile = place.number
            raise invalid from error
        except ArchiveError as error:
            error.tile = place.number
            raise
