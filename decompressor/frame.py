"""Stage 2 of every family: latent maps and a time -> texels; frames, regions and texels by the same arithmetic.

The graph keeps texels apart (graphs/dims.py), but a runtime may add up, or take a sine, in another way at the end of an
array, and in a small product: onnxruntime's adds up 128 terms at a time where it has 65 columns and more, else more of
them. So runs have at least MIN_TEXELS texels, in multiples of LANES, and all requests give equal values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .graphs.runtime import Graph
from .grid import ceil_div
from .pool import Pool

MIN_TEXELS, LANES = 128, 16
CACHE_BYTES = 1 << 20  # of the widest activation; blocks of this size stay in the processor's second-level cache
FRAME_INPUTS = frozenset({"z", "time_h"})


def block_texels(widest: int) -> int:
    """Texels that are decoded at a time, for a graph whose widest activation has so many channels."""
    return max(MIN_TEXELS, CACHE_BYTES // (4 * widest) // LANES * LANES)


def run_texels(n_texels: int) -> int:
    """Texels of a run that so many are asked of."""
    return max(MIN_TEXELS, ceil_div(n_texels, LANES) * LANES)


def to_codes(rgb: np.ndarray) -> np.ndarray:
    """float32 values -> uint8 codes: rounded half to even, clipped to 0..255."""
    codes: np.ndarray = np.rint(np.clip(rgb, 0.0, 255.0)).astype(np.uint8)
    return codes


class FrameDecoder:
    """Runs the graph `frame` over any set of texels.

    Args:
        graph: `frame`.
        block: Texels of one run, see `block_texels`.
        pool: Its threads share the blocks.
        tables: What the graph takes beside `z` and `time_h`.
    """

    def __init__(self, graph: Graph, block: int, pool: Pool, tables: Mapping[str, np.ndarray] | None = None) -> None:
        self._graph, self._block, self._pool, self._tables = graph, block, pool, dict(tables or {})
        if graph.inputs != {*FRAME_INPUTS, *self._tables} or "rgb" not in graph.outputs:
            raise graph.invalid(
                f"expected inputs {', '.join(sorted({*FRAME_INPUTS, *self._tables}))} and an output rgb, "
                f"found {sorted(graph.inputs)!s:.80}, {sorted(graph.outputs)!s:.80}"
            )

    def decode(self, latents: np.ndarray, time_h: float, as_rgb8: bool) -> np.ndarray:
        """Decode some texels at one time.

        Args:
            latents: (C, h, w) float32, any h, w >= 1.
            time_h: Hours in [0, 24).
            as_rgb8: uint8 sRGB instead of float32 values.

        Returns:
            (h, w, 3) uint8, or (h, w, 3) float32 values as computed.

        Raises:
            InvalidGraphError: the graph fails, or gives another shape or what is no number.
        """
        n_channels, height, width = latents.shape
        n_texels = height * width
        flat = latents.reshape(n_channels, n_texels)
        feeds = {"time_h": np.array([time_h], np.float32), **self._tables}
        out = np.empty((n_texels, 3), np.uint8 if as_rgb8 else np.float32)

        def run(start: int) -> None:
            stop = min(start + self._block, n_texels)
            length = run_texels(stop - start)
            first = max(0, stop - length)  # takes neighbors along
            some = np.zeros((n_channels, 1, length), np.float32)
            some[:, 0, : stop - first] = flat[:, first:stop]
            rgb = self._graph.run("rgb", {**feeds, "z": some}, (3, 1, length))[:, 0, start - first : stop - first].T
            if not np.isfinite(rgb).all():
                raise self._graph.invalid(f"it gives what is no number, at {time_h:g} h")
            out[start:stop] = to_codes(rgb) if as_rgb8 else rgb

        self._pool.map(run, range(0, n_texels, self._block))
        return out.reshape(height, width, 3)
