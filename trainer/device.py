"""Which device to train on."""

from __future__ import annotations

import torch

from todpack.packer.errors import ConfigError


def pick_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU.

    Raises:
        ConfigError: CUDA was asked for and is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device: expected a CUDA device for 'cuda', found none; use --device cpu")
    return torch.device(name)
