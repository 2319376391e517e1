"""From codes of a tile to its maps in torch, as the decoder does it, and the exact transpose: from slopes to codes.

Rotation of the bands (decompressor/daybasis/transform/rotations.py), inverse lifting (lifting.py), and what smoothing
adds (smoothing.py). Bands are dictionaries {(level, orientation): (K, h, w)}; (0, 0) is the low band.
"""

from __future__ import annotations

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.lifting import band_gains
from todpack.decompressor.daybasis.transform.lifting_plan import Pass
from todpack.decompressor.daybasis.transform.pyramid import Pyramid
from todpack.decompressor.daybasis.transform.rotations import Regions, site_regions
from todpack.decompressor.daybasis.transform.smoothing import Smoothing

Tensor = torch.Tensor
Bands = dict[tuple[int, int], Tensor]
Axis = int  # of (K, h, w); 1: along y, 2: along x

LEAST_ENERGY = 0.3
"""Squared norms are estimated by random signs: too small a one would make a code take too long a step."""


class BandRotation:
    """Regional rotations of one detail band: common components = matrix of the site's class @ coded components."""

    def __init__(self, site: np.ndarray, regions: Regions, stride: int, device: torch.device) -> None:
        places = np.flatnonzero(site)
        classes = site_regions(regions.blocks, site.shape, stride).ravel()[places]
        self._places = torch.from_numpy(places[np.argsort(classes, kind="stable")]).to(device)
        self._counts = np.bincount(classes, minlength=len(regions.rotations)).tolist()
        self._classes = torch.from_numpy(np.sort(classes).astype(np.int64)).to(device)

    def apply(self, band: Tensor, matrices: Tensor) -> Tensor:
        """Multiply (K, h, w) by the matrix (n_classes, K, K) of each site's class; 0 outside the sites."""
        flat = band.reshape(len(band), -1)
        out = torch.zeros_like(flat)
        groups = flat[:, self._places].split(self._counts, 1)
        rotated = [matrix @ group for matrix, group in zip(matrices, groups, strict=True) if group.shape[1]]
        if rotated:
            out[:, self._places] = torch.cat(rotated, 1)
        return out.reshape(band.shape)

    def at_sites(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(n_classes, K) numbers at every site of a (K, h, w) band, 1 elsewhere."""
        out = values.new_ones((values.shape[1], shape[-2] * shape[-1]))
        out[:, self._places] = values[self._classes].T
        return out.reshape(values.shape[1], *shape[-2:])


class TorchPass:
    """One lifting pass (`lifting_plan.Pass`) along an axis of (K, h, w) tensors."""

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
        """(first target, first source, count) of the left and right neighbors: source j - back, j - back + 1."""
        ranges = []
        for shift in (-back, 1 - back):
            first = max(0, -shift)
            ranges.append((first, first + shift, max(0, min(n_target - first, n_source - first - shift))))
        return ranges

    def _gather(self, target: Tensor, source: Tensor, weights: list[Tensor], back: int) -> None:
        for side, (to, start, n) in enumerate(self._sides(target.shape[self.axis], source.shape[self.axis], back)):
            weight = weights[side % len(weights)].narrow(self.axis - 1, to, n)
            target.narrow(self.axis, to, n).addcmul_(weight, source.narrow(self.axis, start, n), value=-1)

    def _scatter(self, target: Tensor, source: Tensor, weights: list[Tensor], back: int) -> None:
        for side, (to, start, n) in enumerate(self._sides(source.shape[self.axis], target.shape[self.axis], back)):
            weight = weights[side % len(weights)].narrow(self.axis - 1, to, n)
            target.narrow(self.axis, start, n).addcmul_(weight, source.narrow(self.axis, to, n), value=-1)


class Synthesis:
    """Coefficients in steps, of the common components -> maps in units of q_step."""

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

    def maps(self, bands: Bands) -> Tensor:
        """(K, H, W) of some bands; the others count as 0."""
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
    """Squared norms of the synthesis functions, level by level: the diagonal of the Gram matrix, about 1.

    Source: Hutchinson, "A stochastic estimator of the trace", 1990: with random signs z, E[z * (S' S z)] = diag(S' S).
    """
    generator = torch.Generator().manual_seed(seed)
    device = synthesis.valid.device
    signs: Bands = {}
    for level, scales in enumerate(synthesis.scales):
        for o, scale in enumerate(scales):
            drawn = torch.randint(0, 2, (n_probes, *scale.shape), generator=generator) * 2.0 - 1.0
            signs[level, o] = drawn.to(device) * (scale != 0)
    maps, energies = synthesis.maps(signs), []
    for level in range(synthesis.n_levels + 1):
        slopes = enumerate(synthesis.adjoint(maps, level))
        energies.append(tuple((slope * signs[level, o]).mean(0).clamp(min=LEAST_ENERGY) for o, slope in slopes))
    return energies


def smoothing_steps(maps: Tensor, smoothing: Smoothing | None, valid: Tensor) -> Tensor:
    """What smoothing adds to maps.

    Args:
        maps: (K, h, w) in units of q_step.
        smoothing: None adds nothing.
        valid: (h, w) bool; only differences of two valid texels count.

    Returns:
        (K, h, w) to add.
    """
    steps = torch.zeros_like(maps)
    if smoothing is None:
        return steps
    bound, (along_x, along_y) = smoothing.bound, smoothing.weights
    x = (maps[:, :, 1:] - maps[:, :, :-1]).clamp(-bound, bound) * ((valid[:, 1:] & valid[:, :-1]) * along_x)
    y = (maps[:, 1:] - maps[:, :-1]).clamp(-bound, bound) * ((valid[1:] & valid[:-1]) * along_y)
    steps[:, :, :-1] += x
    steps[:, :, 1:] -= x
    steps[:, :-1] += y
    steps[:, 1:] -= y
    return steps
