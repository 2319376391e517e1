"""The report's findings against known errors, its page, and the video."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import CONTEST_SAMPLE
from tests.contest_data import write_dataset
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.eval.archive import byte_budget, section_kind
from todpack.eval.report.findings import worst_texels, worst_tiles
from todpack.eval.report.pictures import DARK, as_picture, encode_video, error_scale, white_of

HOURS = np.array([0.0, 12.0])
VALID = np.ones((64, 64), bool)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Two gray frames; decoded is wrong by 9 at (40, 50) at noon, by 5 at (3, 4) at midnight."""
    original = np.full((2, 64, 64, 3), 100, np.uint8)
    decoded = original.copy()
    decoded[1, 40, 50, 2] = 109
    decoded[0, 3, 4, 0] = 95
    return original, decoded


def test_worst_texels_in_order_with_their_hours(pair: tuple[np.ndarray, np.ndarray]) -> None:
    first, second = worst_texels(*pair, VALID, HOURS)
    assert (first["row"], first["column"], first["hour"], first["error"]) == (40, 50, 12.0, 9.0)
    assert (first["original"], first["decoded"]) == ([100, 100, 100], [100, 100, 109])
    assert (second["row"], second["column"], second["hour"], second["error"]) == (3, 4, 0.0, 5.0)


def test_invalid_texels_are_never_the_worst(pair: tuple[np.ndarray, np.ndarray]) -> None:
    valid = VALID.copy()
    valid[40, 50] = False
    assert [t["row"] for t in worst_texels(*pair, valid, HOURS)] == [3]


def test_worst_tiles_by_root_mean_square(pair: tuple[np.ndarray, np.ndarray]) -> None:
    tiles = worst_tiles(*pair, VALID, HOURS)
    assert [(t["row"], t["column"]) for t in tiles[:2]] == [(32, 32), (0, 0)]
    assert tiles[0]["rmse"] == pytest.approx(np.sqrt(81 / (2 * 32 * 32 * 3)))
    assert tiles[0]["hour"] == 12.0


def test_budget_adds_up_to_the_file(tiny_archive: Path) -> None:
    with open_archive(tiny_archive) as archive:
        parts = byte_budget(archive)
    assert sum(part["bytes"] for part in parts) == tiny_archive.stat().st_size
    assert {"grid", "frame graph", "latents graph", "header and metadata"} <= {part["kind"] for part in parts}
    assert [section_kind(name) for name in ("0/grid/2", "0/0/coefficients", "0/frame.onnx")] == [
        "grid",
        "coefficients",
        "frame graph",
    ]


def test_radiance_is_shown_through_one_exposure() -> None:
    day = np.stack([np.full((4, 4, 3), value, np.float32) for value in (0.5, 2.0)])
    valid = np.ones((4, 4), bool)
    valid[0, 0] = False
    assert white_of(day, valid) == 2.0
    assert (as_picture(day[1], valid, 2.0)[valid] == 255).all()
    assert (as_picture(day[1], valid, 2.0)[0, 0] == DARK).all()
    assert (as_picture(np.full((4, 4, 3), 0.0, np.float32), valid, 2.0)[valid] == 0).all()


