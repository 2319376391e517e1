"""Find classes of blocks and a sparse rotation for each: a k-means whose distance is the rate.

Compare Sloan, Hall, Hart and Snyder, "Clustered principal components for precomputed radiance transfer", 2003, where
the distance is the error.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from todpack.decompressor.daybasis.transform.rotations import SKEW_SCALE

from ...adaptive_bits import pack_integers
from .assignment import assign, cluster
from .rotation import neighborhood_rates, sparse_rotation

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.integer]

MIN_NEIGHBORHOODS = 50
MAX_THREADS = 8
CODED_PER_PROXY = 2.4
"""Bits that the coder saves for each bit of the rate proxy, which sees whole neighborhoods of details only; measured on
three photographed days and the courtyard, from 2.3 to 2.7."""


def fit_regions(
    groups: Singles, blocks: Ints, n_blocks: int, n_classes: int, n_rounds: int = 4
) -> tuple[NDArray[np.uint8], Floats]:
    """Assign blocks to classes, fit each class's rotation, and repeat.

    Args:
        groups: (G, M, K) neighborhoods in the common basis, in units of the quantizer's step.
        blocks: (M,) block of each.
        n_blocks: Count of blocks; blocks without neighborhoods get class 0.
        n_classes: At most so many classes.
        n_rounds: Of assignment and fit.

    Returns:
        classes (n_blocks,) uint8, and rotations (n_classes, K, K), columns aligned with the common components.
    """
    n_components = groups.shape[2]
    rotations = np.repeat(np.eye(n_components)[None], n_classes, 0)
    energies = np.zeros((n_blocks, n_components))
    np.add.at(energies, blocks, np.abs(groups).mean(0))
    used = np.flatnonzero(energies.any(1))
    classes = np.zeros(n_blocks, np.uint8)
    if n_classes < 2 or len(used) < n_classes:
        return classes, rotations
    profiles = energies[used] / np.linalg.norm(energies[used], axis=1, keepdims=True)
    classes[used] = cluster(profiles, n_classes)
    for step in range(n_rounds):
        sizes = np.bincount(classes[blocks], minlength=n_classes)
        fitted = np.flatnonzero(sizes >= MIN_NEIGHBORHOODS)
        fit = partial(sparse_rotation, n_samples=40_000, n_rounds=2 if step == n_rounds - 1 else 1)
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
            found = list(pool.map(fit, [groups[:, classes[blocks] == c] for c in fitted]))
        for c, rotation in zip(fitted, found, strict=True):
            rotations[c] = rotation
        classes = cheapest_classes(groups, blocks, n_blocks, rotations)
    return classes, np.stack([align_columns(r) for r in rotations])


def worthwhile_rotations(groups: Singles, blocks: Ints, n_blocks: int, rotations: Floats) -> Floats:
    """Leave out, one by one, the regional rotations that cost more than they save.

    A rotation has K (K - 1) / 2 numbers, which are stored, and which also fit noise: of the gain that a fit shows on
    its own data, half a nat for each is none (Akaike's criterion). Source: Akaike, "A new look at the statistical model
    identification", 1974.

    Args:
        groups: As in `fit_regions`.
        blocks: As there.
        n_blocks: As there.
        rotations: (n_classes, K, K), as it returns them.

    Returns:
        (n, K, K): the common basis (the identity) first where blocks want it, then what is left, if anything.
    """
    n_components = groups.shape[2]
    unit = np.eye(n_components)[None]
    candidates = np.concatenate([unit, rotations])
    rates = np.stack([np.bincount(blocks, neighborhood_rates(groups, r), n_blocks) for r in candidates])
    stored = [len(pack_integers(codes) or b"") for codes in skew_codes(rotations)]
    fitted = 0.5 * n_components * (n_components - 1) / 2
    costs = np.array([0.0, *(8 * n_bytes * np.log(2) / CODED_PER_PROXY + fitted for n_bytes in stored)])
    kept = list(range(len(candidates)))
    while len(kept) > 1:
        others = np.sort(rates[kept], axis=0)[1]
        own = rates[kept].argmin(0)
        gains = [(others - rates[c])[own == i].sum() - costs[c] for i, c in enumerate(kept)]
        worst = 1 + int(np.argmin(gains[1:]))
        if gains[worst] >= 0:
            break
        del kept[worst]
    if len(kept) > 1 and not (rates[kept].argmin(0) == 0).any():
        kept = kept[1:]
    return np.asarray(candidates[kept])


def cheapest_classes(groups: Singles, blocks: Ints, n_blocks: int, rotations: Floats) -> NDArray[np.uint8]:
    """(n_blocks,) class of least rate of each block; arguments as in `fit_regions`."""
    rates = [np.bincount(blocks, neighborhood_rates(groups, r), n_blocks) for r in rotations]
    return np.asarray(np.argmin(rates, 0), np.uint8)


def align_columns(rotation: Floats) -> Floats:
    """Permute and flip columns so that the matrix is near the identity: components stay comparable over regions."""
    columns = assign(-np.abs(rotation))
    aligned = rotation[:, columns]
    return np.asarray(aligned * np.where(np.diag(aligned) < 0, -1.0, 1.0), np.float64)


def skew_codes(rotations: Floats) -> NDArray[np.int64]:
    """(n_classes, K (K - 1) / 2) stored integers of rotations (n_classes, K, K)."""
    return np.rint(SKEW_SCALE * np.stack([skew_of_rotation(r) for r in rotations])).astype(np.int64)


def skew_of_rotation(rotation: Floats) -> Floats:
    """(K (K - 1) / 2,) upper triangle of S with rotation = (I - S/2)^-1 (I + S/2): the inverse Cayley transform.

    A half turn has no such S; planes near it are held at a large finite angle, so the result stays a rotation.
    """
    n_components = len(rotation)
    unit = np.eye(n_components)
    skew = 2 * np.linalg.solve((rotation + unit).T + 1e-6 * unit, (rotation - unit).T).T
    skew = np.clip((skew - skew.T) / 2, -100, 100)
    return np.asarray(skew[np.triu_indices(n_components, 1)], np.float64)
