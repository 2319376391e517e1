"""Rate-distortion optimized rounding with the costs of the coder's own context model.

Source: Karczewicz, Ye and Chong, "Rate distortion optimized quantization", VCEG-AH21, 2008; here without a trellis,
because what a code does to later contexts is not counted. docs/daybasis.md "4. Rounding".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.entropy.contexts import N_FINE_CLASSES, NO_SITE, ContextState
from todpack.decompressor.daybasis.entropy.quincunx import PHASES, split_phases

from .entropy.symbols import mean_code, walk
from .quantize import FIRST_CENTROIDS, RD_WEIGHT, round_to_rate

LAST = 15
"""Largest magnitude with a cost of its own."""


def class_costs(bands: Sequence[Any], sites: Sequence[Any]) -> NDArray[np.float64]:
    """(N_FINE_CLASSES, LAST + 1) bits of each magnitude with its sign, in each fine class, as measured on `bands`."""
    codes = _mean_codes(bands, sites)
    counts = np.zeros((N_FINE_CLASSES + 1, LAST + 1))
    for phase in walk(list(bands), sites, codes):
        row = np.minimum(phase.classes, N_FINE_CLASSES).astype(np.intp) * (LAST + 1)
        flat = np.bincount(row + np.minimum(np.abs(phase.values), LAST), minlength=counts.size)
        counts += flat.reshape(counts.shape)
    return bits_of_counts(counts[:-1])


def bits_of_counts(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Bits of each magnitude with its sign by class, from its counts; neighboring classes lend half of theirs."""
    smooth = counts.astype(np.float64)
    smooth[1:] += counts[:-1] / 2
    smooth[:-1] += counts[1:] / 2
    prior = 0.5 ** np.arange(LAST + 1)
    smooth += prior + smooth.sum(0) * (2 / max(1.0, float(smooth.sum())))
    cost: NDArray[np.float64] = np.log2(smooth.sum(1, keepdims=True)) - np.log2(smooth)
    cost[:, 1:] += 1
    return cost


def _mean_codes(bands: Sequence[Any], sites: Sequence[Any]) -> NDArray[np.int64]:
    rows = [
        mean_code(b, s)
        for level, mask in zip(bands[1:], sites[1:], strict=True)
        for b, s in zip(level, mask, strict=True)
    ]
    return np.array(rows, np.int64).reshape(-1, len(bands[0]))


def round_with_contexts(
    steps: Sequence[Any],
    codes: Sequence[Any],
    sites: Sequence[Any],
    rd_weight: float = RD_WEIGHT,
    centroids: tuple[float, float] = FIRST_CENTROIDS,
) -> list[Any]:
    """Round every detail coefficient to the code of least error + rd_weight * bits, in coding order.

    Contexts are those of the values already chosen; costs are those measured on a first quantization.

    Args:
        steps: Coefficients in steps, from `to_steps`.
        codes: First codes, from `quantize`, or those of an earlier round.
        sites: Of the pyramid.
        rd_weight: Squared steps that a bit is worth.
        centroids: Reconstruction points, approximately those that the decoder will use.

    Returns:
        Codes of all bands, int32; the low band as given.
    """
    bits, means = class_costs(codes, sites), _mean_codes(codes, sites)
    context, out = ContextState(len(codes) - 1), [codes[0]]
    for level in range(1, len(codes)):
        context.begin_level(level, [np.abs(b).astype(np.uint32) for b in out[level - 1]] if level > 1 else [])
        bands = []
        for orientation, (band, site) in enumerate(zip(steps[level], sites[level], strict=True)):
            mean = means[3 * (level - 1) + orientation]
            context.begin_band(orientation, site, mean)
            values, chosen = split_phases(band), []
            for phase in PHASES:
                classes = context.classes(phase)
                coded = classes != NO_SITE
                picked = np.zeros(values[phase].shape, np.int32)
                picked[coded] = round_to_rate(values[phase][coded], classes[coded], bits, rd_weight, centroids)
                context.put(phase, picked)
                chosen.append(picked)
            bands.append(merge_phases(chosen, band.shape))
        out.append(tuple(bands))
    return out


def merge_phases(phases: Sequence[NDArray[np.int32]], shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """Put two quincunx phases together again: the inverse of `split_phases`."""
    k, h, w = shape
    half = -(-w // 2)
    out = np.empty((k, h, half, 2), np.int32)
    for a in (0, 1):
        for b in (0, 1):
            for phase in PHASES:
                out[a::2, b::2, :, a ^ b ^ phase] = phases[phase][a::2, b::2]
    return np.ascontiguousarray(out.reshape(k, h, 2 * half)[:, :, :w])
