"""R, what the coder will pay, measured on the codes themselves: bits of each magnitude in each class of contexts."""

from __future__ import annotations

import math

import torch

from todpack.decompressor.daybasis.entropy.contexts import N_FINE_CLASSES
from todpack.packer.daybasis.rdoq import LAST, bits_of_counts

from .contexts import walk
from .synthesis import Bands

Tensor = torch.Tensor

TABLE_BITS = 8 * 750
"""The tables of a stream, about."""
MEAN_CODE_BITS = 5.0
"""The mean magnitude of a band of a component, about."""


def count_classes(codes: Bands, sites: Bands, n_levels: int) -> Tensor:
    """(N_FINE_CLASSES, LAST + 1) counts of magnitudes by fine class; larger magnitudes count as LAST."""
    counts = torch.zeros(N_FINE_CLASSES * (LAST + 1), dtype=torch.int64, device=codes[0, 0].device)
    magnitudes = {key: band.abs() for key, band in codes.items()}
    for key, context in walk(magnitudes, sites, n_levels):
        values = magnitudes[key].clamp(max=LAST).long()
        for phase in (0, 1):
            coded = context.coded(phase)
            classes = context.classes(phase, magnitudes[key] * ~context.second if phase else None)
            counts += torch.bincount((classes * (LAST + 1) + values)[coded], minlength=counts.numel())
    return counts.reshape(N_FINE_CLASSES, LAST + 1)


def bits_and_rate(counts: Tensor) -> tuple[Tensor, float]:
    """Bits of each magnitude with its sign by class, (N_FINE_CLASSES, LAST + 1), and of all that was counted."""
    bits = torch.from_numpy(bits_of_counts(counts.cpu().numpy())).to(counts.device).float()
    return bits, float((counts * bits).sum())


def side_bits(codes: Bands, sites: Bands) -> float:
    """Estimate of what is coded besides: low band (differences along its sites), large details, tables, mean codes."""
    low = codes[0, 0][:, sites[0, 0]]
    magnitudes = torch.diff(low, dim=1, prepend=torch.zeros_like(low[:, :1])).abs().mean(1).double()
    bits = (low.shape[1] * torch.log2(1 + 2 * math.e * magnitudes)).sum()
    for key, band in codes.items():
        if key[0]:
            excess = (band.abs() - LAST).double()
            excess = excess[excess >= 0]
            bits += excess.numel() * torch.log2(math.e * (1 + excess.mean())) if excess.numel() else 0
    return float(bits) + TABLE_BITS + MEAN_CODE_BITS * (len(codes) - 1) * len(low)


def context_slopes(codes: Bands, sites: Bands, n_levels: int, bits: Tensor, floor: float) -> Bands:
    """Bits that one more unit of each magnitude costs the coefficients coded after it, through their contexts.

    The derivative of all bits, read off the table by linear interpolation between classes, in the magnitudes as
    contexts alone. Codes that are 0 have no slope: leaving 0 is a jump, of which a slope says little (with slopes there
    too, the sample takes 0.7 % more bytes at equal PSNR).

    Args:
        codes: A tile's bands.
        sites: Likewise.
        n_levels: Levels of the pyramid.
        bits: What each magnitude costs in each class.
        floor: Added to the energies of contexts.
    """
    table = smooth_classes(bits)
    with torch.enable_grad():
        magnitudes = {key: band.abs().requires_grad_(key[0] > 0) for key, band in codes.items()}
        total = codes[0, 0].new_zeros(())
        for key, context in walk(magnitudes, sites, n_levels):
            values = magnitudes[key].detach().clamp(max=LAST).long()
            first = context.soft_classes(0, None, floor)
            second = context.soft_classes(1, magnitudes[key] * ~context.second, floor)
            place = torch.where(context.second, second, first).clamp(0, N_FINE_CLASSES - 1.001)
            row = place.detach().floor().long()
            low, high = table[row, values], table[row + 1, values]
            coded = context.coded(0) | context.coded(1)
            total = total + ((low + (place - row) * (high - low)) * coded).sum()
        keys = [key for key in codes if key[0] > 0]
        slopes = torch.autograd.grad(total, [magnitudes[key] for key in keys], allow_unused=True)
    return {k: codes[k] * 0 if g is None else g * (codes[k] != 0) for k, g in zip(keys, slopes, strict=True)}


def smooth_classes(bits: Tensor, radius: int = 4) -> Tensor:
    """Average the costs over neighboring classes, so that their slopes mean something."""
    weights = 1.0 + radius - torch.arange(-radius, radius + 1, device=bits.device).abs()
    padded = torch.cat([bits[:1].expand(radius, -1), bits, bits[-1:].expand(radius, -1)])
    shifted = torch.stack([padded[i : i + len(bits)] for i in range(2 * radius + 1)])
    return (shifted * (weights / weights.sum())[:, None, None]).sum(0)
