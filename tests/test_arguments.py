"""What holds for the arguments of every command: switches with values, outputs that replace only our own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from todpack.arguments import normalize, prepare
from todpack.cli import main
from todpack.decompressor.errors import OutputError
from todpack.decompressor.files import check_outputs, check_replaced, refuse_inputs, write_json
from todpack.eval.errors import EvalError
from todpack.eval.trial import Trial, TrialSettings
from todpack.eval.trials import run_trial
from todpack.packer.archive_writer import ArchiveWriter


def switches(*words: str) -> dict[str, object]:
    found: dict[str, object] = {}

    @click.command(context_settings={"token_normalize_func": normalize})
    @click.argument("frames", required=False)
    @click.option("--residual-mode/--no-residual-mode", default=None)
    @click.option("--qat", is_flag=True, default=None)
    @click.option("--epochs", type=int)
    def command(**values: object) -> None:
        found.update(values)

    prepare(command)
    command.main(list(words), standalone_mode=False)
    return found


@pytest.mark.parametrize(
    ("words", "residual_mode", "qat"),
    [
        ([], None, None),
        (["--residual_mode", "True", "--qat", "False"], True, None),
        (["--residual-mode", "false", "--qat"], False, True),
        (["--residual_mode=0", "--qat=1"], False, True),
        (["--residual_mode=yes", "--qat=off"], True, None),
        (["--no-residual-mode", "true"], False, None),
    ],
)
def test_a_switch_takes_a_value(words: list[str], residual_mode: bool | None, qat: bool | None) -> None:
    found = switches(*words, "--epochs", "1")
    assert (found["residual_mode"], found["qat"], found["epochs"]) == (residual_mode, qat, 1)


def test_what_is_no_truth_stays_where_it_is() -> None:
    assert switches("--qat", "1")["frames"] == "1"
    assert switches("--", "--qat")["frames"] == "--qat"
    with pytest.raises(click.BadOptionUsage):
        switches("--qat=perhaps")


def test_only_files_of_ours_are_replaced_unasked(tmp_path: Path, tiny_archive: Path) -> None:
    note, figures, empty, frame = (tmp_path / name for name in ("note", "x.json", "empty", "x.png"))
    note.write_text("of the user, who uses todpack")
    write_json(figures, {"bytes": 1})
    assert json.loads(figures.read_text()) == {"written_by": "todpack", "bytes": 1}
    empty.touch()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(frame)
    check_replaced([tiny_archive, figures, empty], overwrite=False)
    for foreign in (note, frame):
        with pytest.raises(OutputError, match="--overwrite"):
            check_replaced([foreign], overwrite=False)
        check_replaced([foreign], overwrite=True)
    for _ in range(2):
        assert main(["decompress", str(tiny_archive), "-o", str(tmp_path / "f"), "--hours", "6", "-q"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("compress nowhere -o {t}/Makefile", "Makefile: is there, and was not written by todpack"),
        ("compress {t} -o {t}/new.png", "new.png: expected a name that ends in .tod"),
        ("tune {t} -o {t}/new.html", "new.html: expected a name that ends in .json"),
        ("nerf memory --json-out {t}/new.txt", "new.txt: expected a name that ends in .json"),
        ("decompress {a} -o {t}/f --timings {t}/work.csv", "work.csv: is there, and was not written by todpack"),
        ("decompress {a} -o {t}/f --timings {t}/new.txt", "new.txt: expected a name that ends in .json"),
        ("decompress {a} -o {t} --format npy --hours 6 --timings {t}/tod_06.npy", "expected a name that ends in .json"),
        (
            "eval ab {t} -o {t}/x.json --json-out {t}/x.json",
            "a place of its own for each output, found two at this one",
        ),
        ("eval report {a} --data {t} -o {t}/x.mp4 --video {t}/../{n}/x.mp4", "expected a place of its own for each"),
    ],
)
def test_outputs_are_looked_at_before_the_work(
    words: str, said: str, tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = {"Makefile": "all:\n\ttodpack compress frames\n", "work.csv": "import todpack\n"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    assert main(words.format(t=tmp_path, n=tmp_path.name, a=tiny_archive).split()) == 1
    assert said in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == mine


@pytest.mark.parametrize("option", ["", "--overwrite"])
def test_a_file_that_comes_during_the_work_is_kept(
    option: str, tiny_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "day.tod"
    write = ArchiveWriter.write

    def meanwhile(*args: Any, **options: Any) -> int:
        out.write_text("mine")
        return write(*args, **options)

    monkeypatch.setattr(ArchiveWriter, "write", meanwhile)
    status = main(["compress", str(tiny_day), "-o", str(out), *option.split()])
    if option:
        assert status == 0
        assert out.read_bytes()[:4] != b"mine"
        return
    assert status == 1
    assert "day.tod: is there, and was not written by todpack; replace it by --overwrite" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_files_in_a_folder_are_looked_at_before_the_work(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("torch", "matplotlib"):
        pytest.importorskip(package)
    space = tmp_path / "space.toml"
    space.write_text('[train]\nq_step = [16.0]\nrefine = ["none"]\n')
    for name, words in {
        "results.json": f"search {space} --data {tiny_day} --no-lpips",
        "latency.svg": f"eval rd {tiny_day} --sweeps daybasis --crf= --distance= --no-lpips",
        "rd.json": f"eval rd {tiny_day} --sweeps daybasis --crf= --distance= --no-lpips",
        "images/0001.png": "nerf scene --images 2 --size 8",
        "sparse_points.npz": "nerf scene --images 2 --size 8",
    }.items():
        place = tmp_path / words.split()[0] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("mine, of todpack")
        assert main([*words.split(), "-o", str(tmp_path / words.split()[0])]) == 1
        assert f"{name}: is there, and was not written by todpack; replace it by --overwrite" in capsys.readouterr().err
        place.unlink()
    curve = tmp_path / "eval" / "results" / "other.json"
    curve.parent.mkdir()
    curve.write_text("{}")
    words = f"eval rd {tiny_day} --results {curve} --sweeps daybasis --no-lpips".split()
    assert main([*words, "-o", str(tmp_path / "eval")]) == 1
    assert "other.json: expected results of elsewhere" in capsys.readouterr().err
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "notes.txt").touch()
    for name in ("notes.txt", "result.json"):
        (tmp_path / "trial" / name).write_text('{"mine": 1}')
        with pytest.raises(EvalError, match="expected the folder of a trial"):
            run_trial(Trial("daybasis", label="trial"), tmp_path, TrialSettings(tiny_day))


def test_timings_are_none_of_the_frames(tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the names of the archive's lightmaps and hours make any name of a file."""
    frames = tmp_path / "tod_06.png"
    with pytest.raises(OutputError, match="expected a place of its own for each output"):
        check_outputs([frames, tmp_path / "hours.txt", tmp_path / "." / "tod_06.png"], [tiny_archive], overwrite=True)
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "tod_06.png").hardlink_to(tiny_archive)
    words = ["decompress", str(tmp_path / "f" / "tod_06.png"), "-o", str(tmp_path / "f"), "--hours", "6", "--overwrite"]
    assert main(words) == 1
    assert "tod_06.png: expected an output that is not among the inputs" in capsys.readouterr().err


