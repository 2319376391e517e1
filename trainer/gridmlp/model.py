"""The GridMLP network in torch.

Source: the GridMLP recipe; grid words as in tiny-cuda-nn. FORMAT.md "gridmlp" gives the decoder's same arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from todpack.packer.configuration import require
from todpack.packer.gridmlp.config import GridMlpConfig

from .baseline_encoder import BaselineEncoder
from .film import Film, modulate
from .hash_grid import HashLevel
from .hash_probing import ProbedLevel
from .quantization import fake_grid, fake_weight


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


def place_features(place: Tensor, n_harmonics: int, include_input: bool) -> Tensor:
    """The place along one axis as inputs.

    Args:
        place: (N,) 0..1.
        n_harmonics: Of 1 period a side and more.
        include_input: Also the value itself, first.

    Returns:
        (N, 2 n_harmonics [+ 1]) float32.
    """
    turns = 2.0 * math.pi * torch.arange(1, n_harmonics + 1, device=place.device, dtype=torch.float32)
    phase = place[:, None] * turns
    return torch.cat([place[:, None][:, : int(include_input)], torch.sin(phase), torch.cos(phase)], dim=1)


def _axis_corners(position: Tensor, n_texels: int, n_nodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lower node, upper node and the upper's weight for texel indices along one axis (nodes at cell centers)."""
    at = ((position.to(torch.float32) + 0.5) * (n_nodes / n_texels) - 0.5).clamp(0.0, float(n_nodes - 1))
    lower = at.floor()
    upper_weight = at - lower
    index = lower.long()
    return index, (index + 1).clamp(max=n_nodes - 1), upper_weight


