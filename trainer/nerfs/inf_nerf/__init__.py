"""InfNeRF: an octree of small radiance fields with level of detail; rendering needs O(log n) of its memory.

Source: "InfNeRF: Towards Infinite Scale NeRF Rendering with O(log n) Space Complexity", SIGGRAPH Asia 2024.
"""

from ..config import (
    InfNeRFConfig,
    InfNeRFRendererConfig,
    InfNeRFTrainerConfig,
    VolumeRendererConfig,
)
from .analytic_scene import make_scene, write_scene
from .demo import render_demo_images
from .model import InfNeRF
from .octree import Octree
from .posed_images import Intrinsics, PosedImages, read_posed_images
from .renderer import InfNeRFRenderer
from .trainer import InfNeRFTrainer
from .volume import VolumeRenderer

__all__ = [
    "InfNeRF",
    "InfNeRFConfig",
    "InfNeRFRenderer",
    "InfNeRFRendererConfig",
    "InfNeRFTrainer",
    "InfNeRFTrainerConfig",
    "Intrinsics",
    "Octree",
    "PosedImages",
    "VolumeRenderer",
    "VolumeRendererConfig",
    "make_scene",
    "read_posed_images",
    "render_demo_images",
    "write_scene",
]
