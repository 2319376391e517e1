"""When frames are: given, from a file beside them, or as their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.frames.times import times_of
from todpack.frames import DataError, read_day
from todpack.frames.hours import find_times
from todpack.frames.time_text import parse_hour


def test_a_list_may_be_longer_than_names_of_files() -> None:
    given = ",".join(f"{hour + 0.12345678901234:.17g}" for hour in range(24))
    assert len(given) > 255
    _, found, _ = times_of([f"{i:02d}.png" for i in range(24)], hours=given)
    assert found[5] == 5.123457


@pytest.mark.parametrize("name", ["Hours.txt", "HOURS.CSV", "hours.TXT"])
def test_a_list_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("6\n18\n")
    assert find_times(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"]).hours.tolist() == [6, 18]


def test_two_frames_of_one_time() -> None:
    with pytest.raises(DataError, match=r"expected one frame for each time, found tod_\S+ and tod_\S+ at 6 h"):
        times_of(["tod_6.png", "tod_06.0.png", "tod_7.png"])
    with pytest.raises(DataError, match=r"found 00\.00\.png and 24\.00\.png at 0 h"):
        times_of(["24.00.png", "12.00.png", "00.00.png"])


@pytest.mark.parametrize("hours", ["0,5.9,18:06", "0 5.9 18h06", (0, 5.9, 18.1), [0.0, 5.9, 18.1]])
def test_given_hours(hours: object) -> None:
    names = ["tod_2.png", "tod_9.png", "tod_10.png"]
    assert times_of(names, hours=hours) == (names, [0, 5.9, 18.1], ())


def test_given_hours_decide_the_order() -> None:
    assert times_of(["a.png", "b.png"], hours="18,6")[:2] == (["b.png", "a.png"], [6, 18])


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        ("0,6", "--hours: expected 3 times, one for each frame, found 2"),
        ((0, 1), "--hours: expected 3 times, one for each frame, found 2"),
        ("0,6,noon", "--hours: line 1: expected a time such as 5.9 or 05:54, found 'noon'"),
        ("0,6,25", "--hours: expected times of 0 to 24 hours, found 25 for 3.png"),
        ((0, 6, float("nan")), "--hours: expected times of 0 to 24 hours, found nan for 3.png"),
        ((0, 6, -1), "--hours: expected times of 0 to 24 hours, found -1 for 3.png"),
        ((0, 6, 24), "--hours: expected one frame for each time, found 1.png and 3.png at 0 h"),
        ((1, 6, 24 - 1e-9), "--hours: expected times that float32 has under 24 hours, found 23.999999999 for 3.png"),
        ((0, 6, 6.0000001), "--hours: expected one frame for each time, found 2.png and 3.png at 6 h"),
    ],
)
def test_bad_hours(hours: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        times_of(["1.png", "2.png", "3.png"], hours=hours)
    assert str(caught.value) == message


def test_first_hour_is_for_counters() -> None:
    assert times_of(["1.png", "2.png"], first_hour=6)[1] == [6, 18]
    with pytest.raises(DataError, match="--first-hour: expected 0 <= hour < 24, found 24"):
        times_of(["1.png", "2.png"], first_hour=24)
    with pytest.raises(
        DataError, match=r"--first-hour: expected names that only count, found times in them: 1\.5\.png"
    ):
        times_of(["1.5.png", "2.5.png"], first_hour=1)
    with pytest.raises(DataError, match="--first-hour: expected names that only count, found the times of --hours"):
        times_of(["1.png", "2.png"], first_hour=1, hours="1,2")


def test_clock_times_with_a_space() -> None:
    assert times_of(["1.png", "2.png", "3.png"], hours="6 AM, 12 PM,3 p.m.")[1] == [6, 12, 15]


@pytest.mark.parametrize("row", ["a.png,5.9,1", "a.png;5.9;1", "a.png,5,9", "a.png 5 9"])
def test_a_row_is_a_name_and_a_time(tmp_path: Path, row: str) -> None:
    (tmp_path / "hours.txt").write_text(f"name, hour, exposure\n{row}\nb.png 6\n")
    with pytest.raises(DataError, match=r"hours\.txt: line 2: expected a name and a time, found 3 fields"):
        find_times(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"])


@pytest.mark.parametrize(
    "content",
    [
        "5\n5.9\n6\n",
        "\ufeff# baked on Tuesday\r\n5\r\n5.9 # lamps on\r\n6\r\n",
        "5,5.9,6",
        "file,hour\nb.png,5.9\na.png,5\nc.png,6\n",
        '"a.png";"5"\n"b.png";"05:54"\n"c.png";"6am"\n',
        "a 5\nb 5.9\nc 6\n",
        "name;hour\na.png;5\nb.png;5,9\nc.png;6,0\n",
        "5\t5,9\t6\n",
    ],
)
@pytest.mark.parametrize("place", ["day/hours.txt", "hours.csv", "elsewhere.txt"])
def test_files_of_hours(tmp_path: Path, content: str, place: str) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / place).write_bytes(content.encode())
    files = [tmp_path / "day" / name for name in ("a.png", "b.png", "c.png")]
    given = tmp_path / place if place == "elsewhere.txt" else None
    times = find_times(tmp_path / "day", files, given)
    assert [file.name for file in times.files] == ["a.png", "b.png", "c.png"]
    np.testing.assert_allclose(times.hours, [5, 5.9, 6])


@pytest.mark.parametrize(
    ("names", "is_said"),
    [
        (("tod_06h", "tod_09h", "tod_19h"), True),
        (("tod_05", "tod_07", "tod_19"), True),
        (("tod_05h00", "tod_05h54", "tod_06h00"), False),
        (("tod_05.0", "tod_05.9000001", "tod_06.0"), False),
        (("tod_0", "tod_1", "tod_2"), False),  # they count
        (("a", "b", "c"), False),
    ],
)
def test_a_list_around_that_gives_other_times_than_names_is_said(
    tmp_path: Path, names: tuple[str, ...], is_said: bool
) -> None:
    (tmp_path / "day").mkdir()
    files = [tmp_path / "day" / f"{name}.png" for name in names]
    for place in (tmp_path / "day", tmp_path):
        (place / "hours.txt").write_text("5 5.9 6\n")
        times = find_times(tmp_path / "day", files)
        assert times.hours.tolist() == [5, 5.9, 6]
        assert len(times.warnings) == (is_said and place == tmp_path)
        (place / "hours.txt").unlink()
    if is_said:
        (line,) = times.warnings
        assert f"times are taken from {tmp_path / 'hours.txt'}, not from the names: tod_0" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,5\nb,6\n", r"hours\.csv: expected a time for each frame, found none for c\.png"),
        ("a,5\nb,6\nc,7\nd,8\n", r"hours\.csv: expected names of frames, found 'd'"),
        ("a,5\na,6\nc,7\n", r"hours\.csv: line 2: expected each frame once, found 'a' again"),
        ("a,5\n6\nc,7\n", r"hours\.csv: expected a name beside every time, found 1 times without one"),
        ("5\nsix\n7\n", r"hours\.csv: line 2: expected a time such as 5\.9 or 05:54, found 'six'"),
        ("", r"hours\.csv: expected 3 times, one for each frame, found 0"),
        (",;,\n", r"hours\.csv: expected 3 times, one for each frame, found 0"),
        ("1 " * 70_000, r"hours\.csv: expected at most 65536 times, found 70000"),
        ("1\n" * 70_000, r"hours\.csv: expected at most 65536 times, found 70000"),
        ("a" + " " * 500_000 + ",1", r"hours\.csv: expected a time for each frame, found none for b\.png"),
        ("#" * 2_000_000, r"hours\.csv: expected a list of times of at most 1048576 bytes, found 2000000"),
    ],
)
def test_bad_files_of_hours(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "hours.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        find_times(tmp_path, [tmp_path / name for name in ("a.png", "b.png", "c.png")])


@pytest.mark.parametrize("text", ["", "x", "5.9x", "13pm", "0pm", "5:75", "25:00", "5-9", "5:30:61"])
def test_what_is_no_time(text: str) -> None:
    assert parse_hour(text) is None


def test_a_missing_file_of_times_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"times\.txt: expected a file with a list of times, found none there"):
        find_times(tmp_path, [tmp_path / "a.png"], "times.txt")


def test_a_list_of_times_that_is_no_file_is_refused(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "b.png")]
    (tmp_path / "hours.txt").symlink_to(tmp_path / "gone.txt")
    with pytest.raises(DataError, match=r"hours\.txt: expected a file with a list of times, found something else"):
        find_times(tmp_path, files)
    (tmp_path / "hours.txt").unlink()
    (tmp_path / "hours.csv").mkdir()
    with pytest.raises(DataError, match=r"hours\.csv: expected a file with a list of times"):
        find_times(tmp_path, files)


def test_the_time_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files = [tmp_path / f"a_{n}.png" for n in range(5)]
    with pytest.raises(DataError, match=r"line 1: expected a time such as 5\.9 or 05:54, found '23:59:59\.9'"):
        find_times(tmp_path, files, "1,2,23:59:59.9,3,4")
    (tmp_path / "hours.txt").write_text("a_0.png,1,2\na_1.png,2\n")
    with pytest.raises(DataError, match="line 1: expected a name and a time, found 3 fields"):
        find_times(tmp_path, files)


def test_names_of_hours_and_minutes_keep_their_order(tmp_path: Path) -> None:
    """Their last numbers, which say neither hours nor counts, order nothing."""
    names = [f"tod_{hour:02d}_{minute:02d}.png" for hour in (6, 7, 8) for minute in (0, 30)]
    files = [tmp_path / name for name in (names[3], *names[:3], *names[4:])]
    times = find_times(tmp_path, files, "6,6.5,7,7.5,8,8.5")
    assert [file.name for file in times.files] == names
    np.testing.assert_allclose(times.hours, [6, 6.5, 7, 7.5, 8, 8.5])


@pytest.mark.parametrize(
    ("frames_in", "place", "name"),
    [
        ("day", "day", "."),
        ("day", "day/sub", ".."),
        ("day/png", "day", "."),
        ("day/png", "day/png", "."),
        ("day", ".", "day"),
        ("day", ".", "day/sub/.."),
    ],
)
def test_a_list_and_a_mask_around_a_folder_however_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames_in: str, place: str, name: str
) -> None:
    day, frames = tmp_path / "day", tmp_path / frames_in
    for folder in (day / "sub", frames):
        folder.mkdir(parents=True, exist_ok=True)
    for index in range(3):
        Image.new("RGB", (8, 8), (40 * index + 40,) * 3).save(frames / f"a_{index}.png")
    valid = np.zeros((8, 8), np.uint8)
    valid[:4] = 255
    Image.fromarray(valid).save(frames.parent / "valid.png")
    (tmp_path / "hours.txt").write_text("5 5.9 6\n")
    (day / "sub" / "hours.txt").write_text("1 2 3\n")
    monkeypatch.chdir(tmp_path / place)
    found = read_day(name)
    assert found.name == "day"
    assert found.hours.tolist() == [5, 5.9, 6]
    assert found.valid.sum() == 32
