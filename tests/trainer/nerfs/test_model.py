"""Rays through the octree: who is asked, how levels blend, and what the losses see."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.nerfs.inf_nerf import InfNeRF, InfNeRFConfig, Octree  # noqa: E402

MICRO = InfNeRFConfig(
    max_depth=2, hidden_dim=8, num_samples=12, grid_resolution=8, base_resolution=4, encoding_levels=2,
    features_per_level=2, table_size=64, geo_features=3, proposal_samples=8, proposal_depth=1, background_samples=2,
)  # fmt: skip


def rays(n: int = 6, distance: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rays from above down to the cube."""
    generator = torch.Generator().manual_seed(1)
    spread = 0.2 * (torch.rand((n, 2), generator=generator) - 0.5)
    directions = torch.cat([spread, -torch.ones(n, 1)], dim=1)
    return torch.tensor([0.05, 0.02, distance]).expand(n, 3), directions


def touched(model: InfNeRF, radius_at_unit_depth: float) -> set[int]:
    """Depths of the nodes that some rays ask, besides the background."""
    model.touched = torch.zeros(len(model.octree) + 1, dtype=torch.bool)
    with torch.no_grad():
        model(*rays(), 0.01, math.inf, 1.0, 2.0 * radius_at_unit_depth)
    return set(model.octree.depth[np.flatnonzero(model.touched[:-1].numpy())].tolist())


class ConstantFields:
    """Fields of a density (times edge) per node, gray by depth."""

    def __init__(self, octree: Octree, density_by_depth: list[float], background: float = 0.0) -> None:
        depth = torch.from_numpy(np.append(octree.depth, -1))
        self.density = torch.tensor([*density_by_depth, background])[depth]
        self.color = torch.tensor([0.1, 0.5, 0.9, 0.0])[depth]

    def __call__(self, node: torch.Tensor, place: torch.Tensor, direction: torch.Tensor | None) -> torch.Tensor:
        assert ((place >= -1e-5) & (place <= 1 + 1e-5)).all()
        density = self.density[node][:, None]
        return density if direction is None else torch.cat([density, self.color[node][:, None].expand(-1, 3)], dim=1)


def test_signature_is_the_published_one() -> None:
    names = list(inspect.signature(InfNeRF.forward).parameters)
    assert names == ["self", "rays_o", "rays_d", "near", "far", "focal_length", "pixel_width"]


@pytest.mark.parametrize("depth", range(3))
def test_the_sample_size_decides_the_depth(depth: int) -> None:
    """Camera so far away that all samples have nearly one size; the first pass asks depth 0 and 1 at most."""
    model = InfNeRF(MICRO, Octree.full(2)).eval()
    distance = 100.0
    origins, directions = rays(distance=distance)
    model.touched = torch.zeros(len(model.octree) + 1, dtype=torch.bool)
    with torch.no_grad():
        model(
            origins, directions * torch.tensor([0.01, 0.01, 1.0]), 0.01, math.inf, 1.0, 2 * MICRO.gsd(depth) / distance
        )
    asked = set(model.octree.depth[np.flatnonzero(model.touched[:-1].numpy())].tolist())
    assert asked == {depth, min(depth, MICRO.proposal_depth)}


def test_a_far_view_uses_the_root_alone() -> None:
    model = InfNeRF(MICRO, Octree.full(2)).eval()
    assert touched(model, 1.0) == {0}
    assert touched(model, 1e-4) == {1, 2}


def test_constant_density_is_the_closed_forms_slab() -> None:
    """A cube of edge 2 and optical depth 1.4 along z, in front of nothing."""
    octree = Octree.full(2)
    for radius, depth in ((1.0, 0), (1e-4, 2)):
        fields = ConstantFields(octree, [1.4 * 0.5**d for d in range(3)])  # density x node edge, the same density
        model = InfNeRF(MICRO, octree, fields).eval()
        out = model(torch.tensor([[0.1, 0.1, 5.0]]), torch.tensor([[0.0, 0.0, -1.0]]), 0.01, math.inf, 1.0, 2 * radius)
        alpha = 1.0 - math.exp(-1.4)
        assert out["alpha"].item() == pytest.approx(alpha, rel=1e-5)
        assert out["rgb"][0, 0].item() == pytest.approx(alpha * [0.1, 0.5, 0.9][depth], rel=1e-5)


