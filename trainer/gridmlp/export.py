"""From a trained GridMLP to the arrays that the packer reads, and its frames before quantisation."""

from __future__ import annotations

import numpy as np
import torch

from trainer.data import LightmapSequence
from trainer.gridmlp.fit import GridMlpFit
from trainer.gridmlp.model import GridMlp

CHUNK_TEXELS = 4096


def model_arrays(model: GridMlp) -> dict[str, np.ndarray]:
    """The model's parameters by name.

    Returns:
        `grid_<l>` (rows, columns, C) float32 per level; `mlp_input_features` (hidden, L * C), `mlp_input_time`
        (hidden, 2F), `mlp_<i>_weight` / `mlp_<i>_bias` for layer i = 0 (bias only) .. layers, the last giving RGB.
    """
    arrays: dict[str, np.ndarray] = {}
    for index, (grid, (rows, columns)) in enumerate(zip(model.grids, model.shapes, strict=True)):
        arrays[f"grid_{index}"] = _to_numpy(grid).reshape(rows, columns, -1)
    arrays["mlp_input_features"] = _to_numpy(model.input_features.weight)
    arrays["mlp_input_time"] = _to_numpy(model.input_time.weight)
    arrays["mlp_0_bias"] = _to_numpy(model.input_features.bias)
    for index, layer in enumerate([*model.hidden, model.output], start=1):
        arrays[f"mlp_{index}_weight"] = _to_numpy(layer.weight)
        arrays[f"mlp_{index}_bias"] = _to_numpy(layer.bias)
    return arrays


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()


@torch.no_grad()
def reconstruct(model: GridMlp, baseline: np.ndarray | None, hours: np.ndarray) -> np.ndarray:
    """Frames by the torch model, every texel.

    Args:
        model: Trained model.
        baseline: (H, W, 3) uint8 in residual mode.
        hours: (T,) hours.

    Returns:
        (T, H, W, 3) uint8 codes.
    """
    device = model.output.bias.device
    time_h = torch.as_tensor(hours, dtype=torch.float32, device=device)
    n_texels = model.height * model.width
    frames = np.empty((len(hours), n_texels, 3), np.uint8)
    for start in range(0, n_texels, CHUNK_TEXELS):
        texels = torch.arange(start, min(start + CHUNK_TEXELS, n_texels), device=device)
        rgb = 255.0 * model(texels, time_h)
        if baseline is not None:
            part = torch.from_numpy(baseline.reshape(-1, 3)[start : start + CHUNK_TEXELS]).to(device)
            rgb = rgb + part[:, None].to(torch.float32)
        codes = rgb.round().clamp(0, 255).to(torch.uint8)
        frames[:, start : start + CHUNK_TEXELS] = codes.transpose(0, 1).cpu().numpy()
    return frames.reshape(len(hours), model.height, model.width, 3)


def baseline_frame(sequence: LightmapSequence, fit: GridMlpFit) -> np.ndarray | None:
    """(H, W, 3) uint8 baseline of a residual run, else None."""
    return None if fit.baseline_index is None else sequence.radiance[fit.baseline_index].astype(np.uint8)
