"""The contest's layout: a grader that knows nothing of the project accepts it; what the rehearsal rejects."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.contest_data import make_radiance, micro_dataset, write_dataset
from todpack.cli import main
from todpack.decompressor.daybasis import native
from todpack.decompressor.errors import OutputError
from todpack.eval.measures.contest import read_scorer
from todpack.eval.measures.figures import Figures
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.frames import open_contest
from todpack.packer.dataset.compress import compress_level
from todpack.packer.dataset.plan import jobs_of
from todpack.submission.contest.build import build_contest, build_from
from todpack.submission.contest.check import _Grader, check_contest, folder_faults
from todpack.submission.errors import SubmissionError

GRADER = Path(__file__).with_name("independent_grader.py")
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data"
NO_LPIPS = LpipsAbsent("not here")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("contest") / "set"
    micro_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def archive(dataset) -> Path:
    path = dataset.parent / "level.tod"
    jobs = [replace(job, config=replace(job.config, q_step=6.0)) for job in jobs_of(dataset)]
    compress_level(jobs, path, n_jobs=1)
    return path


@pytest.fixture(scope="module")
def built(archive) -> Path:
    return build_contest(archive, archive.parent / "built").folder


@pytest.fixture
def submission(built, tmp_path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "submission"))


def rehearse(folder: Path, data: Path, **options):
    return check_contest(folder, data, scorer=read_scorer(), lpips=NO_LPIPS, threads=1, **options)


def grade(folder: Path, data: Path, elsewhere: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-I", "-B", str(GRADER), str(folder), str(data)],
        cwd=elsewhere, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ssim_of_exact_frames(data: Path) -> float:
    """Under 1, because invalid texels are zeroed in the reconstruction alone."""
    figures, opened = Figures(), open_contest(data)
    for entry in opened.entries:
        day = opened.read(entry)
        for frame in day.radiance:
            figures.add_frame(frame, frame, day.valid, None)
    return float(np.mean(figures.ssim))


@pytest.mark.thorough
def test_an_independent_grader_accepts_it_and_agrees(built, dataset, tmp_path):
    graded = grade(built, dataset, tmp_path)
    found = rehearse(built, dataset, report_path=tmp_path / "report.json")
    assert found.faults == []
    assert (found.without_core_s is not None) == native.IS_THERE
    assert found.measures["psnr_db"] == pytest.approx(graded["psnr_db"], abs=1e-4)
    assert found.measures["ratio_percent"] == pytest.approx(100 * graded["ratio"], rel=1e-9)
    assert found.measures["psnr_db"] > 45.0
    assert found.measures["ssim"] == pytest.approx(ssim_of_exact_frames(dataset), abs=0.01)
    assert len(found.frame_ms) == 78
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["passed"] is True
    assert report["lpips_absent"] == "not here"
    assert report["measures"]["lpips"] is None
    assert set(report["per_lightmap"]) == {"L_A_0", "L_A_1", "L_B_0"}
    assert 0 < report["score"] < report["reachable"] == 45.0


@pytest.mark.thorough
@pytest.mark.skipif(not (SHARED / "hprc_small").is_dir(), reason="../shared/data/hprc_small is absent")
def test_small_dataset(tmp_path):
    built = tmp_path / "built"
    steps = dict.fromkeys(("L_Courtyard_0", "L_Courtyard_1", "L_Annex_0"), 8.0)
    settings = {name: {"transfer": "gamma", "reweight": 1, "q_step": step} for name, step in steps.items()}
    (tmp_path / "tune.json").write_text(json.dumps({"settings": settings}))
    made = build_from(SHARED / "hprc_small", built, steps=tmp_path / "tune.json", n_jobs=1)
    assert made.ratio_percent < 0.6
    assert grade(built, SHARED / "hprc_small", tmp_path)["psnr_db"] > 49.0


@pytest.mark.thorough
def test_nothing_but_what_the_contest_names(built):
    names = sorted(path.name for path in built.iterdir())
    assert names == ["Interface.py", "Parameters", "README.md", "requirements.txt", "todpack"]
    assert sorted(path.name for path in (built / "Parameters").iterdir()) == ["L_A_0.bin", "L_A_1.bin", "L_B_0.bin"]
    program = (
        "import sys\n"
        "for name in ('onnxruntime', 'zstandard', 'PIL', 'constriction', 'onnx', 'scipy', 'click'):\n"
        "    sys.modules[name] = None\n"
        "import Interface\n"
        "lightmap = Interface.get({'level': 'L_A', 'id': 0}, 'cpu')\n"
        "lightmap.reconstruct(12.0)\n"
        "assert lightmap.get_result().shape[1] == 3\n"
        "assert sys.modules['todpack'].__file__.startswith(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", program, str(built)], cwd=built, check=True)


def edit(old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / "Interface.py").read_text()
        assert old in text
        (folder / "Interface.py").write_text(text.replace(old, new))

    return change


def zip_parameters(folder: Path) -> None:
    np.savez_compressed(folder / "Parameters" / "more.npz", np.zeros(4))


KEEP = """
        kept = self.__dict__.get("kept")
        self.kept = fresh if kept is None else kept.copy_(fresh)
        return self.kept
