"""The GridMLP network in torch.

Source: the GridMLP recipe; grid words as in tiny-cuda-nn. FORMAT.md "gridmlp" gives the decoder's same arithmetic.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.gridmlp.config import GridMlpConfig


def grid_shapes(levels: tuple[int, ...], height: int, width: int) -> list[tuple[int, int]]:
    """(rows, columns) of each level: the longer side gets the level's size, the shorter one its proportion of it."""
    longer = max(height, width)
    return [(max(1, round(n * height / longer)), max(1, round(n * width / longer))) for n in levels]


def time_features(time_h: Tensor, n_harmonics: int) -> Tensor:
    """sin and cos of 1..F periods a day.

    Args:
        time_h: (T,) hours.
        n_harmonics: F.

    Returns:
        (T, 2F) float32: sin 1..F, then cos 1..F.
    """
    phase = (
        time_h.to(torch.float32)[:, None]
        * (2.0 * math.pi / 24.0)
        * torch.arange(1, n_harmonics + 1, device=time_h.device, dtype=torch.float32)
    )
    return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)


def _axis_corners(position: Tensor, n_texels: int, n_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lower node, upper node and the upper's weight for texel indices along one axis (nodes at cell centres)."""
    at = ((position.to(torch.float32) + 0.5) * (n_nodes / n_texels) - 0.5).clamp(0.0, float(n_nodes - 1))
    lower = at.floor()
    upper_weight = at - lower
    index = lower.long()
    return index, (index + 1).clamp(max=n_nodes - 1), upper_weight


class GridMlp(nn.Module):
    """Feature grids and MLP; see `forward`."""

    def __init__(self, config: GridMlpConfig, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.n_harmonics = config.time_harmonics
        self.shapes = grid_shapes(config.grid_levels, height, width)
        channels = config.channels_per_level
        self.grids = nn.ParameterList(
            nn.Parameter(1e-2 * torch.randn(rows * columns, channels)) for rows, columns in self.shapes
        )
        self.input_features = nn.Linear(channels * len(self.shapes), config.hidden)
        self.input_time = nn.Linear(2 * config.time_harmonics, config.hidden, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(config.hidden, config.hidden) for _ in range(config.layers - 1))
        self.output = nn.Linear(config.hidden, 3)
        nn.init.uniform_(self.output.weight, -1e-3, 1e-3)
        nn.init.zeros_(self.output.bias)

    def mlp_parameters(self) -> list[nn.Parameter]:
        """All parameters but the grids."""
        return [p for name, p in self.named_parameters() if not name.startswith("grids.")]

    def features(self, texels: Tensor) -> Tensor:
        """Bilinear lookup in every level, concatenated.

        Args:
            texels: (N,) int64, row * W + column.

        Returns:
            (N, L * C) features.
        """
        rows, columns = texels.div(self.width, rounding_mode="floor"), texels.remainder(self.width)
        out = []
        for grid, (n_rows, n_columns) in zip(self.grids, self.shapes, strict=True):
            top, bottom, down = _axis_corners(rows, self.height, n_rows)
            left, right, across = _axis_corners(columns, self.width, n_columns)
            nodes = torch.stack(
                [
                    top * n_columns + left,
                    top * n_columns + right,
                    bottom * n_columns + left,
                    bottom * n_columns + right,
                ],
                dim=1,
            )
            up, back = 1.0 - down, 1.0 - across
            weights = torch.stack([up * back, up * across, down * back, down * across], dim=1)
            out.append(functional.embedding_bag(nodes, grid, per_sample_weights=weights, mode="sum"))
        return torch.cat(out, dim=1)

    def forward(self, texels: Tensor, time_h: Tensor) -> Tensor:
        """Every texel at every time.

        Args:
            texels: (N,) int64, row * W + column.
            time_h: (T,) hours.

        Returns:
            (N, T, 3): RGB, or RGB - baseline in residual mode, in units of 255 codes.
        """
        at_texel = self.input_features(self.features(texels))
        at_time = self.input_time(time_features(time_h, self.n_harmonics))
        x = functional.relu(at_texel[:, None] + at_time[None])
        for layer in self.hidden:
            x = functional.relu(layer(x))
        return self.output(x)
