"""Regions, texels, threads and repeats all give the whole frame's values, exactly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.packer.micro_run import expected_frame, micro_arrays, write_micro_run
from todpack.decompressor import Region, open_archive
from todpack.decompressor.errors import RequestError
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.pack import pack_run

TIMES = (0.0, 6.0, 12.5, 3.21, 23.999)


def random_regions(height: int, width: int, n: int, seed: int) -> list[Region]:
    """Random ones, and the corners, edges, thin strips and the whole."""
    rng = np.random.default_rng(seed)
    regions = [
        Region(0, height, 0, width), Region(0, 1, 0, 1), Region(height - 1, height, width - 1, width),
        Region(height - 1, height, 0, width), Region(0, height, width - 1, width), Region(0, 1, 0, width),
        Region(0, height, 0, 1), Region(0, 2, 0, 1), Region(3, 4, 1, 16), Region(3, 4, 1, 17), Region(3, 4, 1, 18),
    ]  # fmt: skip
    for _ in range(n):
        y0, x0 = int(rng.integers(height)), int(rng.integers(width))
        regions.append(Region(y0, int(rng.integers(y0, height)) + 1, x0, int(rng.integers(x0, width)) + 1))
    return regions


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_regions_equal_the_whole_frame(wide_archive: Path, threads: int, dtype: str) -> None:
    with open_archive(wide_archive, threads=threads, provider="cpu") as archive:
        for time_h in TIMES[1:4]:
            frame = archive.decode(time_h, dtype=dtype)
            assert frame.shape == (71, 131, 3)
            for region in random_regions(71, 131, 60, seed=int(time_h)):
                part = archive.decode(time_h, region, dtype=dtype)
                whole = frame[region.y0 : region.y1, region.x0 : region.x1]
                np.testing.assert_array_equal(part, whole, str(region))


@pytest.mark.parametrize("hidden", [1, 3, 4, 16, 17, 64, 130, 300])
@pytest.mark.parametrize("mlp_dtype", ["fp32", "int8"])
@pytest.mark.thorough
def test_texels_equal_the_whole_frame(tmp_path: Path, hidden: int, mlp_dtype: str) -> None:
    """For hidden layers that fill the processor's vectors, that do not, and that the runtime adds up in parts."""
    run = write_micro_run(tmp_path / "run", height=23, width=37, hidden=hidden, layers=2, channels=3)
    pack_run(run, tmp_path / "a.tod", GridMlpPackOptions(mlp_dtype=mlp_dtype))
    with open_archive(tmp_path / "a.tod", threads=2, provider="cpu") as archive:
        frame = archive.decode(7.7, dtype="float32")
        codes = archive.decode(7.7)
        for y, x in [*np.random.default_rng(1).integers((23, 37), size=(60, 2)).tolist(), [22, 36], [0, 0]]:
            np.testing.assert_array_equal(archive.texel(y, x, 7.7, dtype="float32"), frame[y, x])
            np.testing.assert_array_equal(archive.texel(y, x, 7.7), codes[y, x])


def test_frame_is_what_the_formulas_say(tmp_path: Path) -> None:
    """Across block edges too: 131 x 71 with 64 channels takes three blocks."""
    options = {"height": 71, "width": 131, "levels": (8, 16), "channels": 3, "hidden": 64, "layers": 2, "harmonics": 2}
    arrays = micro_arrays(**options)
    run = write_micro_run(tmp_path / "run", arrays, **options)
    pack_run(run, tmp_path / "a.tod", GridMlpPackOptions("uint16", 100.0, "fp32", 1))
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        for time_h in TIMES:
            expected = np.clip(expected_frame(arrays, 2, time_h, 71, 131), 0, 255)
            for dtype, most in (("float32", 0.1), ("uint8", 0.6)):
                error = np.abs(archive.decode(time_h, dtype=dtype) - expected)
                assert error[arrays["valid"]].max() < most


@pytest.mark.parametrize("time_h", TIMES)
def test_codes_are_the_rounded_values(wide_archive: Path, time_h: float) -> None:
    with open_archive(wide_archive, provider="cpu") as archive:
        values, codes = archive.decode(time_h, dtype="float32"), archive.decode(time_h)
    assert (values.dtype, codes.dtype) == (np.float32, np.uint8)
    assert values.min() >= 0.0
    assert values.max() <= 255.0
    np.testing.assert_array_equal(np.rint(values), codes)
    assert len(np.unique(codes)) > 100


