"""Held-out views against the truth, scale by scale, and how much of the model each needs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..config import InfNeRFRendererConfig
from .model import InfNeRF
from .posed_images import PosedImages
from .rays import pyramid
from .renderer import InfNeRFRenderer, Touched

SCALES = 4


@dataclass(frozen=True)
class ScaleScore:
    """All held-out views at one scale.

    Attributes:
        scale: 1 / 2^s.
        psnr_db: -10 log10 of the mean squared error of colors 0..1 over all views' pixels.
        touched_share: Share of the model's parameters that a view evaluates, mean over the views.
        touched_bytes: The same in bytes.
        together_share: Share that all views together evaluate.
    """

    scale: float
    psnr_db: float
    touched_share: float
    touched_bytes: float
    together_share: float


def score_scales(model: InfNeRF, held_out: PosedImages, n_scales: int = SCALES) -> list[ScaleScore]:
    """Render held-out views at scales 1, 1/2, 1/4 ... and compare them with the truth: means over areas of pixels.

    A view at a scale is rendered by one ray per pixel.
    """
    was_training = model.training
    scores = []
    for scale in range(n_scales):
        errors, n, touched = 0.0, 0, list[Touched]()
        together = np.zeros(len(model.octree) + 1, bool)
        for image, pose, camera in zip(held_out.images, held_out.poses, held_out.intrinsics, strict=True):
            levels = pyramid(image, scale + 1)
            if len(levels) <= scale:
                continue
            height, width = levels[scale].shape[:2]
            renderer = InfNeRFRenderer(model, InfNeRFRendererConfig(width, height))
            factor = 2.0**-scale
            center = (camera.center[0] * factor, camera.center[1] * factor)
            reduced = dataclasses.replace(
                camera, width=width, height=height, focal_length=camera.focal_length * factor, center=center
            )
            difference = renderer.render_image(pose, reduced)["rgb"] - levels[scale]
            errors, n = errors + float(np.square(difference, dtype=np.float64).sum()), n + difference.size
            touched.append(renderer.touched)
            together |= renderer.touched_mask
        if n:
            psnr_db = math.inf if errors == 0.0 else -10.0 * math.log10(errors / n)
            share = float(np.mean([t.share for t in touched]))
            size = float(np.mean([t.size_bytes for t in touched]))
            scores.append(ScaleScore(2.0**-scale, psnr_db, share, size, float(together.mean())))
    model.train(was_training)
    return scores


def touched_from_afar(
    model: InfNeRF, held_out: PosedImages, factors: list[float], looked_at: Sequence[float]
) -> list[float]:
    """Share of the parameters that a view evaluates from farther away, at scale 1; means over the held-out views.

    Cameras move straight back from `looked_at` (x, y, z), where they all look.
    """
    target = np.asarray(looked_at)
    shares = []
    for factor in factors:
        touched = []
        for pose, camera in zip(held_out.poses, held_out.intrinsics, strict=True):
            moved = pose.copy()
            moved[:3, 3] = target + factor * (pose[:3, 3] - target)
            renderer = InfNeRFRenderer(model, InfNeRFRendererConfig(camera.width, camera.height))
            renderer.render_image(moved, camera)
            touched.append(renderer.touched.share)
        shares.append(float(np.mean(touched)))
    return shares
