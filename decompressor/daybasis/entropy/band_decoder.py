"""Decoder of the coefficient stream: walks over the bands (FORMAT.md "Coefficient stream").

Each band is coded in two checkerboard phases, each phase for all components at once: contexts give every coefficient a
fine class, coefficients are sorted by it (stable), and each significance class, a run of fine classes, is one run of
bits. Per phase: the significance bits, then the magnitudes of the nonzero coefficients, then their signs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from .bands import Bands, BoolArray, IntArray, OnBand, Sites
from .contexts import ContextState
from .quincunx import PHASES, plain_index, site_phases
from .symbol_decoder import SymbolDecoder
from .symbols import MAX_DETAIL, EntropyError
from .tables import Tables
from .weights import NO_SITE


class BandDecoder:
    """One pass over one stream of n_maps components."""

    def __init__(self, tables: Tables, symbols: SymbolDecoder, n_maps: int, dtype: np.dtype[Any]) -> None:
        self.tables, self.symbols = tables, symbols
        self.dtype, self.n_maps = dtype, n_maps
        self.largest_low = np.iinfo(dtype).max
        self.largest = min(MAX_DETAIL, self.largest_low)

    def decode(self, sites: Sites, on_band: OnBand | None = None) -> Bands:
        """All bands, in coding order; on_band is told of each detail band as soon as it is there."""
        bands: Bands = [self.low_band(np.asarray(sites[0]))]
        context = ContextState(len(sites) - 1)
        for level, level_sites in enumerate(sites[1:], start=1):
            parents = [np.abs(band).astype(np.uint32) for band in bands[-1]] if level > 1 else []
            context.begin_level(level, parents)
            details: list[IntArray] = []
            for orientation, site in enumerate(level_sites):
                mean_code = self.tables.mean_codes[3 * (level - 1) + orientation]
                details.append(self.band(context, orientation, site, mean_code))
                if on_band is not None:
                    on_band(level, orientation, details[-1])
            bands.append((details[0], details[1], details[2]))
        return bands

    def band(
        self, context: ContextState, orientation: int, sites: BoolArray, mean_code: npt.NDArray[np.int64]
    ) -> IntArray:
        """One orientation of one level, (K, h, w)."""
        h, w = sites.shape
        shape = (self.n_maps, h, -(-w // 2))
        out = np.zeros((self.n_maps, h, 2 * shape[2]), self.dtype)
        outside = site_phases(sites)
        for phase in PHASES:
            values = np.zeros(shape, self.dtype)
            if out.size and mean_code.any():
                classes = context.classes(orientation, shape, mean_code)
                for parity in (0, 1):
                    classes[parity::2] |= outside[phase][parity]
                classes[mean_code == 0] = NO_SITE
                positions, magnitudes = self.symbols.nonzeros(classes.ravel(), phase)
                if magnitudes.max(initial=0) > self.largest:
                    raise EntropyError(f"a detail code of {magnitudes.max()} is over {self.largest}")
                found = self.symbols.signed(magnitudes, context.sign_score(orientation, positions))
                values.ravel()[positions] = found
                out.ravel()[plain_index(positions, shape, phase)] = found
            context.put(values)
        return out[..., :w]

    def low_band(self, sites: BoolArray) -> IntArray:
        """The low band: values, or differences along the sites of each map."""
        values = self.symbols.low_values(self.tables.low_rice, int(sites.sum()))
        out = np.zeros((self.n_maps, *sites.shape), self.dtype)
        if self.tables.low_predicted:
            values = np.cumsum(values, axis=1)
        if max(values.max(initial=0), -values.min(initial=0)) > self.largest_low:
            raise EntropyError(f"a low code is over {self.largest_low}")
        out[:, sites] = values
        return out