"""
RETURN = "return planes[:, : self._height * self._width].reshape(1, 3, self._height, self._width)"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (edit(RETURN, RETURN + ".double()"), "L_A_0: get_result: expected torch.float32, found torch.float64"),
        (edit(RETURN, RETURN + "[0]"), r"get_result: expected shape \(1, 3, 24, 33\), found \(3, 24, 33\)"),
        (
            edit(RETURN, RETURN.replace("return ", "fresh = ") + KEEP),
            "expected the result to stay as the caller left it",
        ),
        (edit("int(y) * self._width", "int(x) * self._width"), "random_test at row .* expected the frame's value"),
        (edit("def get(", "def other("), "AttributeError: .*has no attribute 'get'"),
        (edit("        self._time = 0.0\n", "        import os; os._exit(3)\n"), "exit code 3"),
    ],
)
def test_what_a_grader_rejects(submission, dataset, change, message):
    change(submission)
    faults = rehearse(submission, dataset).faults
    assert any(re.search(message, fault) for fault in faults), faults


@pytest.mark.thorough
@pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built")
def test_other_frames_without_the_core(submission, dataset):
    reader = submission / "todpack/submission/plain_bits/opened.py"
    reader.write_text(reader.read_text().replace("q_step=entry.q_step", "q_step=2 * entry.q_step"))
    faults = rehearse(submission, dataset).faults
    assert any("without the native core" in fault for fault in faults), faults


def test_files_that_a_grader_rejects(submission):
    assert folder_faults(submission) == []
    zip_parameters(submission)
    (submission / "requirements.txt").unlink()
    assert folder_faults(submission) == [
        "requirements.txt: missing", "Parameters/more.npz: expected plain quantized data, found zip"
    ]  # fmt: skip
    shutil.rmtree(submission / "Parameters")
    assert "Parameters: expected at least one file, found none" in folder_faults(submission)


@pytest.mark.thorough
def test_parameters_of_other_lightmaps_are_a_fault(submission, dataset, tmp_path):
    """Their bytes would count for the ratio of those that are graded."""
    part = Path(shutil.copytree(dataset, tmp_path / "part"))
    config = json.loads((part / "config.json").read_text())
    config["lightmap_list"], config["lightmap_count"] = config["lightmap_list"][:1], 1
    (part / "config.json").write_text(json.dumps(config))
    found = rehearse(submission, part)
    assert sum("expected those of the dataset's lightmaps, found another's" in fault for fault in found.faults) == 2
    assert rehearse(submission, dataset).faults == []


@pytest.mark.thorough
def test_slow_random_access_is_found(submission, dataset):
    edit(
        "        matrix, offset = self._affine(time)\n",
        "        import time as clock\n        clock.sleep(0.003 if texel > 600 else 0.0)\n"
        "        matrix, offset = self._affine(time)\n",
    )(submission)
    faults = rehearse(submission, dataset).faults
    assert any("expected a cost independent of the place" in fault for fault in faults), faults


@pytest.mark.thorough
def test_commands(archive, dataset, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["submit", "build", "--layout", "contest", str(archive), "-o", str(out)]) == 0
    assert "bytes in Parameters" in capsys.readouterr().out
    assert main(["submit", "build", "--layout", "contest", str(archive), "-o", str(out)]) == 1
    assert "already holds a submission; replace it by --overwrite" in capsys.readouterr().err
    assert main(["submit", "build", "--layout", "contest", str(archive), "-o", str(out), "--overwrite"]) == 0
    check = ["submit", "check", "--layout", "contest", str(out), "--data", str(dataset), "--no-lpips", "--threads", "1"]
    capsys.readouterr()
    assert main(check) == 0
    shown = capsys.readouterr().out
    assert "PASSED" in shown
    assert "LPIPS is absent: left out by --no-lpips" in shown
    assert (tmp_path / "report.json").is_file()
    signed = tmp_path / "signed"  # config.json begins with a byte order mark
    shutil.copytree(dataset, signed)
    (signed / "config.json").write_text((dataset / "config.json").read_text("utf-8"), "utf-8-sig")
    assert main([*check[:6], str(signed), *check[7:]]) == 0
    (out / "Parameters" / "L_B_0.bin").write_bytes(b"short")
    assert main(check) == 1
    shown = capsys.readouterr()
    assert "FAILED" in shown.out
    assert "L_B_0: ValueError" in shown.err
    assert "Traceback" not in shown.err


def test_folders_of_others_stay(archive, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    with pytest.raises(SubmissionError, match="expected a new folder or an older submission"):
        build_contest(archive, tmp_path / "mine", overwrite=True)
    (tmp_path / "hand" / "Parameters").mkdir(parents=True)  # a submission that the team wrote
    (tmp_path / "hand" / "Interface.py").write_text("mine")
    with pytest.raises(SubmissionError, match="expected a new folder or an older submission"):
        build_contest(archive, tmp_path / "hand", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years"


def test_names_too_long_for_the_layout_are_told_before_the_work(tmp_path):
    write_dataset(tmp_path / "set", {("\u5149" * 28, 0): make_radiance(4, 4)})
    with pytest.raises(SubmissionError, match=r"lightmap .*: expected a name of at most 255 bytes .* found 258"):
        build_from(tmp_path / "set", tmp_path / "x")
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_an_output_whose_pages_have_too_long_names_is_told_before_the_work(archive, tmp_path):
    write_dataset(tmp_path / "set", {("L_A", 0): make_radiance(4, 4)})
    out = tmp_path / ("n" * 232)
    for source in (tmp_path / "set", archive):
        with pytest.raises(OutputError, match=r"n\.checklist\.md: expected a name of at most 240 bytes, found 245"):
            build_from(source, out)
    assert [one.name for one in tmp_path.iterdir()] == ["set"]


def test_options_that_do_not_go_together(archive, dataset, tmp_path):
    with pytest.raises(SubmissionError, match="expected a dataset for --target-psnr, --steps, --jobs or --dry-run"):
        build_from(archive, tmp_path / "x", target_psnr_db=50.0)
    with pytest.raises(SubmissionError, match="expected one of them, found both"):
        build_from(dataset, tmp_path / "x", target_psnr_db=50.0, steps=tmp_path / "tune.json")
    (tmp_path / "tune.json").write_text("{}")
    with pytest.raises(SubmissionError, match="expected a report of `todpack tune`"):
        build_from(dataset, tmp_path / "x", steps=tmp_path / "tune.json")
    assert main(["submit", "build", str(archive), "-o", str(tmp_path / "x"), "--target-psnr", "50"]) == 1
    assert not (tmp_path / "x").exists()


@pytest.mark.thorough
def test_building_loads_no_torch(archive, tmp_path):
    program = (
        "import sys\nfrom todpack.cli import main\n"
        "assert main(['submit', 'build', '--layout', 'contest', *sys.argv[1:]]) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(archive), "-o", str(tmp_path / "out")], check=True)


@pytest.mark.thorough
def test_what_a_library_writes_to_stdout_is_no_answer(submission, dataset):
    edit("import torch\n", "import os\nimport torch\n\nos.write(1, b'{\"a\": \\xff garbage\\n')\n")(submission)
    assert rehearse(submission, dataset).faults == []


@pytest.mark.parametrize(
    "said",
    ["", "b'{\"a\": [[garbage'", "b'['*200000", "b'\\xff\\xfe'", "b'[\"fault\"]'", "b'5'", "b'{\"seconds\": [1]}'",
     "b'{\"seconds\": [1e999], \"access_s\": [1, 1], \"constructor_s\": 1}'"],
)  # fmt: skip
def test_a_process_that_answers_something_else(said):
    answer = f"sys.stdout.buffer.write({said} + b'\\n')" if said else "pass"
    program = f"import sys; sys.stdin.readline(); {answer}"  # a process that does not read may end while it is asked
    command = [sys.executable, "-c", program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "errors": "backslashreplace"}
    with subprocess.Popen(command, **pipes) as process, pytest.raises(SubmissionError, match="submission's process"):
        _Grader(process).ask({})


@pytest.mark.thorough
def test_a_lightmap_without_light_has_no_figures(tmp_path: Path) -> None:
    """No tile of it takes part in the measures; the report says null, and the others count."""
    radiance, valid = make_radiance(16, 16)
    write_dataset(tmp_path / "set", {("L", 0): (radiance, valid), ("L", 1): (np.zeros_like(radiance), valid)})
    compress_level(jobs_of(tmp_path / "set"), tmp_path / "level.tod", n_jobs=1)
    folder = build_contest(tmp_path / "level.tod", tmp_path / "built").folder
    result = rehearse(folder, tmp_path / "set")
    assert result.faults == []
    report = json.loads((tmp_path / "report.json").read_text())
    dark, lit = report["per_lightmap"]["L_1"], report["per_lightmap"]["L_0"]
    assert (dark["psnr_db"], dark["ssim"], dark["tiles"]) == (None, None, 0)
    assert report["measures"]["psnr_db"] == pytest.approx(lit["psnr_db"])
