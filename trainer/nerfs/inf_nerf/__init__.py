"""InfNeRF: an octree of small radiance fields with level of detail; rendering needs O(log n) of its memory.

Source: "InfNeRF: Towards Infinite Scale NeRF Rendering with O(log n) Space Complexity", SIGGRAPH Asia 2024.
"""

from trainer.nerfs.inf_nerf.analytic_scene import make_scene, write_scene
from trainer.nerfs.inf_nerf.config import (
    InfNeRFConfig,
    InfNeRFRendererConfig,
    InfNeRFTrainerConfig,
    VolumeRendererConfig,
)
from trainer.nerfs.inf_nerf.demo import render_demo_images
from trainer.nerfs.inf_nerf.model import InfNeRF
from trainer.nerfs.inf_nerf.octree import Octree
from trainer.nerfs.inf_nerf.posed_images import Intrinsics, PosedImages, read_posed_images
from trainer.nerfs.inf_nerf.renderer import InfNeRFRenderer
from trainer.nerfs.inf_nerf.trainer import InfNeRFTrainer
from trainer.nerfs.inf_nerf.volume import VolumeRenderer

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
