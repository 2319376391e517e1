"""One color per codec, in every plot, page and picture; they can be told apart on white and on black."""

from __future__ import annotations

COLORS = {
    "daybasis --refine fast": "#e8590c",
    "refined": "#e8590c",
    "this archive": "#e8590c",
    "daybasis": "#f2a65e",
    "x265": "#3b82d0",
    "libaom": "#2f9e6e",
    "jpegxl": "#8a8f98",
    "svt-av1-420": "#82a620",
    "avif": "#9c6ade",
    "webp": "#17a2b8",
    "png": "#a08a6a",
    "bc7": "#c29a10",
    "bc7+zstd": "#8f7410",
    "bc6h": "#c29a10",
    "bc6h+zstd": "#8f7410",
    "pca-vq": "#d6457f",
    "mlp": "#6c7df0",
    "ndgi": "#b0568f",
    "gridmlp": "#a64bd0",
    "siren": "#1098ad",
}
_OTHERS = ("#d6457f", "#6c7df0", "#82a620", "#17a2b8", "#a08a6a")


def codec_color(name: str) -> str:
    """A codec's color, "#rrggbb"; of one that has none of its own, always the same for a name."""
    return COLORS.get(name) or _OTHERS[sum(name.encode()) % len(_OTHERS)]
