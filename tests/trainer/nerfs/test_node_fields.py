"""Fields of many nodes at once against one node, one sample, one corner at a time."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.nerfs.inf_nerf import InfNeRFConfig  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.encoding import PRIMES, GridLayout, corner_entries, harmonics  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.node_fields import (  # noqa: E402
    FIRST_DENSITY,
    FieldLayout,
    NodeFields,
    evaluate,
    first_parameters,
)

CONFIG = InfNeRFConfig(
    max_depth=1, hidden_dim=6, grid_resolution=8, base_resolution=2, encoding_levels=2, features_per_level=2,
    table_size=50, geo_features=3,
)  # fmt: skip


def plain_value(values: dict[str, torch.Tensor], layout: GridLayout, place: list[float], direction: torch.Tensor):
    """One node, one sample, with loops over grids and corners."""
    features, offset = [], 0
    for resolution, size in zip(layout.resolutions, layout.sizes, strict=True):
        low = [min(int(x * resolution), resolution - 1) for x in place]
        mean = torch.zeros(values["table"].shape[1], dtype=torch.float64)
        for corner in itertools.product((0, 1), repeat=3):
            node = [a + b for a, b in zip(low, corner, strict=True)]
            weight = 1.0
            for x, a, b in zip(place, low, corner, strict=True):
                far = x * resolution - a
                weight *= far if b else 1.0 - far
            if (resolution + 1) ** 3 <= size:
                entry = (node[0] * (resolution + 1) + node[1]) * (resolution + 1) + node[2]
            else:
                entry = (node[0] * PRIMES[0] ^ node[1] * PRIMES[1] ^ node[2] * PRIMES[2]) % size
            mean += weight * values["table"][offset + entry]
        features.append(mean)
        offset += size
    hidden = (torch.cat(features) @ values["density_in"] + values["density_in_bias"][0]).relu()
    out = hidden @ values["density_out"] + values["density_out_bias"][0]
    seen = torch.cat([out[1:], harmonics(direction[None])[0]])
    hidden = (seen @ values["color_in"] + values["color_in_bias"][0]).relu()
    color = torch.sigmoid(hidden @ values["color_out"] + values["color_out_bias"][0])
    return torch.cat([FIRST_DENSITY * out[:1].exp(), color])


def test_many_nodes_at_once_equal_one_at_a_time() -> None:
    layout = FieldLayout(CONFIG)
    assert layout.grids == GridLayout((2, 8), (27, 50))  # one grid is dense, one hashes
    generator = torch.Generator().manual_seed(0)
    records = torch.randn((5, layout.n_parameters), generator=generator, dtype=torch.float64)
    values = layout.split(records)
    slot = torch.randint(5, (150,), generator=generator)
    slot[slot == 3] = 2  # one node without samples, one with more than a block
    place = torch.rand((150, 3), generator=generator, dtype=torch.float64)
    place[0], place[1] = 0.0, 1.0
    direction = torch.randn((150, 3), generator=generator, dtype=torch.float64)
    found = evaluate(layout, values, slot, place, direction)
    for i in range(150):
        node = {name: value[slot[i]] for name, value in values.items()}
        expected = plain_value(node, layout.grids, place[i].tolist(), direction[i])
        assert torch.allclose(found[i], expected.to(found.dtype), rtol=1e-4, atol=1e-6)
    assert torch.allclose(evaluate(layout, values, slot, place, None), found[:, :1])


def test_weights_of_corners_sum_to_one_and_entries_are_the_grids_own() -> None:
    layout = GridLayout((2, 8), (27, 50))
    entries, weights = corner_entries(layout, torch.rand(100, 3))
    assert torch.allclose(weights.sum(dim=2), torch.ones(100, 2))
    assert (entries[:, 0] < 27).all()
    assert ((entries[:, 1] >= 27) & (entries[:, 1] < 77)).all()


def test_gradient_reaches_the_nodes_that_have_samples_and_no_others() -> None:
    fields = NodeFields(CONFIG, torch.arange(4))
    fields(torch.tensor([1, 1, 3]), torch.rand(3, 3), torch.randn(3, 3)).sum().backward()
    for value in fields.values().values():
        touched = value.grad.reshape(4, -1).abs().amax(dim=1) > 0
        assert touched.tolist() == [False, True, False, True]


def test_records_are_the_parameters_and_back() -> None:
    fields = NodeFields(CONFIG, torch.tensor([2, 5]))
    again = NodeFields(CONFIG, torch.tensor([2, 5]), fields.records())
    assert all(torch.equal(a, b) for a, b in zip(fields.parameters(), again.parameters(), strict=True))
    assert torch.equal(fields.records()[1], first_parameters(fields.layout, 5, CONFIG.seed))


def test_no_samples() -> None:
    fields = NodeFields(CONFIG, torch.arange(2))
    assert fields(torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3), torch.zeros(0, 3)).shape == (0, 4)


def test_harmonics_do_not_depend_on_length_and_are_orthogonal() -> None:
    generator = torch.Generator().manual_seed(0)
    directions = torch.nn.functional.normalize(torch.randn((200_000, 3), generator=generator), dim=1)
    values = harmonics(directions)
    assert torch.allclose(values, harmonics(7.0 * directions), atol=1e-5)
    products = values.T @ values / len(values)
    assert (products - torch.diag(products.diag())).abs().max() < 0.01
