"""Two small neural models as peers, reimplemented from their descriptions; torch is imported when they run.

`mlp`: the kind of network that contests hand out as an example: (x, y, time) -> RGB for the whole lightmap. Its size
is not published; assumed here: sines and cosines of 8 octaves of x and y and of 3 periods of the day, 3 hidden layers
of 64, ReLU, weights in half floats.

`ndgi`: tiles of 128 x 128 with features F_uv (128, 128, 4), F_ut and F_vt (64, 24, 2), F_uvt (32, 32, 12, 4), linear
between nodes, and one MLP 16-16-16-3 with GELU per tile. Assumed here: the four inputs beside the 12 features are sines
and cosines of 1 and 2 periods of the day; features are trained through rounding to the bits of the setting, then zstd.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import zstandard

from todpack.decompressor.errors import needs

from .peer import Encoded, Peer

TRAIN_S = 60.0
TILE = 128
OCTAVES, PERIODS, WIDTH, LAYERS = 8, 3, 64, 3
BATCH, TILE_BATCH = 16384, 2048
GRID_SHAPES = {"uv": (4, 128, 128), "ut": (2, 64, 24), "vt": (2, 64, 24), "uvt": (4, 32, 32, 12)}
_SEED = 0


def _train(torch: Any, groups: list[dict[str, Any]], train_s: float, loss_of: Callable[[], Any]) -> None:
    """Adam for a given wall time, its rate falling along a cosine."""
    optimizer = torch.optim.Adam(groups)
    rates = [group["lr"] for group in optimizer.param_groups]
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < train_s:
        share = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * elapsed / train_s))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share
        optimizer.zero_grad()
        loss_of().backward()
        optimizer.step()


def _hours(torch: Any, n_frames: int, periods: int) -> Any:
    """(T, 2 periods) sines and cosines of the day."""
    phase = 2 * math.pi * torch.arange(n_frames)[:, None] / n_frames * torch.arange(1, periods + 1)
    return torch.cat([phase.sin(), phase.cos()], dim=1)


def _codes(values: Any) -> np.ndarray:
    """Values 0..1 as uint8 codes."""
    codes: np.ndarray = (255.0 * values).round().clamp(0, 255).byte().numpy()
    return codes


def _mlp(frames: np.ndarray, valid: np.ndarray, train_s: float) -> Encoded:
    with needs("train", "a neural peer"):
        import torch
    torch.manual_seed(_SEED)
    n_frames, height, width, _ = frames.shape
    side = max(height, width)
    grid = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), -1).reshape(-1, 2)
    phase = ((grid + 0.5) / side)[:, :, None] * math.pi * 2.0 ** torch.arange(OCTAVES)
    places = torch.cat([phase.sin(), phase.cos()], -1).reshape(len(grid), -1)
    hours = _hours(torch, n_frames, PERIODS)
    sizes = [places.shape[1] + hours.shape[1], *[WIDTH] * LAYERS]
    layers: list[Any] = []
    for i, o in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(i, o), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(WIDTH, 3))
    targets = torch.from_numpy(frames.reshape(n_frames, -1, 3)).float() / 255.0
    inside = torch.from_numpy(np.flatnonzero(valid))
    generator = torch.Generator().manual_seed(_SEED)

    def loss_of() -> Any:
        at = inside[torch.randint(len(inside), (BATCH,), generator=generator)]
        t = torch.randint(n_frames, (BATCH,), generator=generator)
        return (model(torch.cat([places[at], hours[t]], 1)) - targets[t, at]).square().mean()

    _train(torch, [{"params": list(model.parameters()), "lr": 3e-3}], train_s, loss_of)
    model = model.half().float()  # as stored
    size_bytes = sum(2 * p.numel() for p in model.parameters())

    @torch.no_grad()
    def decode() -> np.ndarray:
        days = [model(torch.cat([places, hour.expand(len(places), -1)], 1)) for hour in hours]
        return np.stack([_codes(values).reshape(height, width, 3) for values in days])

    return Encoded(size_bytes, decode)


def _axis(torch: Any, n_samples: int, n_nodes: int) -> tuple[Any, Any, Any]:
    """Lower node, upper node and the upper's weight of sample centers on an axis."""
    at = ((torch.arange(n_samples) + 0.5) * n_nodes / n_samples - 0.5).clamp(0, n_nodes - 1)
    low = at.floor().long()
    return low, (low + 1).clamp(max=n_nodes - 1), at - low