def test_threads_and_repeats_are_identical(wide_archive: Path) -> None:
    frames = []
    for threads in (1, 2, 2, None):
        with open_archive(wide_archive, threads=threads, provider="cpu") as archive:
            frames += [archive.decode(3.3, dtype="float32"), archive.decode(3.3, dtype="float32")]
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame, frames[0])


def test_eight_threads_equal_one(wide_archive: Path) -> None:
    """Opened once, first used by all at the same moment."""
    hours = [float(h) for h in np.linspace(0, 23.9, 16)]
    with open_archive(wide_archive, threads=1, provider="cpu") as archive:
        alone = [archive.decode(h) for h in hours]
        mask = archive.lightmaps[0].valid
    with open_archive(wide_archive, threads=1, provider="cpu") as archive, ThreadPoolExecutor(8) as pool:
        masks = [pool.submit(lambda: archive.lightmaps[0].valid) for _ in range(8)]
        together = list(pool.map(archive.decode, hours))
        assert all((m.result() == mask).all() for m in masks)
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_times_between_stored_ones_move_between_them(wide_archive: Path) -> None:
    with open_archive(wide_archive, provider="cpu") as archive:
        np.testing.assert_array_equal(archive.hours, [0.0, 6.0, 12.5])
        frames = [archive.decode(h, dtype="float32") for h in (6.0, 6.001, 9.0)]
    assert 0.0 < np.abs(frames[1] - frames[0]).max() < 0.5 < np.abs(frames[2] - frames[0]).max()


def test_valid_is_the_mask_image(tiny_archive: Path, tiny_day: Path) -> None:
    expected = np.asarray(Image.open(tiny_day / "valid.png")) > 0
    with open_archive(tiny_archive, provider="cpu") as archive:
        lightmap = archive.lightmaps[0]
        np.testing.assert_array_equal(lightmap.valid, expected)
        assert lightmap.n_valid == expected.sum()
        assert 0 < lightmap.n_valid < expected.size
        with pytest.raises(ValueError, match="read-only"):
            lightmap.valid[0, 0] = False


@pytest.mark.parametrize("height", [1, 7, 8, 9])
def test_masks_of_sizes_that_fill_no_byte(tmp_path: Path, height: int) -> None:
    arrays = micro_arrays(height=height, width=5, levels=(4,), channels=1, hidden=4, layers=1, harmonics=1, seed=height)
    run = write_micro_run(tmp_path / "run", arrays, height=height, width=5, levels=(4,))
    pack_run(run, tmp_path / "a.tod")
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        np.testing.assert_array_equal(archive.lightmaps[0].valid, arrays["valid"])


def test_no_mask_means_all_valid(tmp_path: Path) -> None:
    pack_run(write_micro_run(tmp_path / "run", masked=False), tmp_path / "a.tod")
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        assert "0/mask" not in archive.container.sections
        assert archive.lightmaps[0].valid.all()


def test_returned_arrays_are_fresh_and_writable(micro_archive: Path) -> None:
    with open_archive(micro_archive, provider="cpu") as archive:
        for dtype in ("uint8", "float32"):
            for region in (None, (0, 8, 0, 8), (2, 3, 2, 3)):
                first = archive.decode(5.0, region, dtype=dtype)
                kept = first.copy()
                first[...] = 77
                second = archive.decode(5.0, region, dtype=dtype)
                assert not np.shares_memory(first, second)
                np.testing.assert_array_equal(second, kept)
            archive.texel(0, 0, 5.0, dtype=dtype)[:] = 1


def test_positions_are_plain_numbers(tmp_path: Path) -> None:
    """01 is a name."""
    with open_archive(Path(__file__).resolve().parents[1] / "golden" / "daybasis-level-1.1.tod") as archive:
        assert archive.choose("1") is archive.lightmaps[1]
        for text in ("01", "+1", "1 ", "\u0661"):
            with pytest.raises(RequestError, match="lightmap: expected 0"):
                archive.choose(text)
