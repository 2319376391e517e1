"""Scores of frames in arrays, with figures worked out by hand, and of a packed archive."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY, SHARED
from tests.decompressor.forge import put_together, take_apart
from todpack.decompressor import open_archive
from todpack.eval import score
from todpack.eval.archive import decode_day
from todpack.eval.errors import EvalError
from todpack.eval.measures.frames import as_codes
from todpack.eval.measures.metrics import psnr_linear_db, psnr_srgb_db
from todpack.eval.measures.perceptual import Lpips, LpipsAbsent, find_weights
from todpack.eval.measures.score import ScoreReport, score_frames
from todpack.eval.measures.ssim import ssim, ssim_linear_tiles
from todpack.frames import Day, read_day

TRUNK = SHARED / "lpips" / "alexnet_features.pth"
NO_LPIPS = LpipsAbsent("switched off by the test")
KEYS = {
    "psnr_srgb_db", "lossless", "ssim", "lpips", "lpips_absent", "temporal_l1", "temporal_lpips", "archive_bytes",
    "bpt", "compression_ratio", "compression_ratio_png", "frames", "height", "width", "valid_texels",
    "ssim_definition", "lpips_definition", "per_hour", "border_db", "border_own_gutter_db",
    "border_own_gutter_ceiling_db",
}  # fmt: skip


def _day() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two 8 x 8 frames, the second with an error of 10 everywhere; half of the texels are valid."""
    reference = np.full((2, 8, 8, 3), 100, np.uint8)
    decoded = reference.copy()
    decoded[1] += 10
    valid = np.zeros((8, 8), bool)
    valid[:4] = True
    decoded[0, 5] = 0  # invalid
    return reference, decoded, valid


def _score(reference: np.ndarray, decoded: np.ndarray, valid: np.ndarray) -> ScoreReport:
    hours = np.array([0.0, 12.5])
    return score_frames(reference, decoded, valid, hours, archive_bytes=64, lpips=NO_LPIPS, source_bytes=960)


def test_figures_by_hand() -> None:
    reference, decoded, valid = _day()
    report = json.loads(json.dumps(_score(reference, decoded, valid).to_json(), allow_nan=False))
    assert set(report) == KEYS
    assert report["psnr_srgb_db"] == pytest.approx(31.141104, abs=1e-6)  # mse 50
    assert report["temporal_l1"] == pytest.approx(10 / 255)
    assert report["ssim"] == pytest.approx((1.0 + ssim(reference[1], decoded[1], valid)) / 2)
    assert report["archive_bytes"] == 64
    assert report["bpt"] == 8.0  # 512 bits for 2 x 32 valid texels
    assert report["compression_ratio"] == 6.0  # 2 * 64 * 3 bytes
    assert report["compression_ratio_png"] == 15.0
    assert report["lossless"] is False
    exact, noisy = report["per_hour"]
    assert exact == {"hour": 0.0, "psnr_srgb_db": None, "ssim": 1.0, "lpips": None}
    assert noisy["hour"] == 12.5
    assert noisy["psnr_srgb_db"] == pytest.approx(28.130804, abs=1e-6)  # mse 100


def test_absent_lpips_is_null_with_the_reason_and_never_a_number() -> None:
    report = _score(*_day())
    written = report.to_json()
    assert written["lpips"] is None
    assert written["temporal_lpips"] is None
    assert written["lpips_absent"] == "switched off by the test"
    assert "LPIPS absent:   switched off by the test" in report.table()
    assert report.table().count(" absent") >= 5  # two hours, the day, temporal, the reason


def test_table_has_a_row_per_hour_and_one_for_the_day() -> None:
    lines = _score(*_day()).table().splitlines()
    assert lines[0] == "2 frames of 8 x 8, 32 valid texels (50.0 %), srgb8"
    assert lines[2].split() == ["hour", "PSNR", "dB", "SSIM", "LPIPS"]
    assert lines[3].split() == ["0", "inf", "1.0000", "absent"]
    assert lines[4].split()[:2] == ["12.5", "28.13"]
    assert lines[5].split()[:2] == ["day", "31.14"]


def test_equal_frames_are_lossless() -> None:
    reference, _, valid = _day()
    report = _score(reference, reference, valid)
    assert report.psnr_db == math.inf
    assert report.to_json()["lossless"] is True
    assert report.to_json()["psnr_srgb_db"] is None


