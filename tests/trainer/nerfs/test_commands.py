"""`todpack nerf`: from data to images and video, and one line for each error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import micro_scene  # noqa: E402
from todpack.cli import main  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import write_scene  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.model_file import ModelFile  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.run import resolve  # noqa: E402

OPTIONS = [
    "--epochs", "2", "--steps-per-epoch", "4", "--rays-batch-size", "128", "--max-depth", "2", "--hidden-dim", "8",
    "--num-samples", "8", "--grid-resolution", "8", "--table-size", "128", "--threads", "1", "--device", "cpu", "-q",
]  # fmt: skip


@pytest.fixture(scope="module")
def scene_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The micro scene as files."""
    folder = tmp_path_factory.mktemp("data") / "scene"
    write_scene(folder, micro_scene())
    return folder


@pytest.fixture(scope="module")
def run(scene_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on it."""
    out = tmp_path_factory.mktemp("nerf") / "run"
    assert main(["nerf", "train", str(scene_folder), "-o", str(out), *OPTIONS, "--hold-out", "5"]) == 0
    return out


@pytest.mark.parametrize("command", ["train", "eval", "render", "video", "scene", "memory"])
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nerf", command, "--help"]) == 0
    assert f"todpack nerf {command}" in capsys.readouterr().out.split("xamples:")[1]


def test_run_folder(run: Path) -> None:
    assert {p.name for p in run.iterdir()} == {"config.json", "model.infnerf", "log.csv", "last.ckpt", "checkpoints"}
    record = json.loads((run / "config.json").read_text())
    assert [s["scale"] for s in record["figures"]["held_out"]] == [1.0, 0.5, 0.25, 0.125]
    assert record["figures"]["parameters"] * 4 < (run / "model.infnerf").stat().st_size


def test_eval(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scores.json"
    assert main(["nerf", "eval", str(run), "--distances", "20", "--json-out", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.count("dB") == 4
    scores = json.loads(path.read_text())[str(run)]
    trained = json.loads((run / "config.json").read_text())["figures"]["held_out"]
    assert scores["scales"][0]["psnr_db"] == pytest.approx(trained[0]["psnr_db"], abs=1e-3)
    assert scores["touched_at_distance_20"] < 0.2


def test_other_images_than_those_of_the_training_are_not_held_out(
    run: Path, scene_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """One more in front moves all: those that are held out now were trained on."""
    scene = shutil.copytree(scene_folder, tmp_path / "scene")
    transforms = json.loads((scene / "transforms.json").read_text())
    copied = shutil.copytree(run, tmp_path / "run")
    config = json.loads((copied / "config.json").read_text())
    assert config["scene"]["data"] == str(scene_folder)
    config["scene"]["data"] = str(scene)
    (copied / "config.json").write_text(json.dumps(config))
    assert main(["nerf", "eval", str(copied)]) == 0  # the same images elsewhere
    frames = transforms["frames"]
    for changed, status in (([*frames, frames[0]], 0), ([frames[-1], *frames], 1)):
        (scene / "transforms.json").write_text(json.dumps({**transforms, "frames": changed}))
        capsys.readouterr()
        assert main(["nerf", "eval", str(copied)]) == status
    assert "expected the images of its training" in capsys.readouterr().err
    del config["images"]
    (copied / "config.json").write_text(json.dumps(config))
    assert main(["nerf", "eval", str(copied)]) == 0
    assert any("held-out ones may have changed since" in line for line in caplog.messages)


def test_one_held_out_view_moves_away_too(scene_folder: Path, tmp_path: Path) -> None:
    out, path = tmp_path / "run", tmp_path / "scores.json"
    assert main(["nerf", "train", str(scene_folder), "-o", str(out), *OPTIONS, "--hold-out", "8"]) == 0
    assert main(["nerf", "eval", str(out), "--distances", "1,50", "--json-out", str(path)]) == 0
    scores = json.loads(path.read_text())[str(out)]
    assert scores["touched_at_distance_50"] < scores["touched_at_distance_1"]


def test_render_and_video(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--views", "2", "--width", "20", "--save-depth", "--save-alpha", "--max-memory", "0.05"]
    assert main(["nerf", "render", str(run), "-o", str(tmp_path / "images"), *arguments]) == 0
    names = sorted(p.name for p in (tmp_path / "images").iterdir())
    assert names == [f"view_00{i}{kind}.png" for i in range(2) for kind in ("", "_alpha", "_depth")]
    with Image.open(tmp_path / "images" / "view_000.png") as image:
        assert image.size == (20, 20)
    pytest.importorskip("av")
    video = tmp_path / "spiral.mp4"
    assert main(["nerf", "video", str(run / "model.infnerf"), "-o", str(video), "--frames", "3", "--quiet"]) == 0
    assert video.stat().st_size > 500
    assert "3 frames" in capsys.readouterr().out


def test_single_level_has_as_many_parameters(run: Path, scene_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "single"
    arguments = ["nerf", "train", str(scene_folder), "-o", str(out), "--single-level-of", str(run), *OPTIONS]
    assert main([*arguments, "--hold-out", "0"]) == 0
    octree, single = ModelFile(run / "model.infnerf"), ModelFile(out / "model.infnerf")
    assert len(single.octree) == 1
    sizes = [f.layout.n_parameters * (len(f.octree) + 1) for f in (octree, single)]
    assert 0.97 * sizes[0] < sizes[1] <= sizes[0]
    assert single.config.gsd(0) == octree.config.gsd(octree.config.max_depth)


def test_built_in_scene_as_files(tmp_path: Path) -> None:
    assert main(["nerf", "scene", "-o", str(tmp_path / "s"), "--images", "2", "--size", "8"]) == 0
    assert len(list((tmp_path / "s" / "images").iterdir())) == 2


def test_resume_and_overwrite(run: Path, scene_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / "model.infnerf").read_bytes()
    again = ["nerf", "train", str(scene_folder), "-o", str(run), *OPTIONS, "--hold-out", "5"]
    assert main(again) == 1
    assert "already holds a run; continue it by --resume, or replace it by --overwrite" in capsys.readouterr().err
    assert main([*again, "--resume"]) == 0
    assert (run / "model.infnerf").read_bytes() == before
    assert main([*again, "--resume", "--overwrite"]) == 1


@pytest.mark.parametrize("preset", ["tiny", "small", "full"])
def test_presets_are_valid(preset: str) -> None:
    model, trainer, scene = resolve(preset, {})
    assert model.max_depth > 0
    assert trainer.pyramid_levels == 5
    assert scene.scene_images > 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "{tmp}/gone", "-o", "{tmp}/run"], "gone: expected a folder with transforms.json, found nothing"),
        (["train", "{tmp}", "-o", "{tmp}/run"], "transforms.json: expected a Blender-style transforms.json"),
        (["train", "-o", "{tmp}/run", "--max-depth", "99"], "--max-depth: expected an integer in 0..20, found 99"),
        (["train", "-o", "{tmp}/run", "--lr-init", "nan"], "--lr-init: expected a number"),
        (["train", "-o", "{tmp}/run", "--single-level-of", "{tmp}/gone"], "gone: expected a model of `todpack nerf"),
        (["train", "{data}", "-o", "{tmp}/file/run"], "file/run: cannot be created"),
        (["eval", "{tmp}"], "config.json: expected the config.json of a finished run"),
        (["eval", "{run}", "--distances", "0"], "--distances: expected numbers"),
        (["render", "{tmp}/gone", "-o", "{tmp}/x"], "gone: expected a model of `todpack nerf train`, found nothing"),
        (["render", "{tmp}/file", "-o", "{tmp}/x"], "file: expected a model of `todpack nerf train`, found another"),
        (["render", "{run}", "-o", "{tmp}/file"], "file: expected a folder, found a file"),
        (["render", "{run}", "-o", "{tmp}/x", "--width", "0"], "--width: expected an integer"),
        (["video", "{run}", "-o", "{tmp}/gone/x.mp4", "--frames", "1"], "x.mp4: cannot be written"),
        (["video", "{run}", "-o", "{tmp}/x.mp4", "--width", "1"], "at least 2 x 2 pixels"),
    ],
)
def test_one_line_for_each_error(
    arguments: list[str], words: str, run: Path, scene_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"not a model at all")
    places = {"tmp": tmp_path, "run": run, "data": scene_folder}
    assert main(["nerf", *(a.format(**places) for a in arguments)]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("todpack: error: ")
    assert words in line
    assert not (tmp_path / "run").exists()


def test_wrong_usage_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nerf", "train"]) == 2
    assert main(["nerf", "eval"]) == 2
    assert main(["nerf", "eval", "run", "--distances", "far"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.thorough
def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As where torch is not installed."""
    import subprocess
    import sys

    program = "import sys; sys.modules['torch'] = None; from todpack.cli import main; sys.exit(main(sys.argv[1:]))"
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", program, "nerf", "render", "run", "-o", "x"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "todpack: error: nerf needs torch: pip install 'todpack[nerf]'\n"


def test_pictures_are_of_the_scene(run: Path, tmp_path: Path) -> None:
    """Even after 8 steps the sky is above and the ground below."""
    assert main(["nerf", "render", str(run), "-o", str(tmp_path), "--views", "1", "--width", "16"]) == 0
    with Image.open(tmp_path / "view_000.png") as image:
        codes = np.asarray(image).astype(int)
    assert codes[0].mean() > codes[12].mean()


def test_data_of_a_run_is_a_path(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((run / "config.json").read_text())
    for data in (5, ["a"], "a\0b"):
        changed = {**config, "scene": {**config["scene"], "data": data}}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        assert main(["nerf", "eval", str(tmp_path)]) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "config.json: expected the config.json of a finished run" in line
