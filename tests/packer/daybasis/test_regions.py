"""Regional rotations: found, stored as integers, rotated and rotated back."""

from __future__ import annotations

import numpy as np
import pytest

from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.daybasis.transform.rotations import (
    BLOCK,
    ROTATION_GRID,
    Regions,
    restore_band,
    rotate_bands,
    rotations_of_codes,
)
from todpack.packer.daybasis.transform.region_fit import align_columns, fit_regions, skew_of_rotation
from todpack.packer.daybasis.transform.rotation import cayley


def random_turn(rng: np.random.Generator, n: int) -> np.ndarray:
    skew = rng.normal(size=(n, n)) / 4
    return cayley(skew - skew.T)


def test_cayley_of_one_plane_is_the_known_rotation() -> None:
    # S = [[0, s], [-s, 0]]: the Cayley transform turns by 2 atan(s / 2)
    turn = rotations_of_codes(np.array([[64]]), 2)[0]
    angle = 2 * np.arctan(0.5)
    expected = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(turn, expected, atol=0.5 / ROTATION_GRID)


def test_turns_agree_with_lapack_and_are_orthogonal() -> None:
    rng = np.random.default_rng(0)
    n = 9
    codes = rng.integers(-80, 80, (3, n * (n - 1) // 2))
    turns = rotations_of_codes(codes, n)
    for code, turn in zip(codes, turns, strict=True):
        skew = np.zeros((n, n))
        skew[np.triu_indices(n, 1)] = code / 64
        skew -= skew.T
        expected = np.linalg.solve(np.eye(n) - skew / 2, np.eye(n) + skew / 2)
        np.testing.assert_allclose(turn, expected, atol=0.51 / ROTATION_GRID)
        np.testing.assert_allclose(turn @ turn.T, np.eye(n), atol=n / ROTATION_GRID)


@pytest.mark.parametrize("shape", [(1, 1), (33, 50), (64, 17)])
def test_rotated_bands_are_restored(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    n = 5
    pyramid = build_pyramid(rng.random(shape) < 0.8, 3)
    turns = np.stack([random_turn(rng, n) for _ in range(3)])
    blocks = (-(-shape[0] // BLOCK), -(-shape[1] // BLOCK))
    regions = Regions(rng.integers(0, 3, blocks).astype(np.uint8), np.rint(turns * ROTATION_GRID) / ROTATION_GRID)
    codes = [
        rng.integers(-9, 9, (n, *site.shape)) * site
        if not isinstance(site, tuple)
        else tuple(rng.integers(-9, 9, (n, *s.shape)) * s for s in site)
        for site in pyramid.sites
    ]
    restored = [codes[0]]
    for index in range(1, len(codes)):
        stride = 1 << (len(codes) - index)
        pairs = zip(codes[index], pyramid.sites[index], strict=True)
        restored.append(tuple(restore_band(band, sites, stride, regions, (0.0, 0.0)) for band, sites in pairs))
    back = rotate_bands(restored, pyramid.sites, regions.blocks, np.linalg.inv(regions.rotations))
    for index in range(1, len(codes)):
        for o in range(3):
            np.testing.assert_allclose(back[index][o], codes[index][o], atol=1e-3)


def test_two_kinds_of_blocks_get_their_own_rotations() -> None:
    rng = np.random.default_rng(2)
    n, per_block, n_blocks = 4, 60, 12
    turns = [np.eye(n), random_turn(rng, n)]
    blocks = np.repeat(np.arange(n_blocks), per_block)
    sparse = rng.laplace(size=(4, len(blocks), n)) * np.array([30.0, 1.0, 0.2, 0.1])
    kinds = blocks % 2
    groups = np.stack([sparse[:, i] @ turns[kinds[i]].T for i in range(len(blocks))], axis=1).astype(np.float32)
    classes, rotations = fit_regions(groups, blocks, n_blocks, 2)
    assert len(set(classes[0::2])) == 1
    assert len(set(classes[1::2])) == 1
    assert classes[0] != classes[1]
    for rotation in rotations:
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(n), atol=1e-6)


def test_alignment_and_inverse_cayley() -> None:
    rng = np.random.default_rng(3)
    turn = align_columns(random_turn(rng, 6)[:, [3, 1, 0, 2, 5, 4]])
    assert (np.diag(turn) >= 0).all()
    skew = np.zeros((6, 6))
    skew[np.triu_indices(6, 1)] = skew_of_rotation(turn)
    np.testing.assert_allclose(cayley(skew - skew.T), turn, atol=1e-4)
