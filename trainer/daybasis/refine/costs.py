"""What the coder will pay, measured on the codes themselves: bits of each magnitude in each class of contexts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from todpack.decompressor.daybasis.entropy.contexts import MAX_MEAN_CODE, N_FINE_CLASSES

from .contexts import BandContext, color

Tensor = torch.Tensor
Bands = dict[tuple[int, int], Tensor]
"""{(level, orientation): (K, h, w)}; (0, 0) is the low band."""

TABLE_BITS = 8 * 750
MEAN_CODE_BITS = 5.0
LAST = 15
"""Largest magnitude with a cost of its own."""


def mean_code(band: Tensor, site: Tensor) -> Tensor:
    """(K,) int64 codes of the mean magnitude, as the coder sends them (packer/daybasis/phases.py)."""
    total = band.abs().double().sum((1, 2))
    mean = total.clamp(min=1) / max(1, int(site.sum()))
    code = torch.round(24 + 2 * torch.log2(mean)).clamp(1, MAX_MEAN_CODE).long()
    return torch.where(total > 0, code, torch.zeros_like(code))


def walk(codes: Bands, sites: Bands, n_levels: int) -> Iterator[tuple[tuple[int, int], BandContext, Tensor, Tensor]]:
    """(key, context, magnitudes, coded) of every detail band in coding order; `coded` (K, h, w) bool."""
    before: list[Tensor] = []
    for level in range(1, n_levels + 1):
        mine: list[Tensor] = []
        for o in range(3):
            band, site = codes[level, o], sites[level, o]
            means = mean_code(band.detach(), site)
            magnitudes = band.abs()
            shape = (band.shape[0], band.shape[1], band.shape[2])
            context = BandContext(level, n_levels, o, shape, before, mine, means)
            yield (level, o), context, magnitudes, site & (means != 0)[:, None, None]
            mine.append(magnitudes)
        before = mine


def count_classes(codes: Bands, sites: Bands, n_levels: int) -> Tensor:
    """(N_FINE_CLASSES, LAST + 1) counts of magnitudes by fine class."""
    counts = torch.zeros(N_FINE_CLASSES * (LAST + 1), dtype=torch.int64, device=codes[0, 0].device)
    for _, context, magnitudes, coded in walk(codes, sites, n_levels):
        late = color(context.shape, context.device)
        first = magnitudes * ~late
        values = magnitudes.clamp(max=LAST).long()
        for phase in (0, 1):
            here = coded & (late == bool(phase))
            classes = context.classes(phase, first if phase else None)
            counts += torch.bincount((classes * (LAST + 1) + values)[here], minlength=counts.numel())
    return counts.reshape(N_FINE_CLASSES, LAST + 1)


def bits_of_counts(counts: Tensor) -> Tensor:
    """(N_FINE_CLASSES, LAST + 1) bits of each magnitude with its sign; neighbouring classes lend half their counts."""
    counts = counts.double()
    smooth = counts.clone()
    smooth[1:] += counts[:-1] / 2
    smooth[:-1] += counts[1:] / 2
    smooth += 0.5 ** torch.arange(LAST + 1, device=counts.device) + smooth.sum(0) * (2 / max(1.0, float(smooth.sum())))
    bits = torch.log2(smooth.sum(1, keepdim=True)) - torch.log2(smooth)
    bits[:, 1:] += 1
    return bits.float()


def side_bits(codes: Bands, sites: Bands) -> float:
    """Estimate of what is coded besides: low band (differences along its sites), large details, tables, mean codes."""
    low = codes[0, 0][:, sites[0, 0]]
    magnitudes = torch.diff(low, dim=1, prepend=torch.zeros_like(low[:, :1])).abs().mean(1).double()
    low_bits = (low.shape[1] * torch.log2(1 + 2 * math.e * magnitudes)).sum()
    for key, band in codes.items():
        if key[0]:
            excess = (band.abs() - LAST).double()
            excess = excess[excess >= 0]
            low_bits += excess.numel() * torch.log2(math.e * (1 + excess.mean())) if excess.numel() else 0
    return float(low_bits) + TABLE_BITS + MEAN_CODE_BITS * (len(codes) - 1) * len(low)


def context_gradient(codes: Bands, sites: Bands, n_levels: int, bits: Tensor, floor: float) -> Bands:
    """What one more unit of each magnitude costs the coefficients coded after it, in bits, through their contexts."""
    with torch.enable_grad():
        total, leaves = _soft_bits(codes, sites, n_levels, bits, floor)
        keys = [key for key in leaves if key[0] > 0]
        grads = torch.autograd.grad(total, [leaves[key] for key in keys], allow_unused=True)
    return {k: torch.zeros_like(codes[k]) if g is None else g for k, g in zip(keys, grads, strict=True)}


def _soft_bits(codes: Bands, sites: Bands, n_levels: int, bits: Tensor, floor: float) -> tuple[Tensor, Bands]:
    """Estimate of all bits, differentiable in the magnitudes as contexts, and these magnitudes."""
    leaves = {key: band.abs().requires_grad_(key[0] > 0) for key, band in codes.items()}
    table = smooth_classes(bits)
    total = codes[0, 0].new_zeros(())
    for _, context, magnitudes, coded in walk(leaves, sites, n_levels):
        late = color(context.shape, context.device)
        first = magnitudes * ~late
        values = magnitudes.detach().clamp(max=LAST).long()
        early = context.soft_classes(0, None, floor)
        place = torch.where(late, context.soft_classes(1, first, floor), early).clamp(0, N_FINE_CLASSES - 1.001)
        row = place.detach().floor().long()
        part = place - row
        low, high = table[row, values], table[row + 1, values]
        total = total + ((low + part * (high - low)) * coded).sum()
    return total, leaves


def smooth_classes(bits: Tensor, radius: int = 4) -> Tensor:
    """Average the costs over neighbouring classes, so that their slopes mean something."""
    weights = 1.0 + radius - torch.arange(-radius, radius + 1, device=bits.device).abs()
    padded = torch.cat([bits[:1].expand(radius, -1), bits, bits[-1:].expand(radius, -1)])
    shifted = torch.stack([padded[i : i + len(bits)] for i in range(2 * radius + 1)])
    return (shifted * (weights / weights.sum())[:, None, None]).sum(0)
