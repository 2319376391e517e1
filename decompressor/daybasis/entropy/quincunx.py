"""Quincunx layout of a band: the two colors of a checkerboard as dense arrays, each coded in one vector step.

    y\\x 0 1 2 3      phases of map 0; map 1 has them the other way around
     0  0 1 0 1
     1  1 0 1 0

Sample (k, y, x) of a (K, h, w) band has phase (x + y + k) mod 2: phase 0 holds the columns x = 2 j + s and phase 1
the columns x = 2 j + 1 - s, with s = (y + k) mod 2. Both phases are (K, h, W2) arrays indexed by (k, y, j), W2 =
ceil(w / 2); an odd width leaves one padding sample in some rows. In this layout, for a sample of one phase, the
neighbors above and below in space, and those in components k - 1 and k + 1, are the samples of the *other* phase at
the same j; left and right are at j and j +- 1.
"""

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]  # of any integer type
Phase: TypeAlias = Literal[0, 1]

PHASES: tuple[Phase, Phase] = (0, 1)


def split_phases(band: Array) -> tuple[Array, Array]:
    """Take a (K, h, w) band apart into its two phases, each (K, h, ceil(w / 2)); padding is 0."""
    k, h, w = band.shape
    half = (w + 1) // 2
    if w != 2 * half:
        band = np.concatenate([band, np.zeros((k, h, 1), band.dtype)], axis=2)
    columns = band.reshape(k, h, half, 2)
    out = (np.empty((k, h, half), band.dtype), np.empty((k, h, half), band.dtype))
    for map_parity in (0, 1):
        for row_parity in (0, 1):
            s = map_parity ^ row_parity
            for phase in PHASES:
                out[phase][map_parity::2, row_parity::2] = columns[map_parity::2, row_parity::2, :, s ^ phase]
    return out


def plain_index(flat: npt.NDArray[np.int64], shape: tuple[int, int, int], phase: Phase) -> npt.NDArray[np.int64]:
    """Map flat indices of a (K, h, W2) phase to flat indices of the (K, h, 2 * W2) band (padded to an even width)."""
    k, h, half = shape
    shift = ((np.arange(k)[:, None] + np.arange(h)) & 1 ^ phase).ravel()
    index: npt.NDArray[np.int64] = 2 * flat + shift[flat // half]
    return index


def site_phases(sites: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """(h, w) sites -> per phase a (2, h, W2) uint8 array by parity of k: 0 where coded, 255 elsewhere."""
    coded = split_phases(np.stack([sites, sites]))
    return np.where(coded[0], 0, 255).astype(np.uint8), np.where(coded[1], 0, 255).astype(np.uint8)


def above_below(phase: Array) -> Array:
    """Sum of the samples above and below each place of a (K, h, W2) phase; nothing comes from outside."""
    out = np.zeros_like(phase)
    if phase.shape[1] > 1:
        out[:, 1:] = phase[:, :-1]
        out[:, :-1] += phase[:, 1:]
    return out


def left_right(samples: Array, phase: Phase) -> Array:
    """Sum of the samples left and right of each place of `phase`.

    Args:
        samples: (K, h, W2) of the other phase, for its horizontal neighbors; or vertical sums within the phase itself,
            for diagonal ones.
        phase: Phase of the places. One of the two neighbors lies at the same j; the other at j - 1 in the rows where
            the samples of `phase` are the even columns (s = phase), at j + 1 in the others.
    """
    out = samples.copy()
    for map_parity in (0, 1):
        for row_parity in (0, 1):
            target = out[map_parity::2, row_parity::2]
            source = samples[map_parity::2, row_parity::2]
            if map_parity ^ row_parity == phase:
                target[..., 1:] += source[..., :-1]
            else:
                target[..., :-1] += source[..., 1:]
    return out


def adjacent_maps(phase: Array) -> Array:
    """Sum of the samples at the same place in components k - 1 and k + 1 of a (K, h, W2) phase."""
    out = np.zeros_like(phase)
    out[1:] = phase[:-1]
    out[:-1] += phase[1:]
    return out


def other_parity_sum(phase: Array) -> Array:
    """Sum over the components of the other parity: (2, h, W2), entry p for components with k mod 2 = p."""
    return np.stack([phase[1::2].sum(axis=0, dtype=phase.dtype), phase[0::2].sum(axis=0, dtype=phase.dtype)])
