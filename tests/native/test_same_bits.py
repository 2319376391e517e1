"""The native core gives the bits of the NumPy reference: maps, frames, texels, and errors for damaged streams."""

from __future__ import annotations

import numpy as np
import pytest

from tests.native.cases import LARGEST_MAP, Case, random_case
from tests.native.damage import compare, damaged
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.gutter import dilate
from todpack.decompressor.pool import ALONE, Pool

pytestmark = pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built")

PLAIN = native.Signal("none", 0.0, 255.0)


def decode(case: Case, signal: native.Signal = PLAIN, pool: Pool = ALONE, dilates: bool = False):
    entry = case.entry
    rotations = None
    if entry.n_classes > 1:
        rotations = native.rotations_of_codes(case.rotation_codes, entry.n_components)
    return native.decode_tile(
        case.stream, case.valid, entry, case.blocks, rotations, signal, dilates=dilates, pool=pool
    )


def maps_of(case: Case, pool: Pool = ALONE, dilates: bool = False) -> np.ndarray:
    return native.latents(decode(case, pool=pool, dilates=dilates))


@pytest.mark.parametrize("seed", range(150))
@pytest.mark.thorough
def test_maps(seed: int) -> None:
    case = random_case(seed)
    expected = case.reference()
    np.testing.assert_array_equal(maps_of(case), expected)
    dilate(expected, case.valid)
    np.testing.assert_array_equal(maps_of(case, dilates=True), expected)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(150, 1000))
def test_more_maps(seed: int) -> None:
    test_maps(seed)


@pytest.mark.parametrize(
    ("side", "n_components"), [(128, 80), (257, 26), pytest.param(600, 9, marks=pytest.mark.thorough)]
)
def test_large_tiles(side: int, n_components: int) -> None:
    for seed in range(3):
        case = random_case(seed, side, n_components)
        expected = case.reference()
        np.testing.assert_array_equal(maps_of(case), expected)
        np.testing.assert_array_equal(maps_of(case, Pool(3)), expected)


@pytest.mark.thorough
def test_maps_of_16_and_of_32_bits_both_occur() -> None:
    cases = [random_case(seed, 64, 8) for seed in range(20)]
    for case in cases:
        tile, reach = (
            decode(case),
            np.abs(case.reference()).max(axis=(1, 2)) * np.exp2(case.entry.precision + case.entry.exponents[:-1]),
        )
        assert tile.bits == (16 if reach.max() < 1 << 15 else 32)
        assert reach.max() < LARGEST_MAP
    assert {decode(case).bits for case in cases} == {16, 32}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.thorough
def test_damaged_streams(seed: int) -> None:
    case, rng = random_case(seed), np.random.default_rng(seed)
    for _ in range(10):
        compare(Case(**{**vars(case), "stream": damaged(rng, case)}))
