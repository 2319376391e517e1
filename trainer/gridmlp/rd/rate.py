"""Bits of the coefficients as a differentiable function of them: near to what the archive's coder will pay.

The coder takes the probability of a code from magnitudes around it that the decoder knows already. So does this: a
coefficient has a Laplace distribution whose width is a weighted sum of magnitudes around, in its band, of its parents,
and of other maps; the weights are learned. What is coded is the Laplace distribution's integral over the bin around a
value, which is a rate of integers and of anything between.

Source: Balle et al., "Variational image compression with a scale hyperprior", 2018; contexts in the place of a
hyperprior: Minnen, Balle and Toderici, "Joint autoregressive and hierarchical priors", 2018.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

NARROWEST, WIDEST = 0.06, 1e4
"""Bounds of the Laplace distribution's width, in steps."""
N_TERMS = 6
"""Constant, sides, above, parent, same level, map before."""
FIRST_TERMS = (-2.0, -1.0, -1.0, -1.5, -1.5, -2.0)
"""Of the weights, before softplus."""


def laplace_bits(values: Tensor, width: Tensor) -> Tensor:
    """Bits of bins of 1 around values under a Laplace distribution of this width (mean magnitude)."""
    size = values.abs()
    # beyond half a bin: log(exp(-(size - 1/2) / b) (1 - exp(-1 / b)) / 2)
    far = (size - 0.5) / width - torch.log1p(-torch.exp(-1 / width)) + math.log(2)
    inner = size.clip(max=0.5)
    inside = 0.5 * (torch.exp((inner - 0.5) / width) + torch.exp((-inner - 0.5) / width))
    near = -torch.log1p(-inside.clip(max=1 - 1e-6))
    return torch.where(size > 0.5, far, near) / math.log(2)


def _neighbors(size: Tensor) -> tuple[Tensor, Tensor]:
    """Mean magnitudes of the places left and right, and above and below, of (K, h, w)."""
    wide, high = pad(size, (1, 1)), pad(size, (0, 0, 1, 1))
    return (wide[..., :-2] + wide[..., 2:]) / 2, (high[:, :-2] + high[:, 2:]) / 2


def _grown(size: Tensor, shape: torch.Size) -> Tensor:
    """(K, h, w) of the next finer level, each place taking its parent's magnitude."""
    twice = size.repeat_interleave(2, 1).repeat_interleave(2, 2)
    more = max(0, shape[1] - twice.shape[1]), max(0, shape[2] - twice.shape[2])
    return pad(twice, (0, more[1], 0, more[0]))[:, : shape[1], : shape[2]]


class ContextRate(nn.Module):
    """The rate of a tile's detail coefficients and low band.

    Args:
        n_maps: K.
        n_levels: Of the pyramid.
    """

    def __init__(self, n_maps: int, n_levels: int) -> None:
        super().__init__()
        first = torch.tensor(FIRST_TERMS)
        self.terms = nn.Parameter(first.repeat(3 * n_levels, 1))
        self.floors = nn.Parameter(torch.zeros(3 * n_levels, n_maps))
        self.low_widths = nn.Parameter(torch.full((n_maps,), 2.0))

    def forward(self, bands: list[Tensor], sites: list[Tensor]) -> Tensor:
        """Bits of all.

        Args:
            bands: (K, h, w) in coding order, in steps, 0 where no site is.
            sites: (h, w) bool each.
        """
        low = bands[0]
        across = torch.diff(low, dim=2, prepend=low[:, :, :1])
        bits = (laplace_bits(across, self.low_widths.exp()[:, None, None]) * sites[0]).sum()
        sizes = [band.detach().abs() for band in bands]  # a slope of narrow widths is no good guide
        for index in range(1, len(bands)):
            o, size, weights = (index - 1) % 3, sizes[index], softplus(self.terms[index - 1])
            sides, above = _neighbors(size)
            floor = torch.exp(self.floors[index - 1])[:, None, None]
            width = weights[0] * floor + weights[1] * sides + weights[2] * above
            if index > 3:
                width = width + weights[3] * _grown(sizes[index - 3], size.shape)
            if o:
                other = sizes[index - 1][:, : size.shape[1], : size.shape[2]]
                more = size.shape[1] - other.shape[1], size.shape[2] - other.shape[2]
                width = width + weights[4] * pad(other, (0, more[1], 0, more[0]))
            width = width + weights[5] * pad(size[:-1], (0, 0, 0, 0, 1, 0))
            bits = bits + (laplace_bits(bands[index], width.clip(NARROWEST, WIDEST)) * sites[index]).sum()
        return bits
