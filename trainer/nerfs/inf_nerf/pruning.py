"""Taking nodes out of a model: those in which there is nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .model import InfNeRF
from .node_fields import NodeFields
from .octree import Octree
from .sharding import ShardedFields

POINTS_PER_NODE = 512


@torch.no_grad()
def leaf_opacity(model: InfNeRF, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The greatest opacity over one GSD among random places of each leaf.

    Returns:
        (m,) numbers of the leaves below the root, and (m,) opacities, 0..1.
    """
    octree, device = model.octree, model.center.device
    leaves = np.flatnonzero(octree.leaves() & (octree.depth > 0))
    generator = torch.Generator().manual_seed(seed)
    inside = torch.rand((len(leaves), POINTS_PER_NODE, 3), generator=generator).to(device)
    depth = torch.from_numpy(octree.depth[leaves]).to(device)
    edge = torch.exp2(-depth.float())
    unit = (torch.from_numpy(octree.cell[leaves]).to(device)[:, None] + inside) * edge[:, None, None]
    node = torch.from_numpy(leaves).to(device).repeat_interleave(POINTS_PER_NODE)
    was_training = model.training
    model.eval()
    density = model.density(node, unit.reshape(-1, 3)).reshape(-1, POINTS_PER_NODE)
    model.train(was_training)
    optical = density * (edge / model.config.grid_resolution)[:, None]
    return leaves, (1.0 - torch.exp(-optical.amax(dim=1))).cpu().numpy()


def parts_of(fields: NodeFields | ShardedFields) -> list[NodeFields]:
    """The trainable fields that this process holds."""
    return [fields] if isinstance(fields, NodeFields) else [fields.top, fields.own]


def restrict(
    model: InfNeRF, octree: Octree, old: np.ndarray, optimizer: torch.optim.Optimizer
) -> list[dict[Tensor, dict]]:
    """Leave a model the nodes of a smaller octree, and nothing else.

    Args:
        model: Changed in place.
        octree: Of `Octree.keep`.
        old: (n',) number of each of its nodes in the model's present octree.
        optimizer: Adam over the model's parameters.

    Returns:
        For each part of the fields, the optimizer's state of its new parameters.
    """
    old_fields = np.append(old, len(model.octree))
    new_number = np.full(len(model.octree) + 1, -1, np.int64)
    new_number[old_fields] = np.arange(len(old_fields))
    states: list[dict[Tensor, dict]] = []
    fields = model.fields
    assert isinstance(fields, (NodeFields, ShardedFields))
    for part in parts_of(fields):
        numbers = new_number[part.nodes.cpu().numpy()]
        rows = torch.from_numpy(np.flatnonzero(numbers >= 0)).to(part.nodes.device)
        part.nodes = torch.from_numpy(numbers[numbers >= 0]).to(part.nodes.device)
        moved: dict[Tensor, dict] = {}
        for name, value in part.values().items():
            state = optimizer.state.get(value, {})
            parameter = torch.nn.Parameter(value.detach()[rows])
            part.register_parameter(name, parameter)
            moved[parameter] = {k: v[rows] if k.startswith("exp_avg") else v for k, v in state.items()}
        states.append(moved)
    if isinstance(fields, ShardedFields):
        fields.owner = fields.owner[torch.from_numpy(old_fields).to(fields.owner.device)]
    model.octree = octree
    return states
