"""The network of LPIPS, AlexNet version 0.1, in plain torch; torch is imported when a `Lpips` is made, never before.

Source: Zhang, Isola, Efros, Shechtman, Wang, "The unreasonable effectiveness of deep features as a perceptual metric",
CVPR 2018, section 3 (the paper's w_l are the linear heads here) and the package lpips 0.1.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EvalError
from ..tensors_file import read_tensors
from .lpips_weights import LpipsWeights

if TYPE_CHECKING:
    import torch

MIN_SIDE = 31
"""Texels a side under which the last of AlexNet's layers has no output; such images are refused, never padded."""

# number in torchvision's alexnet.features: (channels out, channels in, kernel side, stride, padding, pooled before)
_LAYERS = {
    0: (64, 3, 11, 4, 2, False),
    3: (192, 64, 5, 1, 2, True),
    6: (384, 192, 3, 1, 1, True),
    8: (256, 384, 3, 1, 1, False),
    10: (256, 256, 3, 1, 1, False),
}
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


def _load(path: Path) -> dict[str, Any]:
    try:
        state = read_tensors(path)
    except ValueError as error:
        raise EvalError(f"{path}: not readable as weights: {error}") from error
    if not isinstance(state, dict):
        raise EvalError(f"{path}: expected a state dict, found {type(state).__name__}")
    return state


def _tensor(state: dict[str, Any], key: str, shape: tuple[int, ...], path: Path) -> torch.Tensor:
    value = state.get(key)
    found = tuple(getattr(value, "shape", ())) if value is not None else "nothing"
    if value is None or found != shape:
        raise EvalError(f"{path}: expected {key} of shape {shape}, found {found}")
    tensor: torch.Tensor = value.detach().float()
    return tensor


class Lpips:
    """The measure with its weights, on one device; the weights are constants, gradients reach the images."""

    def __init__(self, weights: LpipsWeights, device: str = "cpu") -> None:
        """Load both files.

        Args:
            weights: From `find_weights`.
            device: Torch device of the weights, and of the tensors given to `distance_tensor`.

        Raises:
            EvalError: A file is not what it should be.
        """
        import torch

        trunk, heads = _load(weights.trunk), _load(weights.heads)
        self.weights = weights
        self.device = torch.device(device)
        self._convolutions = []
        self._heads = []
        for level, (number, (c_out, c_in, side, *_)) in enumerate(_LAYERS.items()):
            kernel = _tensor(trunk, f"features.{number}.weight", (c_out, c_in, side, side), weights.trunk)
            bias = _tensor(trunk, f"features.{number}.bias", (c_out,), weights.trunk)
            head = _tensor(heads, f"lin{level}.model.1.weight", (1, c_out, 1, 1), weights.heads)
            self._convolutions.append((kernel.to(self.device), bias.to(self.device)))
            self._heads.append(head.to(self.device))
        self._shift = torch.tensor(_SHIFT, device=self.device).view(1, 3, 1, 1)
        self._scale = torch.tensor(_SCALE, device=self.device).view(1, 3, 1, 1)

    def _features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The five rectified layers, each scaled to unit length over its channels."""
        import torch
        import torch.nn.functional as f

        x = (images - self._shift) / self._scale
        features = []
        for (kernel, bias), (*_, stride, padding, pooled) in zip(self._convolutions, _LAYERS.values(), strict=True):
            if pooled:
                x = f.max_pool2d(x, kernel_size=3, stride=2)
            x = f.relu(f.conv2d(x, kernel, bias, stride=stride, padding=padding))
            # vector_norm has gradient 0 where all channels are 0; the square root of a sum of squares has none there
            features.append(x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + _EPSILON))
        return features

    def distance_tensor(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """LPIPS of each pair of images, differentiable in both.

        Args:
            a: (N, 3, H, W) float32 in [-1, 1], H and W at least `MIN_SIDE`.
            b: Same shape.

        Returns:
            (N,) float32, 0 for equal images.

        Raises:
            EvalError: Images that are too small or differ in shape.
        """
        if a.shape != b.shape or a.ndim != 4 or a.shape[1] != 3:
            raise EvalError(f"LPIPS takes two batches (N, 3, H, W), found {tuple(a.shape)} and {tuple(b.shape)}")
        if min(a.shape[2:]) < MIN_SIDE:
            raise EvalError(f"LPIPS takes at least {MIN_SIDE} texels a side, found {a.shape[3]} x {a.shape[2]}")
        return self._between(self._features(a), self._features(b))

    def _between(self, one: list[torch.Tensor], other: list[torch.Tensor]) -> torch.Tensor:
        """(N,) distances of features."""
        total = one[0].new_zeros(one[0].shape[0])
        for x, y, head in zip(one, other, self._heads, strict=True):
            total = total + ((x - y).square() * head).sum(dim=1).mean(dim=(1, 2))
        return total

    def distances_signed(self, reference: np.ndarray, others: Sequence[np.ndarray]) -> list[float]:
        """`distance_signed` of several images to one, whose features are taken once."""
        import torch

        with torch.no_grad():
            features = self._features(self._as_batch(reference))
            return [float(self._between(features, self._features(self._as_batch(other)))[0]) for other in others]

    def _as_batch(self, image: np.ndarray) -> torch.Tensor:
        import torch

        channels_first = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32)
        return torch.from_numpy(channels_first)[None].to(self.device)

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """LPIPS of two images (H, W, 3) of uint8 codes, mapped to [-1, 1]: 0 for equal ones, about 0.1 is visible."""
        if a.dtype != np.uint8 or b.dtype != np.uint8:
            raise EvalError(f"LPIPS of codes takes uint8 images, found {a.dtype} and {b.dtype}")
        return self.distance_signed(a.astype(np.float32) / 127.5 - 1.0, b.astype(np.float32) / 127.5 - 1.0)

    def distance_signed(self, a: np.ndarray, b: np.ndarray) -> float:
        """LPIPS of two images (H, W, 3) as they are, [-1, 1] by custom: for differences of frames, and for radiance."""
        import torch

        with torch.no_grad():
            return float(self.distance_tensor(self._as_batch(a), self._as_batch(b))[0])
