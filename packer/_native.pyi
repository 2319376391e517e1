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

class Descent:
    def __init__(
        self,
        valid: np.ndarray,
        shape: tuple[int, int],
        n_maps: int,
        n_levels: int,
        blocks: np.ndarray,
        rotations: np.ndarray,
        n_regions: int,
    ) -> None: ...
    def band(self, depth: int, orientation: int, is_set: bool, codes: np.ndarray, /) -> None: ...
    def count(self, counts: np.ndarray, /) -> None: ...
    def maps(
        self, centroids: tuple[float, float], smoothing: tuple[bool, float, float, float], maps: np.ndarray, /
    ) -> None: ...
    def analyze(self, maps: np.ndarray, /) -> None: ...
    def round(
        self, inverses: np.ndarray, bits: np.ndarray, rd_weight: float, centroids: tuple[float, float], /
    ) -> tuple[tuple[float, float], tuple[float, float]]: ...
    def slopes(self, slopes: np.ndarray, metric: np.ndarray, /) -> None: ...
    def sweep(
        self,
        centroids: tuple[float, float],
        bits: np.ndarray,
        rd_weight: float,
        context_gain: float,
        energy_floor: float,
        /,
    ) -> tuple[tuple[float, float], tuple[float, float], int]: ...
