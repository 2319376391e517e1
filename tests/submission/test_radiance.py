"""A submission of linear radiance is rehearsed by the arrays that decompress.py writes, not by previews."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.contest_data import make_radiance
from todpack import compress, read_day
from todpack.cli import main
from todpack.submission.build import build
from todpack.submission.decoded_frames import read_frames
from todpack.submission.errors import SubmissionError

SIZE = (24, 32)
N_FRAMES = 3


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of arrays."""
    folder = tmp_path_factory.mktemp("hdr") / "frames"
    folder.mkdir()
    for t, frame in enumerate(make_radiance(*SIZE)[0][:N_FRAMES]):
        np.save(folder / f"tod_{8 * t:02d}.npy", frame.astype(np.float32))
    return folder


@pytest.mark.parametrize("transfer", ["gamma", "linear", "log"])
@pytest.mark.thorough
def test_radiance_is_rehearsed(transfer: str, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compress(frames, tmp_path / "day.tod", transfer=transfer)
    folder = build(tmp_path / "day.tod", tmp_path / "bundle").folder
    rehearse = ["submit", "check", str(folder), "--python", sys.executable, "--no-lpips", "--data"]
    assert main([*rehearse, str(frames)]) == 0
    assert capsys.readouterr().out.endswith("PASSED\n")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["psnr_linear_db"] > 40.0
    assert report["process_without_core_s"] is None or report["process_without_core_s"] > 0.0

    others = tmp_path / "others"
    others.mkdir()
    for file in frames.iterdir():
        np.save(others / file.name, np.load(file)[::-1, ::-1] ** 3)
    assert main([*rehearse, str(others)]) == 1
    assert "expected an archive of these originals" in capsys.readouterr().err


@pytest.mark.thorough
def test_codes_are_no_radiance(frames: Path, tiny_archive: Path, tmp_path: Path) -> None:
    folder = build(tiny_archive, tmp_path / "bundle").folder
    words = ["submit", "check", str(folder), "--python", sys.executable, "--no-lpips", "--data", str(frames)]
    assert main(words) == 1
    (fault,) = json.loads((tmp_path / "report.json").read_text())["faults"]
    assert "frames, found 24" in fault


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.zeros((*SIZE, 3), np.uint8), "found uint8 of 24 x 32 x 3"),
        (np.zeros((*SIZE, 1), np.float32), "found float32 of 24 x 32 x 1"),
        (np.full((*SIZE, 3), np.nan, np.float32), "found other values"),
        (None, "found a file that is no array"),
    ],
)
def test_what_is_no_frame(frames: Path, tmp_path: Path, values: np.ndarray | None, found: str) -> None:
    day = read_day(frames)
    for t in range(N_FRAMES):
        np.save(tmp_path / f"tod_{t:02d}.npy", np.ones((*SIZE, 3), np.float32))
    assert read_frames(tmp_path, day).shape == (N_FRAMES, *SIZE, 3)
    if values is None:
        (tmp_path / "tod_01.npy").write_bytes(b"PK\x03\x04")
    else:
        np.save(tmp_path / "tod_01.npy", values)
    with pytest.raises(SubmissionError, match=f"tod_01.npy: expected finite float32 of 24 x 32 x 3, {found}"):
        read_frames(tmp_path, day)
    (tmp_path / "tod_01.npy").unlink()
    with pytest.raises(SubmissionError, match="expected 3 frames, found 2"):
        read_frames(tmp_path, day)
