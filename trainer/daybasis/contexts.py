"""The coder's context model in torch, on plain (K, h, w) grids, exact for integers and differentiable.

Same neighborhoods and weights as decompressor/daybasis/entropy/contexts.py; its quincunx layout is only a way to store
the two colors of the checkerboard (x + y + k) mod 2, so on plain grids every neighbor is a shift by one sample.
"""

from __future__ import annotations

from collections.abc import Iterator

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
from todpack.packer.daybasis.entropy.symbols import mean_code_of_total

from .synthesis import Bands

Tensor = torch.Tensor


def second_phase(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """(K, h, w) bool: True where a sample is of phase 1, whose contexts hold its neighbors of phase 0."""
    k, h, w = (torch.arange(n, device=device) for n in shape)
    return (k[:, None, None] + h[:, None] + w) % 2 == 1


def resized(band: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A band cut off, or filled up with zeros, to (K, h, w)."""
    if band.shape[-2:] == shape[-2:]:
        return band
    band = band[:, : shape[-2], : shape[-1]]
    return pad(band, (0, shape[-1] - band.shape[-1], 0, shape[-2] - band.shape[-2]))


def above_below(band: Tensor) -> Tensor:
    """Sum of the neighbors above and below."""
    padded = pad(band, (0, 0, 1, 1))
    return padded[:, :-2] + padded[:, 2:]


def left_right(band: Tensor) -> Tensor:
    """Sum of the neighbors on the left and on the right."""
    padded = pad(band, (1, 1))
    return padded[:, :, :-2] + padded[:, :, 2:]


def ring(band: Tensor) -> Tensor:
    """Sum of the eight neighbors."""
    column = above_below(band) + band
    return column + left_right(column) - band


class BandContext:
    """Energies of one band from the magnitudes decoded before it.

    Attributes:
        level: 1..n_levels.
        orientation: 0, 1, 2.
        shape: (K, h, w).
        second: Where a sample is of phase 1, see `second_phase`.
        mean_code: (K,) codes of the mean magnitude.
        parents: Magnitudes of the coarser level, capped; none at the first.
        siblings: Sum of the magnitudes of the earlier orientations, capped; None at the first.
    """

    def __init__(
        self, level: int, n_levels: int, orientation: int, band: Tensor, site: Tensor,
        parents: list[Tensor], siblings: list[Tensor],
    ) -> None:  # fmt: skip
        """Take up what is known before the band.

        Args:
            level: Its level.
            n_levels: Levels of the pyramid.
            orientation: Its orientation.
            band: (K, h, w) its codes, for their mean magnitudes, which are sent.
            site: (h, w) bool.
            parents: Magnitudes of the three bands of the coarser level, none at the first.
            siblings: Magnitudes of the earlier orientations of this level.
        """
        self.level, self.orientation = level, orientation
        self.shape = (band.shape[0], band.shape[1], band.shape[2])
        self.second = second_phase(self.shape, band.device)
        self._depth = n_levels - level
        self._cap = FINE_CAP if self._depth < N_FINE_LEVELS else COARSE_CAP
        total = band.detach().abs().double().sum((1, 2)).long()
        self.mean_code = mean_code_of_total(total.cpu().numpy(), int(site.sum()))
        self.parents = [parent.clamp(max=self._cap) for parent in parents]
        # the coder's layout holds pairs of columns: of an odd width, one column more of the siblings is seen
        wide = (self.shape[0], self.shape[1], self.shape[2] + self.shape[2] % 2)
        summed = [resized(sibling.clamp(max=self._cap), wide) for sibling in siblings]
        self.siblings = sum(summed[1:], summed[0]) if summed else None
        self._coded = site & torch.from_numpy(self.mean_code != 0).to(band.device)[:, None, None]

    def coded(self, phase: int) -> Tensor:
        """(K, h, w) bool: where the codes of a phase are sent."""
        return self._coded & (self.second == bool(phase))

    def energy(self, phase: int, first_phase: Tensor | None) -> Tensor:
        """Energies (K, h, w) of a phase at all samples; for phase 1, with magnitudes of phase 0, 0 elsewhere."""
        w = WEIGHTS[self.orientation][phase]
        mean = mean_energy(self.mean_code, w.mean).clip(max=MEAN_CAP)
        out = torch.from_numpy(mean).to(self.second.device).float()[:, None, None].expand(self.shape)
        if self.parents:
            out = out + self._parent_energy(phase)
        if self.siblings is not None:
            s = self.siblings
            around = s * w.sibling + (above_below(s) + left_right(s)) * w.sibling_cross
            if w.sibling_diagonal:
                around = around + left_right(above_below(s)) * w.sibling_diagonal
            out = out + around[:, :, : self.shape[2]]
        if first_phase is not None:
            f = first_phase.clamp(max=self._cap)
            maps = pad(f, (0, 0, 0, 0, 1, 1))
            out = out + left_right(f) * w.left_right + above_below(f) * w.above_below
            out = out + (maps[:-2] + maps[2:]) * w.adjacent_maps
        return out

    def _parent_energy(self, phase: int) -> Tensor:
        w = WEIGHTS[self.orientation][phase]
        parent = self.parents[self.orientation]
        out = parent * w.parent
        if w.parent_ring:
            out = out + ring(parent) * w.parent_ring
        if w.parent_others:
            one, two = (p for j, p in enumerate(self.parents) if j != self.orientation)
            h, width = (min(a.shape[i] for a in (one, two, parent)) for i in (1, 2))
            both = one[:, :h, :width] + two[:, :h, :width]
            out = out + resized(both, parent.shape) * w.parent_others
        double = out.repeat_interleave(2, 1).repeat_interleave(2, 2)
        return resized(double, self.shape)

    def other_maps(self, first_phase: Tensor) -> Tensor:
        """(K, h, w) sums of phase 0 over the components of the other parity, at the same place."""
        f = first_phase.clamp(max=self._cap)
        sums = torch.stack([f[1::2].sum(0), f[0::2].sum(0)])
        return sums[torch.arange(self.shape[0], device=f.device) % 2]

    def classes(self, phase: int, first_phase: Tensor | None) -> Tensor:
        """Fine classes (K, h, w) int64 as the coder finds them, valid at the samples of the phase."""
        energy = self.energy(phase, first_phase).clamp(max=N_ENERGIES - 1).long()
        out = torch.from_numpy(LOG_CLASS).to(energy.device)[energy].long()
        if first_phase is None:
            return out + LEVEL_SHIFT[min(self._depth, 4)]
        shift = torch.from_numpy(MAPS_SHIFT).to(energy.device)
        return out + shift[self.other_maps(first_phase).long().clamp(max=MAPS_CAP)].long()

    def soft_classes(self, phase: int, first_phase: Tensor | None, floor: float) -> Tensor:
        """`classes` without the rounding, differentiable; `floor` is added to the energies.

        LOG_CLASS counts quarter octaves from 1 and rounds down, which takes half a class on average:
        1 + 4 log2(E) - 1/2. MAPS_SHIFT is a staircase under ln(1 + 1.8 n), n the sum over the other maps, which takes
        0.4 on average (measured, with small n counting most, as they do in the codes).
        """
        out = 4 * torch.log2(self.energy(phase, first_phase) + floor) + 0.5
        if first_phase is None:
            return out + LEVEL_SHIFT[min(self._depth, 4)]
        return out + torch.log1p(1.8 * self.other_maps(first_phase)) - 0.4


def walk(magnitudes: Bands, sites: Bands, n_levels: int) -> Iterator[tuple[tuple[int, int], BandContext]]:
    """The context of every detail band, in coding order; what is put into `magnitudes` meanwhile counts for the next.

    Args:
        magnitudes: Absolute values of the codes.
        sites: (h, w) bool each.
        n_levels: Levels of the pyramid.
    """
    parents: list[Tensor] = []
    for level in range(1, n_levels + 1):
        siblings: list[Tensor] = []
        for o in range(3):
            yield (level, o), BandContext(level, n_levels, o, magnitudes[level, o], sites[level, o], parents, siblings)
            siblings.append(magnitudes[level, o])
        parents = siblings
