"""What lies beside a contest submission: its zip, the checklist, the page of facts."""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contest_data import KEYS, make_radiance, write_dataset
from todpack.decompressor.errors import OutputError
from todpack.decompressor.signatures import is_earlier_output
from todpack.frames import Day
from todpack.packer.dataset.estimate import LevelPlan
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.submission.contest.build import build_contest, build_from, parameter_bytes
from todpack.submission.contest.handout import foreign_parameters, handout_files, parameters_digest, write_handout
from todpack.submission.errors import SubmissionError


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    radiance, valid = make_radiance(40, 52)
    day = Day(radiance, valid, np.array([int(key) / 100 for key in KEYS]), "linear", "L <A>_0")
    path = tmp_path_factory.mktemp("handout") / "a.tod"
    encode_day(day, DayBasisConfig(q_step=4.0), DayBasisPackOptions(entropy="zstd")).write(path)
    return path


def report_of(folder: Path) -> dict:
    points = {"psnr_db": 90.0, "ssim": 90.0, "lpips": None, "time_s": 90.0, "ratio_percent": 90.0}
    measures = {"psnr_db": 50.0, "ssim": 0.998, "lpips": None, "time_s": 0.5, "ratio_percent": 1.0}
    return {
        "passed": True, "faults": [], "per_lightmap": {"L <A>_0": {"psnr_db": 50.0}}, "frame_ms_median": 1.25,
        "access_us": [30.0, 31.0], "parameter_bytes": parameter_bytes(folder),
        "parameters": parameters_digest(folder), "device": "cuda", "cpu": "a processor",
        "measures": measures, "points": points, "score": 43.5, "reachable": 45.0,
    }  # fmt: skip


def test_a_build_makes_zip_checklist_and_facts(archive: Path, tmp_path: Path) -> None:
    folder = build_contest(archive, tmp_path / "team").folder
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "team", "team.checklist.md", "team.facts.html", "team.facts.md", "team.zip",
    ]  # fmt: skip
    with zipfile.ZipFile(tmp_path / "team.zip") as packed:
        assert packed.testzip() is None
        names = set(packed.namelist())
        stored = {path.relative_to(tmp_path).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert names == {name for name in stored if "__pycache__" not in name}
        assert "team/Interface.py" in names
    checklist = (tmp_path / "team.checklist.md").read_text()
    assert "| rehearsed as the grader does it | open | todpack submit check --layout contest team" in checklist
    assert f"1 lightmap(s), {parameter_bytes(folder)} bytes" in checklist
    facts = (tmp_path / "team.facts.md").read_text()
    assert "| L &lt;A&gt;_0 | 52 x 40 |" in facts
    assert "not measured yet" in facts
    before = [path.read_bytes() for path in handout_files(folder)]
    assert [path.name for path in handout_files(folder) if not is_earlier_output(path)] == []
    (folder / "Parameters" / "mine.npy").touch()
    found = foreign_parameters(folder)
    assert found == ["Parameters/mine.npy: expected a lightmap of plain bits, found something else"]
    with pytest.raises(SubmissionError, match=r"Parameters/mine\.npy: was not written by todpack"):
        build_contest(archive, folder, overwrite=True)
    (folder / "Parameters" / "mine.npy").unlink()
    assert foreign_parameters(folder) == []
    build_contest(archive, folder, overwrite=True)
    assert [path.read_bytes() for path in handout_files(folder)] == before


def test_facts_are_those_of_the_rehearsal(archive: Path, tmp_path: Path) -> None:
    folder = build_contest(archive, tmp_path / "team").folder
    report = report_of(folder)
    write_handout(folder, report)
    for name in ("team.facts.md", "team.facts.html"):
        text = (tmp_path / name).read_text()
        for figure in ("50.00 dB; 90.0 of 100 points", "43.500 of 45", "1.25 ms on cuda", "31 us", "absent"):
            assert figure in text
    checklist = (tmp_path / "team.checklist.md").read_text()
    assert "| rehearsed as the grader does it | done | passed on cuda |" in checklist
    assert "| measured on a GPU as the grader's | done |" in checklist
    write_handout(folder, {**report, "passed": False, "faults": ["L: too slow"]})
    assert "| open | 1 fault(s): L: too slow |" in (tmp_path / "team.checklist.md").read_text()
    # a report beside the folder counts if it is of these parameters
    (tmp_path / "report.json").write_text(json.dumps(report))
    write_handout(folder)
    assert "43.500" in (tmp_path / "team.facts.md").read_text()
    of_others = {"parameters": report["parameters"], "measures": {}}
    for other in ({**report, "parameters": "other"}, of_others, {**report, "points": 3}, {**report, "faults": 1}):
        (tmp_path / "report.json").write_text(json.dumps({**other, "passed": False}))
        write_handout(folder)
        assert "not measured yet" in (tmp_path / "team.facts.md").read_text()


def test_the_page_is_one_file_with_pictures_of_the_day(archive: Path, tmp_path: Path) -> None:
    build_contest(archive, tmp_path / "team")
    text = (tmp_path / "team.facts.html").read_text()
    assert "L &lt;A&gt;_0" in text
    assert not re.search(r"(src|href)=\"?http", text)
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in re.findall(r"base64,([^\"]+)", text)
    ]
    assert [picture.shape for picture in pictures] == [(40, 52, 3)] * 3
    assert pictures[1].mean() > pictures[0].mean()  # noon and morning


def test_others_files_are_not_replaced(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "team.zip").write_bytes(b"somebody's own")
    for overwrite in (False, True):  # which is of the folder
        with pytest.raises(OutputError, match=r"team\.zip: is there, and was not written by todpack; move it away"):
            build_contest(archive, tmp_path / "team", overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["team.zip"]
    (tmp_path / "team.zip").unlink()
    build_contest(archive, tmp_path / "team")
    build_contest(archive, tmp_path / "team", overwrite=True)


@pytest.mark.thorough
def test_a_build_from_a_dataset_says_its_plan(tmp_path: Path) -> None:
    radiance, valid = make_radiance(16, 16)
    radiance[5, 8, 8] = 1e4
    valid[8, 8] = True
    write_dataset(tmp_path / "set", {("L", 0): (radiance, valid)})
    plans: list[LevelPlan] = []
    lines: list[str] = []
    build_from(
        tmp_path / "set",
        tmp_path / "team",
        target_psnr_db=30.0,
        n_jobs=1,
        on_plan=plans.append,
        on_warning=lines.append,
    )
    assert [plan.n_texels for plan in plans] == [256]
    assert len(lines) == 1
    assert "fireflies" in lines[0]


def test_pages_that_the_team_has_changed_are_kept(archive: Path, tmp_path: Path) -> None:
    folder = build_contest(archive, tmp_path / "team").folder
    checklist, facts = tmp_path / "team.checklist.md", tmp_path / "team.facts.md"
    checklist.write_text(checklist.read_text() + "Team: Ada, Grace\n")
    facts.write_text(facts.read_text().replace("facts", "facts, ours"))
    before = checklist.read_text(), facts.read_text()
    assert write_handout(folder) == [checklist, facts]
    assert (checklist.read_text(), facts.read_text()) == before
    made = build_contest(archive, tmp_path / "team", overwrite=True)
    assert made.kept == [checklist, facts]
    assert (checklist.read_text(), facts.read_text()) == before
    checklist.unlink()
    assert build_contest(archive, tmp_path / "team", overwrite=True).kept == [facts]
    assert "Ada" not in checklist.read_text()
