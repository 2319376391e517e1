"""When frames are: given, from a file beside them, from their names, or counted."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from todpack.frames import DataError
from todpack.frames.hours import find_times
from todpack.frames.time_text import parse_hour

DAY = Path("nowhere") / "day"


def times_of(names: list[str], **options: object) -> tuple[list[str], list[float], tuple[str, ...]]:
    found = find_times(DAY, [DAY / name for name in reversed(names)], **options)  # type: ignore[arg-type]
    return [file.name for file in found.files], [round(float(hour), 6) for hour in found.hours], found.warnings


def test_a_list_may_be_longer_than_names_of_files() -> None:
    given = ",".join(f"{hour + 0.12345678901234:.17g}" for hour in range(24))
    assert len(given) > 255
    _, found, _ = times_of([f"{i:02d}.png" for i in range(24)], hours=given)
    assert found[5] == 5.123457


KEYS = [f"lm_{key}.exr" for key in sorted([*range(0, 2400, 100), 590, 1810])]
CONTEST = [*map(float, range(6)), 5.9, *map(float, range(6, 19)), 18.1, *map(float, range(19, 24))]
OURS = [f"tod_{int(hour):02d}.png" if hour == int(hour) else f"tod_{hour:05.2f}.png" for hour in CONTEST if hour != 5]


@pytest.mark.parametrize(
    ("names", "hours"),
    [
        (["tod_5.png", "tod_5.9.png", "tod_6.png"], [5, 5.9, 6]),
        (["tod_05.90.png", "tod_18.10.png"], [5.9, 18.1]),
        (["tod_10.00.png", "tod_10.50.png"], [10, 10.5]),
        (["0h30.png", "1h.png", "13h05.png"], [0.5, 1, 13 + 5 / 60]),
        (["12am.png", "6am.png", "12pm.png", "6-30pm.png"], [0, 6, 12, 18.5]),
        (["tod_06_AM.png", "tod_12_PM.png", "tod_03_PM.png", "tod_05_30_pm.png"], [6, 12, 15, 17.5]),
        (["3 P.M..png", "5-p.m..png"], [15, 17]),
        (["01_AM.png", "01_PM.png"], [1, 13]),
        ([f"{hour}_00_{half}M.png" for half in "AP" for hour in (12, 1, 6)], [0, 1, 6, 12, 13, 18]),
        ([f"lm_am_{hour}.png" for hour in (6, 12, 18)], [6, 12, 18]),
        (["PM_13.png", "PM_14-30.png"], [13, 14.5]),
        (["tod_5-30.png", "tod_6-00.png", "tod_17-45.png"], [5.5, 6, 17.75]),
        (["tod_5-00.png", "tod_5-30.png", "tod_5-45.png"], [5, 5.5, 5.75]),
        (["18h00.png", "18h06.png", "18h12.png"], [18, 18.1, 18.2]),
        (["night_0.png", "dawn_6.png", "noon_12.png"], [0, 6, 12]),
        (["morning_6.png", "noon_12.png", "evening_18.png"], [6, 12, 18]),
        (["6a.png", "9a.png", "12a.png"], [6, 9, 12]),
        (["06h_30m.png", "07hr-15min.png", "18:45.png", "19\uff1a00.png"], [6.5, 7.25, 18.75, 19]),
        (["a18h01.png", "a18h02.png"], [18 + 1 / 60, 18 + 2 / 60]),
        (["18.00.00.png", "18.06.00.png", "18.12.00.png"], [18, 18.1, 18.2]),
        (["0000.png", "0300.png", "0530.png", "2100.png"], [0, 3, 5.5, 21]),
        (["lm_0300_HQ.png", "lm_0545_HQ.png"], [3, 5.75]),
        (["a_6.png", "a_7.png", "a_12.png"], [6, 7, 12]),
        ([f"tod_{hour:02d}.png" for hour in range(6, 19)], list(range(6, 19))),  # of a program that names hours
        (["2.00.png", "13.00.png", "24.00.png"], [2, 13, 0]),
        (["dawn_05.90.png", "noon_12.00.png"], [5.9, 12]),
        (["6am dawn.png", "12pm noon.png"], [6, 12]),
        (["sun2_dawn_0530.png", "sun3_noon_1200.png"], [5.5, 12]),
        (
            ["shot 2026-06-21 00.30.00.png", "shot 2026-06-21 06.30.00.png", "shot 2026-06-21 18.30.30.png"],
            [0.5, 6.5, 18.5 + 30 / 3600],
        ),
        (["tod_1h.30.png", "tod_2h.45.png"], [1.5, 2.75]),
        (["06-30-15.png", "12-00-00.png", "18-45-20.png"], [6.5 + 15 / 3600, 12, 18.75 + 20 / 3600]),
        (["tod_06h_f00.png", "tod_07h_f01.png", "tod_05h_f02.png"], [6, 7, 5]),
        (["tod_06_f00.png", "tod_12_f01.png", "tod_18_f02.png"], [6, 12, 18]),
        ([f"tod_{hour:02d}_f{hour - 6}.png" for hour in range(6, 19)], list(range(6, 19))),
        (["f0_tod_05.png", "f1_tod_05.90.png", "f2_tod_06.png"], [5, 5.9, 6]),
        (["06_exp1.png", "12_exp2.png", "18_exp1.png"], [6, 12, 18]),  # what two names have is no time
        (KEYS, CONTEST),
        (OURS, [hour for hour in CONTEST if hour != 5]),
    ],
)
def test_times_in_names(names: list[str], hours: list[float]) -> None:
    found, at, warnings = times_of(names)
    by_time = sorted(zip(hours, names, strict=True))
    assert found == [name for _, name in by_time]
    np.testing.assert_allclose(at, [hour for hour, _ in by_time])
    assert len(warnings) == 1
    assert f"times are taken from the names: {len(names)} from {min(hours):g} to {max(hours):g} h" in warnings[0]


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["tod_00.png", "tod_06.png", "tod_12_v2.png", "tod_18.png"], "2 in tod_12_v2.png, fewer in others"),
        (["tod_0.png", "tod_5.png", "tod_5-9.png", "tod_18.png", "tod_18-1.png"], "2 in tod_"),
    ],
)
def test_a_name_with_more_numbers(names: list[str], odd: str) -> None:
    with pytest.raises(DataError, match=f"expected as many numbers in every name, found {odd}"):
        times_of(names)


@pytest.mark.parametrize(
    "names",
    [
        ["5 30.png", "6 30.png", "7 45.png"],
        ["tod_05_00.png", "tod_06_30.png", "tod_07_30.png"],
        ["tod_05_15.png", "tod_06_30.png", "tod_07_45.png"],
        ["tod_06_00.png", "tod_06_30.png", "tod_07_00.png"],
        ["2024_06_21_06 00.png", "2024_06_21_06 30.png", "2024_06_21_07 00.png"],
        ["H05_M00.png", "H06_M30.png", "H07_M30.png"],
        ["6点00分.png", "7点30分.png", "9点30分.png"],
        ["tod_6,0.png", "tod_7,5.png", "tod_9,5.png"],
        ["6点半.png", "9点.png", "12点.png"],
        ["06h_00.png", "08h_15.png", "12h_30.png"],
        ["6am_30.png", "7am_15.png", "8am_00.png"],
    ],
)
def test_minutes_that_are_not_read(names: list[str]) -> None:
    with pytest.raises(DataError, match="found what may be minutes, such as in"):
        times_of(names)
    assert times_of(names, hours=[5, 6, 7])[1] == [5, 6, 7]


HOURS = ("{}", "{:02}", "{}h", "{:02}h", "{:02}hr", "{:02} Uhr", "{:02}點", "h{:02}", "{:02} o'clock", "Hour{:02}")
BETWEEN = (
    "", "_", "-", " ", ":", "\uff1a", "__", " - ", "+", "'", ",", "(", "h", "_m", "_min", "_minute", "_and_", "\u2013",
)  # fmt: skip
MINUTES = ("{:02}", "{:02}m", "{:02}min", "{:02}Min", "m{:02}", "{:02}'", "{:02}分")


@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("hours", HOURS)
def test_no_minutes_are_dropped_without_a_word(hours: str, minutes: str) -> None:
    """However they are written: read, refused, or told; of four times, of all half past, and of seven minutes more."""
    days = [(6, 0), (8, 15), (12, 30), (18, 45)], [(h, 30) for h in range(24)], [(h, 7 * h % 60) for h in range(24)]
    n_read = 0
    for before, between, behind, day in itertools.product(("", "Scene2_"), BETWEEN, ("", "_v2"), days):
        names = [before + hours.format(h) + between + minutes.format(m) + behind + ".png" for h, m in day]
        try:
            files, found, lines = times_of(names)
        except DataError:
            continue
        if any("left out" in line or "only their order counts" in line for line in lines):
            continue
        assert dict(zip(files, found, strict=True)) == {
            name: round(h + m / 60, 6) for name, (h, m) in zip(names, day, strict=True)
        }
        n_read += 1
    assert n_read > 0 or hours not in ("{:02}", "{:02}h") or minutes not in ("{:02}", "{:02}m")


@pytest.mark.parametrize("rest", ["_30", "m30", "p5", " 30", ",5", "_M30", "uhr30", "点30"])
@pytest.mark.parametrize("n", [24, 8])
def test_what_may_be_minutes_of_all_frames(rest: str, n: int) -> None:
    names = [f"tod_{24 * i // n:02d}{rest}.png" for i in range(n)]
    (line,) = [line for line in times_of(names)[2] if "is left out" in line]
    assert f"{rest!r} behind the numbers of all names is left out; minutes are read from names such as 13h05" in line
    assert not any("left out" in line for line in times_of([name.replace(rest, "_final") for name in names])[2])


@pytest.mark.parametrize(
    ("names", "start"),
    [
        (["tod_18.1.png", "tod_18.2.png", "tod_18.5.png"], "18."),
        (["06-00.png", "06-10.png", "06-20.png"], "06-"),
        (["scene-3-06.png", "scene-3-12.png"], "3-"),
    ],
)
def test_what_may_be_the_hour_of_all_names_is_told(names: list[str], start: str) -> None:
    (line,) = [line for line in times_of(names)[2] if "is left out" in line]
    assert line.startswith(f"{DAY}: {start!r} in front of the numbers of all names is left out (--hours")
    assert not any("left out" in line for line in times_of([name.replace(start, "25-") for name in names])[2])


@pytest.mark.parametrize("name", ["Hours.txt", "HOURS.CSV", "hours.TXT"])
def test_a_list_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("6\n18\n")
    assert find_times(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"]).hours.tolist() == [6, 18]


@pytest.mark.parametrize(
    "names",
    [
        ["AM_06.png", "AM_09.png", "PM_03.png"],
        ["PM_03.png", "PM_05.png"],
        ["PM_03.png", "PM_04.png", "PM_05.png"],
        ["PM_01.png", "PM_02.png", "PM_03.png"],
        ["6.5pm.png", "7.5pm.png", "8.5pm.png"],
        ["下午3点.png", "下午4点.png"],
        ["上午9点.png", "下午3点.png"],
        ["LightmapAM6.png", "LightmapAM9.png", "LightmapPM1.png", "LightmapPM3.png"],
        ["6AMLightmap.png", "9AMLightmap.png", "1PMLightmap.png"],
        ["tod_6oclockAM.png", "tod_9oclockAM.png", "tod_3oclockPM.png"],
        ["Sun7AMClear.png", "Sun6PMClear.png"],
        ["6a.png", "9a.png", "3p.png"],
        ["A_09.png", "P_12.png", "P_05.png"],
        ["03_p.png", "04_p.png", "05_p.png"],
        ["lm9hamLightmap.png", "lm5hpmLightmap.png"],
        ["lm01pm00.png", "lm02pm00.png", "lm03pm00.png"],
        ["evening_6.png", "evening_7.png", "evening_8.png"],
        ["9 vormittags.png", "12 mittags.png", "5 nachmittags.png"],
        ["6ham.png", "9ham.png", "3hpm.png"],
        ["午前9時.png", "午後3時.png"],
        ["午後3時.png", "午後4時.png"],
        ["오전9시.png", "오후3시.png"],
        ["PM_03-30.png", "PM_04-30.png"],
        ["pm_0330.png", "pm_0430.png"],
        [f"lm_am_{hour}.png" for hour in (6, 9, 12)],
        ["00_AM.png", "06_AM.png", "03_PM.png"],
        ["sun_pm.png", "sun_am.png"],
        ["pm_a.png", "am_b.png"],
    ],
)
def test_halves_of_the_day_that_are_not_read(names: list[str]) -> None:
    with pytest.raises(DataError, match="expected AM or PM behind the time, as in 6pm or 06_30_PM, found"):
        times_of(names)


@pytest.mark.parametrize(
    "names",
    [
        [f"tod_{n:02d}.png" for n in range(24)],
        [f"{n}.png" for n in range(24)],
        [f"frame{n:04d}.render.png" for n in range(24)],
        [f"pm_{n:04d}.png" for n in range(24)],
        [f"pm_{n:02d}.png" for n in range(24)],
        [f"lm_1-{n:02d}.png" for n in range(24)],
        [f"scene_v1.{n:02d}.png" for n in range(24)],
        [f"{n * 100}.png" for n in range(24)],
        [f"{n:02d}.00.png" for n in range(24)],
        [f"{n:02d}h00.png" for n in range(24)],
        [f"shot_{n:02d}-00-00.png" for n in range(24)],
        [f"tod_{n:02d}_f{n}.png" for n in range(24)],
        [f"tod_{n:02d}_f{n + 1}.png" for n in range(24)],
    ],
)
def test_usual_days_are_silent(names: list[str]) -> None:
    assert times_of(names) == (names, list(range(24)), ())


@pytest.mark.parametrize(
    "names",
    [
        [f"tod_{(n + 6) % 24:02d}_f{n:02d}.png" for n in range(24)],
        ["06_exp0.5.png", "12_exp1.5.png", "18_exp2.5.png"],
        ["tod_06_10.png", "tod_12_12.png", "tod_18_14.png"],
        ["dawn_06_f0100.png", "noon_12_f0200.png"],
    ],
)
def test_names_of_several_times_are_refused_and_told(names: list[str]) -> None:
    with pytest.raises(DataError, match="expected one number that tells the time in every name, found several, such"):
        times_of(names)
    given = [n / 2 for n in range(len(names))]
    assert times_of(names, hours=given)[:2] == (sorted(names), given)


def test_counters_from_one_are_said() -> None:
    names = [f"tod_{n:02d}.png" for n in range(1, 25)]
    found, hours, warnings = times_of(names)
    assert (found, hours) == (names, list(range(24)))
    assert warnings == (f"{DAY}: names count from 1: tod_01.png is taken as 0 h (--first-hour 1: as 1 h)",)
    found, hours, warnings = times_of(names, first_hour=1)
    assert found == ["tod_24.png", *names[:-1]]
    assert (hours, warnings) == (list(range(24)), ())


def test_counters_from_elsewhere() -> None:
    names = [f"frame_{n}.png" for n in range(1001, 1025)]
    found, hours, (warning,) = times_of(names)
    assert (found, hours) == (names, list(range(24)))
    assert warning.endswith("names count from 1001: frame_1001.png is taken as 0 h")


def test_numbers_with_gaps_only_order() -> None:
    names = ["a_0001.png", "a_0017.png", "a_0023.png"]  # dropped frames, not minutes after midnight
    found, hours, warnings = times_of(names)
    assert (found, hours) == (names, [0, 8, 16])
    assert "the numbers in the names are not consecutive; only their order counts" in warnings[0]
    assert "expected 24 frames, found 3; they are spread evenly" in warnings[1]


def test_names_without_times_are_said() -> None:
    found, hours, warnings = times_of(["dawn.png", "noon.png"])
    assert (found, hours) == (["dawn.png", "noon.png"], [0, 12])
    assert "no times are in all names, such as dawn.png; frames are in the order of their names" in warnings[0]


def test_the_only_number_of_a_name_goes_before_its_letters() -> None:
    found, hours, _ = times_of(["1_noon.png", "2_dawn.png"])
    assert (found, hours) == (["1_noon.png", "2_dawn.png"], [0, 12])


def test_two_frames_of_one_time() -> None:
    with pytest.raises(DataError, match=r"expected one frame for each time, found tod_\S+ and tod_\S+ at 6 h"):
        times_of(["tod_6.png", "tod_06.0.png", "tod_7.png"])
    with pytest.raises(DataError, match=r"found 00\.00\.png and 24\.00\.png at 0 h"):
        times_of(["24.00.png", "12.00.png", "00.00.png"])
    with pytest.raises(DataError, match=r"found dawn_06\.00_a\.png and noon_06\.00_b\.png at 6 h"):
        times_of(["dawn_06.00_a.png", "noon_06.00_b.png"])


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


@pytest.mark.parametrize("text", ["", "x", "5.9x", "13pm", "0am", "5:75", "25:00", "5-9", "5:30:61"])
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


def test_names_of_hours_and_minutes_keep_their_order(tmp_path: Path) -> None:
    """Their last numbers, which say neither hours nor counts, order nothing."""
    names = [f"tod_{hour:02d}_{minute:02d}.png" for hour in (6, 7, 8) for minute in (0, 30)]
    files = [tmp_path / name for name in (names[3], *names[:3], *names[4:])]
    times = find_times(tmp_path, files, "6,6.5,7,7.5,8,8.5")
    assert [file.name for file in times.files] == names
    np.testing.assert_allclose(times.hours, [6, 6.5, 7, 7.5, 8, 8.5])
