"""Decoded frames are read back at their hours, whatever these are; outputs without a name are known as one's own."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY, make_day
from todpack.decompressor import cli, open_archive
from todpack.decompressor.cli import main
from todpack.decompressor.frame import to_codes
from todpack.decompressor.frame_files import write_frame
from todpack.decompressor.staging import alone_in
from todpack.frames import DataError, Day, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

ASKED = (
    [float(hour) for hour in range(24)],
    [0.0, 1.0, 2.0],
    [1.0, 2.0, 3.0, 4.0],
    [5.0, 6.0, 7.0],
    [22.0, 23.0],
    [0.0, 5.9, 6.0, 18.1],
    [10.05, 10.1],
    [10.25, 10.5, 10.75],
    [5.999, 6.0, 6.001],
    [0.0, 0.123456, 23.999999],
    [1e-05, 5.5, 7.25],
)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames, valid = make_day(12, 16, 3)
    day = Day(frames.astype(np.float32), valid, np.array([0.0, 7.0, 13.0]), "srgb8", "day")
    path = tmp_path_factory.mktemp("hours") / "day.tod"
    encode_day(day, DayBasisConfig(), DayBasisPackOptions(entropy="zstd")).write(path)
    return path


@pytest.mark.parametrize("kind", ["png", "npy"])
@pytest.mark.parametrize("hours", ASKED, ids=str)
def test_frames_are_read_back_at_their_hours(archive: Path, tmp_path: Path, hours: list[float], kind: str) -> None:
    text = ",".join(str(hour) for hour in hours)
    assert main([str(archive), "-o", str(tmp_path / "out"), "--hours", text, "--format", kind, "-q"]) == 0
    day = read_day(tmp_path / "out")
    np.testing.assert_allclose(day.hours, hours, atol=1e-12)
    with open_archive(archive) as opened:
        for index, hour in enumerate(hours):
            np.testing.assert_array_equal(day.radiance[index], opened.decode(hour))


def test_no_list_where_names_tell(archive: Path, tmp_path: Path) -> None:
    for hours in ("0,7,13", "0,5.9,6,18.1"):
        assert main([str(archive), "-o", str(tmp_path / hours), "--hours", hours, "-q"]) == 0
        assert not (tmp_path / hours / "hours.txt").exists()


def test_a_second_run_keeps_the_first_ones_hours(archive: Path, tmp_path: Path) -> None:
    for hours, kind in (("5.999", "png"), ("0,7", "png"), ("6.001", "png"), ("0,1", "npy"), ("2,3", "npy")):
        assert main([str(archive), "-o", str(tmp_path), "--hours", hours, "--format", kind, "-q"]) == 0
    lines = (tmp_path / "hours.txt").read_text().splitlines()
    assert [line for line in lines if ".png" in line] == [
        "tod_00.png 0.0", "tod_05.99.png 5.999", "tod_06.00.png 6.001", "tod_07.png 7.0",
    ]  # fmt: skip
    for path in tmp_path.glob("*.npy"):
        path.unlink()
    np.testing.assert_allclose(read_day(tmp_path).hours, [0, 5.999, 6.001, 7])


@pytest.mark.parametrize("kind", ["png", "npy"])
def test_a_rerun_replaces_its_own_and_no_others(
    archive: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(archive), "-o", str(tmp_path), "--hours", "7,8", "--format", kind, "-q"]
    assert main(words) == main(words) == 0
    foreign = tmp_path / f"tod_09.{kind}"
    foreign.write_bytes(b"somebody's own")
    assert main([*words[:3], "--hours", "7,9", *words[5:]]) == 1
    assert f"tod_09.{kind}: is there, and was not written by todpack" in capsys.readouterr().err
    assert foreign.read_bytes() == b"somebody's own"
    foreign.unlink()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "hours.txt").write_text("0 1 2\n")
    assert main([*words[:2], str(tmp_path / "more"), "--hours", "0,1", *words[5:]]) == 1
    assert "hours.txt: is there, and was not written by todpack" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "more").iterdir()] == ["hours.txt"]


def test_a_run_that_was_stopped_knows_its_frames(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, left = [str(archive), "-o", str(tmp_path), "--format", "npy"], [2]

    def stopped(path: Path, frame: np.ndarray, kind: str) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write_frame(path, frame, kind)

    with monkeypatch.context() as patched:
        patched.setattr(cli, "write_frame", stopped)
        assert main(words) == 130
    assert len(list(tmp_path.glob("*.npy"))) == 2
    assert main(words) == 0
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_frames_of_another_kind_may_be_listed(archive: Path, tmp_path: Path) -> None:
    for kind in ("png", "npy"):
        assert main([str(archive), "-o", str(tmp_path), "--hours", "0,1,2", "--format", kind, "-q"]) == 0
    assert len((tmp_path / "hours.txt").read_text().splitlines()) == 7
    np.testing.assert_allclose(read_day(tmp_path).hours, [0, 1, 2])


def test_frames_of_others_that_came_after_the_list_stay(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """During the work, and after a run that was stopped."""
    words, mine = [str(archive), "-o", str(tmp_path), "--format", "npy", "-q"], tmp_path / "tod_13.npy"

    def saved(path: Path, frame: np.ndarray, kind: str) -> None:
        mine.write_bytes(b"mine")
        write_frame(path, frame, kind)

    monkeypatch.setattr(cli, "write_frame", saved)
    for _ in range(2):
        assert main(words) == 1
        assert "tod_13.npy: is there, and was not written by todpack" in capsys.readouterr().err
        assert mine.read_bytes() == b"mine"
        monkeypatch.setattr(cli, "write_frame", write_frame)
    mine.unlink()
    assert main(words) == 0


def test_ema_smooths_over_the_frames_that_are_written(archive: Path, tmp_path: Path) -> None:
    words = [str(archive), "-o", str(tmp_path), "--hours", "0,7,13", "-q", "--format", "npy"]
    assert main([*words, "--ema", "0.25"]) == 0
    with open_archive(archive) as opened:
        plain = [opened.decode(hour, dtype="float32") for hour in (0.0, 7.0, 13.0)]
    smooth = plain[0]
    for index, hour in enumerate(("00", "07", "13")):
        smooth = np.float32(0.25) * smooth + np.float32(0.75) * plain[index] if index else plain[0]
        np.testing.assert_array_equal(np.load(tmp_path / f"tod_{hour}.npy"), to_codes(smooth))
    assert main([*words, "--ema", "1"]) == 1


def test_the_frame_of_another_hour_is_not_replaced(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(archive), "-o", str(tmp_path / "out"), "-q", "--hours"]
    for first, second in (("19.9999", "19.99"), ("7.25", "7.2500001")):
        assert main([*words, first]) == 0
        before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
        assert main([*words, second]) == 1
        message = f"expected the frame of {second} h, found that of {first} h; replace it by --overwrite"
        assert message in capsys.readouterr().err
        assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
        assert main([*words, first]) == 0
        assert main([*words, second, "--overwrite"]) == 0


def test_an_hour_is_not_written_under_a_second_name(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How many digits names need depends on the hours of one run."""
    out = tmp_path / "out"
    words = [str(archive), "-o", str(out), "-q", "--hours"]
    assert main([*words, "2.02,2.021"]) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    for more in ([], ["--overwrite"]):
        assert main([*words, "2.02", *more]) == 1
        assert "tod_02.020000.png: expected no frame of 2.02 h but tod_02.02.png" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert main([*words, "2.02", "--format", "npy"]) == 0
    assert main([*words, "2.02,2.021"]) == 0


