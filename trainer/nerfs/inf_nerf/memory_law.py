"""How much of a model one view needs as the scene grows: the law of the octree, measured by rendering.

A hilly town is photographed from a fixed height, so the number of images, of nodes and of parameters grows with its
area. One camera stands in it and looks to the horizon; another looks at all of it from afar. The fields are fresh: a
fog that hides nothing, so that a view touches more nodes than it would of a trained model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from todpack.decompressor.staging import scratch_folder

from ..config import InfNeRFConfig, InfNeRFRendererConfig
from .lazy_fields import LazyFields
from .model_file import write_model
from .node_fields import FieldLayout
from .octree import Octree
from .posed_images import Intrinsics
from .renderer import InfNeRFRenderer
from .trajectories import look_at

FINEST_GSD = 1.0 / 16.0  # world units; the finest nodes are cubes of edge GRID x this
GRID = 8
WIDTH, HEIGHT = 64, 48
FIELD_OF_VIEW = math.radians(60.0)
IMAGE_FOOTPRINT = (WIDTH * 2 * FINEST_GSD) * (HEIGHT * 2 * FINEST_GSD) / 4.0  # ground of an image; each point is in 4


@dataclass(frozen=True)
class LawRow:
    """One size of the scene.

    Attributes:
        edge: Length of the town's side in world units.
        n_images: Images that cover it.
        n_nodes: Nodes of the octree.
        model_bytes: All parameters.
        street_bytes: Parameters that the view from within touches.
        street_in_frustum_bytes: Those of the nodes cut by its frustum at their level.
        far_bytes: Parameters that the view of the whole touches.
        peak_bytes: Most parameters in memory while both were rendered from the file.
    """

    edge: float
    n_images: int
    n_nodes: int
    model_bytes: int
    street_bytes: int
    street_in_frustum_bytes: int
    far_bytes: int
    peak_bytes: int


def measure_law(n_sizes: int) -> list[LawRow]:
    """Towns of edge 8, 16, 32 ...: each twice as long and four times as large as the one before.

    Raises:
        OutputError: the temporary model cannot be written.
    """
    return [_measure(8.0 * 2**i) for i in range(n_sizes)]


def _measure(edge: float) -> LawRow:
    config = InfNeRFConfig(
        max_depth=round(math.log2(edge / (GRID * FINEST_GSD))), scene_bound=edge / 2, grid_resolution=GRID,
        base_resolution=GRID, encoding_levels=1, features_per_level=1, table_size=64, hidden_dim=4, geo_features=2,
        num_samples=48, proposal_samples=48, proposal_depth=2, background_samples=2,
    )  # fmt: skip
    points = _town(edge)
    octree = Octree.from_points(config, points, np.full(len(points), FINEST_GSD))
    layout = FieldLayout(config)
    records = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (len(octree) + 1, layout.n_parameters)))
    focal = 0.5 * WIDTH / math.tan(0.5 * FIELD_OF_VIEW)
    camera = Intrinsics.centered(WIDTH, HEIGHT, focal)
    up = np.array([0.0, 0.0, 1.0])
    stand = np.array([-0.5 * edge + 2.0, 0.0, 3.0])
    street = look_at(stand, np.array([0.5 * edge, 0.0, 0.0]), up)
    far = look_at(np.array([-1.5 * edge, 0.0, 1.5 * edge]), np.zeros(3), up)
    with scratch_folder("todpack-law-") as folder:
        path = folder / "town.infnerf"
        write_model(path, config, octree, records.float())
        renderer = InfNeRFRenderer.from_checkpoint(path, InfNeRFRendererConfig(WIDTH, HEIGHT), torch.device("cpu"))
        renderer.render_image(street, camera)
        near_view = renderer.touched
        renderer.render_image(far, camera)
        fields = renderer.model.fields
        assert isinstance(fields, LazyFields)
        fields.file.close()
    return LawRow(
        edge,
        math.ceil(edge * edge / IMAGE_FOOTPRINT),
        len(octree),
        (len(octree) + 1) * near_view.field_bytes,
        near_view.size_bytes,
        near_view.in_frustum * near_view.field_bytes,
        renderer.touched.size_bytes,
        fields.peak_bytes,
    )


def _town(edge: float) -> np.ndarray:
    """Points on hills, one per finest cell of the ground's grid of nodes, and denser."""
    n = round(edge / (GRID * FINEST_GSD)) * 4
    axis = (np.arange(n) + 0.5) / n * edge - edge / 2
    x, y = np.meshgrid(axis, axis, indexing="ij")
    z = 0.6 * np.sin(1.3 * x) * np.cos(0.9 * y) + 0.2 * np.sin(3.1 * x + y)
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)
