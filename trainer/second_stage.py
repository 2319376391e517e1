"""F2, what is left of a gridmlp or a siren once its latent map is made: (latents, time) -> RGB, for use with torch."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from todpack.decompressor.files import write_atomic
from todpack.decompressor.signatures import sign_zip

from .checkpoint import write_tensors
from .gridmlp.model import time_features
from .run_folder import SCRIPT_NAME, STATE_NAME
from .siren.model import F2


class FilmF2(nn.Module):
    """F2 of a gridmlp with FiLM: time scales and shifts every hidden layer; see `gridmlp/film.py`.

    Attributes:
        residual: As of `F2`.
    """

    def __init__(
        self, latent_dim: int, hidden: int, n_layers: int, n_harmonics: int, film_width: int, residual: bool
    ) -> None:
        super().__init__()
        self.n_harmonics = n_harmonics
        self.residual = nn.Buffer(torch.tensor(residual))
        self.input_features = nn.Linear(latent_dim, hidden)
        self.embed = nn.Linear(2 * n_harmonics, film_width)
        self.film = nn.ModuleList(nn.Linear(film_width, 2 * hidden) for _ in range(n_layers))
        self.hidden = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(n_layers - 1))
        self.output = nn.Linear(hidden, 3)

    def forward(self, latents: Tensor, time_h: Tensor) -> Tensor:
        """As `F2.forward`."""
        embedding = functional.relu(self.embed(time_features(time_h, self.n_harmonics)))
        modulations: list[Tensor] = []
        for layer in self.film:
            modulations.append(layer(embedding))
        scale, shift = modulations[0].chunk(2, dim=-1)
        x = functional.relu(self.input_features(latents)[:, None] * (1.0 + scale)[None] + shift[None])
        for index, layer in enumerate(self.hidden):
            scale, shift = modulations[index + 1].chunk(2, dim=-1)
            x = functional.relu(layer(x) * (1.0 + scale)[None] + shift[None])
        return self.output(x)


def _fields(layer: str, name: str) -> dict[str, str]:
    return {f"{layer}.weight": f"{name}_weight", f"{layer}.bias": f"{name}_bias"}


def f2_of_arrays(arrays: Mapping[str, np.ndarray], residual: bool) -> F2 | FilmF2:
    """F2 with weights by the names of `gridmlp/export.py:model_arrays`."""
    n_layers = sum(name.startswith("mlp_") and name[4:5].isdigit() and name.endswith("_bias") for name in arrays) - 1
    names = {"input_features.weight": "mlp_input_features", "input_features.bias": "mlp_0_bias"}
    if "mlp_film_embed_weight" in arrays:
        names |= _fields("embed", "mlp_film_embed")
        for layer in range(n_layers):
            names |= _fields(f"film.{layer}", f"mlp_film_{layer}")
    else:
        names["input_time.weight"] = "mlp_input_time"
    for layer in range(1, n_layers):
        names |= _fields(f"hidden.{layer - 1}", f"mlp_{layer}")
    names |= _fields("output", f"mlp_{n_layers}")
    tensors = {ours: torch.from_numpy(np.array(arrays[theirs], np.float32)) for ours, theirs in names.items()}
    return f2_of_state({**tensors, "residual": torch.tensor(residual)})


def f2_of_state(state: Mapping[str, Tensor]) -> F2 | FilmF2:
    """F2 with saved weights, from whose shapes its sizes follow.

    Raises:
        Exception: whatever torch and Python raise where they are no such weights.
    """
    hidden, latent_dim = state["input_features.weight"].shape
    n_layers = 1 + sum(name.startswith("hidden.") and name.endswith("weight") for name in state)
    is_residual = bool(state["residual"])
    f2: F2 | FilmF2
    if "embed.weight" in state:
        width, n_times = state["embed.weight"].shape
        f2 = FilmF2(latent_dim, hidden, n_layers, n_times // 2, width, is_residual)
    else:
        f2 = F2(latent_dim, hidden, n_layers, state["input_time.weight"].shape[1] // 2, is_residual)
    f2.load_state_dict(dict(state))
    return f2.eval()


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """Torch announces other ways than TorchScript; this one needs neither Python nor this package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def write_f2(f2: F2 | FilmF2, folder: Path) -> None:
    """Write the weights, and TorchScript for others: (N, D) latents and (T,) hours -> (N, T, 3).

    Raises:
        OutputError: the folder cannot be written.
    """
    write_tensors(folder / STATE_NAME, f2.state_dict())
    stored = io.BytesIO()
    with _without_deprecations():
        torch.jit.save(torch.jit.script(f2.eval()), stored)
    sign_zip(stored)
    write_atomic(folder / SCRIPT_NAME, lambda file: file.write(stored.getbuffer()))