def test_zero_has_no_sign_in_a_list(archive: Path, tmp_path: Path) -> None:
    assert main([str(archive), "-o", str(tmp_path / "out"), "--hours=-0.0,6,7", "--format", "npy", "-q"]) == 0
    np.testing.assert_array_equal(read_day(tmp_path / "out").hours, [0, 6, 7])


def test_two_runs_at_once_keep_both_lists(archive: Path, tmp_path: Path) -> None:
    """One that begins while another one writes the list waits, and adds to it."""
    out = tmp_path / "out"
    out.mkdir()
    words = [str(archive), "-o", str(out), "--hours", "1.5", "--format", "npy", "-q"]
    with alone_in(out):
        other = threading.Thread(target=main, args=(words,))
        other.start()
        other.join(0.5)
        (out / "tod_02.50.npy").write_bytes(b"")
        (out / "hours.txt").write_text("# hours of the frames, by todpack\ntod_02.50.npy 2.5\n")
    other.join()
    lines = (out / "hours.txt").read_text().splitlines()
    assert lines[1:] == ["tod_01.50.npy 1.5", "tod_02.50.npy 2.5"]


def test_a_list_that_another_run_replaced_has_these_frames_in_the_end(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began before they were there."""

    def write(path: Path, frame: np.ndarray, kind: str) -> None:
        (tmp_path / "tod_02.50.npy").write_bytes(b"")
        (tmp_path / "hours.txt").write_text("# hours of the frames, by todpack\ntod_02.50.npy 2.5\n")
        write_frame(path, frame, kind)

    monkeypatch.setattr(cli, "write_frame", write)
    assert main([str(archive), "-o", str(tmp_path), "--hours", "1.5", "--format", "npy", "-q"]) == 0
    lines = (tmp_path / "hours.txt").read_text().splitlines()
    assert lines[1:] == ["tod_01.50.npy 1.5", "tod_02.50.npy 2.5"]


def test_a_list_of_others_beside_frames_whose_names_tell_is_refused(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hours.txt").write_text("6\n12\n18\n")
    words = [str(archive), "-o", str(tmp_path), "-q"]
    assert main(words) == 1
    assert "hours.txt: is there, and was not written by todpack" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["hours.txt"]
    assert main([*words, "--overwrite"]) == 0
    np.testing.assert_array_equal(read_day(tmp_path).hours, [0, 7, 13])


@pytest.mark.parametrize(
    "place", ["hours.txt", "hours.csv", "Hours.TXT", "HOURS.CSV", "out/hours.csv", "out/Hours.txt"]
)
def test_a_list_of_others_is_not_taken_for_these_frames(archive: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / place).write_text("1 2 3")
    assert main([str(archive), "-o", str(tmp_path / "out"), "--hours", "0,7,13", "-q"]) == 0
    np.testing.assert_array_equal(read_day(tmp_path / "out").hours, [0, 7, 13])


def test_a_list_counts_for_decoded_frames_alone(archive: Path, tmp_path: Path) -> None:
    """Not for those of others beside it, whatever they are called, nor for those in a folder below."""
    frames, _ = make_day(12, 16, 6)
    mine, below = tmp_path / "mine", tmp_path / "mine" / "below"
    for folder in (mine, below):
        folder.mkdir()
        for index, frame in enumerate(frames):
            Image.fromarray(frame).save(folder / f"tod_{index:02d}.png")
    expected = {mine: [5.5, 7, 9, 12, 15, 19.5], below: [0, 4, 8, 12, 16, 20]}
    (tmp_path / "hours.txt").write_text("5.5 7 9 12 15 19.5")
    for words in (["--hours", "4,5,7", "--format", "npy"], ["--hours", "6.001,6.002"]):
        assert main([str(archive), "-o", str(mine), "-q", *words]) == 0
        assert [line.split()[0] for line in (mine / "hours.txt").read_text().splitlines()[1:4]] == [
            "tod_04.npy", "tod_05.npy", "tod_07.npy",
        ]  # fmt: skip
        if "npy" in words:
            for folder, hours in expected.items():
                np.testing.assert_allclose(read_day(folder).hours, hours)
    with pytest.raises(DataError, match=r"hours\.txt: expected the decoded frames alone .*, found tod_00\.png"):
        read_day(mine)
    for path in [mine / "hours.txt", *mine.glob("tod_06.00*.png"), *mine.glob("*.npy")]:
        path.unlink()
    (mine / "hours.csv").write_text("1 2 3 4 5 6")
    assert main([str(archive), "-o", str(mine), "-q", "--hours", "3", "--format", "npy"]) == 0
    np.testing.assert_allclose(read_day(mine).hours, [1, 2, 3, 4, 5, 6])


def test_frames_of_two_runs_are_said(archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By the one who writes the second, and by whoever reads them beside frames of others."""
    out = tmp_path / "out"
    for hours, is_said in (("3,4", False), ("8,9", True)):
        assert main([str(archive), "-o", str(out), "--hours", hours]) == 0
        assert (f"{out}: 2 frames of other runs stay: tod_03.png, tod_04.png" in caplog.text) == is_said
    assert not any("written by todpack" in line for line in read_day(out).warnings)
    (tmp_path / "level" / "notes").mkdir(parents=True)
    shutil.copytree(out, tmp_path / "level" / "attic")
    (tmp_path / "level" / "notes" / "tod_00.png").write_text("mine")
    assert main([str(archive), "-o", str(tmp_path / "level"), "--hours", "3"]) == 0
    assert f"{tmp_path / 'level'}: 1 folders with frames of other runs stay: attic" in caplog.text
    level = REPOSITORY / "tests" / "golden" / "daybasis-level-1.1.tod"
    assert main([str(level), "-o", str(out), "--hours", "12"]) == 0
    assert f"{out}: 4 frames of other runs stay: tod_03.png, tod_04.png" in caplog.text
    shutil.copy(out / "tod_09.png", out / "tod_10.png")
    with Image.open(out / "tod_10.png") as image:
        image.convert("RGB").save(out / "tod_11.png")  # without our mark
    (line,) = [line for line in read_day(out).warnings if "written by todpack" in line]
    assert "5 of 6 frames were written by todpack, such as tod_03.png, the others were not; all are the day" in line
