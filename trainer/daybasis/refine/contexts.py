"""The coder's context model in torch, on plain (K, h, w) grids, exact for integers and differentiable.

Same neighbourhoods and weights as decompressor/daybasis/contexts.py; its quincunx layout is only a way to store the two
colors of the checkerboard (x + y + k) mod 2, so on plain grids every neighbour is a shift by one sample.
"""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from todpack.decompressor.daybasis.entropy.contexts import (
    COARSE_CAP,
    FINE_CAP,
    LEVEL_SHIFT,
    LOG_CLASS,
    MAPS_CAP,
    MAPS_SHIFT,
    MEAN_CAP,
    N_ENERGIES,
    N_FINE_LEVELS,
    WEIGHTS,
    mean_energy,
)

Tensor = torch.Tensor
Level = list[Tensor]


def cap_of(level: int, n_levels: int) -> int:
    """Largest magnitude that counts in the contexts of a level."""
    return FINE_CAP if n_levels - level < N_FINE_LEVELS else COARSE_CAP


def color(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """(K, h, w) bool: True where a sample is of phase 1."""
    k, h, w = (torch.arange(n, device=device) for n in shape)
    return (k[:, None, None] + h[:, None] + w) % 2 == 1


def _fit(band: Tensor, shape: tuple[int, ...]) -> Tensor:
    if band.shape[-2:] == shape[-2:]:
        return band
    band = band[:, : shape[-2], : shape[-1]]
    return pad(band, (0, shape[-1] - band.shape[-1], 0, shape[-2] - band.shape[-2]))


def _rows(band: Tensor) -> Tensor:
    p = pad(band, (0, 0, 1, 1))
    return p[:, :-2] + p[:, 2:]


def _columns(band: Tensor) -> Tensor:
    p = pad(band, (1, 1))
    return p[:, :, :-2] + p[:, :, 2:]


def _ring(band: Tensor) -> Tensor:
    rows = _rows(band) + band
    return rows + _columns(rows) - band


class BandContext:
    """Energies of one band from the magnitudes decoded before it.

    Args:
        level: 1..n_levels.
        orientation: 0, 1, 2.
        shape: (K, h, w).
        parents: Magnitudes of the coarser level, none at the first.
        siblings: Magnitudes of the earlier orientations of this level.
        mean_code: (K,) codes of the mean magnitude.
    """

    def __init__(
        self,
        level: int,
        n_levels: int,
        orientation: int,
        shape: tuple[int, int, int],
        parents: Level,
        siblings: Level,
        mean_code: Tensor,
    ) -> None:
        self.level, self.n_levels, self.orientation, self.shape = level, n_levels, orientation, shape
        self.cap = cap_of(level, n_levels)
        self.mean_code = mean_code
        self.device = mean_code.device
        self.parents = [p.clamp(max=self.cap) for p in parents]
        # the coder's layout holds pairs of columns: of an odd width, one column more of the siblings is seen
        wide = (shape[0], shape[1], shape[2] + shape[2] % 2)
        summed = [_fit(s.clamp(max=self.cap), wide) for s in siblings]
        self.sibling = sum(summed[1:], summed[0]) if summed else None

    def energy(self, phase: int, first: Tensor | None) -> Tensor:
        """Energies (K, h, w) of a phase at all samples; `first`: magnitudes of phase 0, 0 elsewhere, for phase 1."""
        w = WEIGHTS[self.orientation][phase]
        mean = mean_energy(self.mean_code.cpu().numpy(), w.mean).clip(max=MEAN_CAP)
        out = torch.from_numpy(mean).to(self.device).float()[:, None, None].expand(self.shape)
        if self.parents:
            out = out + self._parent_energy(phase)
        if self.sibling is not None:
            s = self.sibling
            around = s * w.sibling + (_rows(s) + _columns(s)) * w.sibling_cross
            if w.sibling_diagonal:
                around = around + _columns(_rows(s)) * w.sibling_diagonal
            out = out + around[:, :, : self.shape[2]]
        if first is not None:
            f = first.clamp(max=self.cap)
            maps = pad(f, (0, 0, 0, 0, 1, 1))
            out = out + _columns(f) * w.left_right + _rows(f) * w.above_below
            out = out + (maps[:-2] + maps[2:]) * w.adjacent_maps
        return out

    def _parent_energy(self, phase: int) -> Tensor:
        w = WEIGHTS[self.orientation][phase]
        parent = self.parents[self.orientation]
        out = parent * w.parent
        if w.parent_ring:
            out = out + _ring(parent) * w.parent_ring
        if w.parent_others:
            one, two = (p for j, p in enumerate(self.parents) if j != self.orientation)
            h, width = (min(a.shape[i] for a in (one, two, parent)) for i in (1, 2))
            both = one[:, :h, :width] + two[:, :h, :width]
            out = out + _fit(both, parent.shape) * w.parent_others
        double = out.repeat_interleave(2, 1).repeat_interleave(2, 2)
        return _fit(double, self.shape)

    def others(self, first: Tensor) -> Tensor:
        """(K, h, w) sums of phase 0 over the components of the other parity, at the same place."""
        f = first.clamp(max=self.cap)
        sums = torch.stack([f[1::2].sum(0), f[0::2].sum(0)])
        return sums[torch.arange(self.shape[0], device=self.device) % 2]

    def classes(self, phase: int, first: Tensor | None) -> Tensor:
        """Fine classes (K, h, w) int64 as the coder finds them, valid at the samples of the phase."""
        energy = self.energy(phase, first).clamp(max=N_ENERGIES - 1).long()
        table = torch.from_numpy(LOG_CLASS).to(self.device)
        out = table[energy].long()
        if first is None:
            return out + LEVEL_SHIFT[min(self.n_levels - self.level, 4)]
        shift = torch.from_numpy(MAPS_SHIFT).to(self.device)
        return out + shift[self.others(first).long().clamp(max=MAPS_CAP)].long()

    def soft_classes(self, phase: int, first: Tensor | None, floor: float) -> Tensor:
        """`classes` without the rounding, differentiable; `floor` is added to the energies."""
        out = 4 * torch.log2(self.energy(phase, first) + floor) + 0.5
        if first is None:
            return out + LEVEL_SHIFT[min(self.n_levels - self.level, 4)]
        return out + torch.log1p(1.8 * self.others(first)) - 0.4
