"""Nodes that choose among entries: which they take, whose gradient is whose, and how a table begins."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.hash_probing import ProbedLevel  # noqa: E402


def a_level(probes: int, capacity: int = 16) -> ProbedLevel:
    torch.manual_seed(0)
    level = ProbedLevel((5, 6), 3, capacity, seed=4, probes=probes)
    with torch.no_grad():
        level.nodes.normal_()
        level.table.normal_()
    return level


@pytest.mark.parametrize("probes", [3, 16])
def test_a_node_has_the_nearest_of_its_candidates(probes: int) -> None:
    level = a_level(probes)
    level.choose()
    for node in range(30):
        candidates = (level.first[node] + torch.arange(probes)).remainder(16)
        distances = (level.table[candidates] - level.nodes[node]).square().sum(dim=1)
        assert level.entries[node] == candidates[distances.argmin()]
    assert (level.first == 0).all() == (probes == 16)


def test_gradient_goes_to_the_entry_and_straight_through_to_the_node() -> None:
    level = a_level(16)
    level.choose()
    nodes, weights = torch.tensor([[7, 8, 9, 7]]), torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    for stage in ("choosing", "chosen", "dense"):
        level.stage = stage
        level.zero_grad()
        out = level(level.table, nodes, weights)
        shown = level.nodes if stage == "dense" else level.table[level.entries]
        torch.testing.assert_close(out, (weights[0, :, None] * shown[nodes[0]]).sum(dim=0, keepdim=True))
        out.sum().backward()
        of_nodes, of_table = torch.zeros(30), torch.zeros(16)
        of_nodes.index_add_(0, nodes[0], weights[0])
        of_table.index_add_(0, level.entries[nodes[0]], weights[0])
        if stage == "chosen":
            assert level.nodes.grad is None
        else:
            torch.testing.assert_close(level.nodes.grad, of_nodes[:, None].expand(30, 3))
        if stage == "dense":
            assert level.table.grad is None
        else:
            torch.testing.assert_close(level.table.grad, of_table[:, None].expand(16, 3))


def test_a_table_begins_as_what_fits_the_dense_grid() -> None:
    """As many entries as different nodes give the grid itself; fewer give the means of those that share one."""
    level = a_level(16)
    dense = torch.randn(10, 3)[torch.arange(30) % 10]
    few = a_level(4, capacity=4)
    for one in (level, few):
        one.start_from(dense)
        one.fit()
    errors = [(one.table[one.entries] - dense).square().mean() for one in (level, few)]
    assert errors[0] < 0.2 * errors[1] < 0.2 * dense.square().mean()
    for entry in range(4):
        torch.testing.assert_close(few.table[entry], dense[few.entries == entry].mean(dim=0))


def test_a_node_is_near_by_what_the_next_layer_makes_of_it() -> None:
    level = a_level(16)
    columns = torch.tensor([[0.0, 3.0, 0.0], [0.0, 0.0, 0.0]])  # sees the second feature alone
    level.weigh(columns)
    level.choose()
    found = level.table[level.entries][:, 1] - level.nodes[:, 1]
    nearest = (level.table[None, :, 1] - level.nodes[:, None, 1]).abs().amin(dim=1)
    torch.testing.assert_close(found.abs(), nearest)
