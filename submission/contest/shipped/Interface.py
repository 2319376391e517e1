"""Lightmaps at any time of the day, for the contest's grader: `get(lightmap_config, device)`.

The constructor decodes the latent maps of one lightmap; a time then takes one matrix product and a pointwise curve.
Maps of large lightmaps are held as integers of the valid texels, and only as many as there is room for; the tiles
beyond that are decoded again for each time.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from todpack.decompressor.grid import Place  # noqa: E402
from todpack.submission.plain_bits.lightmap import times_of  # noqa: E402
from todpack.submission.plain_bits.opened import PlainFile  # noqa: E402

BLOCK = 4096
"""Texels of one block; a block's maps lie together in memory, which makes the product several times faster."""
WHOLE_BYTES = 512 << 20
"""Float32 maps of all texels are held where they take no more."""
HELD_BYTES, HELD_SHARE = 1 << 30, 4
"""Else what is held of them: so many bytes, on a GPU 1 / this of what is free."""


class Lightmap:
    """One lightmap, as the grader uses it.

    Args:
        file: Its parameters.
        device: Where results are wanted.
    """

    def __init__(self, file: PlainFile, device: torch.device) -> None:
        self.device = device
        self._height, self._width = file.header.height, file.header.width
        self._hold(file)
        self._times = times_of(file)
        self._time = 0.0
        self._values: torch.Tensor | None = None

    def _hold(self, file: PlainFile) -> None:
        """Decode the maps, float32 of all texels."""
        n_maps, n_texels = file.header.n_maps, self._height * self._width
        blocks = np.zeros((n_maps, -(-n_texels // BLOCK) * BLOCK), np.float32)
        whole = blocks[:, :n_texels].reshape(n_maps, self._height, self._width)  # a view
        for place, maps in file.tiles():
            place.cut(whole)[...] = maps
        shaped = blocks.reshape(n_maps, -1, BLOCK).transpose(1, 0, 2)
        self._maps = torch.from_numpy(np.ascontiguousarray(shaped)).to(self.device)

    def _affine(self, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix (3, K) and offset (3, 1) on the device."""
        matrix, offset = self._times.affine(time)
        return torch.from_numpy(matrix).to(self.device), torch.from_numpy(offset).to(self.device)

    def _curve(self, values: torch.Tensor) -> torch.Tensor:
        """Affine values to linear radiance, a new tensor that is contiguous."""
        out = torch.empty(values.shape, device=self.device)
        if self._times.curve == "exp":
            return torch.exp(values, out=out).sub_(self._times.knee).clamp_(min=0.0)
        torch.clamp(values, min=0.0, out=out)
        return out.mul_(out) if self._times.curve == "square" else out

    def reconstruct(self, current_time: float) -> None:
        """Decode one time.

        Args:
            current_time: Hours in [0, 24].
        """
        self._time = float(current_time)
        matrix, offset = self._affine(self._time)
        self._values = torch.baddbmm(offset[None], matrix.expand(len(self._maps), -1, -1), self._maps)

    def get_result(self) -> torch.Tensor:
        """The decoded time: (1, 3, H, W) float32 on the device, linear radiance; a new tensor at each call."""
        if self._values is None:
            raise RuntimeError("expected reconstruct(time) before get_result()")
        planes = self._planes(self._values)
        texels, outliers = self._times.outliers(self._time)
        if texels.size:
            planes[:, torch.from_numpy(texels).to(self.device)] = torch.from_numpy(outliers.T).to(self.device)
        return planes[:, : self._height * self._width].reshape(1, 3, self._height, self._width)

    def _planes(self, values: torch.Tensor) -> torch.Tensor:
        """Radiance (3, texels and more)."""
        return self._curve(values.transpose(0, 1)).reshape(3, -1)

    def random_test(self, coord: Any) -> torch.Tensor:
        """One texel at one time, without the rest of the frame.

        Args:
            coord: (1, 3) numpy array or tensor: y and x in texels, time in hours.

        Returns:
            (1, 3) float32 on the device.
        """
        y, x, time = (float(value) for value in torch.as_tensor(coord).reshape(-1).tolist())
        texel = int(y) * self._width + int(x)
        texels, outliers = self._times.outliers(time)
        if texel in texels:
            return torch.from_numpy(outliers[texels == texel]).to(self.device)
        matrix, offset = self._affine(time)
        return self._curve(matrix @ self._column(texel) + offset).reshape(1, 3)

    def _column(self, texel: int) -> torch.Tensor:
        """(K, 1) maps of a texel."""
        block, place = divmod(texel, BLOCK)
        return self._maps[block, :, place, None]


class Tile(NamedTuple):
    """Maps of the valid texels of a tile, on the device."""

    place: Place
    steps: torch.Tensor
    """(K, n) whole steps: int16 where they fit, else float32."""
    valid: torch.Tensor
    """(h, w) bool."""
    firsts: np.ndarray
    """(h,) number of the first valid texel of each row, or behind it."""

    @property
    def n_bytes(self) -> int:
        """What it holds."""
        return self.steps.nbytes + self.valid.nbytes + self.firsts.nbytes


class LargeLightmap(Lightmap):
    """One whose maps as float32 would be too much: frames are made tile by tile."""

    def _hold(self, file: PlainFile) -> None:
        """Decode all tiles, and keep as many as there is room for."""
        self._file = file
        exponents = file.tables.exponents[:-1] + file.header.precision
        self._in_steps = np.ldexp(np.float32(1), exponents)[:, None]
        self._step = torch.from_numpy(np.ldexp(np.float32(1), -exponents)).to(self.device)
        room = HELD_BYTES
        if self.device.type == "cuda":
            room = torch.cuda.mem_get_info(self.device)[0] // HELD_SHARE
        self._tiles: dict[int, Tile] = {}
        self._last: tuple[int, Tile] | None = None
        for place, maps in file.tiles():
            tile = self._tile(place, maps)
            room -= tile.n_bytes
            if room >= 0:
                self._tiles[place.number] = tile

    def _tile(self, place: Place, maps: np.ndarray) -> Tile:
        valid = self._file.valid(place)
        steps = maps[:, valid] * self._in_steps
        numbers = torch.from_numpy(steps.astype(np.int16) if np.abs(steps).max() < 1 << 15 else steps)
        firsts = np.append(0, np.cumsum(valid.sum(axis=1))[:-1])
        return Tile(place, numbers.to(self.device), torch.from_numpy(valid).to(self.device), firsts)

    def _find(self, number: int) -> Tile:
        """A tile that has a valid texel; the last one that was not held is kept."""
        if number in self._tiles:
            return self._tiles[number]
        if self._last is None or self._last[0] != number:
            self._last = number, self._tile(self._file.grid[number], self._file.maps(number))
        return self._last[1]

    def reconstruct(self, current_time: float) -> None:
        """Choose a time; the result is made where the caller wants it.

        Args:
            current_time: Hours in [0, 24].
        """
        self._time = float(current_time)
        self._values = torch.cat(self._affine(self._time), dim=1)

    def _planes(self, values: torch.Tensor) -> torch.Tensor:
        matrix, offset = values[:, :-1] * self._step, values[:, -1:]
        frame = torch.empty((3, self._height, self._width), device=self.device)
        frame.copy_(self._curve(offset)[:, :, None].expand_as(frame))
        for number in self._file.numbers:
            tile = self._find(number)
            part = frame[:, tile.place.rows, tile.place.columns]
            part.masked_scatter_(tile.valid, self._curve(torch.addmm(offset, matrix, tile.steps.float())))
        return frame.reshape(3, -1)

    def _column(self, texel: int) -> torch.Tensor:
        y, x = divmod(texel, self._width)
        place = self._file.grid.at(y, x)
        row = self._file.valid(Place(place.number, slice(y, y + 1), place.columns))[0]
        if not row[x - place.columns.start]:
            return torch.zeros_like(self._step)[:, None]
        tile = self._find(place.number)
        number = int(tile.firsts[y - place.rows.start]) + int(np.count_nonzero(row[: x - place.columns.start]))
        return tile.steps[:, number, None].float() * self._step[:, None]


def get(lightmap_config: dict[str, Any], device: torch.device | str) -> Lightmap:
    """The decoder of one lightmap.

    Args:
        lightmap_config: Entry of `lightmap_list`; its `level` and `id` name the file. In the contest's first public
            layout it has no level; `id` is enough there.
        device: Where results are wanted.

    Raises:
        FileNotFoundError: there is no such file, or several have the `id` where it has to be enough.
        ValueError: it is damaged.
    """
    number, folder = int(lightmap_config["id"]), FOLDER / "Parameters"
    if "level" in lightmap_config:
        path = folder / f"{quote(lightmap_config['level'], safe='')}_{number}.bin"
    else:
        found = list(folder.glob(f"*_{number}.bin"))
        if len(found) != 1:
            raise FileNotFoundError(f"{folder}: expected one file *_{number}.bin, found {len(found)}")
        path = found[0]
    file = PlainFile(path)
    n_values = file.header.n_maps * file.header.height * file.header.width
    kind = Lightmap if 4 * n_values <= WHOLE_BYTES else LargeLightmap
    return kind(file, torch.device(device))