def test_near_and_far_cut_the_slab() -> None:
    octree = Octree.root_only()
    model = InfNeRF(MICRO, octree, ConstantFields(octree, [1.4])).eval()
    out = model(torch.tensor([[0.1, 0.1, 5.0]]), torch.tensor([[0.0, 0.0, -1.0]]), 4.5, 5.0, 1.0, 0.1)
    assert out["alpha"].item() == pytest.approx(1.0 - math.exp(-0.7 * 0.5), rel=1e-5)


def test_rays_that_miss_see_the_background_alone() -> None:
    octree = Octree.root_only()
    fields = ConstantFields(octree, [1.4], background=1.0)
    model = InfNeRF(MICRO, octree, fields).eval()
    out = model(torch.tensor([[5.0, 5.0, 5.0]]), torch.tensor([[0.0, 0.0, -1.0]]), 0.01, math.inf, 1.0, 0.1)
    assert out["alpha"].item() == 0.0
    assert out["weights"].sum().item() == pytest.approx(1.0)


def test_levels_blend_in_training_and_only_there() -> None:
    """At the border of two levels a jittered radius takes both, about equally often."""
    octree = Octree.full(2)
    model = InfNeRF(MICRO, octree, ConstantFields(octree, [1e6, 1e6, 1e6]))
    n, distance = 400, 1000.0
    origins = torch.tensor([[0.1, 0.1, distance]]).expand(n, 3)
    directions = torch.tensor([[0.0, 0.0, -1.0]]).expand(n, 3)
    border = MICRO.gsd(1) * 2.0**0.5 / (distance - 1.0) * 2.0
    torch.manual_seed(0)
    reds = model.train()(origins, directions, 0.01, math.inf, 1.0, border)["rgb"][:, 0]
    share = (reds > 0.3).float().mean().item()
    assert 0.4 < share < 0.6
    reds = model.eval()(origins, directions, 0.01, math.inf, 1.0, border)["rgb"][:, 0]
    assert reds.std().item() == pytest.approx(0.0, abs=1e-6)


def test_level_consistency_compares_a_parent_with_the_mean_of_its_child() -> None:
    octree = Octree.full(1)
    fields = ConstantFields(octree, [3.0, 4.0])  # root: 1.5 per unit, children: 4 per unit
    model = InfNeRF(MICRO, octree, fields).train()
    model.level_pairs = 20
    out = model(*rays(), 0.01, math.inf, 1.0, 1e-4)
    gsd = MICRO.gsd(0)
    assert out["level_parent"].tolist() == pytest.approx([math.exp(-1.5 * gsd)] * 20)
    assert out["level_child"].tolist() == pytest.approx([math.exp(-4.0 * gsd)] * 20)


def test_level_consistency_teaches_the_parent_not_the_child() -> None:
    model = InfNeRF(MICRO, Octree.full(1)).train()
    model.level_pairs = 50
    out = model(*rays(), 0.01, math.inf, 1.0, 1e-4)
    (out["level_parent"] - out["level_child"]).abs().sum().backward()
    by_node = model.fields.table.grad.abs().amax(dim=(1, 2))
    assert by_node[0] > 0
    assert (by_node[1:] == 0).all()


def test_gradient_checkpointing_changes_no_gradient() -> None:
    import dataclasses

    gradients = []
    for switch in (False, True):
        model = InfNeRF(dataclasses.replace(MICRO, gradient_checkpointing=switch), Octree.full(2)).train()
        torch.manual_seed(0)
        model(*rays(), 0.01, math.inf, 1.0, 0.02)["rgb"].square().sum().backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.allclose(a, b, atol=1e-8) for a, b in zip(*gradients, strict=True))
    assert max(g.abs().max() for g in gradients[0]) > 0


def test_bfloat16_is_near() -> None:
    model = InfNeRF(MICRO, Octree.full(2)).eval()
    with torch.no_grad():
        plain = model(*rays(), 0.01, math.inf, 1.0, 0.02)["rgb"]
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(*rays(), 0.01, math.inf, 1.0, 0.02)["rgb"]
    assert mixed.dtype == torch.float32
    assert (plain - mixed).abs().max() < 0.02


def test_samples_in_parts_change_nothing() -> None:
    model = InfNeRF(MICRO, Octree.full(2)).eval()
    with torch.no_grad():
        whole = model(*rays(), 0.01, math.inf, 1.0, 0.02)["rgb"]
        model.samples_at_once = 7
        parts = model(*rays(), 0.01, math.inf, 1.0, 0.02)["rgb"]
    assert torch.allclose(whole, parts, atol=1e-6)
