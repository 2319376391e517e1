"""Which node takes a sample, and which nodes there are."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import InfNeRFConfig, Octree  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.octree import matching_level  # noqa: E402

CONFIG = InfNeRFConfig(max_depth=3, scene_bound=2.0, grid_resolution=16, base_resolution=8)


def random_octree(seed: int, max_depth: int = 4) -> Octree:
    """A full octree with a random half of its nodes pruned, subtrees with them."""
    full = Octree.full(max_depth)
    rng = np.random.default_rng(seed)
    alive = np.ones(len(full), bool)
    for index in range(1, len(full)):
        alive[index] = alive[full.parent[index]] and rng.random() < 0.5
    return Octree(full.depth[alive], full.cell[alive])


def test_gsd_halves_with_each_depth() -> None:
    assert CONFIG.gsd(0) == pytest.approx(4.0 / 16)
    for depth in range(3):
        assert CONFIG.gsd(depth + 1) == pytest.approx(CONFIG.gsd(depth) / 2)


def test_full_octree_links() -> None:
    octree = Octree.full(3)
    assert len(octree) == 1 + 8 + 64 + 512
    for index in range(1, len(octree)):
        parent = octree.parent[index]
        assert octree.depth[parent] == octree.depth[index] - 1
        assert (octree.cell[parent] == octree.cell[index] // 2).all()
        bits = octree.cell[index] % 2
        assert octree.children[parent, 4 * bits[0] + 2 * bits[1] + bits[2]] == index


@pytest.mark.parametrize("seed", range(3))
def test_find_is_the_deepest_node_that_holds_the_place(seed: int) -> None:
    """Against a search of all nodes."""
    octree = random_octree(seed)
    rng = np.random.default_rng(100 + seed)
    places, levels = rng.random((300, 3)), rng.integers(0, 5, 300)
    found = octree.find(torch.tensor(places, dtype=torch.float64), torch.tensor(levels)).numpy()
    for place, level, node in zip(places, levels, found, strict=True):
        cells = np.floor(place * (1 << octree.depth)[:, None]).astype(int)
        holds = (cells == octree.cell).all(axis=1) & (octree.depth <= level)
        assert node == np.flatnonzero(holds)[octree.depth[holds].argmax()]


def test_places_on_and_beyond_the_faces_have_a_node() -> None:
    octree = Octree.full(2)
    places = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.5, -3.0, 0.5]])
    found = octree.find(places, torch.full((3,), 2))
    assert octree.cell[found.numpy()].tolist() == [[3, 3, 3], [0, 0, 0], [3, 0, 2]]


def test_pruned_childs_parent_takes_what_is_left() -> None:
    octree = Octree(np.array([0, 1]), np.array([[0, 0, 0], [1, 0, 1]]))
    places = torch.tensor([[0.7, 0.2, 0.9], [0.2, 0.2, 0.2]])
    assert octree.find(places, torch.tensor([3, 3])).tolist() == [1, 0]
    assert octree.find(places, torch.tensor([0, 3])).tolist() == [0, 0]


@pytest.mark.parametrize("depth", range(4))
def test_level_matches_the_gsd_within_half_an_octave(depth: int) -> None:
    octaves = torch.tensor([-0.49, 0.0, 0.49])
    radii = CONFIG.gsd(depth) * torch.exp2(octaves)
    assert matching_level(CONFIG, radii).tolist() == [depth] * 3
    if depth < CONFIG.max_depth:
        assert matching_level(CONFIG, CONFIG.gsd(depth) * torch.exp2(torch.tensor([-0.51]))).item() == depth + 1


def test_levels_end_at_root_and_leaves() -> None:
    assert matching_level(CONFIG, torch.tensor([1e9, 1e-9, 0.0])).tolist() == [0, 3, 3]


def test_sparse_points_ask_for_their_ancestors_and_no_deeper_than_their_scale() -> None:
    points = np.array([[-1.9, -1.9, -1.9], [0.6, 0.6, 0.6], [9.0, 0.0, 0.0]])
    scales = np.array([CONFIG.gsd(1), CONFIG.gsd(3), CONFIG.gsd(3)])
    octree = Octree.from_points(CONFIG, points, scales)
    assert {(int(d), *map(int, c)) for d, c in zip(octree.depth, octree.cell, strict=True)} == {
        (0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (3, 5, 5, 5),
    }  # fmt: skip


def test_a_point_near_a_face_asks_for_both_sides() -> None:
    octree = Octree.from_points(CONFIG, np.array([[1e-4, 1.0, 1.0]]), np.array([CONFIG.gsd(1)]))
    assert octree.cell[octree.depth == 1].tolist() == [[0, 1, 1], [1, 1, 1]]


def test_keep_leaves_ancestors_and_says_where_nodes_came_from() -> None:
    octree = Octree.full(2)
    kept = np.zeros(len(octree), bool)
    kept[-1] = True
    smaller, old = octree.keep(kept)
    assert smaller.depth.tolist() == [0, 1, 2]
    assert (octree.cell[old] == smaller.cell).all()
    assert (octree.depth[old] == smaller.depth).all()
    assert old[-1] == len(octree) - 1


@pytest.mark.parametrize(
    ("depth", "cell", "words"),
    [
        ([1], [[0, 0, 0]], "one root"),
        ([0, 0], [[0, 0, 0], [0, 0, 0]], "one root"),
        ([0, 2], [[0, 0, 0], [0, 0, 0]], "no parent"),
        ([0, 1], [[0, 0, 0], [2, 0, 0]], "inside of the root"),
        ([0, 1, 1], [[0, 0, 0], [1, 0, 0], [1, 0, 0]], "twice"),
    ],
)
def test_what_is_no_octree_is_refused(depth: list[int], cell: list[list[int]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Octree(np.array(depth), np.array(cell))


def test_too_deep_a_full_octree_is_refused() -> None:
    with pytest.raises(ConfigError, match="sparse points"):
        Octree.full(8)
