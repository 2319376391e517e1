"""Sparse rotation: an orthogonal change of basis after which the detail coefficients cost fewer bits.

A rotation keeps the error, and gathers a shadow edge that exists at one hour into few components. The optimizer is a
preconditioned L-BFGS on the rotation group; compare Ablin, Cardoso and Gramfort, "Faster ICA under orthogonal
constraint", 2018, whose preconditioner (the Hessian's diagonal in the planes of rotation) is used here.
"""

import numpy as np
from numpy.typing import NDArray

from ..native import kernels

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ENERGY_GAIN = 4.0
"""Energy in squared steps at which a coefficient starts to cost is 1 / ENERGY_GAIN; measured: 1.5 is 1 % worse."""
SIGNIFICANT = 0.6
"""Neighborhoods whose largest coefficient is below this many steps cost next to nothing and are left out."""


KERNEL_GROUP = 4
"""Coefficients of a neighborhood that the C kernels take; TOD_GROUP there."""


def rate_proxy(groups: Singles, rotation: Floats) -> tuple[float, Floats]:
    """Rate of rotated coefficients in nats per coefficient, and its gradient.

    Half of it is log(1 + g r^2) / 2 of each coefficient r, half is log(1 + g mean r^2) / 2 of each neighborhood of one
    component: a context coder knows the local energy and pays for its logarithm.

    Args:
        groups: (G, M, K) float32, M neighborhoods of G coefficients, in units of the quantizer's step.
        rotation: (K, K), applied from the right.

    Returns:
        The proxy and its (K, K) gradient with respect to `rotation`.
    """
    n_group, n_components = groups.shape[0], groups.shape[2]
    gain = np.float32(ENERGY_GAIN)
    rotated = groups @ rotation.astype(np.float32)
    energy = rotated * rotated
    energy *= gain
    local = energy.mean(0)
    energy += 1
    local += 1
    value = np.log(energy).sum(dtype=np.float64) + n_group * np.log(local).sum(dtype=np.float64)
    np.divide(1, energy, out=energy)
    energy += 1 / local
    energy *= rotated
    gradient = groups.reshape(-1, n_components).T @ energy.reshape(-1, n_components)
    return float(value) / (4 * rotated.size), gradient.astype(np.float64) * (float(gain) / (2 * rotated.size))


def neighborhood_rates(groups: Singles, rotation: Floats) -> Singles:
    """Rate in nats (M,) of each neighborhood of groups (G, M, K) after a rotation, counted as in `rate_proxy`."""
    if kernels is not None and len(groups) == KERNEL_GROUP:
        _, n_groups, n_components = groups.shape
        rates = np.empty(n_groups, np.float32)
        matrix = np.ascontiguousarray(rotation, np.float64)
        kernels.neighborhood_rates(np.ascontiguousarray(groups), n_groups, n_components, matrix, rates)
        return rates
    energy = groups @ rotation.astype(np.float32)
    energy *= energy
    energy *= np.float32(ENERGY_GAIN)
    local = np.log(1 + energy.mean(0)).sum(1)
    energy += 1
    return np.asarray((np.log(energy, out=energy).sum((0, 2)) + len(groups) * local) / 4, np.float32)


def cayley(skew: Floats) -> Floats:
    """Orthogonal matrix (I - S/2)^-1 (I + S/2) of a skew-symmetric S."""
    unit = np.eye(len(skew))
    return np.asarray(np.linalg.solve(unit - skew / 2, unit + skew / 2), np.float64)


def _plane_curvatures(groups: Singles) -> Floats:
    """(K, K): second derivative of the per-coefficient proxy for a turn in the plane of two components."""
    samples = groups.reshape(-1, groups.shape[2])
    squares = samples * samples
    spread = 1 / (1 + np.float32(ENERGY_GAIN) * squares)
    slope = (squares * spread).sum(0)
    cross = (spread * (2 * spread - 1)).T @ squares
    return np.asarray(cross + cross.T - slope[:, None] - slope[None, :], np.float64) * (ENERGY_GAIN / samples.size)


def _skew(angles: Floats, n_components: int) -> Floats:
    skew = np.zeros((n_components, n_components))
    skew[np.triu_indices(n_components, 1)] = angles
    return skew - skew.T


def sparse_rotation(groups: Singles, n_samples: int = 50_000, n_rounds: int = 2, n_iterations: int = 20) -> Floats:
    """Minimize `rate_proxy` over rotations, in C where the kernels are there and take such groups, else by SciPy.

    Args:
        groups: (G, M, K) float32 as in `rate_proxy`, of the unrotated maps.
        n_samples: At most about so many coefficients of each component are used, evenly spaced.
        n_rounds: Restarts; each measures the curvatures anew at the last result.
        n_iterations: Of L-BFGS in each round.

    Returns:
        (K, K) float64 orthogonal, columns by falling rate. The same input gives the same result on the same machine.
    """
    n_group, n_groups, n_components = groups.shape
    rotation = np.eye(n_components)
    if kernels is not None and n_group == KERNEL_GROUP:
        sizes = n_groups, n_components, n_samples, n_rounds, n_iterations
        kernels.sparse_rotation(np.ascontiguousarray(groups), *sizes, SIGNIFICANT, rotation)
        return rotation
    from scipy.optimize import minimize

    significant = groups[:, np.abs(groups).max((0, 2), initial=0) > SIGNIFICANT]
    if n_components < 2 or not significant.shape[1]:
        return rotation
    stride = -(-significant.shape[1] * n_group // n_samples)
    significant = np.ascontiguousarray(significant[:, ::stride], np.float32)
    upper, unit = np.triu_indices(n_components, 1), np.eye(n_components)
    for _ in range(n_rounds):
        current = significant @ rotation.astype(np.float32)
        curvature = np.abs(_plane_curvatures(current)[upper])
        scale = 1 / np.sqrt(np.maximum(curvature, 0.05 * curvature.mean() + 1e-12))

        def objective(angles: Floats, current: Singles = current, scale: Floats = scale) -> tuple[float, Floats]:
            skew = _skew(angles * scale, n_components)
            turn = cayley(skew)
            value, gradient = rate_proxy(current, turn)
            slope = np.linalg.solve((unit - skew / 2).T, gradient @ (unit + turn).T) / 2
            return value, (slope - slope.T)[upper] * scale

        options = {"maxiter": n_iterations, "maxcor": n_iterations, "ftol": 1e-6, "gtol": 1e-9}
        found = minimize(objective, np.zeros(len(scale)), jac=True, method="L-BFGS-B", options=options)
        left, _, right = np.linalg.svd(rotation @ cayley(_skew(found.x * scale, n_components)))
        rotation = left @ right
    return rotation[:, np.argsort(-_component_rates(significant @ rotation.astype(np.float32)), kind="stable")]


def _component_rates(rotated: Singles) -> Floats:
    return np.asarray(np.log(1 + np.float32(ENERGY_GAIN) * rotated * rotated).sum((0, 1), dtype=np.float64))
