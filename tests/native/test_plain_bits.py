"""The native reader of plain bits gives the bits of the NumPy one: maps, masks, whole files; damage is an error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.native.cases import random_mask
from tests.native.plain_bits import any_case, bits_of, by_core, by_numpy
from tests.submission.contest.test_plain_bits import archive_of
from tests.submission.contest.test_plain_bits import bits_of as file_of
from todpack.decompressor.bits import BitReader, EntropyError
from todpack.decompressor.daybasis import native
from todpack.submission.contest.write_bands import BitWriter
from todpack.submission.contest.write_lightmap import write_mask
from todpack.submission.plain_bits.header import CHECKSUM_BYTES, HEADER, Header, with_checksum
from todpack.submission.plain_bits.lightmap import read_lightmap
from todpack.submission.plain_bits.opened import PlainFile, read_mask

pytestmark = pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built")

GOLDEN = sorted((Path(__file__).resolve().parents[1] / "golden").glob("*.bin"))


def check(seed: int, side: int | None = None, n_components: int | None = None) -> None:
    case = any_case(seed, side, n_components)
    content = bits_of(case)
    (expected, end), (maps, found) = by_numpy(case, content), by_core(case, content)
    assert (found, -(-end // 8)) == (end, len(content))
    np.testing.assert_array_equal(maps, expected)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.thorough
def test_maps(seed: int) -> None:
    check(seed)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(60, 400))
def test_more_maps(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize(("side", "n_components"), [(128, 80), (257, 9)])
@pytest.mark.thorough
def test_large_tiles(side: int, n_components: int) -> None:
    check(0, side, n_components)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.thorough
def test_damage(seed: int) -> None:
    """A bit flipped, or the end missing: both readers refuse it, or both read the same."""
    case, rng = any_case(seed), np.random.default_rng(seed)
    content = bits_of(case)
    for _ in range(10):
        broken = bytearray(content)
        if rng.random() < 0.3:
            broken = broken[: rng.integers(1, len(content) + 1)]
        else:
            broken[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        try:
            expected = by_numpy(case, bytes(broken))
        except ValueError:
            with pytest.raises((EntropyError, native.BeyondExact)):
                by_core(case, bytes(broken))
            continue
        try:
            maps, end = by_core(case, bytes(broken))
        except native.BeyondExact:  # NumPy decodes it instead
            continue
        assert end == expected[1]
        np.testing.assert_array_equal(maps, expected[0])


@pytest.mark.parametrize("seed", range(30))
def test_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    valid = random_mask(rng, int(rng.integers(1, 90)), int(rng.integers(1, 90)))
    writer = BitWriter()
    writer.flags(np.ones(5, bool))
    write_mask(writer, valid)
    content, reader = writer.to_bytes(), BitReader(writer.to_bytes())
    reader.position = 5
    np.testing.assert_array_equal(read_mask(reader, *valid.shape), valid)
    found, end = native.read_plain_mask(content, 5, valid.shape)
    np.testing.assert_array_equal(found, valid)
    assert end == reader.position
    with pytest.raises(EntropyError, match="bits end early"):
        native.read_plain_mask(content[: (end - 1) // 8], 5, valid.shape)


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the layout that is written now: 45 x 71 texels in tiles of 32, with rotations."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "a.bin").write_bytes(file_of(archive_of(folder / "a.tod", 45, 71)[0]))
    return folder / "a.bin"


def check_file(path: Path) -> None:
    one, other = read_lightmap(path, is_native=True), read_lightmap(path, is_native=False)
    np.testing.assert_array_equal(one.maps, other.maps)
    for time_h in (0.0, 5.95, 12.3):
        np.testing.assert_array_equal(one.radiance(time_h), other.radiance(time_h))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden_files(path: Path) -> None:
    check_file(path)


def test_new_file(new_file: Path) -> None:
    check_file(new_file)


@pytest.mark.parametrize("is_native", [True, False])
def test_tiles_in_any_order(new_file: Path, is_native: bool) -> None:
    file = PlainFile(new_file, is_native)
    tiles = {place.number: maps for place, maps in file.tiles()}
    assert len(tiles) == len(file.numbers) > 2
    for number in reversed(file.numbers):
        np.testing.assert_array_equal(file.maps(number), tiles[number])
    assert len(file.outliers()[0]) == 0


@pytest.mark.thorough
def test_damaged_files_of_both(new_file: Path, tmp_path: Path) -> None:
    """With the checksum made anew, so that the readers see the damage."""
    data, rng = new_file.read_bytes(), np.random.default_rng(0)
    path, header, content = tmp_path / "damaged.bin", Header.unpack(data), data[HEADER.size + CHECKSUM_BYTES :]
    outcomes = set()
    for number in range(60):
        broken = bytearray(content)
        broken[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        path.write_bytes(with_checksum(header, bytes(broken)))
        maps = []
        for is_native in (True, False):
            try:
                maps.append(read_lightmap(path, is_native).maps)
            except ValueError as error:
                assert str(error).startswith(f"{path}: ")
        assert len(maps) in (0, 2), number
        outcomes.add(len(maps))
        if maps and np.isfinite(maps[1]).all():
            np.testing.assert_array_equal(maps[0], maps[1])
    assert outcomes == {0, 2}
