"""The bench: comparisons of made-up curves, the result file, the document, and a small run through the command."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from todpack.cli import main
from todpack.decompressor.daybasis import native
from todpack.decompressor.errors import TodpackError
from todpack.eval.bench.decoding import _fresh_process
from todpack.eval.bench.document import bench_document
from todpack.eval.bench.rate import RateSettings, bracketing, compared, rate_of_set
from todpack.eval.bench.report import geometric_mean, parts_table, ratio_table, set_tables
from todpack.eval.bench.result import add, read_result, write_result
from todpack.eval.bench.sets import BenchSet, bounds, chosen_sets, known_sets
from todpack.eval.bench.speed import Row
from todpack.eval.errors import EvalError
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers.ours import DAYBASIS, REFINED, compress
from todpack.eval.peers.peer import Encoded, Peer
from todpack.eval.peers.run import PeerResults, all_peers, run_peers

X265, LIBAOM = "x265", "libaom"
LEVELS_DB = (46.0, 43.0, 40.0)
MEASURED = {"machine": {"cpu": "one", "date": "today", "threads": 2, "load": None, "versions": {}}, "commit": "abc"}


def curve(name: str, scale: float, mask_bytes: int = 0) -> list[RatePoint]:
    """Points of bytes = scale * 2^(dB / 6): log-linear, so interpolation is exact up to rounding."""
    return [
        RatePoint(
            name,
            f"at {db}",
            round(scale * 2 ** (db / 6)) + mask_bytes,
            db,
            1.0,
            1.0,
            0.9,
            None,
            35.0,
            {"mask": mask_bytes, "coefficients": round(scale * 2 ** (db / 6))},
            2.0,
            0.5,
        )
        for db in (38.0, 41.0, 45.0, 48.0)
    ]


def made_up(ours: float = 5e3, mask_bytes: int = 0) -> dict[str, Any]:
    """A set on which x265 needs 10,000 units, libaom 8,000, refined 0.9 times the closed form."""
    points = curve(DAYBASIS, ours, mask_bytes) + curve(REFINED, 0.9 * ours, mask_bytes)
    points += curve(X265, 1e4) + curve(LIBAOM, 8e3)
    results = PeerResults(tuple(points), {}, all_peers())
    return {
        "kind": "baked",
        "tuned": False,
        "height": 64,
        "width": 72,
        "frames": 24,
        "valid_texels": 4000,
        "raw_bytes": 1,
        "transfer": "srgb8",
        "levels_db": list(LEVELS_DB),
        "reference_bytes": [3, 2, 1],
        "points": [],
        "absent": {"avif": "why"},
        "lpips_absent": None,
        "random_access": {},
        "compared": compared(results, LEVELS_DB),
    }


def test_ratios_at_equal_psnr_are_those_built_in() -> None:
    found = made_up()["compared"]
    assert found["ratios"][DAYBASIS] == {X265: pytest.approx(0.5, rel=1e-3), LIBAOM: pytest.approx(0.625, rel=1e-3)}
    assert found["ratios"][REFINED][X265] == pytest.approx(0.45, rel=1e-3)
    assert found["middle"][X265]["border_db"] == 35.0
    assert found["middle"][X265]["lpips"] is None


def test_bd_rates_of_curves_scaled_in_bytes() -> None:
    pytest.importorskip("bjontegaard", reason="needs the extra compare")
    rates = made_up()["compared"]["bd_rate_percent"]
    assert rates[X265][DAYBASIS] == pytest.approx(-50.0, abs=0.1)
    assert rates[LIBAOM][REFINED] == pytest.approx(-43.75, abs=0.1)


def test_ours_without_its_mask_is_a_second_figure() -> None:
    found = made_up(mask_bytes=300_000)["compared"]
    assert found["ratios"][DAYBASIS][X265] > 0.6
    assert found["ratios_without_mask"][DAYBASIS][X265] == pytest.approx(0.5, rel=1e-3)


def test_the_refined_codec_tells_where_its_bytes_are() -> None:
    found = made_up(mask_bytes=300)["compared"]
    assert [parts["mask"] for parts in found["parts"]] == [300] * 3
    lengths = [parts["coefficients"] for parts in found["parts"]]
    assert lengths == sorted(lengths, reverse=True)
    assert list(found["parts"][0]) == ["coefficients", "mask"]
    (row, _lowest) = parts_table({"made up": {"levels_db": LEVELS_DB, "compared": found}}).rows
    assert row[:3] == ("made up", "46.00", str(lengths[0] + 300))
    assert row[3] == f"{100 * lengths[0] / (lengths[0] + 300):.1f} %"


def test_a_mean_over_fewer_levels_is_not_given() -> None:
    points = [*curve(DAYBASIS, 1e3), *curve(X265, 1e3)[1:]]
    found = compared(PeerResults(tuple(points), {}, all_peers()), LEVELS_DB)
    assert found["bytes"][X265][2] is None
    assert found["ratios"][DAYBASIS][X265] is None


def _ladder_peer(asked: list[float]) -> tuple[Peer, Any]:
    """A peer whose PSNR is 60 dB less its setting, and what runs it."""

    def encode(frames: np.ndarray, _valid: np.ndarray, setting: float) -> Encoded:
        asked.append(setting)
        error = 255 * 10 ** (-(60 - setting) / 20)
        return Encoded(int(1000 - setting), lambda: (frames + round(error)).astype(np.uint8))

    frames, valid = np.zeros((2, 8, 8, 3), np.uint8), np.ones((8, 8), bool)
    return Peer("p", "", "s", (), "no", encode), lambda peer: run_peers(frames, valid, (peer,))


def test_frames_of_one_color_have_no_rate_to_compare_at(tmp_path: Path) -> None:
    frames = tmp_path / "flat"
    frames.mkdir()
    for t in range(3):
        Image.new("RGB", (8, 8), (100, 100, 100)).save(frames / f"tod_{t}.png")
    with pytest.raises(EvalError, match="expected frames that coding changes"):
        rate_of_set(BenchSet("flat", frames), RateSettings(LpipsAbsent("not asked for"), quick=True))


def test_a_set_that_cannot_be_measured_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tmp_path / "day"
    frames.mkdir()
    for t in range(3):
        Image.new("RGB", (8, 8), (100, 40 * t, 100)).save(frames / f"tod_{t}.png")

    def compress(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("todpack.eval.peers.ours.compress", compress)
    with pytest.raises(EvalError, match=r"day: expected points of our own.*found none: .*No space left on device"):
        rate_of_set(BenchSet("day", frames), RateSettings(LpipsAbsent("not asked for"), quick=True))


def test_a_ladder_is_climbed_as_far_as_the_levels_are() -> None:
    asked: list[float] = []
    peer, run = _ladder_peer(asked)
    results = bracketing(peer, tuple(range(10, 50, 2)), (44.0, 36.0), run)
    reached = [point.psnr_db for point in results.points]
    assert reached == sorted(reached, reverse=True)
    assert max(reached) >= 44.0 and min(reached) <= 36.0
    assert len(reached) >= 4
    assert max(asked) <= 30 and min(asked) >= 12


def test_an_absent_peer_has_no_ladder() -> None:
    (peer,) = (one for one in all_peers() if one.name == "png")
    frames = np.zeros((2, 8, 8, 3), np.float32)
    found = bracketing(peer, (1.0, 2.0), (40.0,), lambda one: run_peers(frames, np.ones((8, 8), bool), (one,)))
    assert found.absent == {"png": "it codes srgb8 frames, these are linear"}


def test_sets_have_names_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harbor" / "png").mkdir(parents=True)
    both = [str(tmp_path / one / "frames") for one in "ab"]
    for folder in both:
        Path(folder).mkdir(parents=True)
    assert [one.name for one in chosen_sets((*both, both[1]), None)] == ["frames", both[1]]
    assert [one.name for one in chosen_sets(tuple(both), None, "x")] == ["frames/x", f"{both[1]}/x"]
    (tmp_path / "mine" / "harbor").mkdir(parents=True)
    own = str(tmp_path / "mine" / "harbor")
    assert [one.name for one in chosen_sets(("harbor", own), tmp_path)] == ["harbor", own]
    (tmp_path / "mine" / "sample").mkdir()
    own = str(tmp_path / "mine" / "sample")
    monkeypatch.chdir(both[0])
    assert [one.name for one in chosen_sets((own,), None)] == [own]  # though the repository's is not here
    assert [one.name for one in chosen_sets((".",), None)] == ["frames"]


@pytest.mark.thorough
def test_figures_of_one_folder_do_not_take_the_place_of_anothers(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results, before = tmp_path / "r.json", b""
    for folder, code in (("a", 0), ("a", 0), ("b", 1)):
        if not (tmp_path / folder).exists():
            shutil.copytree(tiny_day, tmp_path / folder / "frames")
        words = ["eval", "bench", str(tmp_path / folder / "frames"), "--quick", "--part", "speed", "--no-lpips"]
        assert main([*words, "--results", str(results)]) == code
        before = before if code else results.read_bytes()
    assert f"{results}: expected figures of " in capsys.readouterr().err
    assert results.read_bytes() == before


@pytest.mark.parametrize(
    ("value", "target", "verdict"),
    [(1.0, 1.0, "met"), (1.001, 1.0, "missed"), (None, 1.0, "not measured"), (5.0, None, ""), (None, None, "")],
)
def test_verdict(value: float | None, target: float | None, verdict: str) -> None:
    assert Row("measure", value, target).verdict == verdict


def test_geometric_mean() -> None:
    assert geometric_mean([0.5, None, 2.0]) == pytest.approx(1.0)
    assert geometric_mean([None]) is None


def test_known_sets_are_the_samples_and_what_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert [one.name for one in known_sets(None)] == ["sample", "contest_courtyard"]
    (tmp_path / "harbor" / "png").mkdir(parents=True)
    harbor = {one.name: one for one in known_sets(tmp_path)}["harbor"]
    assert (harbor.kind, harbor.tuned, harbor.reference[0]) == ("baked", False, (41874, 45.88))
    assert [one.name for one in chosen_sets(("harbor", str(tmp_path)), tmp_path)] == ["harbor", tmp_path.name]
    with pytest.raises(EvalError, match=r"one of the sets sample, .*found 'nowhere'"):
        chosen_sets(("nowhere",), tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvalError, match="nor the repository's samples here"):
        chosen_sets((), None)


def test_bounds_belong_to_known_sets_and_rows() -> None:
    names = {one.name for one in known_sets(REPOSITORY)} | {"geometric mean"}
    text = (REPOSITORY / "eval" / "bench" / "sets.toml").read_text()
    for part in ("rate", "speed"):
        assert all(name in names or f"[{name}]" in text for name in bounds(part))


def test_a_result_keeps_what_is_not_measured_again(tmp_path: Path) -> None:
    path, result = tmp_path / "b.json", {}
    add(result, "rate", "a", {"x": 1}, MEASURED)
    add(result, "speed", "a", {"x": 2}, MEASURED)
    write_result(path, result)
    again = read_result(path)
    add(again, "rate", "b", {"x": 3}, MEASURED)
    add(again, "rate", "a", {"x": 4}, MEASURED)
    write_result(path, again)
    assert read_result(path)["rate"]["sets"] == {"a": {"x": 4}, "b": {"x": 3}}
    assert read_result(path)["speed"]["sets"] == {"a": {"x": 2}}
    assert read_result(tmp_path / "none.json") == {}
    for text in ("no json", "[]", '{"other": 1}', '{"rate": 5}', '{"rate": {"sets": 3, "measured": {}}}'):
        path.write_text(text)
        with pytest.raises(TodpackError, match="expected results of a bench"):
            read_result(path)


def test_the_document_holds_every_table() -> None:
    result: dict[str, Any] = {"definitions": {"png": "what it is"}}
    add(result, "rate", "one", made_up(), MEASURED)
    add(result, "rate", "two", made_up(2e4), {**MEASURED, "commit": "def"})
    rows = [Row("open ms, threads 1", 20.0, 18.0, "how").to_json()]
    add(result, "speed", "one", {"q_step": 16.0, "rows": rows}, MEASURED)
    siren = {"archive_bytes": 81734, "psnr_db": 28.2612, "open_ms": 412.3, "frame_ms": 5.55, "train_s": 91.4}
    add(result, "families", "one", [{"family": "siren", **siren}], MEASURED)
    text = bench_document(result, {"one": {X265: 0.4}, "geometric mean": {X265: 1.0}}, {"one": "noise", "gone": "x"})
    assert "- one: noise\n" in text
    assert "gone" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert (
        "| one | baked | 46.00, 43.00, 40.00 | 0.450 | 0.500 | 0.563 | 0.625 | 0.450 | x265 missed: <= 0.4 |" in lines
    )
    assert "| geometric mean, all | | | 0.900 | 1.000 | 1.125 | 1.250 | 0.900 | met: <= 1 |" in lines
    assert "| open ms, threads 1 | 20.00 | <= 18 | missed | how |" in lines
    assert "| siren | 81734 | 28.26 | 412 | 5.5 | 91 |" in lines
    assert "- one: commit abc, one, today, threads 2" in lines
    assert "- two: commit def, one, today, threads 2" in lines
    assert "- avif absent: why" in lines
    assert "- png: what it is" in lines


def test_names_of_folders_are_no_markup() -> None:
    result: dict[str, Any] = {}
    for part, value in (("rate", made_up()), ("speed", {"q_step": 16.0, "rows": []})):
        add(result, part, "<img src=x>|`a`", value, MEASURED)
    text = bench_document(result, {}, {})
    assert "&lt;img src=x&gt;&#124;&#96;a&#96;" in text
    assert "<img" not in text


def test_a_single_set_has_no_means() -> None:
    assert len(ratio_table({"one": made_up()}, {}).rows) == 1
    assert set_tables("rate", "one", made_up(), {})[-1] == ["avif absent: why"]


@pytest.mark.thorough
def test_small_run_through_the_command(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rates and speeds of a folder, a second run from the cache, and the document from the file alone."""
    monkeypatch.setattr("todpack.eval.bench.rate.LEVEL_Q_STEPS", (20.0, 24.0))
    results, docs, cache = (str(tmp_path / name) for name in ("b.json", "b.md", "points"))
    command = ["eval", "bench", str(tiny_day), "--quick", "--results", results, "--cache", cache]
    assert main([*command, "--part", "rate", "--part", "speed"]) == 0
    printed = capsys.readouterr().out
    assert "Bytes over those of the peer" in printed and "compress s, refined" in printed
    found = json.loads(Path(results).read_text())
    name = tiny_day.name
    names = {point["name"] for point in found["rate"]["sets"][name]["points"]}
    assert {DAYBASIS, REFINED} <= names
    rows = {row["measure"]: row["value"] for row in found["speed"]["sets"][name]["rows"]}
    assert rows["compress peak MiB, closed form"] > 20
    assert 0 < rows["first frame s, fresh process"] < 60
    if native.IS_THERE:
        assert 2 <= rows["maps held, bytes for each of a texel's K"] < 6
        assert rows["open, share of NumPy's"] < 1
    assert all(value is None or math.isfinite(value) for value in rows.values())
    monkeypatch.setattr("todpack.eval.peers.run._point", None)  # nothing is measured again
    assert main([*command, "--part", "rate"]) == 0
    assert json.loads(Path(results).read_text())["rate"]["sets"] == found["rate"]["sets"]
    assert main(["eval", "bench", "--part", "none", "--results", results, "--docs", docs]) == 0
    assert Path(docs).read_text().startswith("# Benchmarks")
    before = Path(docs).read_bytes()
    for words in ([], ["--results", str(tmp_path / "missing.json")]):
        capsys.readouterr()
        assert main(["eval", "bench", "--part", "none", *words, "--docs", docs]) == 1
        assert "--part none: expected the --results of an earlier bench, found none" in capsys.readouterr().err
    assert Path(docs).read_bytes() == before
    del found["rate"]["sets"][name]["kind"]
    Path(results).write_text(json.dumps(found))
    capsys.readouterr()
    assert main(["eval", "bench", "--part", "none", "--results", results, "--docs", docs]) == 1
    assert capsys.readouterr().err.endswith("expected figures as `todpack eval bench` writes them, found others\n")
    assert Path(docs).read_bytes() == before


