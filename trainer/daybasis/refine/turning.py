"""Regional rotations in torch: one K x K matrix per class of sites."""

from __future__ import annotations

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.rotations import Regions, site_regions

Tensor = torch.Tensor


class BandTurns:
    """Turns of one detail band: common components = turn @ coded components at every site."""

    def __init__(self, site: np.ndarray, regions: Regions, stride: int, device: torch.device) -> None:
        places = np.flatnonzero(site)
        classes = site_regions(regions.blocks, site.shape, stride).ravel()[places]
        self.places = torch.from_numpy(places[np.argsort(classes, kind="stable")]).to(device)
        self.counts = np.bincount(classes, minlength=len(regions.rotations)).tolist()
        self.classes = torch.from_numpy(np.sort(classes).astype(np.int64)).to(device)

    def apply(self, band: Tensor, matrices: Tensor) -> Tensor:
        """Multiply (K, h, w) by the matrix (n_classes, K, K) of each site's class; 0 outside the sites."""
        flat = band.reshape(len(band), -1)
        out = torch.zeros_like(flat)
        values = flat[:, self.places]
        parts = [m @ v for m, v in zip(matrices, values.split(self.counts, 1), strict=True) if v.shape[1]]
        if parts:
            out[:, self.places] = torch.cat(parts, 1)
        return out.reshape(band.shape)

    def spread(self, values: Tensor, shape: tuple[int, ...]) -> Tensor:
        """(n_classes, K) numbers to every site of a (K, h, w) band, 1 elsewhere."""
        out = values.new_ones((values.shape[1], shape[-2] * shape[-1]))
        out[:, self.places] = values[self.classes].T
        return out.reshape(values.shape[1], *shape[-2:])
