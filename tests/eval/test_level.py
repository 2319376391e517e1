"""A whole level scored against its dataset."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import CONTEST_SAMPLE, make_day, write_day
from todpack.cli import main


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("level") / "level.tod"
    assert main(["compress", str(CONTEST_SAMPLE), "-o", str(path), "--refine", "none"]) == 0
    return path


def test_rows_are_the_lightmaps_the_worst_first(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", str(CONTEST_SAMPLE), "--no-lpips", "--json"]
    assert main(["eval", "score", str(level), *words]) == 0
    whole = json.loads(capsys.readouterr().out)
    alone = {}
    for name in ("L_Courtyard_0", "L_Annex_0"):
        assert main(["eval", "score", str(level), *words, "--lightmap", name]) == 0
        alone[name] = json.loads(capsys.readouterr().out)
    rows = {row.pop("name"): row for row in whole["lightmaps"]}
    assert rows == alone
    psnrs = [row["psnr_linear_db"] for row in rows.values()]
    assert psnrs == sorted(psnrs)
    assert whole["mean_psnr_db"] == pytest.approx(sum(psnrs) / 2)  # a tile each
    assert whole["archive_bytes"] == level.stat().st_size
    assert whole["raw_bytes"] == (56 * 48 + 40 * 50) * 12 * 24
    assert whole["mean_lpips"] is None
    assert whole["missing"] == []


def test_the_mean_is_of_tiles_and_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the contest's: a lightmap of two tiles counts twice as much as one of a tile."""
    rng = np.random.default_rng(0)
    for name, width in (("wide", 300), ("small", 20)):
        (tmp_path / "level" / name).mkdir(parents=True)
        for hour in range(3):
            np.save(tmp_path / "level" / name / f"{hour}.npy", rng.random((16, width, 3), np.float32) + 0.1)
    data, archive = str(tmp_path / "level"), str(tmp_path / "level.tod")
    assert main(["compress", data, "-o", archive, "--refine", "none", "--q-step", "8"]) == 0
    capsys.readouterr()
    assert main(["eval", "score", archive, "--data", data, "--no-lpips", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in whole["lightmaps"]}
    for mean, one in (("mean_psnr_db", "psnr_linear_db"), ("mean_ssim", "ssim")):
        assert rows["wide"][one] != rows["small"][one]
        assert whole[mean] == pytest.approx((2 * rows["wide"][one] + rows["small"][one]) / 3)


def test_an_archive_of_another_lightmap_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("hall", "attic")):
        write_day(tmp_path / "level" / name, make_day(16, 16, 3, seed)[0], None)
    data, archive = str(tmp_path / "level"), str(tmp_path / "hall.tod")
    assert main(["compress", data, "--lightmap", "hall", "-o", archive]) == 0
    words = ["eval", "score", archive, "--data", data, "--no-lpips", "--lightmap"]
    assert main([*words, "hall"]) == 0
    assert main([*words, "attic"]) == 1
    assert capsys.readouterr().err.endswith("lightmap: expected 0..0 or one of hall, found 'attic'\n")


def test_the_table_ends_with_the_whole_level(level: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "score", str(level), "--data", str(CONTEST_SAMPLE), "--no-lpips"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].startswith(f"mean, whole file  {level.stat().st_size}")
    assert lines[-1] == "LPIPS absent: switched off by --no-lpips"


def test_a_dataset_of_fewer_lightmaps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("a", "b", "c")):
        write_day(tmp_path / "level" / name, make_day(16, 16, 3, seed)[0], None)
    archive = str(tmp_path / "a.tod")
    assert main(["compress", str(tmp_path / "level"), "-o", archive]) == 0
    shutil.rmtree(tmp_path / "level" / "b")
    words = ["eval", "score", archive, "--data", str(tmp_path / "level"), "--no-lpips"]
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (whole["left_out"], whole["missing"]) == (["b"], [])
    assert whole["archive_bytes"] == sum(row["archive_bytes"] for row in whole["lightmaps"])
    assert whole["raw_bytes"] == 2 * 16 * 16 * 3 * 3
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split()[:4] == ["mean,", "their", "bytes", str(whole["archive_bytes"])]
    assert lines[-1] == "b: not in the dataset"


def test_the_sample_that_inspect_writes_is_the_preview_of_decompress(level: Path, tmp_path: Path) -> None:
    words = ["--lightmap", "L_Annex_0"]
    assert main(["inspect", str(level), *words, "--image", str(tmp_path / "noon.png")]) == 0
    assert main(["decompress", str(level), *words, "-o", str(tmp_path / "out"), "--hours", "12"]) == 0
    (frame,) = (tmp_path / "out").rglob("*.png")
    assert (tmp_path / "noon.png").read_bytes() == frame.read_bytes()


def test_a_level_of_other_lightmaps_is_refused(
    level: Path, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other").mkdir()
    for name in ("a", "b"):
        (tmp_path / "other" / name).symlink_to(tiny_day)
    assert main(["eval", "score", str(level), "--data", str(tmp_path / "other"), "--no-lpips"]) == 1
    assert "expected lightmaps of" in capsys.readouterr().err


def test_names_that_an_archive_has_in_plain_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the folder's name and by the archive's."""
    for name in ("tab\there", "new\nline"):
        write_day(tmp_path / "level" / name, make_day(16, 16, 24)[0], None)
    archive = str(tmp_path / "a.tod")
    assert main(["compress", str(tmp_path / "level"), "-o", archive]) == 0
    words = ["eval", "score", archive, "--data", str(tmp_path / "level"), "--no-lpips", "--json"]
    capsys.readouterr()
    assert main(words) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (sorted(one["name"] for one in scores["lightmaps"]), scores["missing"]) == (["new line", "tab here"], [])
    for name in ("tab\there", "tab here"):
        assert main([*words, "--lightmap", name]) == 0


def test_a_level_is_read_as_the_options_say(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_day(tmp_path / "level" / name, make_day(16, 16, 3)[0], None)
        (tmp_path / "level" / name / "hours.txt").write_text("1 2 3 4")  # of another day
    words = ["--hours", "6,12,18"]
    assert main(["compress", str(tmp_path / "level"), "-o", str(tmp_path / "a.tod"), *words]) == 0
    score = ["eval", "score", str(tmp_path / "a.tod"), "--data", str(tmp_path / "level"), "--no-lpips"]
    assert main([*score, *words]) == 0
    assert main(score) == 1
