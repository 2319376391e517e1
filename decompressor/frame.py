"""Stage 2 of every family: latent maps and a time -> texels; frames, regions and texels by the same arithmetic.

The graph is pointwise, and onnxruntime's matrix product adds the channels of a texel up in one order whatever the
number of texels, as long as there are at least two; so single texels are padded, and all requests give equal values.
"""

from __future__ import annotations

import numpy as np

from .graphs.runtime import Graph

MIN_TEXELS = 16
CACHE_BYTES = 1 << 20  # of the widest activation; blocks of this size stay in the processor's second-level cache


def block_texels(widest: int) -> int:
    """Texels that are decoded at a time, for a graph whose widest activation has so many channels."""
    return max(MIN_TEXELS, CACHE_BYTES // (4 * widest))


class FrameDecoder:
    """Runs the graph `frame` over any set of texels.

    Args:
        graph: `frame`.
        block: Texels of one run, see `block_texels`.
    """

    def __init__(self, graph: Graph, block: int) -> None:
        self._graph, self._block = graph, block
        if graph.inputs != {"z", "time_h"} or not {"rgb"} <= graph.outputs <= {"rgb", "codes"}:
            raise graph.invalid(
                "expected inputs z, time_h and outputs rgb[, codes], "
                f"found {sorted(graph.inputs)}, {sorted(graph.outputs)}"
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
            InvalidGraphError: the graph fails or gives another shape.
        """
        n_channels, height, width = latents.shape
        n_texels = height * width
        flat = latents.reshape(n_channels, n_texels)
        if n_texels < MIN_TEXELS:
            flat = np.pad(flat, ((0, 0), (0, MIN_TEXELS - n_texels)))
        time = np.array([time_h], np.float32)
        out = np.empty((flat.shape[1], 3), np.uint8 if as_rgb8 else np.float32)
        for start in range(0, len(out), self._block):
            # a lone texel at the end would be summed in another order: it takes its neighbors along
            first = min(start, max(0, len(out) - MIN_TEXELS))
            some = np.ascontiguousarray(flat[:, first : start + self._block])
            out[first : start + self._block] = self._run(some, time, as_rgb8)
        return out[:n_texels].reshape(height, width, 3)

    def _run(self, columns: np.ndarray, time: np.ndarray, as_rgb8: bool) -> np.ndarray:
        n = columns.shape[1]
        feeds = {"z": columns[:, None], "time_h": time}
        values: np.ndarray
        if as_rgb8:
            values = self._graph.run("codes", feeds, (1, n, 3), np.uint8)[0]
        else:
            values = self._graph.run("rgb", feeds, (3, 1, n))[:, 0].T
        return values
