"""One lightmap of an open archive: any part of any hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .errors import ArchiveError, RequestError
from .families import Decoder, Family
from .forks import Lock
from .given import given_integer, given_number, repr_of
from .grid import Place
from .lightmap_file import LightmapFile
from .pixels import FLOAT32, FORMATS, UINT8, PixelFormat

_TIME, _TEXEL = "time: expected hours in [0, 24)", "texel: expected its row and its column"
_REGION = "region: expected four whole numbers (y0, y1, x0, x1)"


class Region(NamedTuple):
    """Rows y0..y1-1 and columns x0..x1-1, in texels."""

    y0: int
    y1: int
    x0: int
    x1: int


def _region_of(place: Place) -> Region:
    return Region(place.rows.start, place.rows.stop, place.columns.start, place.columns.stop)


class Lightmap:
    """One lightmap of an archive. Its latent maps are decoded at the first request or by `prepare()`.

    Attributes:
        name: Name within the archive.
        height: H, rows.
        width: W, columns.
        hours: (T,) float64 stored times.
        transfer: "srgb8" (8-bit sRGB, 0..255) or "linear" (radiance).
        n_valid: Number of valid texels.
    """

    def __init__(self, family: Family[Any], file: LightmapFile, model: Any) -> None:
        entry = file.entry
        self.name, self.height, self.width, self.n_valid = entry.name, entry.height, entry.width, entry.n_valid
        self.hours, self.transfer = file.archive.hours, file.archive.transfer
        self._family, self._file, self._model = family, file, model
        self._lock = Lock()
        self._decoder: Decoder | None = None

    @property
    def valid(self) -> np.ndarray:
        """(H, W) bool, True where a texel belongs to a surface (read-only); unpacked anew each time."""
        return self._file.mask.valid

    def check_mask(self) -> None:
        """Read the mask, without unpacking it.

        Raises:
            ArchiveError: its section is missing, damaged or no mask of the stated number of texels.
        """
        self._file.mask.check()

    def leave_out_outliers(self) -> ArchiveError | None:
        """Go on without the outliers where they cannot be read; the error that says why."""
        try:
            self._file.outliers.read()
        except ArchiveError as error:
            self._file.outliers.leave_out()
            return error
        return None

    def tiles_under(self, region: Region) -> Iterator[Region]:
        """What decodes on its own and touches a region, row by row: damage to one leaves the others whole."""
        return map(_region_of, self._family.tiles(self._file.entry, self._model).within(*region))

    def tile(self, number: int) -> Region:
        """One of `n_tiles`, counted row by row."""
        return _region_of(self._family.tiles(self._file.entry, self._model)[number])

    @property
    def seconds(self) -> tuple[float, float]:
        """Of one core for 256 x 256 texels, an estimate: of the first frame, and of a further one; once it is open."""
        return self._file.time.first, self._file.time.again

    @property
    def n_tiles(self) -> int:
        """Tiles that decode on their own."""
        return len(self._family.tiles(self._file.entry, self._model))

    @property
    def n_outliers(self) -> int:
        """Texels of single hours that are stored as they are; latent maps and graph do not have them.

        Raises:
            ArchiveError: their section is missing or damaged.
        """
        return len(self._file.outliers.read())

    @property
    def decoder(self) -> Decoder:
        """The family's decoder, made when it is first asked for.

        Raises:
            ArchiveError: a section or graph is missing, damaged or not usable.
        """
        if self._decoder is None:
            with self._lock.raw:
                if self._decoder is None:
                    with self._file.time.unless_failed():
                        self._decoder = self._file.runtime.opening.do(self._open)
        return self._decoder

    def _open(self) -> Decoder:
        return self._family.open(self._file, self._model)

    def start_graphs(self) -> None:
        """Have onnxruntime load what `decoder` has checked and may do without; errors as of `LightmapFile`."""
        _ = self.decoder
        self._file.start_graphs()

    def describe(self) -> list[str]:
        """The fields of its model, for people."""
        return self._family.describe(self._model)

    def prepare(self) -> None:
        """Do all work that comes before the first frame.

        Raises:
            ArchiveError: a section or graph is missing, damaged or not usable.
        """
        self._file.mask.check()
        self._file.outliers.read()
        self.decoder.prepare()

    def latents(self) -> np.ndarray:
        """(C, H, W) float32 latent maps, the input `z` of the graph `frame` (do not write)."""
        return self.decoder.latents()

    def frame_inputs(self) -> dict[str, np.ndarray]:
        """What the graph `frame` takes beside `z` and `time_h` (do not write); most families' graphs take nothing."""
        return self.decoder.frame_inputs()

    def decode(
        self,
        time_h: float,
        region: Region | tuple[int, int, int, int] | None = None,
        dtype: str = "uint8",
        *,
        keep: bool = True,
    ) -> np.ndarray:
        """Decode a frame, or a region of it, at any time.

        Args:
            time_h: Hours in [0, 24).
            region: (y0, y1, x0, x1), rows y0..y1-1 and columns x0..x1-1; None is the whole frame.
            dtype: "uint8" (8-bit sRGB signals only) or "float32" (0..255 or radiance, clipped to what the signal
                allows); for textures also "rgba8" (as uint8, alpha 255), "float16", "rgba16f" (alpha 1), both rounded
                from float32, and "rgb9e5" (shared exponent).
            keep: Keep the maps of tiles that are decoded for it. Without, no more is held than the file and what one
                tile takes, and the next request decodes the maps anew.

        Returns:
            (h, w, 3) array of its own; (h, w, 4) for rgba8 and rgba16f, (h, w) uint32 for rgb9e5.

        Raises:
            RequestError: time, region or dtype is not possible.
            ArchiveError: a section or graph is missing, damaged or not usable.
        """
        time_h, checked, pixels = self._check(time_h, region, dtype)
        values = self.decoder.decode(time_h, checked, pixels, keep)
        self._file.outliers.put(values, time_h, checked, pixels)
        if self._file.gutter == "black":
            y0, y1, x0, x1 = checked
            values[~self._file.mask.cut(slice(y0, y1), slice(x0, x1))] = pixels.black
        return values

    def texel(self, y: int, x: int, time_h: float, dtype: str = "uint8") -> np.ndarray:
        """One texel, equal to `decode(time_h, dtype=dtype)[y, x]`; arguments and errors as there."""
        if not type(y) is type(x) is int:
            y, x = given_integer(y, _TEXEL), given_integer(x, _TEXEL)
        time_h, region, pixels = self._check(time_h, (y, y + 1, x, x + 1), dtype)
        if self._file.gutter == "black" or pixels not in (UINT8, FLOAT32) or self._file.outliers.any_at(time_h):
            texel: np.ndarray = self.decode(time_h, region, dtype)[0, 0]
            return texel
        return self.decoder.texel(y, x, time_h, pixels)

    def check(self, hours: Sequence[float], region: Region | tuple[int, int, int, int] | None = None) -> None:
        """Raise RequestError unless all these times and this region can be decoded."""
        for time_h in hours:
            self._check(time_h, region, "float32")

    def _check(
        self, time_h: float, region: tuple[int, int, int, int] | None, dtype: str
    ) -> tuple[float, tuple[int, int, int, int], PixelFormat]:
        if type(time_h) is not float:
            time_h = given_number(time_h, _TIME)
        if not 0.0 <= time_h < 24.0:
            raise RequestError(f"{_TIME}, found {time_h}")
        pixels = FORMATS.get(dtype) if isinstance(dtype, str) else None
        if pixels is None:
            raise RequestError(f"dtype: expected one of {', '.join(FORMATS)}, found {repr_of(dtype)}")
        if pixels.is_8bit and self.transfer != "srgb8":
            raise RequestError(f"dtype: expected float32 for a linear lightmap, found {dtype}")
        if region is None:
            return time_h, (0, self.height, 0, self.width), pixels
        try:
            y0, y1, x0, x1 = region
            if not type(y0) is type(y1) is type(x0) is type(x1) is int:
                y0, y1, x0, x1 = (given_integer(one, _REGION) for one in region)
        except (TypeError, ValueError) as error:  # not four
            raise RequestError(f"{_REGION}, found {repr_of(region)}") from error
        if not (0 <= y0 < y1 <= self.height and 0 <= x0 < x1 <= self.width):
            raise RequestError(
                f"region: expected rows within 0:{self.height} and columns within 0:{self.width}, "
                f"found {repr_of(y0)}:{repr_of(y1)},{repr_of(x0)}:{repr_of(x1)}"
            )
        return time_h, (y0, y1, x0, x1), pixels