def test_frames_beside_ours_do_not_become_ours(
    tiny_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list of arrays' hours that is written beside them does not claim them."""
    mine = {"tod_06.png": b"x", "tod_07.npy": b"y"}
    for name, content in mine.items():
        (tmp_path / name).write_bytes(content)
    words = ["decompress", str(tiny_archive), "-o", str(tmp_path), "-q"]
    assert main([*words, "--hours", "6", "--format", "npy"]) == 0
    for hour, kind in (("6", "png"), ("7", "npy")):
        assert main([*words, "--hours", hour, "--format", kind]) == 1
        assert "was not written by todpack" in capsys.readouterr().err
    assert {name: (tmp_path / name).read_bytes() for name in mine} == mine


def test_the_folder_of_the_frames_is_no_output(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_day, tmp_path / "day" / "png")
    before = sorted((tmp_path / "day" / "png").iterdir())
    assert main(["train", str(tmp_path / "day"), "-o", str(tmp_path / "day" / "png"), "--refine", "none"]) == 1
    assert "png: expected an output that is not among the inputs" in capsys.readouterr().err
    assert sorted((tmp_path / "day" / "png").iterdir()) == before


def test_a_link_to_an_input_is_that_input(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    (frames / "png").mkdir(parents=True)
    (frames / "a.png").write_bytes(b"x")
    (tmp_path / "link.png").symlink_to(frames / "a.png")
    for output in (tmp_path / "link.png", frames / "a.png", frames / "png", tmp_path / "frames" / ".." / "frames"):
        with pytest.raises(OutputError, match="not among the inputs"):
            refuse_inputs(output, [frames, tmp_path / "gone"])
    refuse_inputs(frames / "new.tod", [frames])


@pytest.mark.parametrize(
    ("words", "code"),
    [("compress {d} -o loop.tod", 0), ("train {d} -o loop.tod", 1), ("export {a} -o loop.tod --profile load", 1)],
)
def test_a_link_to_itself_ends_no_command(
    words: str, code: int, tiny_day: Path, tiny_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.tod").symlink_to("loop.tod")
    assert main(words.format(d=tiny_day, a=tiny_archive).split()) == code
    assert Path("loop.tod").is_file() == (code == 0)


PLAIN = """import sys
for name in ("torch", "scipy", "onnx", "threadpoolctl", "av", "imagecodecs", "OpenEXR", "matplotlib", "optuna", "ray",
             "bjontegaard", "ispc_texcomp", "lpips"):
    sys.modules[name] = None
from todpack.cli import main
sys.exit(main())
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "words",
    [
        "compress {day} -o {t}/x.tod",
        "train {day} -o {t}/r",
        "train {day} -o {t}/r --family gridmlp",
        "train {day} -o {t}/r --family siren",
        "view {archive} -o {t}/v.html",
        "export-latent --ckpt c.ckpt -o {t}/e",
        "infer --ckpt c.ckpt --time 1 -o {t}/x.png",
        "batch-infer --ckpt c.ckpt -o {t}/f",
        "eval bench {day} --quick --results {t}/b.json --cache {t}/points",
        "eval ab {day} --quick --no-lpips -o {t}/ab",
        "eval peers {day} --peers x265 --no-lpips",
        "eval rd {day} --no-lpips -o {t}/rd",
        "eval report {archive} --data {day} --no-lpips -o {t}/r.html --video {t}/v.mp4",
        "search {space} --data {day} -o {t}/s",
        "nerf train -o {t}/n",
        "nerf scene -o {t}/n",
        "tune {contest} --no-lpips -o {t}/t.json",
        "submit build --layout contest {contest} -o {t}/c",
        "submit check --layout contest {t} --data {contest} --no-lpips --report {t}/r.json",
        "decompress {linear} -o {t}/f --format exr",
    ],
)
def test_a_plain_install_names_what_is_missing_and_begins_nothing(
    words: str, tiny_day: Path, tiny_archive: Path, tmp_path: Path
) -> None:
    space, empty = tmp_path / "space.toml", tmp_path / "t"
    space.write_text("[train]\nq_step = [16.0]\n")
    empty.mkdir()
    linear = REPOSITORY / "tests" / "golden" / "daybasis-gamma-1.1.tod"
    values = {"day": tiny_day, "archive": tiny_archive, "t": empty, "space": space, "linear": linear}
    filled = words.format(**values, contest=REPOSITORY / "samples" / "contest").split()
    done = subprocess.run([sys.executable, "-c", PLAIN, *filled], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert " need" in line or "nothing was measured" in line
    assert "pip install 'todpack[" in line
    assert list(empty.iterdir()) == []


def test_a_search_without_a_trial_that_works_fails(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    space = tmp_path / "space.toml"
    space.write_text('[train]\nq_step = [-1.0]\nrefine = ["none"]\n')
    words = ["search", str(space), "--data", str(tiny_day), "-o", str(tmp_path / "s"), "--no-lpips"]
    assert main(words) == 1
    captured = capsys.readouterr()
    assert "0 trials worked" in captured.out
    assert "none of 1 trials worked" in captured.err


def test_a_folder_in_the_place_of_results_is_told_before_the_work(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "space.toml").write_text("[pack]\nq_step = [40]\n")
    for out, name, words in (
        ("trials", "results.json", ["search", str(tmp_path / "space.toml"), "--data", str(tiny_day)]),
        ("curves", "rd.json", ["eval", "rd", str(tiny_day)]),
    ):
        (tmp_path / out / name).mkdir(parents=True)
        assert main([*words, "-o", str(tmp_path / out), "--no-lpips"]) == 1
        expected = "cannot be written: expected a file or nothing there, found a folder"
        assert capsys.readouterr().err == f"todpack: error: {tmp_path / out / name}: {expected}\n"
        assert [path.name for path in (tmp_path / out).iterdir()] == [name]


def test_a_time_without_an_image(tiny_archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny_archive), "--time", "5"]) == 1
    assert capsys.readouterr().err == "todpack: error: --time: expected it with --image, of which it is the hour\n"
