"""What names of frames say of their times, and what is refused or told of them."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from tests.frames.times import DAY, times_of
from todpack.frames import DataError

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
        (["18.00.00.png", "18.30.00.png", "18.45.00.png"], [18, 18.5, 18.75]),
        (["06-00-00.png", "06-30-00.png", "06-45-00.png"], [6, 6.5, 6.75]),
        (["2026-06-21-06.png", "2026-06-21-12.png"], [6, 12]),
        (["2026-06-21-23-30.png", "2026-06-22-00-30.png"], [23.5, 0.5]),
        (["20260621_06-30.png", "20260621_07-45.png"], [6.5, 7.75]),
        (["0000.png", "0300.png", "0530.png", "2100.png"], [0, 3, 5.5, 21]),
        (["lm_0300_HQ.png", "lm_0545_HQ.png"], [3, 5.75]),
        (["a_6.png", "a_7.png", "a_12.png"], [6, 7, 12]),
        ([f"tod_{hour:02d}.png" for hour in range(6, 19)], list(range(6, 19))),  # of a program that names hours
        (["2.00.png", "13.00.png", "24.00.png"], [2, 13, 0]),
        (["dawn_05.90.png", "noon_12.00.png"], [5.9, 12]),
        (["6am dawn.png", "12pm noon.png"], [6, 12]),
        (["sun2_dawn_0530.png", "sun2_noon_1200.png"], [5.5, 12]),
        (
            ["shot 2026-06-21 00.30.00.png", "shot 2026-06-21 06.30.00.png", "shot 2026-06-21 18.30.30.png"],
            [0.5, 6.5, 18.5 + 30 / 3600],
        ),
        (["tod_1h.30.png", "tod_2h.45.png"], [1.5, 2.75]),
        (["dawn_LM1_06am.png", "noon_LM1_12pm.png", "dusk_LM1_06pm.png"], [6, 12, 18]),
        (["LM1_06am_f00.png", "LM1_12pm_f01.png", "LM1_06pm_f02.png"], [6, 12, 18]),
        (["Shot at 6.00.00\u202fAM.png", "Shot at 3.30.00\u202fPM.png"], [6, 15.5]),
        ([f"tod_06h_{minute:02d}m.png" for minute in range(24)], [6 + minute / 60 for minute in range(24)]),
        (["00_AM.png", "06_AM.png", "03_PM.png"], [0, 6, 15]),
        (["tod_0630AM.png", "tod_1200PM.png", "tod_0145PM.png"], [6.5, 12, 13.75]),
        (["06h30utc.png", "07h45utc.png"], [6.5, 7.75]),
        (["2026-06-21T06.30.00Z.png", "2026-06-21T07.15.00Z.png"], [6.5, 7.25]),
        ([f"tod_{hour:02d}.75h.png" for hour in range(24)], [hour + 0.75 for hour in range(24)]),
        ([f"tod_{hour + 0.5:06.2f}.png" for hour in range(24)], [hour + 0.5 for hour in range(24)]),
        (["01_06h.png", "02_09h.png", "03_12h.png"], [6, 9, 12]),
        ([f"tod_{hour:02d}_{hour - 6:04d}.png" for hour in range(6, 19)], list(range(6, 19))),
        (["1-05:00.png", "2-05:30.png", "3-06:15.png"], [5, 5.5, 6.25]),
        (["LM_2_06am.png", "LM_2_06pm.png"], [6, 18]),
        ([f"tod_{hour:02d}.500.png" for hour in range(24)], [hour + 0.5 for hour in range(24)]),
        (["tod_07.125.png", "tod_08.125.png"], [7.125, 8.125]),
        (["tod_06.1001.png", "tod_12.1001.png"], [6, 12]),
        (["tod_06.4k.png", "tod_12.4k.png"], [6, 12]),
        (["tod_06.16bit.png", "tod_12.16bit.png"], [6, 12]),
        (["06-30-15.png", "12-00-00.png", "18-45-20.png"], [6.5 + 15 / 3600, 12, 18.75 + 20 / 3600]),
        (["tod_06h_f00.png", "tod_07h_f01.png", "tod_05h_f02.png"], [6, 7, 5]),
        (["tod_06_f00.png", "tod_12_f01.png", "tod_18_f02.png"], [6, 12, 18]),
        ([f"tod_{hour:02d}_f{hour - 6}.png" for hour in range(6, 19)], list(range(6, 19))),
        (["f0_tod_05.00.png", "f1_tod_05.90.png", "f2_tod_06.00.png"], [5, 5.9, 6]),
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
        (["tod_00.png", "tod_06.png", "tod_12_v2.png", "tod_18.png"], "2 in tod_12_v2.png, 1 in tod_"),
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
        ["2026_06_21_06 00.png", "2026_06_21_06 30.png", "2026_06_21_07 00.png"],
        ["H05_M00.png", "H06_M30.png", "H07_M30.png"],
        ["6点00分.png", "7点30分.png", "9点30分.png"],
        ["tod_6,0.png", "tod_7,5.png", "tod_9,5.png"],
        ["6点半.png", "9点.png", "12点.png"],
        ["06h_00.png", "08h_15.png", "12h_30.png"],
        ["6am_30.png", "7am_15.png", "8am_00.png"],
        ["H06M15S00.png", "H07M40S00.png", "H09M15S00.png"],
        ["06h30hdr.png", "07h45hdr.png", "08h10hdr.png"],
        ["tod_00_30half.png", "tod_01_15half.png", "tod_02_00half.png"],
        ["f00-06.png", "f01-12.png", "f02-03.png"],
        ["06.30hrs.png", "07.15hrs.png", "08.00hrs.png"],
        ["T06.30.png", "T07.15.png", "T08.00.png"],
        [f"{n:02d}_tod_{n + 1:02d}.png" for n in range(3)],
        ["06_30v2.png", "07_45v2.png", "08_45v2.png"],
        ["06_00.png", "07_10.png", "08_20.png"],
        ["06_exp1.png", "12_exp2.png", "18_exp1.png"],
        [f"tod_2048-06-{minute:02d}_{frame}.png" for frame, minute in enumerate((0, 15, 30))],
        ["01_06am.png", "02_09am.png", "03_12pm.png"],
        ["00_Lightmap-1-06.png", "01_Lightmap-1-12.png", "02_Lightmap-1-18.png"],
        ["01-06.png", "02-09.png", "03-12.png"],
        ["01-18-00.png", "02-18-15.png", "03-18-30.png"],
        ["tod_00-03.png", "tod_03-06.png", "tod_06-09.png"],
        ["tod_00.001.png", "tod_01.002.png", "tod_02.003.png"],
        ["06.30 Uhr.png", "07.15 Uhr.png", "08.00 Uhr.png"],
        ["06.00 Uhr.png", "06.15 Uhr.png", "06.30 Uhr.png"],
        ["kl. 06.30.png", "kl. 07.15.png", "kl. 08.00.png"],
        ["cam2_tod_06.png", "cam4_tod_07.png", "cam5_tod_08.png"],
        ["LM_00_v1.png", "LM_01_v3.png", "LM_02_v7.png"],
        ["hour_06_f00.png", "hour_07_f02.png", "hour_08_f04.png"],
        ["LM_2.22_f00.png", "LM_2.23_f01.png", "LM_2.0_f02.png"],
        ["6h_and_00min.png", "6h_and_10min.png", "6h_and_20min.png"],
        ["05.30分.png", "06.15分.png", "07.00分.png"],
        ["05.30'.png", "06.15'.png", "07.00'.png"],
    ],
)
def test_minutes_that_are_not_read(names: list[str]) -> None:
    with pytest.raises(DataError, match="one number that tells the time in every name, found several, such as in"):
        times_of(names)
    assert times_of(names, hours=[5, 6, 7])[1] == [5, 6, 7]


HOURS = ("{}", "{:02}", "{}h", "{:02}h", "{:02}hr", "{:02} Uhr", "{:02}點", "h{:02}", "{:02} o'clock", "Hour{:02}")
BETWEEN = (
    "", "_", "-", " ", ":", "\uff1a", "__", " - ", "+", "'", ",", "(", "h", "_m", "_min", "_minute", "_and_", "\u2013",
)  # fmt: skip
MINUTES = ("{:02}", "{:02}m", "{:02}min", "{:02}Min", "m{:02}", "{:02}'", "{:02}分")


@pytest.mark.thorough
@pytest.mark.parametrize("minutes", MINUTES)
@pytest.mark.parametrize("hours", HOURS)
def test_no_minutes_are_dropped_without_a_word(hours: str, minutes: str) -> None:
    """However they are written: read, refused, or told; of few times, of one hour, of all half past, of each other."""
    days = (
        [(6, 0), (8, 15), (12, 30), (18, 45)],
        [(18, 0), (18, 6), (18, 12)],
        [(h, 30) for h in range(24)],
        [(h, 7 * h % 60) for h in range(24)],
    )
    n_read = 0
    for before, between, behind, day in itertools.product(("", "Scene2_"), BETWEEN, ("", "_v2", "utc", "S00"), days):
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


@pytest.mark.parametrize("rest", ["_75", "_500", "_30", "m30", "p5", " 30", ",5", "_M30", "uhr30", "点30"])
@pytest.mark.parametrize("n", [24, 8])
@pytest.mark.parametrize("frame", ["", "f{:02d}_"])
def test_what_may_be_minutes_of_all_frames(rest: str, n: int, frame: str) -> None:
    names = [f"{frame.format(i)}tod_{24 * i // n:02d}{rest}.png" for i in range(n)]
    (line,) = [line for line in times_of(names)[2] if "is left out" in line]
    assert f"{rest!r} behind the numbers of all names is left out; minutes are read from names such as 13h05" in line
    assert not any("left out" in line for line in times_of([name.replace(rest, "_final") for name in names])[2])


@pytest.mark.parametrize("names", [["600.png", "630.png", "1200.png"], ["lm_0000.png", "lm_0050.png", "lm_0100.png"]])
def test_keys_that_may_be_clock_times(names: list[str]) -> None:
    with pytest.raises(
        DataError, match="expected hours and minutes such as 0630 or hours times 100 such as 650, found"
    ):
        times_of(names)


@pytest.mark.parametrize(
    "names",
    [
        ["tod_18.1.png", "tod_18.2.png", "tod_18.5.png"],
        ["tod_18.1h.png", "tod_18.2h.png", "tod_18.5h.png"],
        ["06-00.png", "06-10.png", "06-20.png"],
        ["scene-3-06.png", "scene-3-12.png", "scene-3-18.png"],
        ["scene-3-06-30.png", "scene-3-07-45.png", "scene-3-08-00.png"],
        ["18.00.00.png", "18.06.00.png", "18.12.00.png"],
        ["2026-06-21_18-00-00.png", "2026-06-21_18-06-00.png", "2026-06-21_18-12-00.png"],
        ["6.5pm.png", "6.7pm.png", "6.9pm.png"],
        ["6.5am.png", "6.5pm.png"],
        ["3.05.00pm.png", "3.10.00pm.png"],
        ["dawn_Lightmap-1-06.png", "noon_Lightmap-1-12.png"],
    ],
)
def test_what_may_be_the_hour_of_all_names_is_refused(names: list[str]) -> None:
    with pytest.raises(
        DataError, match=r"expected names that differ in hours and minutes, found '\d+[-.]' in front in"
    ):
        times_of(names)


@pytest.mark.parametrize(
    ("before", "is_told"), [("lm_3_", True), ("H06M", True), ("lm_30_", False), ("Room3_tod_", False)]
)
@pytest.mark.parametrize("behind", ["", "_00"])
def test_what_may_be_the_hour_of_all_names_is_told(before: str, is_told: bool, behind: str) -> None:
    *_, line = times_of([f"{before}{number:02d}{behind}.png" for number in (0, 10, 20)])[2]
    assert is_told == (f"{before[-2:]}' in front of the numbers of all names is left out (--hours: other" in line)


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
        ["dawn_5.png", "noon_12.png", "dusk_8.png"],
        ["早上6点.png", "中午12点.png", "晚上8点.png"],
        ["evening_6.png", "evening_7.png", "evening_8.png"],
        ["9 vormittags.png", "12 mittags.png", "5 nachmittags.png"],
        ["6ham.png", "9ham.png", "3hpm.png"],
        ["午前9時.png", "午後3時.png"],
        ["午後3時.png", "午後4時.png"],
        ["오전9시.png", "오후3시.png"],
        ["PM_03-30.png", "PM_04-30.png"],
        ["pm_0330.png", "pm_0430.png"],
        [f"lm_am_{hour}.png" for hour in (6, 9, 12)],
        ["sun_pm.png", "sun_am.png"],
        ["2026-06-21_AM.png", "2026-06-21_PM.png"],
        ["lmam-09.png", "lmpm-12.png", "lmpm-05.png"],
        ["6:00P.png", "7:00P.png", "8:00P.png"],
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
        [f"tod_{n:02d}_v001.{n + 1001}.png" for n in range(24)],
        [f"tod_{n:02d}.1001.png" for n in range(24)],
        [f"tod_{n:02d}h.{n + 1:04d}.png" for n in range(24)],
        [f"nightclub_{n:02d}.png" for n in range(24)],
    ],
)
def test_usual_days(names: list[str]) -> None:
    """Without a word, or where there is more than one number with one about what is read."""
    lines = (
        ()
        if all(len(re.findall("[0-9]+", name)) == 1 for name in names)
        else (f"{DAY}: times are taken from the names: 24 from 0 to 23 h, {names[0]} to {names[-1]}",)
    )
    assert times_of(names) == (names, list(range(24)), lines)


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
    assert (
        "no times that differ are in all names, such as dawn.png; frames are in the order of their names" in warnings[0]
    )


def test_the_only_number_of_a_name_goes_before_its_letters() -> None:
    found, hours, _ = times_of(["1_noon.png", "2_dawn.png"])
    assert (found, hours) == (["1_noon.png", "2_dawn.png"], [0, 12])
