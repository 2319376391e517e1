"""From a trained GridMLP to the arrays that the packer reads, and its frames before quantization."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from todpack.packer.errors import ConfigError

from .hash_probing import ProbedLevel
from .model import GridMlp

CHUNK_TEXELS = 4096
WHOLE = (slice(None), slice(None))


def model_arrays(model: GridMlp) -> dict[str, np.ndarray]:
    """The model's parameters by name.

    Returns:
        `grid_<l>` (rows, columns, C) float32 per dense level; `mlp_input_features` (hidden, L * C), `mlp_input_time`
        (hidden, 2F), `mlp_<i>_weight` / `mlp_<i>_bias` for layer i = 0 (bias only) .. layers, the last giving RGB.
        Where they are switched on: `grid_<l>_table` (M, C), and `grid_<l>_merge` (C, 2C) or `index_<l>` (rows, columns)
        int32 of hash levels; `encoder` (rows, columns, C0), the latents, not the network; `mlp_film_embed_weight` /
        `_bias` and `mlp_film_<i>_weight` (2 hidden, width) / `_bias` instead of `mlp_input_time`; `quant_<l>` (2, C),
        scales and zero points of calibrated levels.
    """
    arrays: dict[str, np.ndarray] = {}
    for index, (rows, columns) in enumerate(model.shapes[: len(model.grids)]):
        arrays[f"grid_{index}"] = _to_numpy(model.level(index)).reshape(rows, columns, -1)
    for index, level in enumerate(model.hash_grids, start=len(model.grids)):
        arrays[f"grid_{index}_table"] = _to_numpy(level.table)
        if isinstance(level, ProbedLevel):
            arrays[f"index_{index}"] = level.index.cpu().numpy().astype(np.int32).reshape(level.shape)
        elif level.merge is not None:
            arrays[f"grid_{index}_merge"] = _to_numpy(level.merge)
    for index, affine in model.affines.items():
        arrays[f"quant_{index}"] = _to_numpy(affine)
    arrays["mlp_input_features"] = _to_numpy(model.input_features.weight)
    if model.input_time is not None:
        arrays["mlp_input_time"] = _to_numpy(model.input_time.weight)
    arrays["mlp_0_bias"] = _to_numpy(model.input_features.bias)
    for index, layer in enumerate([*model.hidden_layers, model.output], start=1):
        arrays[f"mlp_{index}_weight"] = _to_numpy(layer.weight)
        arrays[f"mlp_{index}_bias"] = _to_numpy(layer.bias)
    if model.film is not None:
        for name, layer in (("embed", model.film.embed), *enumerate(model.film.modulators)):
            arrays[f"mlp_film_{name}_weight"] = _to_numpy(layer.weight)
            arrays[f"mlp_film_{name}_bias"] = _to_numpy(layer.bias)
    if model.encoder is not None and model.folded_into is None:
        with torch.no_grad():
            arrays["encoder"] = _to_numpy(model.encoder()).reshape(*model.encoder.shape, -1)
    return arrays


@torch.no_grad()
def start_from_arrays(model: GridMlp, arrays: Mapping[str, np.ndarray], where: str) -> None:
    """Start a model from another run's arrays; what that run did not have stays as it is.

    Args:
        model: Model to fill. A hash level takes the mean of the dense nodes that share an entry, or that choose it.
        arrays: As `model_arrays` gives them.
        where: The other run, for messages.

    Raises:
        ConfigError: the other run's sizes are not this model's.
    """
    for index, (rows, columns) in enumerate(model.shapes):
        name = f"grid_{index}"
        if index < len(model.grids):
            _fill(model.grids[index], arrays, name, where)
            if index == model.folded_into:
                assert model.encoder is not None
                model.grids[index].sub_(model.encoder())
            continue
        level = model.hash_grids[index - len(model.grids)]
        if name in arrays:
            if arrays[name].shape != (rows, columns, level.table.shape[1]):
                raise ConfigError(f"{where}: {name}: expected {rows} x {columns} nodes, found {arrays[name].shape}")
            level.start_from(torch.from_numpy(arrays[name]).flatten(0, 1).to(level.table.device))
        else:
            _fill(level.table, arrays, f"{name}_table", where)
            if isinstance(level, ProbedLevel):
                _fill(level.index.view(level.shape), arrays, f"index_{index}", where)
                level.nodes.copy_(level.table[level.entries])
            elif level.merge is not None and f"{name}_merge" in arrays:
                _fill(level.merge, arrays, f"{name}_merge", where)
    n_features = arrays["mlp_input_features"].shape[1] if "mlp_input_features" in arrays else 0
    _fill(model.input_features.weight[:, :n_features], arrays, "mlp_input_features", where)
    _fill(model.input_features.bias, arrays, "mlp_0_bias", where)
    if model.input_time is not None:
        _fill(model.input_time.weight, arrays, "mlp_input_time", where)
    for index, layer in enumerate([*model.hidden_layers, model.output], start=1):
        _fill(layer.weight, arrays, f"mlp_{index}_weight", where)
        _fill(layer.bias, arrays, f"mlp_{index}_bias", where)
    if model.film is not None and "mlp_film_embed_weight" in arrays:
        for key, film_layer in (("embed", model.film.embed), *enumerate(model.film.modulators)):
            _fill(film_layer.weight, arrays, f"mlp_film_{key}_weight", where)
            _fill(film_layer.bias, arrays, f"mlp_film_{key}_bias", where)
    if not any(name.startswith("index_") for name in arrays):
        model.fit_tables()


def _fill(parameter: torch.Tensor, arrays: Mapping[str, np.ndarray], name: str, where: str) -> None:
    if name not in arrays or arrays[name].size != parameter.numel() or arrays[name].shape[-1] != parameter.shape[-1]:
        found = list(arrays[name].shape) if name in arrays else "none"
        raise ConfigError(f"{where}: {name}: expected shape {list(parameter.shape)}, found {found}; use its sizes")
    parameter.copy_(torch.from_numpy(arrays[name]).reshape(parameter.shape))


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float32).numpy()


@torch.no_grad()
def reconstruct(
    model: GridMlp,
    baseline: np.ndarray | None,
    hours: np.ndarray,
    step: tuple[slice, slice] = WHOLE,
) -> np.ndarray:
    """Frames by the torch model.

    Args:
        model: Trained model.
        baseline: (H, W, 3) uint8 in residual mode.
        hours: (T,) hours.
        step: Rows and columns to take; all by default.

    Returns:
        (T, h, w, 3) uint8 codes.
    """
    device = model.output.bias.device
    time_h = torch.as_tensor(hours, dtype=torch.float32, device=device)
    chosen = np.arange(model.height * model.width).reshape(model.height, model.width)[step]
    flat = np.ascontiguousarray(chosen).reshape(-1)
    encoded = model.encoded()
    frames = np.empty((len(hours), len(flat), 3), np.uint8)
    for start in range(0, len(flat), CHUNK_TEXELS):
        part = flat[start : start + CHUNK_TEXELS]
        rgb = 255.0 * model(torch.from_numpy(part).to(device), time_h, encoded)
        if baseline is not None:
            below = torch.from_numpy(baseline.reshape(-1, 3)[part]).to(device)
            rgb = rgb + below[:, None].to(torch.float32)
        codes = rgb.round().clamp(0, 255).to(torch.uint8)
        frames[:, start : start + CHUNK_TEXELS] = codes.transpose(0, 1).cpu().numpy()
    return frames.reshape(len(hours), *chosen.shape, 3)
