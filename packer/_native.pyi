"""The encoder's C module, built from native/ where there is a compiler."""

import numpy as np

def sparse_rotation(
    groups: np.ndarray,
    n: int,
    k: int,
    n_samples: int,
    n_rounds: int,
    n_iterations: int,
    significant: float,
    rotation: np.ndarray,
    /,
) -> None: ...
def neighborhood_rates(groups: np.ndarray, n: int, k: int, rotation: np.ndarray, rates: np.ndarray, /) -> None: ...
