"""Where samples lie along rays."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.nerfs.inf_nerf.sampling import (  # noqa: E402
    background_depths,
    box_interval,
    contract,
    resample,
    stratified,
)

CPU = torch.device("cpu")


def test_box_interval() -> None:
    origins = torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, 0.0], [5.0, 5.0, 5.0], [0.0, 0.0, 5.0]])
    directions = torch.tensor([[0.0, 0.0, -2.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    first, last = box_interval(origins, directions, torch.tensor([0.0, 0.0, 1.0]), 2.0)
    assert (first[0].item(), last[0].item()) == pytest.approx((1.0, 3.0))
    assert (first[1].item(), last[1].item()) == pytest.approx((0.0, 2.0))
    assert last[2] <= first[2]
    assert last[3] <= first[3]


@pytest.mark.parametrize("jitter", [False, True])
def test_stratified_edges_ascend_from_0_to_1(jitter: bool) -> None:
    torch.manual_seed(0)
    edges = stratified(50, 16, jitter, CPU)
    assert (edges[:, 0] == 0.0).all()
    assert (edges[:, -1] == 1.0).all()
    assert (edges[:, 1:] > edges[:, :-1]).all()


@pytest.mark.parametrize("jitter", [False, True])
def test_resampling_goes_where_the_weight_is(jitter: bool) -> None:
    torch.manual_seed(0)
    edges = torch.linspace(2.0, 4.0, 33).expand(20, 33)
    weights = torch.zeros(20, 32)
    weights[:, 10] = 0.9
    fine = resample(edges, weights, 40, jitter)
    assert (fine[:, 1:] >= fine[:, :-1]).all()
    assert (fine[:, 0] == 2.0).all()
    assert (fine[:, -1] == 4.0).all()
    near = (fine >= edges[0, 9]) & (fine <= edges[0, 12])
    assert near.float().mean() > 0.6


def test_resampling_of_equal_weights_is_even() -> None:
    fine = resample(torch.linspace(0.0, 1.0, 9)[None], torch.full((1, 8), 0.1), 8, False)
    assert torch.allclose(fine[0], torch.linspace(0.0, 1.0, 9), atol=1e-6)


def test_contraction_keeps_the_cube_and_takes_all_of_space() -> None:
    inside = torch.tensor([[0.0, 0.5, 1.0]])
    assert torch.allclose(contract(inside), torch.tensor([[0.25, 0.5, 0.75]]))
    far = contract(torch.tensor([[1e8, 0.5, 0.5], [0.5, -1e8, 0.5]]))
    assert torch.allclose(far, torch.tensor([[1.0, 0.5, 0.5], [0.5, 0.0, 0.5]]), atol=1e-6)
    face = torch.tensor([[1.0 + 1e-6, 0.5, 0.5], [1.0 - 1e-6, 0.5, 0.5]])
    assert torch.allclose(contract(face)[0], contract(face)[1], atol=1e-5)


def test_background_goes_to_infinity_in_even_steps_of_disparity() -> None:
    middles, edges = background_depths(torch.tensor([2.0]), 4)
    disparity = 1.0 / middles[0]
    assert torch.allclose(disparity[:-1] - disparity[1:], torch.full((3,), 0.125))
    assert edges[0, 0] == 2.0
    assert edges[0, -1] >= 1e10
