"""Volume rendering against closed forms, and each loss against its definition."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.nerfs.inf_nerf import VolumeRenderer, VolumeRendererConfig  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.volume import distortion  # noqa: E402

DOWN = torch.tensor([[0.0, 0.0, -1.0]])


def slab(sigma: float, z: torch.Tensor, rays_d: torch.Tensor = DOWN) -> dict[str, torch.Tensor]:
    """A medium of constant density and color between the first and last z."""
    n = z.shape[1] - 1
    colors = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64).expand(1, n, 3)
    return VolumeRenderer().volume_render(colors, torch.full((1, n), sigma, dtype=torch.float64), z, rays_d)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("n", [1, 7, 64])
def test_constant_slab_has_the_closed_forms_opacity_and_color(sigma: float, n: int) -> None:
    """alpha = 1 - exp(-sigma L), however finely and unevenly it is cut."""
    generator = torch.Generator().manual_seed(n)
    inner = torch.rand(n - 1, generator=generator, dtype=torch.float64).sort().values
    z = (1.5 + 2.0 * torch.cat([torch.zeros(1), inner, torch.ones(1)]).double())[None]
    out = slab(sigma, z)
    alpha = 1.0 - math.exp(-sigma * 2.0)
    assert out["alpha"].item() == pytest.approx(alpha, abs=1e-12)
    assert out["rgb"][0].tolist() == pytest.approx([0.2 * alpha, 0.5 * alpha, 0.9 * alpha], abs=1e-12)
    assert out["transparency"].prod().item() == pytest.approx(math.exp(-2.0 * sigma), abs=1e-12)


def test_constant_slab_has_the_closed_forms_depth() -> None:
    """Mean of z under exp(-sigma (z - a)) on [a, b], in the limit of many samples."""
    sigma, a, length = 1.7, 1.0, 2.0
    z = torch.linspace(a, a + length, 4001, dtype=torch.float64)[None]
    left = math.exp(-sigma * length)
    expected = a + 1.0 / sigma - length * left / (1.0 - left)
    assert slab(sigma, z)["depth"].item() == pytest.approx(expected, abs=1e-6)


def test_density_is_per_world_unit_whatever_the_length_of_rays_d() -> None:
    z = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)[None]
    assert slab(2.0, z, 3.0 * DOWN)["alpha"].item() == pytest.approx(1.0 - math.exp(-6.0))


def test_two_layers_hide_each_other_in_order() -> None:
    colors = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    out = VolumeRenderer().volume_render(colors, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 1.0, 3.0]]), DOWN)
    first, second = 1 - math.exp(-1), math.exp(-1) * (1 - math.exp(-4))
    assert out["rgb"][0].tolist() == pytest.approx([first, second, 0.0])
    assert out["weights"][0].tolist() == pytest.approx([first, second])


def test_samples_without_a_last_edge_have_an_endless_last_interval() -> None:
    colors = torch.rand(1, 3, 3)
    out = VolumeRenderer().volume_render(colors, torch.full((1, 3), 0.4), torch.tensor([[1.0, 2.0, 3.0]]), DOWN)
    assert out["alpha"].item() == pytest.approx(1.0)
    assert out["weights"][0, 2].item() == pytest.approx(math.exp(-0.8))


def test_distortion_is_its_double_sum() -> None:
    generator = torch.Generator().manual_seed(0)
    edges = torch.rand((5, 9), generator=generator, dtype=torch.float64).sort(dim=1).values
    weights = torch.rand((5, 8), generator=generator, dtype=torch.float64)
    middles, widths = 0.5 * (edges[:, 1:] + edges[:, :-1]), edges[:, 1:] - edges[:, :-1]
    pairs = weights[:, :, None] * weights[:, None] * (middles[:, :, None] - middles[:, None]).abs()
    expected = pairs.sum(dim=(1, 2)) + (weights.square() * widths).sum(dim=1) / 3.0
    assert torch.allclose(distortion(edges, weights), expected, rtol=1e-12)


def test_distortion_of_a_uniform_ray_is_a_third() -> None:
    """The mean distance of two random points of a unit interval."""
    edges = torch.linspace(0.0, 1.0, 51)[None]
    assert distortion(edges, torch.full((1, 50), 1.0 / 50)).item() == pytest.approx(1.0 / 3.0, rel=1e-5)


def test_losses_and_their_weighted_sum() -> None:
    config = VolumeRendererConfig(lambda_rgb=2.0, lambda_depth=3.0, lambda_distortion=5.0, lambda_level=7.0)
    outputs = {
        "rgb": torch.tensor([[0.5, 0.5, 0.5], [0.0, 0.0, 0.0]]),
        "depth": torch.tensor([2.0, 7.0]),
        "distortion_edges": torch.tensor([[0.0, 1.0], [0.0, 1.0]]),
        "weights": torch.tensor([[0.6, 0.4], [0.0, 1.0]]),  # the second column is background
        "level_parent": torch.tensor([0.5, 0.1]),
        "level_child": torch.tensor([0.2, 0.3]),
        "transparency": torch.tensor([[1.0, 0.5]]),
    }
    targets = {"rgb": torch.tensor([[0.5, 0.5, 0.8], [0.0, 0.0, 0.0]]), "depth": torch.tensor([4.0, float("nan")])}
    losses = VolumeRenderer(config).compute_losses(outputs, targets)
    values = {name: loss.item() for name, loss in losses.items()}
    assert values["rgb"] == pytest.approx(0.09 / 6)
    assert values["depth"] == pytest.approx(0.5)
    assert values["distortion"] == pytest.approx(0.36 / 3 / 2)
    assert values["level"] == pytest.approx(0.25)
    assert values["transparency"] == pytest.approx(0.25)
    total = 2 * 0.015 + 3 * 0.5 + 5 * 0.06 + 7 * 0.25 + 0.001 * 0.25
    assert values["total"] == pytest.approx(total)


def test_defaults_are_the_papers_weights() -> None:
    config = VolumeRendererConfig()
    assert (config.lambda_distortion, config.lambda_level, config.lambda_transparency) == (0.002, 0.01, 0.001)