def test_compress_passes_the_reason_on(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"todpack compress: .*no_such_folder"):
        compress(tmp_path / "no_such_folder", tmp_path / "a.tod", 16.0, threads=1)


def test_what_is_unusual_about_frames_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is all that a command without --mask and --hours has to go by."""
    for number in range(1, 25):
        Image.fromarray(np.full((16, 16, 3), 9 * number, np.uint8)).save(tmp_path / f"f_{number}.png")

    def stop(*_: object) -> None:
        raise EvalError("enough")

    monkeypatch.setattr("todpack.eval.bench.speed.speed_of_set", stop)
    assert main(["eval", "bench", str(tmp_path), "--part", "speed"]) == 1
    (line,) = caplog.messages
    assert "names count from 1: f_1.png is taken as 0 h" in line


def test_what_another_bench_writes_meanwhile_stays(
    tiny_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "b.json"
    other = {"rate": {"measured": {"a": {}}, "sets": {"a": {"points": []}}}}

    def meanwhile(*_: object) -> dict[str, Any]:
        results.write_text(json.dumps(other))
        return {"rows": [], "absent": {}}

    monkeypatch.setattr("todpack.eval.bench.speed.speed_of_set", meanwhile)
    monkeypatch.setattr("todpack.eval.bench.report.set_tables", lambda *_: "")
    assert main(["eval", "bench", str(tiny_day), "--part", "speed", "--results", str(results)]) == 0
    found = json.loads(results.read_text())
    assert found["rate"] == other["rate"]
    assert list(found["speed"]["sets"]) == [tiny_day.name]


def test_replaced_code_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    (peer,) = (one for one in all_peers() if one.name == DAYBASIS)
    assert len(peer.version()) == 64
    assert replace(peer, version=lambda: "x").version() != peer.version()


def test_a_decompress_that_fails_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=r"decompress\.py: .*gone\.tod: cannot be opened: No such file"):
        _fresh_process(tmp_path / "gone.tod", 1)
