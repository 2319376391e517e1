"""From a trained SIREN to the arrays that the packer reads, to files for deployment with torch, and to frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from todpack.decompressor.files import make_folder, write_atomic
from todpack.decompressor.staging import remove

from ..run_folder import EXPORT_NAMES, LATENT_NAME
from ..second_stage import FilmF2, write_f2
from .model import F2, Siren

CHUNK_TEXELS = 4096


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()


def model_arrays(model: Siren) -> dict[str, np.ndarray]:
    """The model's parameters by name.

    Returns:
        `f1_<i>_weight` / `f1_<i>_bias`, F1's layers with omega_0 multiplied in; `mlp_...` as trainer/gridmlp/export.py
        names them, the latent in place of the features.
    """
    arrays: dict[str, np.ndarray] = {}
    for index, layer in enumerate(model.f1.linear_layers):
        arrays[f"f1_{index}_weight"] = _to_numpy(model.f1.omega_0 * layer.weight)
        arrays[f"f1_{index}_bias"] = _to_numpy(model.f1.omega_0 * layer.bias)
    f2 = model.f2
    arrays["mlp_input_features"] = _to_numpy(f2.input_features.weight)
    arrays["mlp_input_time"] = _to_numpy(f2.input_time.weight)
    arrays["mlp_0_bias"] = _to_numpy(f2.input_features.bias)
    for index, module in enumerate([*f2.hidden, f2.output], start=1):
        assert isinstance(module, torch.nn.Linear)
        arrays[f"mlp_{index}_weight"], arrays[f"mlp_{index}_bias"] = _to_numpy(module.weight), _to_numpy(module.bias)
    return arrays


@torch.no_grad()
def latent_map(model: Siren) -> np.ndarray:
    """(H, W, D) float32: F1 on the texel grid."""
    device = model.f2.output.bias.device
    texels = torch.arange(model.height * model.width, device=device)
    parts = [_to_numpy(model.latents(part)) for part in texels.split(CHUNK_TEXELS)]
    return np.concatenate(parts).reshape(model.height, model.width, -1)


@torch.no_grad()
def frame_of(f2: F2 | FilmF2, latents: np.ndarray, baseline: np.ndarray | None, time_h: float) -> np.ndarray:
    """One frame from a latent map.

    Args:
        f2: Of the model.
        latents: (H, W, D) float32.
        baseline: (H, W, 3) uint8 in residual mode.
        time_h: Hour.

    Returns:
        (H, W, 3) uint8 codes.
    """
    height, width, n_channels = latents.shape
    device = next(f2.parameters()).device
    time = torch.tensor([time_h], dtype=torch.float32, device=device)
    flat = torch.from_numpy(latents.astype(np.float32)).reshape(-1, n_channels)
    rgb = torch.cat([255.0 * f2(part.to(device), time)[:, 0].cpu() for part in flat.split(CHUNK_TEXELS)])
    if baseline is not None:
        rgb = rgb + torch.from_numpy(baseline.astype(np.float32)).reshape(-1, 3)
    codes: np.ndarray = rgb.round().clamp(0, 255).to(torch.uint8).numpy()
    return codes.reshape(height, width, 3)


def reconstruct(model: Siren, baseline: np.ndarray | None, hours: np.ndarray) -> np.ndarray:
    """(T, H, W, 3) uint8 frames by the torch model."""
    latents = latent_map(model)
    return np.stack([frame_of(model.f2, latents, baseline, float(hour)) for hour in hours])


def write_exports(model: Siren, folder: Path) -> None:
    """Write the latent map (float32), F2's weights, and F2 as TorchScript, each at once or not at all.

    Those of another model go before: a command that is ended in between leaves none that do not belong together.

    Raises:
        OutputError: the folder cannot be written.
    """
    make_folder(folder)
    latents = latent_map(model)
    for name in EXPORT_NAMES[1:]:
        remove(folder / name)
    write_atomic(folder / LATENT_NAME, lambda file: np.save(file, latents, allow_pickle=False))
    write_f2(model.f2.cpu(), folder)
