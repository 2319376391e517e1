"""Lightmaps at any time of the day, for the contest's grader: `get(lightmap_config, device)`.

The constructor decodes the latent maps of one lightmap; a time then takes one matrix product and a pointwise curve.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch

FOLDER = Path(__file__).resolve().parent
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))

from todpack.submission.plain_bits.lightmap import read_lightmap  # noqa: E402

BLOCK = 4096
"""Texels of one block; a block's maps lie together in memory, which makes the product several times faster."""


class Lightmap:
    """One lightmap, as the grader uses it."""

    def __init__(self, lightmap_config: dict[str, Any], device: torch.device | str) -> None:
        """Read the parameters.

        Args:
            lightmap_config: Entry of `lightmap_list`; its `level` and `id` name the file.
            device: Where results are wanted.
        """
        self.device = torch.device(device)
        name = quote(f"{lightmap_config['level']}_{lightmap_config['id']}", safe="")
        self._lightmap = read_lightmap(FOLDER / "Parameters" / f"{name}.bin")
        n_maps, self._height, self._width = self._lightmap.maps.shape
        n_texels = self._height * self._width
        blocks = np.zeros((n_maps, -(-n_texels // BLOCK) * BLOCK), np.float32)
        blocks[:, :n_texels] = self._lightmap.maps.reshape(n_maps, n_texels)
        shaped = blocks.reshape(n_maps, -1, BLOCK).transpose(1, 0, 2)
        self._maps = torch.from_numpy(np.ascontiguousarray(shaped)).to(self.device)
        self._time = 0.0
        self._values: torch.Tensor | None = None

    def _affine(self, time: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Matrix (3, K) and offset (3, 1) on the device."""
        matrix, offset = self._lightmap.affine(time)
        return torch.from_numpy(matrix).to(self.device), torch.from_numpy(offset).to(self.device)

    def _curve(self, values: torch.Tensor) -> torch.Tensor:
        """Affine values to linear radiance, a new tensor that is contiguous."""
        out = torch.empty(values.shape, device=self.device)
        if self._lightmap.curve == "exp":
            return torch.exp(values, out=out).sub_(self._lightmap.knee).clamp_(min=0.0)
        torch.clamp(values, min=0.0, out=out)
        return out.mul_(out) if self._lightmap.curve == "square" else out

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
        planes = self._curve(self._values.transpose(0, 1)).reshape(3, -1)
        texels, outliers = self._lightmap.outliers(self._time)
        if texels.size:
            planes[:, torch.from_numpy(texels).to(self.device)] = torch.from_numpy(outliers.T).to(self.device)
        return planes[:, : self._height * self._width].reshape(1, 3, self._height, self._width)

    def random_test(self, coord: Any) -> torch.Tensor:
        """One texel at one time, without the rest of the frame.

        Args:
            coord: (1, 3) numpy array or tensor: y and x in texels, time in hours.

        Returns:
            (1, 3) float32 on the device.
        """
        y, x, time = (float(value) for value in torch.as_tensor(coord).reshape(-1).tolist())
        texel = int(y) * self._width + int(x)
        texels, outliers = self._lightmap.outliers(time)
        if texel in texels:
            return torch.from_numpy(outliers[texels == texel]).to(self.device)
        block, place = divmod(texel, BLOCK)
        matrix, offset = self._affine(time)
        return self._curve(matrix @ self._maps[block, :, place, None] + offset).reshape(1, 3)


def get(lightmap_config: dict[str, Any], device: torch.device | str) -> Lightmap:
    """The decoder of one lightmap; see `Lightmap`."""
    return Lightmap(lightmap_config, device)