def test_linear_radiance_takes_the_contest_definitions() -> None:
    rng = np.random.default_rng(0)
    reference: np.ndarray = rng.random((2, 300, 40, 3), np.float32) * np.float32(4)
    reference[1, 256:] = 0.0  # times have different numbers of tiles: the day is the mean over tiles, not over hours
    decoded = reference + rng.normal(0, 0.05, reference.shape).astype(np.float32)
    valid = np.ones((300, 40), bool)
    report = _score(reference, decoded, valid)
    assert report.psnr_db == pytest.approx(psnr_linear_db(reference, decoded, valid))
    tiles = [ssim_linear_tiles(g, r, valid) for g, r in zip(reference, decoded, strict=True)]
    assert report.ssim == pytest.approx(np.mean([*tiles[0], *tiles[1]]))
    assert [len(found) for found in tiles] == [2, 1]
    assert report.temporal_l1 is not None
    assert 0.0 < report.temporal_l1 < 0.05
    written = report.to_json()
    assert set(written) == KEYS - {"psnr_srgb_db"} | {"psnr_linear_db"}
    assert written["compression_ratio"] == 2 * 300 * 40 * 12 / 64


@pytest.mark.parametrize("change", ["shape", "type"])
def test_other_shape_or_type_is_an_error(change: str) -> None:
    reference, decoded, valid = _day()
    other = decoded[:, :7] if change == "shape" else decoded.astype(np.float32)
    with pytest.raises(EvalError, match="decoded frames must match the originals"):
        _score(reference, other, valid)


def _lpips() -> Lpips:
    found = find_weights(TRUNK if TRUNK.is_file() else None)
    if isinstance(found, LpipsAbsent):
        pytest.skip(f"LPIPS is absent: {found.reason}")
    return Lpips(found)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_lpips_per_hour_and_day(kind: type) -> None:
    rng = np.random.default_rng(1)
    reference: np.ndarray = rng.integers(0, 255, (2, 40, 40, 3)).astype(kind)
    decoded = reference.copy()
    decoded[1] = decoded[1, ::-1]
    report = score_frames(
        reference, decoded, np.ones((40, 40), bool), np.array([0.0, 12.0]), archive_bytes=1, lpips=_lpips()
    )
    first, second = (hour.lpips for hour in report.per_hour)
    assert first == 0.0
    assert second is not None
    assert second > 0.05
    assert report.lpips == pytest.approx(second / 2)
    assert report.lpips_absent is None
    assert report.temporal_lpips is not None
    assert report.temporal_lpips > 0.01


def test_lpips_of_tiny_frames_is_absent_with_the_reason() -> None:
    reference, decoded, valid = _day()
    report = score_frames(reference, decoded, valid, np.array([0.0, 12.0]), archive_bytes=1, lpips=_lpips())
    assert report.lpips is None
    assert report.lpips_absent == "frames of 8 x 8 texels, LPIPS needs at least 31 a side"


def test_codes_are_rounded_and_clipped() -> None:
    assert as_codes(np.array([-1.0, 0.4, 0.6, 254.9, 300.0], np.float32)).tolist() == [0, 0, 1, 255, 255]


def test_score_of_an_archive_is_that_of_its_decoded_frames(tiny_archive: Path, tiny_day: Path) -> None:
    day = read_day(tiny_day)
    with open_archive(tiny_archive) as archive:
        decoded = np.stack([archive.decode(float(hour)) for hour in day.hours])
    done: list[tuple[int, int]] = []
    report = score(
        tiny_archive, tiny_day, lpips=NO_LPIPS, threads=1, progress=lambda n, in_all, _: done.append((n, in_all))
    )
    assert report.psnr_db == psnr_srgb_db(as_codes(day.radiance), decoded, day.valid)
    assert report.archive_bytes == tiny_archive.stat().st_size
    assert report.source_bytes == day.source_bytes
    assert [hour.hour for hour in report.per_hour] == day.hours.tolist()
    assert done[-1] == (day.n_frames, day.n_frames)


def test_data_of_another_size_is_an_error(tiny_archive: Path, tmp_path: Path) -> None:
    for t in range(2):
        Image.new("RGB", (7, 5), (9, 9, t)).save(tmp_path / f"tod_{t}.png")
    with pytest.raises(EvalError, match="archive and data must have one size: expected 7 x 5"):
        score(tiny_archive, tmp_path, lpips=NO_LPIPS)


def test_radiance_beyond_all_numbers_is_refused(tmp_path: Path) -> None:
    metadata, stored = take_apart((REPOSITORY / "tests" / "golden" / "daybasis-log-1.1.tod").read_bytes())
    metadata["lightmaps"][0]["model"]["exponents"][0] += 12  # logarithms times 4096
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    with open_archive(tmp_path / "a.tod") as archive:
        size = archive.lightmaps[0].height, archive.lightmaps[0].width
        ones = np.ones((len(archive.hours), *size, 3), np.float32)
        day = Day(ones, np.ones(size, bool), archive.hours, "linear", "a")
        with pytest.raises(EvalError, match=r"a\.tod: expected finite radiance, found other values at \d+ h"):
            decode_day(archive, day, "a.tod")
