"""Inverse lifting of a tile in torch and its exact adjoint: from coefficients to maps, and slopes back."""

from __future__ import annotations

import torch

from todpack.decompressor.daybasis.transform.lifting import band_gains
from todpack.decompressor.daybasis.transform.lifting_plan import Pass
from todpack.decompressor.daybasis.transform.pyramid import Pyramid

Tensor = torch.Tensor
Axis = int  # 1: rows of (K, h, w), 2: columns


class TorchPass:
    """One lifting pass (`decompressor.daybasis.lifting_plan.Pass`) along an axis of (K, h, w) tensors."""

    def __init__(self, plan: Pass, axis: Axis, device: torch.device) -> None:
        self.axis = axis
        self.predict = [torch.from_numpy(w).to(device) for w in plan.predict]
        self.update = [torch.from_numpy(w).to(device) for w in plan.update]
        rows, columns = (torch.from_numpy(p).to(device) for p in plan.promoted)
        self.promoted = (slice(None), rows, columns) if rows.numel() else None

    def undo(self, even: Tensor, odd: Tensor) -> None:
        """Low and high halves to even and odd samples, in place, as the decoder does it."""
        if self.promoted is not None:
            odd[self.promoted] = even[self.promoted]
            even[self.promoted] = 0
        self._gather(even, odd, self.update, 1)
        self._gather(odd, even, self.predict, 0)

    def undo_adjoint(self, even: Tensor, odd: Tensor) -> None:
        """Transpose of `undo`, in place."""
        self._scatter(even, odd, self.predict, 0)
        self._scatter(odd, even, self.update, 1)
        if self.promoted is not None:
            even[self.promoted] = odd[self.promoted]
            odd[self.promoted] = 0

    def _sides(self, n_target: int, n_source: int, back: int) -> list[tuple[int, int, int]]:
        """(first target, first source, count) of the left and right neighbours: source j - back, j - back + 1."""
        found = []
        for shift in (-back, 1 - back):
            first = max(0, -shift)
            found.append((first, first + shift, max(0, min(n_target - first, n_source - first - shift))))
        return found

    def _gather(self, target: Tensor, source: Tensor, weights: list[Tensor], back: int) -> None:
        for side, (to, start, n) in enumerate(self._sides(target.shape[self.axis], source.shape[self.axis], back)):
            weight = weights[side % len(weights)].narrow(self.axis - 1, to, n)
            target.narrow(self.axis, to, n).addcmul_(weight, source.narrow(self.axis, start, n), value=-1)

    def _scatter(self, target: Tensor, source: Tensor, weights: list[Tensor], back: int) -> None:
        for side, (to, start, n) in enumerate(self._sides(source.shape[self.axis], target.shape[self.axis], back)):
            weight = weights[side % len(weights)].narrow(self.axis - 1, to, n)
            target.narrow(self.axis, start, n).addcmul_(weight, source.narrow(self.axis, to, n), value=-1)


class Synthesis:
    """Coefficients in steps, in the common basis -> maps in units of q_step; level 0 is the low band."""

    def __init__(self, pyramid: Pyramid, device: torch.device) -> None:
        self.n_levels = len(pyramid.levels)
        self.shapes = [level.shape for level in pyramid.levels]
        self.passes = [
            (TorchPass(p.rows, 2, device), TorchPass(p.low_columns, 1, device), TorchPass(p.high_columns, 1, device))
            for p in pyramid.levels
        ]
        bands = [(pyramid.sites[0],), *pyramid.sites[1:]]
        steps = [(pyramid.step_scale[0],), *pyramid.step_scale[1:]]
        self.scales = [
            tuple(torch.from_numpy(g * s * site).float().to(device) for g, s, site in zip(gs, ss, sites, strict=True))
            for gs, ss, sites in zip(band_gains(self.n_levels), steps, bands, strict=True)
        ]
        self.valid = torch.from_numpy(pyramid.valid).to(device)

    def maps(self, bands: dict[tuple[int, int], Tensor]) -> Tensor:
        """(K, H, W) of some bands {(level, orientation): (K, h, w)}; the others count as 0."""
        first = min(level for level, _ in bands)
        low = bands[0, 0] * self.scales[0][0] if first == 0 else None
        some = next(iter(bands.values()))
        for level in range(max(first, 1), self.n_levels + 1):
            depth = self.n_levels - level
            (h, w), (rows, low_columns, high_columns) = self.shapes[depth], self.passes[depth]
            out = some.new_zeros((len(some), h, w))
            places = _quarters(out)
            if low is not None:
                places[0].copy_(low)
            for o in range(3):
                if (level, o) in bands:
                    torch.mul(bands[level, o], self.scales[level][o], out=places[1 + o])
            halves = out[:, :, 0::2], out[:, :, 1::2]
            low_columns.undo(halves[0][:, 0::2], halves[0][:, 1::2])
            high_columns.undo(halves[1][:, 0::2], halves[1][:, 1::2])
            rows.undo(*halves)
            low = out
        assert low is not None
        return low * self.valid

    def adjoint(self, maps: Tensor, level: int) -> tuple[Tensor, ...]:
        """Transpose of `maps`: the bands of one level (one low band for level 0), 0 outside the sites."""
        low = maps * self.valid
        for depth in range(self.n_levels - max(level, 1) + 1):
            rows, low_columns, high_columns = self.passes[depth]
            halves = low[:, :, 0::2], low[:, :, 1::2]
            rows.undo_adjoint(*halves)
            low_columns.undo_adjoint(halves[0][:, 0::2], halves[0][:, 1::2])
            high_columns.undo_adjoint(halves[1][:, 0::2], halves[1][:, 1::2])
            places = _quarters(low)
            low = places[0].clone()
        chosen = places[1:] if level else (low,)
        return tuple(band * scale for band, scale in zip(chosen, self.scales[level], strict=True))


def _quarters(image: Tensor) -> tuple[Tensor, ...]:
    """Places of low, lh, hl, hh in an interleaved image."""
    return image[:, 0::2, 0::2], image[:, 1::2, 0::2], image[:, 0::2, 1::2], image[:, 1::2, 1::2]


def site_energies(synthesis: Synthesis, seed: int, n_probes: int = 48) -> list[tuple[Tensor, ...]]:
    """Squared norms of the synthesis functions, by random signs: the diagonal of the Gram matrix, about 1."""
    generator = torch.Generator().manual_seed(seed)
    device = synthesis.valid.device
    bands, found = {}, []
    for level, scales in enumerate(synthesis.scales):
        for o, scale in enumerate(scales):
            signs = torch.randint(0, 2, (n_probes, *scale.shape), generator=generator) * 2.0 - 1.0
            bands[level, o] = signs.to(device) * (scale != 0)
    maps = synthesis.maps(bands)
    for level in range(synthesis.n_levels + 1):
        adjoint = synthesis.adjoint(maps, level)
        found.append(tuple((a * bands[level, o]).mean(0).clamp(min=0.3) for o, a in enumerate(adjoint)))
    return found