def test_the_scale_of_errors_holds_all_but_a_thousandth(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert error_scale(*pair, VALID) == 4
    original, decoded = pair[0], pair[0] + np.uint8(9)
    assert error_scale(original, decoded, VALID) == 16
    assert error_scale(np.zeros_like(original), np.full_like(original, 255), VALID) == 255


@pytest.mark.thorough
def test_a_lightmap_of_a_level_beside_bc6h(tmp_path: Path) -> None:
    """Names, bytes and commands are the lightmap's; radiance is compared with BC6H."""
    pytest.importorskip("ispc_texcomp", reason="ispc_texcomp is not installed (pip install todpack[peers])")
    archive, out = tmp_path / "level.tod", tmp_path / "report.html"
    data = CONTEST_SAMPLE
    assert main(["compress", str(data), "-o", str(archive), "--refine", "none"]) == 0
    words = ["--data", str(data), "--lightmap", "L_Annex_0", "-o", str(out), "--no-lpips"]
    assert main(["eval", "report", str(archive), *words]) == 0
    found = re.search(r'id="report">(.+?)</script>', out.read_text(encoding="utf-8"))
    assert found is not None
    shown = json.loads(found.group(1))
    assert (shown["title"], shown["width"], shown["height"]) == ("L_Annex_0", 40, 50)
    assert [point["name"] for point in shown["points"]] == ["this archive (daybasis)", "bc6h", "bc6h+zstd"]
    assert sum(part["bytes"] for part in shown["budget"]) == shown["points"][0]["bytes"] < archive.stat().st_size
    assert shown["figures"][-1][2] == f"todpack eval latency {archive} --lightmap L_Annex_0 --threads 2"
    assert shown["peers_command"] == f"todpack eval peers {data} --lightmap L_Annex_0 --peers bc6h,bc6h+zstd"


def test_video_holds_the_hours_side_by_side() -> None:
    av = pytest.importorskip("av", reason="av is not installed (pip install todpack[peers])")
    original = np.zeros((3, 33, 40, 3), np.uint8)
    decoded = np.full((3, 33, 40, 3), 200, np.uint8)
    data = encode_video(original, decoded, np.ones((33, 40), bool), 1.0)
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(48, 96, 3)] * 3
    assert frames[1][5:28, 4:36].mean() < 6
    assert abs(frames[1][5:28, 54:84].mean() - 200) < 6


@pytest.mark.thorough
def test_command_writes_page_and_video(
    tiny_archive: Path, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed (pip install todpack[peers])")
    out, video = tmp_path / "report.html", tmp_path / "day.mp4"
    arguments = ["--no-lpips", "--crf", "", "--distance", "2", "--video", str(video)]
    assert main(["eval", "report", str(tiny_archive), "--data", str(tiny_day), "-o", str(out), *arguments]) == 0
    text = out.read_text(encoding="utf-8")
    assert re.search(r"(?:src|href)\s*=\s*[\"']|@import|{{", text) is None
    found = re.search(r'id="report">(.+?)</script>', text)
    assert found is not None
    shown = json.loads(found.group(1))
    assert [point["name"] for point in shown["points"]] == ["this archive (gridmlp)", "jpegxl"]
    assert shown["points"][0]["bytes"] == tiny_archive.stat().st_size
    assert shown["lpips_absent"] == "switched off by --no-lpips"
    assert len(shown["original"]) == len(shown["decoded"]) == len(shown["per_hour"]) == 24
    assert len(shown["flicker"]) == 23
    assert shown["peers_command"] == f"todpack eval peers {tiny_day} --peers jpegxl --distance 2"
    assert shown["figures"][0][2] == f"todpack eval score {tiny_archive} --data {tiny_day}"
    assert set(shown["colors"]) == {"this archive (gridmlp)", "jpegxl"}
    assert "threads 2" in shown["machine"]
    assert video.stat().st_size > 1000
    assert str(out) in capsys.readouterr().out


@pytest.mark.thorough
def test_command_on_radiance_that_decodes_exactly(tmp_path: Path) -> None:
    """PSNR is infinite, which no JSON holds."""
    ones = np.ones((26, 32, 32, 3), np.float32)
    write_dataset(tmp_path / "day", {("L_A", 0): (ones, np.ones((32, 32), bool))})
    archive, page = tmp_path / "day.tod", tmp_path / "report.html"
    assert main(["compress", str(tmp_path / "day"), "--lightmap", "L_A_0", "-o", str(archive)]) == 0
    assert main(["eval", "report", str(archive), "--data", str(tmp_path / "day"), "-o", str(page), "--no-lpips"]) == 0
    assert "inf dB" in page.read_text(encoding="utf-8")


def test_wrong_names_are_refused_before_the_work(
    tiny_archive: Path, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["eval", "report", str(tiny_archive), "--data", str(tiny_day), "--no-lpips", "-o"]
    assert main([*command, str(tmp_path / "report.pdf")]) == 1
    assert main([*command, str(tmp_path / "report.html"), "--video", str(tmp_path / "day.avi")]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line.split(": ", 3)[3] for line in lines] == [
        "expected a name that ends in .html",
        "expected a name that ends in .mp4",
    ]
    assert list(tmp_path.iterdir()) == []