class GridMlp(nn.Module):
    """Feature grids and MLP; see `forward`.

    Attributes:
        affines: Per level that is fake-quantized: (2, C) scales and zero points.
        mlp_dtype: How the MLP is fake-quantized; "off": not at all.
        folded_into: The dense level that the encoder's latents are added to; None: they are features of their own.
    """

    baseline: Tensor | None

    def __init__(self, config: GridMlpConfig, height: int, width: int, baseline: np.ndarray | None = None) -> None:
        """Make the network with random weights.

        Args:
            config: Its sizes and switches.
            height: H of the lightmap.
            width: W of the lightmap.
            baseline: (H, W, 3) uint8, for the BaselineEncoder and as an input, where these are switched on.
        """
        super().__init__()
        self.height, self.width = height, width
        self.n_harmonics = config.time_harmonics
        self.shapes = config.level_shapes(height, width)
        self.affines: dict[int, Tensor] = {}
        self.mlp_dtype = "off"
        channels, hidden = config.channels_per_level, config.hidden
        self.grids = nn.ParameterList(
            nn.Parameter(1e-2 * torch.randn(rows * columns, channels))
            for rows, columns in self.shapes[: config.n_dense]
        )
        self.xy = config.xy_harmonics, config.xy_include_input
        n_inputs = channels * len(self.shapes) + config.n_encoded + config.n_coordinates + 3 * config.baseline_input
        self.input_features = nn.Linear(n_inputs, hidden)
        self.input_time = None if config.film else nn.Linear(2 * config.time_harmonics, hidden, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(config.layers - 1))
        self.output = nn.Linear(hidden, 3)
        nn.init.uniform_(self.output.weight, -1e-3, 1e-3)
        nn.init.zeros_(self.output.bias)
        self.film = Film(2 * config.time_harmonics, config.film_width, hidden, config.layers) if config.film else None
        capacity, seed = config.hash_capacity, config.hash_seed
        self.hash_levels = nn.ModuleList(
            HashLevel(shape, channels, capacity, seed, config.hash_merge)
            if config.hash_probes == 1
            else ProbedLevel(shape, channels, capacity, seed, config.hash_probes)
            for shape in self.shapes[config.n_dense :]
        )
        assert baseline is not None or not config.baseline_input  # the configuration asks for residual mode
        seen = baseline if config.baseline_input else None
        self.register_buffer(
            "baseline", None if seen is None else torch.from_numpy(seen).flatten(0, 1), persistent=False
        )
        self.encoder: BaselineEncoder | None = None
        self.folded_into: int | None = None
        if config.use_baseline_encoder:
            assert baseline is not None  # the configuration asks for residual mode
            n_encoded = channels if config.be_fold else config.be_channels
            self.encoder = BaselineEncoder(baseline, n_encoded, config.be_downsample)
            self.folded_into = self._level_of_encoder(self.encoder.shape) if config.be_fold else None

    def stored_affines(self, saved: Mapping[str, Any], device: torch.device) -> dict[int, Tensor]:
        """`affines` of a checkpoint.

        Raises:
            Exception: whatever torch and Python raise where they are none of these levels.
        """
        found = {int(level): affine.to(device) for level, affine in saved.get("affines", {}).items()}
        for level, affine in found.items():
            if not 0 <= level < len(self.shapes) or affine.shape != (2, self.level(level).shape[1]):
                raise ValueError(f"affines: {level}: expected scales and zero points of a level, found something else")
        return found

    @property
    def hidden_layers(self) -> list[nn.Linear]:
        """Layers after the first, without the last."""
        return cast("list[nn.Linear]", list(self.hidden))

    @property
    def hash_grids(self) -> list[HashLevel | ProbedLevel]:
        """Levels that hash, after the dense ones."""
        return cast("list[HashLevel | ProbedLevel]", list(self.hash_levels))

    @property
    def probed_grids(self) -> list[ProbedLevel]:
        """Those of them whose nodes choose their entries."""
        return [level for level in self.hash_grids if isinstance(level, ProbedLevel)]

    def _level_of_encoder(self, shape: tuple[int, int]) -> int:
        dense = self.shapes[: len(self.grids)]
        found = f"latents of {shape[0]} x {shape[1]} beside {', '.join(f'{a} x {b}' for a, b in dense)}"
        require(shape in dense, "--be-fold", "--be-downsample that gives a dense level's size", found)
        return dense.index(shape)

    def fit_tables(self) -> None:
        """Begin the tables of probed levels from the dense grids behind them."""
        for level in self._weighed_levels():
            level.fit()

    def choose(self) -> None:
        """Let nodes choose their entries where that is not settled."""
        for level in self._weighed_levels():
            if level.stage == "choosing":
                level.choose()

    def _weighed_levels(self) -> list[ProbedLevel]:
        """Probed levels, whose distances are what the first layer makes of them."""
        for index, level in enumerate(self.probed_grids, start=len(self.grids)):
            channels = level.table.shape[1]
            level.weigh(self.input_features.weight[:, index * channels : (index + 1) * channels])
        return self.probed_grids

    def grid_parameters(self) -> list[nn.Parameter]:
        """The dense grids, and those behind tables."""
        return [*self.grids, *(level.nodes for level in self.probed_grids)]

    def mlp_parameters(self) -> list[nn.Parameter]:
        """All parameters but the grids and the hash tables."""
        grids = {id(p) for p in (*self.grid_parameters(), *self.hash_parameters())}
        return [p for p in self.parameters() if id(p) not in grids]

    def hash_parameters(self) -> list[nn.Parameter]:
        """The hash tables."""
        return [level.table for level in self.hash_grids]

    def level(self, index: int) -> Tensor:
        """(nodes or entries, C) values of a level, as they are."""
        n_dense = len(self.grids)
        if index >= n_dense:
            return self.hash_grids[index - n_dense].table
        if index != self.folded_into:
            return self.grids[index]
        assert self.encoder is not None
        return self.grids[index] + self.encoder()

    def _corners(self, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The four nodes around texels and their weights, both (N, 4)."""
        n_rows, n_columns = shape
        top, bottom, down = _axis_corners(rows, self.height, n_rows)
        left, right, across = _axis_corners(columns, self.width, n_columns)
        nodes = torch.stack(
            [top * n_columns + left, top * n_columns + right, bottom * n_columns + left, bottom * n_columns + right],
            dim=1,
        )
        up, back = 1.0 - down, 1.0 - across
        return nodes, torch.stack([up * back, up * across, down * back, down * across], dim=1)

    def encoded(self) -> Tensor | None:
        """What the BaselineEncoder gives, (rows * columns, C): its latents, or the level that they are folded into."""
        if self.encoder is None:
            return None
        return self.encoder() if self.folded_into is None else self.level(self.folded_into)

    def features(self, texels: Tensor, encoded: Tensor | None = None) -> Tensor:
        """Bilinear lookup in every level, concatenated, with the encoder's latents, the place and the baseline behind.

        Args:
            texels: (N,) int64, row * W + column.
            encoded: `encoded()`, if it is at hand.

        Returns:
            (N, L * C [+ C0] [+ 4 N'] [+ 2] [+ 3]) features.
        """
        rows, columns = texels.div(self.width, rounding_mode="floor"), texels.remainder(self.width)
        out = []
        for index, shape in enumerate(self.shapes):
            nodes, weights = self._corners(rows, columns, shape)
            grid = encoded if index == self.folded_into else None
            grid = self.level(index) if grid is None else grid
            if index in self.affines:
                grid = fake_grid(grid, self.affines[index])
            if index < len(self.grids):
                out.append(functional.embedding_bag(nodes, grid, per_sample_weights=weights, mode="sum"))
            else:
                out.append(self.hash_grids[index - len(self.grids)](grid, nodes, weights))
        if self.encoder is not None and self.folded_into is None:
            nodes, weights = self._corners(rows, columns, self.encoder.shape)
            latents = self.encoder() if encoded is None else encoded
            out.append(functional.embedding_bag(nodes, latents, per_sample_weights=weights, mode="sum"))
        for position, n_texels in ((columns, self.width), (rows, self.height)) if any(self.xy) else ():
            out.append(place_features((position.to(torch.float32) + 0.5) * (1.0 / n_texels), *self.xy))
        if self.baseline is not None:
            out.append(self.baseline[texels].to(torch.float32) / 255.0)
        return torch.cat(out, dim=1)

    def _linear(self, layer: nn.Linear, x: Tensor) -> Tensor:
        if self.mlp_dtype == "off":
            return layer(x)
        peak = 255.0 if layer is self.output else 1.0  # the packed layer gives codes
        return functional.linear(x, fake_weight(peak * layer.weight, self.mlp_dtype) / peak, layer.bias)

    def forward(self, texels: Tensor, time_h: Tensor, encoded: Tensor | None = None) -> Tensor:
        """Every texel at every time.

        Args:
            texels: (N,) int64, row * W + column.
            time_h: (T,) hours.
            encoded: As for `features`.

        Returns:
            (N, T, 3): RGB, or RGB - baseline in residual mode, in units of 255 codes.
        """
        at_texel = self._linear(self.input_features, self.features(texels, encoded))
        time = time_features(time_h, self.n_harmonics)
        if self.film is not None:
            modulations = self.film(time, self.mlp_dtype)
            x = functional.relu(modulate(at_texel[:, None], modulations[0]))
            for layer, modulation in zip(self.hidden_layers, modulations[1:], strict=True):
                x = functional.relu(modulate(self._linear(layer, x), modulation))
        else:
            assert self.input_time is not None
            x = functional.relu(at_texel[:, None] + self._linear(self.input_time, time)[None])
            for layer in self.hidden_layers:
                x = functional.relu(self._linear(layer, x))
        return self._linear(self.output, x)