class _Ndgi:
    """All tiles of a day, side by side: every parameter's first axis is the tile."""

    def __init__(self, torch: Any, n_tiles: int, n_frames: int, bits: int) -> None:
        self.torch, self.bits = torch, bits
        generator = torch.Generator().manual_seed(_SEED)

        def noise(*shape: int, scale: float) -> Any:
            return (scale * torch.randn(*shape, generator=generator)).requires_grad_()

        self.grids = {name: noise(n_tiles, *shape, scale=0.1) for name, shape in GRID_SHAPES.items()}
        self.weights = [noise(n_tiles, i, o, scale=math.sqrt(2 / i)) for i, o in ((16, 16), (16, 16), (16, 3))]
        self.biases = [torch.zeros(n_tiles, 1, o, requires_grad=True) for o in (16, 16, 3)]
        self.hours = _hours(torch, n_frames, 2)
        self.place = {n: _axis(torch, TILE, n) for n in (32, 64)}
        self.when = {n: _axis(torch, n_frames, n) for n in (24, 12)}

    def steps(self, grid: Any) -> Any:
        """Bin width of each tile's and channel's features."""
        axes = tuple(range(2, grid.ndim))
        return (grid.detach().abs().amax(dim=axes, keepdim=True) / (2 ** (self.bits - 1) - 1)).clamp(min=1e-8)

    def stored(self) -> dict[str, Any]:
        """Features as the decoder has them; the gradient passes through the rounding."""
        return {
            name: grid + ((grid / self.steps(grid)).round() * self.steps(grid) - grid).detach()
            for name, grid in self.grids.items()
        }

    def values(self, grids: dict[str, Any], y: Any, x: Any, t: Any) -> Any:
        """(n_tiles, N, 3) in 0..1 at rows y, columns x, frames t, (N,) each."""
        torch = self.torch
        parts = [grids["uv"][:, :, y, x]]
        t_low, t_high, t_weight = (v[t] for v in self.when[24])
        for name, along in (("ut", x), ("vt", y)):
            low, high, weight = (v[along] for v in self.place[64])
            start = torch.lerp(grids[name][:, :, low, t_low], grids[name][:, :, high, t_low], weight)
            end = torch.lerp(grids[name][:, :, low, t_high], grids[name][:, :, high, t_high], weight)
            parts.append(torch.lerp(start, end, t_weight))
        (y0, y1, yw), (x0, x1, xw) = ([v[along] for v in self.place[32]] for along in (y, x))
        t0, t1, tw = (v[t] for v in self.when[12])
        volume, ends = grids["uvt"], []
        for when in (t0, t1):
            top = torch.lerp(volume[:, :, y0, x0, when], volume[:, :, y0, x1, when], xw)
            bottom = torch.lerp(volume[:, :, y1, x0, when], volume[:, :, y1, x1, when], xw)
            ends.append(torch.lerp(top, bottom, yw))
        parts.append(torch.lerp(ends[0], ends[1], tw))
        hours = self.hours[t].T.expand(len(volume), -1, -1)
        z = torch.cat([*parts, hours], 1).transpose(1, 2)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = torch.baddbmm(bias, z, weight)
            if layer < 2:
                z = torch.nn.functional.gelu(z)
        return z

    def size_bytes(self) -> int:
        """Features as integers behind zstd, steps and the MLP in half floats."""
        total = 0
        for grid in self.grids.values():
            codes = (grid / self.steps(grid)).round().detach().numpy().astype(np.int8)
            total += len(zstandard.ZstdCompressor(level=19).compress(codes.tobytes())) + 2 * math.prod(codes.shape[:2])
        return int(total + sum(2 * p.numel() for p in (*self.weights, *self.biases)))


def _ndgi(frames: np.ndarray, valid: np.ndarray, bits: float, train_s: float) -> Encoded:
    with needs("train", "a neural peer"):
        import torch
    n_frames, height, width, _ = frames.shape
    rows, columns = -(-height // TILE), -(-width // TILE)
    margins = ((0, rows * TILE - height), (0, columns * TILE - width))
    padded = np.pad(frames, ((0, 0), *margins, (0, 0)), mode="edge")
    tiles = padded.reshape(n_frames, rows, TILE, columns, TILE, 3).transpose(1, 3, 0, 2, 4, 5)
    targets = torch.from_numpy(np.ascontiguousarray(tiles.reshape(rows * columns, n_frames, TILE, TILE, 3)))
    inside = np.pad(valid, margins).reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)
    counted = torch.from_numpy(np.ascontiguousarray(inside.reshape(rows * columns, TILE, TILE)))
    model = _Ndgi(torch, rows * columns, n_frames, int(bits))
    generator = torch.Generator().manual_seed(_SEED)

    def loss_of() -> Any:
        y, x = torch.randint(TILE, (2, TILE_BATCH), generator=generator)
        t = torch.randint(n_frames, (TILE_BATCH,), generator=generator)
        error = (model.values(model.stored(), y, x, t) - targets[:, t, y, x].float() / 255.0).square().mean(2)
        weight = counted[:, y, x]
        return (error * weight).sum() / weight.sum().clamp(min=1)

    groups = [
        {"params": list(model.grids.values()), "lr": 2e-2},
        {"params": [*model.weights, *model.biases], "lr": 5e-3},
    ]
    _train(torch, groups, train_s, loss_of)
    with torch.no_grad():
        for parameter in (*model.weights, *model.biases):
            parameter.copy_(parameter.half().float())  # as stored

    @torch.no_grad()
    def decode() -> np.ndarray:
        stored, decoded = model.stored(), np.empty_like(padded)
        y, x = (v.reshape(-1) for v in torch.meshgrid(torch.arange(TILE), torch.arange(TILE), indexing="ij"))
        for t in range(n_frames):
            codes = _codes(model.values(stored, y, x, torch.full_like(y, t))).reshape(rows, columns, TILE, TILE, 3)
            decoded[t] = codes.transpose(0, 2, 1, 3, 4).reshape(padded.shape[1:])
        return decoded[:, :height, :width]

    return Encoded(model.size_bytes(), decode)


def neural_peers(train_s: float = TRAIN_S) -> tuple[Peer, ...]:
    """Both models, each trained for `train_s` seconds of wall time per setting."""
    return (
        Peer(
            "mlp",
            f"coordinate MLP ({OCTAVES} octaves of x, y, {PERIODS} periods of the day, {LAYERS} x {WIDTH} ReLU, half "
            f"floats), trained {train_s:g} s; its size is an assumption",
            "train s",
            (train_s,),
            "yes",
            _mlp,
        ),
        Peer(
            "ndgi",
            f"NDGI-style tiles of {TILE} x {TILE} (F_uv, F_ut, F_vt, F_uvt, MLP 16-16-16-3 GELU), features in as many "
            f"bits behind zstd, trained {train_s:g} s; published: 0.68 bits per texel and map at 46.7 dB on other data",
            "bits",
            (4.0, 8.0),
            "yes",
            lambda frames, valid, bits: _ndgi(frames, valid, bits, train_s),
        ),
    )
