"""Maps in block-compressed textures: groups, the encoder in the loop, mips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day
from todpack.decompressor import open_archive
from todpack.packer.export.block_maps import block_maps
from todpack.packer.export.blocks import decode_blocks
from todpack.packer.export.coded_maps import CodedMaps, int16_maps, rgba8_maps
from todpack.packer.export.grouping import block_deviations, group_maps, leading_basis, pair_costs
from todpack.packer.export.mips import chart_levels
from todpack.packer.export.source import AffineDay, affine_day
from todpack.packer.export.textures import BC4, BC7, TextureFormat

DayAndMaps = tuple[AffineDay, np.ndarray]


@pytest.fixture(scope="module")
def day_and_maps(small_archive: Path) -> DayAndMaps:
    with open_archive(small_archive, decoder="reference") as archive:
        return affine_day(archive, 0)


def psnr_db(day_and_maps: DayAndMaps, coded: CodedMaps) -> float:
    day, maps = day_and_maps
    return day.psnr_db(coded.values(), day.values(maps))


def test_the_source_is_what_the_library_decodes(small_archive: Path, day_and_maps: DayAndMaps) -> None:
    day, maps = day_and_maps
    values = day.values(maps)
    with open_archive(small_archive) as archive:
        for t in (0, 11, 23):
            frame = archive.decode(float(day.hours[t]))[day.valid]
            assert np.array_equal(day.displayed(values[:, 3 * t : 3 * t + 3]), frame)


def test_maps_that_are_busy_in_one_block_are_set_apart() -> None:
    """Four maps, of which 0 and 1 are busy in the same blocks, and so are 2 and 3."""
    variances = np.zeros((10, 4))
    variances[:5, :2], variances[5:, 2:] = 9.0, 4.0
    covariances = np.stack([np.diag(row) for row in variances])
    assert pair_costs(covariances).tolist() == [[0, 45, 0, 0], [45, 0, 0, 0], [0, 0, 0, 20], [0, 0, 20, 0]]
    groups = [set(group) for group in group_maps(covariances, 2)]
    assert all(len(group & {0, 1}) == len(group & {2, 3}) == 1 for group in groups)
    covariances[:, 0, 1] = covariances[:, 1, 0] = variances[:, 0]  # two that move together share a line
    assert pair_costs(covariances)[0, 1] == pytest.approx(0.0)


def test_deviations_are_those_within_blocks() -> None:
    valid = np.zeros((8, 8), bool)
    valid[:4, :] = True
    (level,) = chart_levels(valid, 1)
    columns = np.tile(np.arange(8.0), 4)[:, None]
    deviations = block_deviations(columns, level)
    assert deviations.shape == (16, 2, 1)
    assert np.array_equal(np.unique(deviations), [-1.5, -0.5, 0.5, 1.5])


def test_the_leading_basis_holds_the_most_energy() -> None:
    rng = np.random.default_rng(0)
    days = (rng.normal(size=(500, 6)) * [9, 1, 5, 1, 1, 1]).astype(np.float32)
    basis, variances = leading_basis(days - days.mean(0))
    assert np.allclose(basis.T @ basis, np.eye(6))
    assert np.abs(basis[[0, 2], [0, 1]]).min() > 0.99
    assert np.allclose(variances, sorted(days.T.astype(float).var(1), reverse=True), rtol=0.1)


def test_eight_bits_and_sixteen(day_and_maps: DayAndMaps, small_archive: Path) -> None:
    day, maps = day_and_maps
    levels = chart_levels(day.valid)
    eight = rgba8_maps(day, maps, levels)
    assert psnr_db(day_and_maps, eight) > 50
    assert eight.texture.n_layers == -(-maps.shape[1] // 4)
    assert len(eight.texture.levels) == len(levels)
    with open_archive(small_archive) as archive:
        model = archive.metadata["lightmaps"][0]["model"]
    steps = np.exp2(-(model["precision"] + np.array(model["exponents"][:-1], float)))
    exact = int16_maps(day, maps, steps, levels[0])
    assert np.array_equal(exact.values(), day.values(maps))
    coarse = int16_maps(day, maps, steps / 256, levels[0])  # codes that 16 bits do not hold
    assert np.abs(coarse.codes).max() <= 32767
    assert exact.n_coarse == 0 < coarse.n_coarse <= maps.shape[1]
    assert 55 < psnr_db(day_and_maps, coarse) <= 100


def test_more_textures_are_better_and_the_fit_is_the_best(day_and_maps: DayAndMaps) -> None:
    day, maps = day_and_maps
    levels = chart_levels(day.valid, 1)
    few, more = (block_maps(day, maps, levels, BC7, n) for n in (1, 3))
    assert psnr_db(day_and_maps, more) > psnr_db(day_and_maps, few) + 2
    assert few.texture.texel_bytes() == 1.0
    for coded, n in ((few, 1), (more, 3)):
        assert coded.codes.shape == (len(maps), coded.channels * n)
    values = day.values(maps)
    error = np.square(few.values() - values).mean()
    rng = np.random.default_rng(0)
    for _ in range(3):
        other = CodedMaps(
            few.texture, few.channels, few.matrix + 1e-3 * rng.normal(size=few.matrix.shape), few.offset, few.codes
        )
        assert np.square(other.values() - values).mean() > error


@pytest.mark.parametrize("format", [BC7, BC4])
@pytest.mark.thorough
def test_mips_show_averages_of_the_day(day_and_maps: DayAndMaps, format: TextureFormat) -> None:

    day, maps = day_and_maps
    levels = chart_levels(day.valid)
    coded = block_maps(day, maps, levels, format, 6 if format == BC7 else 12)
    values, errors = day.values(maps).astype(np.float64), []
    for number, level in enumerate(levels[:3]):
        values = level.averaged(values)
        height, width = level.valid.shape
        layers = [decode_blocks(image, format, height, width)[level.valid] for image in coded.texture.levels[number]]
        codes = np.concatenate([layer.reshape(len(values), -1)[:, : coded.channels] for layer in layers], axis=1)
        errors.append(np.sqrt(np.square(codes @ coded.matrix.T + coded.offset - values).mean()))
        if number == 0:
            assert np.array_equal(codes, coded.codes)
    assert max(errors) < 2.5 * errors[0] + 1.0


def test_the_same_input_gives_the_same_blocks(day_and_maps: DayAndMaps) -> None:
    day, maps = day_and_maps
    levels = chart_levels(day.valid, 1)
    one, two = (block_maps(day, maps, levels, BC7, 2) for _ in range(2))
    assert one.texture.levels == two.texture.levels
    assert np.array_equal(one.matrix, two.matrix)


@pytest.mark.parametrize("format", [BC7, BC4])
def test_a_day_of_few_hours_takes_few_textures(tmp_path: Path, format: TextureFormat) -> None:
    import todpack

    frames, valid = make_day(32, 32, 2)
    todpack.compress(frames, tmp_path / "two.tod", valid=valid, q_step=4.0)
    with open_archive(tmp_path / "two.tod", decoder="reference") as archive:
        day, maps = affine_day(archive, 0)
    coded = block_maps(day, maps, chart_levels(day.valid), format, 16)
    assert coded.texture.n_layers * coded.channels == 6  # red, green and blue at two hours
    assert day.psnr_db(coded.values(), day.values(maps)) > 40


def test_a_day_without_any_light(tmp_path: Path) -> None:
    import todpack

    todpack.compress(np.zeros((4, 16, 16, 3), np.float32), tmp_path / "dark.tod", valid=np.ones((16, 16), bool))
    with open_archive(tmp_path / "dark.tod", decoder="reference") as archive:
        day, maps = affine_day(archive, 0)
    for coded in (
        block_maps(day, maps, chart_levels(day.valid), BC7, 2),
        rgba8_maps(day, maps, chart_levels(day.valid)),
    ):
        assert np.abs(coded.values()).max() < 1e-3
