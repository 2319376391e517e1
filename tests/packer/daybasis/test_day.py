"""A day to an archive and back: the whole path of the family `daybasis`."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SAMPLE, make_day
from tests.decompressor.forge import put_together, take_apart
from todpack.decompressor import (
    InvalidMetadataError,
    InvalidSectionError,
    LimitExceededError,
    Limits,
    UnsupportedVersionError,
    open_archive,
)
from todpack.decompressor.daybasis.decoder import DayBasisDecoder
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import Day, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform


def sequence_of(height: int, width: int, n_frames: int = 24, noise: float = 0.0) -> Day:
    frames, valid = make_day(height, width, n_frames)
    if noise:
        frames = np.clip(frames + np.random.default_rng(0).normal(0, noise, frames.shape), 0, 255).astype(np.uint8)
    hours = np.arange(n_frames) * 24.0 / n_frames
    return Day(frames.astype(np.float32), valid, hours, "srgb8", "day")


def pack(sequence: Day, path: Path, entropy: str = "ans", **config: object) -> Path:
    options = DayBasisPackOptions(entropy=entropy)
    encode_day(sequence, DayBasisConfig(**config), options).write(path)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("size", [(1, 1), (1, 37), (41, 1), (2, 3), (7, 13), (67, 53), (64, 64)])
@pytest.mark.parametrize("entropy", ["ans", "zstd"])
def test_every_size_round_trips(tmp_path: Path, size: tuple[int, int], entropy: str) -> None:
    sequence = sequence_of(*size)
    day = encode_day(sequence, DayBasisConfig(q_step=6.0), DayBasisPackOptions(entropy=entropy))
    day.write(tmp_path / "day.tod")
    with open_archive(tmp_path / "day.tod", provider="cpu") as archive:
        assert archive.file_bytes == day.size_bytes
        decoded = np.stack([archive.decode(float(t)) for t in sequence.hours])
        assert np.array_equal(archive.lightmaps[0].valid, sequence.valid)
    measured = psnr_srgb_db(sequence.radiance.astype(np.uint8), decoded, sequence.valid)
    assert measured == pytest.approx(day.psnr_db, abs=1e-9)
    assert measured > 38.0


def test_frames_regions_and_texels_are_equal_bit_for_bit(tmp_path: Path) -> None:
    sequence = sequence_of(70, 90, noise=3.0)
    rng = np.random.default_rng(1)
    with open_archive(pack(sequence, tmp_path / "day.tod", q_step=12.0, tile=32), provider="cpu") as archive:
        assert archive.lightmaps[0].n_tiles == 9
        for time_h in (0.0, 7.0, 7.31, 23.9):
            frame = archive.decode(time_h)
            values = archive.decode(time_h, dtype="float32")
            assert np.array_equal(np.rint(values).astype(np.uint8), frame)
            for _ in range(20):
                y0, x0 = int(rng.integers(0, 69)), int(rng.integers(0, 89))
                y1, x1 = int(rng.integers(y0 + 1, 71)), int(rng.integers(x0 + 1, 91))
                assert np.array_equal(archive.decode(time_h, (y0, y1, x0, x1)), frame[y0:y1, x0:x1])
                assert np.array_equal(archive.texel(y0, x0, time_h), frame[y0, x0])
                assert np.array_equal(archive.texel(y0, x0, time_h, dtype="float32"), values[y0, x0])


@pytest.mark.thorough
def test_smoothing_lies_between_the_maps_and_the_grid(tmp_path: Path) -> None:
    """The packer's own decoding, which chose the basis and gave the PSNR, is the decoder's."""
    sequence = sequence_of(70, 90, noise=3.0)
    decoded = []
    for smoothing in (None, True):
        options = DayBasisPackOptions(smoothing=smoothing)
        day = encode_day(sequence, DayBasisConfig(q_step=12.0, tile=32), options)
        day.write(tmp_path / "day.tod")
        with open_archive(tmp_path / "day.tod", provider="cpu") as archive:
            assert archive.metadata.get("requires") == [
                *(["smoothing"] if smoothing else []),
                "dictionary",
                "digest",
                "adaptive",
            ]
            decoded.append(np.stack([archive.decode(float(t)) for t in sequence.hours]))
        measured = psnr_srgb_db(sequence.radiance.astype(np.uint8), decoded[-1], sequence.valid)
        assert measured == pytest.approx(day.psnr_db, abs=1e-9)
    assert not np.array_equal(*decoded)


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"bound": -1.0, "weights": [0.25, 0.25]}, InvalidMetadataError, "smoothing.bound: expected a number"),
        ({"bound": 0.5, "weights": [0.25]}, InvalidMetadataError, "smoothing.weights: expected an array of 2"),
        ({"bound": 0.5, "weights": [0.1, 0.25]}, InvalidMetadataError, "weights: expected multiples of 1/64"),
        ({"bound": 0.5, "weights": [0.5, 0.25]}, InvalidMetadataError, "weights: expected multiples of 1/64"),
        ("none", InvalidMetadataError, "smoothing: expected an object"),
    ],
)
def test_wrong_smoothing(tmp_path: Path, changed: object, error: type[Exception], words: str) -> None:
    path = pack(sequence_of(16, 16), tmp_path / "day.tod", q_step=12.0)
    metadata, stored = take_apart(path.read_bytes())
    metadata["lightmaps"][0]["model"]["smoothing"] = changed
    path.write_bytes(put_together(metadata, stored))
    with pytest.raises(error, match=words):
        open_archive(path, provider="cpu")


def test_a_feature_that_this_reader_does_not_know(tmp_path: Path) -> None:
    path = pack(sequence_of(16, 16), tmp_path / "day.tod", q_step=12.0)
    metadata, stored = take_apart(path.read_bytes())
    path.write_bytes(put_together({**metadata, "requires": ["smoothing", "antigravity"]}, stored))
    with pytest.raises(
        UnsupportedVersionError, match=r"requires: expected features of smoothing.*, found 'antigravity'"
    ):
        open_archive(path, provider="cpu")


def test_threads_and_repeats_change_nothing(tmp_path: Path) -> None:
    sequence = sequence_of(96, 80, noise=3.0)
    path = pack(sequence, tmp_path / "day.tod", q_step=8.0, tile=64)
    frames = []
    for threads in (1, 2, 4, 1):
        with open_archive(path, threads=threads, provider="cpu") as archive:
            frames.append(np.stack([archive.decode(t, dtype="float32") for t in (0.0, 11.0, 12.5)]))
    assert all(frame.tobytes() == frames[0].tobytes() for frame in frames)


def test_sums_do_not_depend_on_their_order(tmp_path: Path) -> None:
    """Products lie on a grid so coarse that float32 sums are exact: a float64 product in another order is the same."""
    sequence = sequence_of(40, 56, noise=2.0)
    with open_archive(pack(sequence, tmp_path / "day.tod", q_step=4.0), provider="cpu", decoder="onnx") as archive:
        lightmap = archive.lightmaps[0]
        maps = lightmap.latents().astype(np.float64)
        model = archive.metadata["lightmaps"][0]["model"]
        for k, exponent in enumerate(model["exponents"][:-1]):
            steps = maps[k] * 2.0 ** (model["precision"] + exponent)
            assert np.array_equal(steps, np.rint(steps))
        assert isinstance(lightmap.decoder, DayBasisDecoder)
        matrix, offset = lightmap.decoder.affine_at(9.0)
        exact = np.einsum("ck,khw->hwc", matrix[:, ::-1].astype(np.float64), maps[::-1]) + offset
        assert np.array_equal(np.clip(exact, 0, 255), archive.decode(9.0, dtype="float32"))


def test_same_input_same_bytes() -> None:
    sequence = sequence_of(48, 40, noise=2.0)
    config, options = DayBasisConfig(q_step=9.0), DayBasisPackOptions()
    one = encode_day(sequence, config, options).writer.to_bytes()
    assert one == encode_day(sequence, config, options).writer.to_bytes()


def test_a_transform_found_before_gives_the_same_archive() -> None:
    sequence = sequence_of(48, 40, noise=2.0)
    config = DayBasisConfig(q_step=9.0)
    found = find_transform(DayTiles(sequence, config.tile, config.n_levels), config)
    day = encode_day(sequence, config, DayBasisPackOptions(), transform=found)
    assert day.writer.to_bytes() == encode_day(sequence, config, DayBasisPackOptions()).writer.to_bytes()


@pytest.mark.thorough
def test_tile_borders_show_no_seam(tmp_path: Path) -> None:
    """Errors beside tile borders are no larger than elsewhere (a smooth day, so that a seam would show)."""
    sequence = sequence_of(128, 128, noise=1.0)
    all_valid = Day(sequence.radiance, np.ones((128, 128), bool), sequence.hours, "srgb8", "day")
    with open_archive(pack(all_valid, tmp_path / "day.tod", q_step=16.0, tile=32), provider="cpu") as archive:
        decoded = np.stack([archive.decode(float(t), dtype="float32") for t in sequence.hours])
    error = ((decoded - sequence.radiance) ** 2).mean(axis=(0, 3))
    beside = np.isin(np.arange(128) % 32, (0, 31))
    border = beside[:, None] | beside[None]
    assert error[border].mean() < 1.5 * error[~border].mean()


def test_any_size_of_day(tmp_path: Path) -> None:
    for n_frames in (2, 3, 5, 26):
        sequence = sequence_of(24, 31, n_frames)
        with open_archive(pack(sequence, tmp_path / "day.tod", q_step=8.0), provider="cpu") as archive:
            assert len(archive.hours) == n_frames
            assert archive.decode(23.99).shape == (24, 31, 3)


def test_first_hour_need_not_be_midnight(tmp_path: Path) -> None:
    """Before the first stored hour the last gap goes on: no jump at midnight."""
    base = sequence_of(16, 16, 6)
    late = Day(base.radiance, base.valid, base.hours + 2.0, "srgb8", "late")
    with open_archive(pack(late, tmp_path / "day.tod", q_step=4.0), provider="cpu", decoder="onnx") as archive:
        before = archive.decode(23.9999, dtype="float32")
        after = archive.decode(0.0, dtype="float32")
        assert np.abs(before - after).max() < 0.2
        exact = archive.decode(2.0, dtype="float32")
        assert np.abs(archive.decode(1.9999, dtype="float32") - exact).max() < 0.2


def test_tiles_without_valid_texels_are_empty(tmp_path: Path) -> None:
    sequence = sequence_of(64, 64)
    valid = sequence.valid.copy()
    valid[:32, 32:] = False
    holed = Day(sequence.radiance, valid, sequence.hours, "srgb8", "day")
    with open_archive(pack(holed, tmp_path / "day.tod", tile=32), provider="cpu") as archive:
        assert archive.container.sections["0/1/coefficients"].stored_bytes == 0
        assert archive.decode(6.0).shape == (64, 64, 3)


def test_latents_over_the_limit_are_refused(tmp_path: Path) -> None:
    path = pack(sequence_of(64, 64), tmp_path / "day.tod")
    with (
        open_archive(path, provider="cpu", limits=Limits(latent_bytes=1000)) as archive,
        pytest.raises(LimitExceededError, match="over the limit of 1000"),
    ):
        archive.decode(0.0)


def test_damaged_coefficients_are_a_typed_error(tmp_path: Path) -> None:
    """Streams that pass the checksum but make no sense."""
    sequence = sequence_of(32, 32)
    day = encode_day(sequence, DayBasisConfig(q_step=8.0), DayBasisPackOptions())
    entries, stored = day.writer._entries, day.writer._stored
    at = next(i for i, entry in enumerate(entries) if entry["name"] == "0/0/coefficients")
    for cut in (0, 5, 13, len(stored[at]) // 2):
        fresh = encode_day(sequence, DayBasisConfig(q_step=8.0), DayBasisPackOptions()).writer
        broken = type(fresh)(fresh.metadata)
        for entry, data in zip(fresh._entries, fresh._stored, strict=True):
            payload = data[:cut] if entry["name"] == "0/0/coefficients" else None
            if payload is not None:
                broken.add_bytes(entry["name"], payload)
            else:
                broken._entries.append({**entry, "offset": broken._end})
                broken._stored.append(data)
                broken._end += len(data)
        (tmp_path / "broken.tod").write_bytes(broken.to_bytes())
        with open_archive(tmp_path / "broken.tod", provider="cpu") as archive, pytest.raises(InvalidSectionError):
            archive.decode(0.0)


def test_eight_callers_share_one_archive(tmp_path: Path) -> None:
    sequence = sequence_of(70, 90, noise=3.0)
    path = pack(sequence, tmp_path / "day.tod", q_step=12.0, tile=32)
    with open_archive(path, threads=1, provider="cpu") as archive:
        frames = [archive.decode(float(t)) for t in sequence.hours]

    with open_archive(path, threads=2, provider="cpu") as archive:

        def wrong(seed: int) -> int:
            rng, n_wrong = np.random.default_rng(seed), 0
            for _ in range(30):
                t = int(rng.integers(24))
                y0, y1 = sorted(int(v) for v in rng.integers(0, 70, 2))
                x0, x1 = sorted(int(v) for v in rng.integers(0, 90, 2))
                region = archive.decode(float(t), (y0, y1 + 1, x0, x1 + 1))
                n_wrong += not np.array_equal(region, frames[t][y0 : y1 + 1, x0 : x1 + 1])
                n_wrong += not np.array_equal(archive.texel(y1, x1, float(t)), frames[t][y1, x1])
            return n_wrong

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(wrong, range(8))) == [0] * 8


@pytest.mark.thorough
def test_the_bytes_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotations of regions are fitted in a thread for each core."""
    sample, found = read_day(SAMPLE), set()
    corner = Day(sample.radiance[:, :128, 128:], sample.valid[:128, 128:], sample.hours, "srgb8", "corner")
    for n_cores in (1, 2, 4):
        monkeypatch.setattr(os, "cpu_count", lambda n=n_cores: n)
        day = encode_day(corner, DayBasisConfig(q_step=6.0), DayBasisPackOptions(), refine=refiner(None, None))
        found.add(day.writer.to_bytes())
        assert day.writer.metadata["lightmaps"][0]["model"]["n_classes"] > 1
    assert len(found) == 1


def test_components_of_few_texels_are_worth_their_columns() -> None:
    """Noise of 256 texels has 223 components of a variance worth coding, whose 864 entries each cost more."""
    sequence = sequence_of(16, 16, 288, noise=8.0)
    tiles = DayTiles(sequence, 512, None)
    assert find_transform(tiles, DayBasisConfig(q_step=16.0)).basis.matrix.shape == (864, 12)


def test_components_at_most() -> None:
    """The components that save most stay."""
    sequence, found = sequence_of(64, 64, noise=2.0), []
    for most in (None, 200, 5, 1):
        day = encode_day(sequence, DayBasisConfig(q_step=8.0, max_components=most), DayBasisPackOptions())
        found.append((day.n_components, day.psnr_db))
    assert found[0] == found[1]
    assert found[0][0] > 5
    assert [n for n, _ in found[2:]] == [5, 1]
    assert found[0][1] > found[2][1] > found[3][1]
