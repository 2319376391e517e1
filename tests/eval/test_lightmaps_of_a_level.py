"""`--lightmap` wherever a level can be given: the lightmap that is named is read, and none other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.eval.trial import Trial, TrialSettings
from todpack.eval.trials import run_trial
from todpack.frames import read_day

SIZES = {"hall": (24, 32), "stairs": (40, 16)}


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level") / "level"
    for seed, (name, (height, width)) in enumerate(SIZES.items()):
        frames, valid = make_day(height, width, 24, seed=seed)
        write_day(folder / name, frames, valid)
    return folder


@pytest.fixture(scope="module")
def archive(level: Path) -> Path:
    out = level.with_name("level.tod")
    assert main(["compress", str(level), "-o", str(out), "--jobs", "1"]) == 0
    return out


def read_size(path: Path) -> tuple[int, ...]:
    with Image.open(path) as image:
        return image.size


def commands(level: Path, out: Path) -> dict[str, list[str]]:
    space = out / "space.toml"
    space.write_text("[pack]\nq_step = [16]\n", encoding="utf-8")
    return {
        "search": ["search", str(space), "--data", str(level), "-o", str(out / "search"), "--no-lpips"],
        "rd": ["eval", "rd", str(level), "-o", str(out / "rd"), "--no-lpips", "--sweeps", "daybasis"],
        "ab": ["eval", "ab", str(level), "-o", str(out / "ab"), "--no-lpips", "--quick"],
        "bench": ["eval", "bench", str(level), "--quick"],
        "peers": ["eval", "peers", str(level)],
    }


@pytest.mark.parametrize("name", ["search", "rd", "ab", "bench", "peers"])
def test_a_level_takes_a_lightmap(level: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = commands(level, tmp_path)[name]
    assert main(words) == 1
    assert "--lightmap" in capsys.readouterr().err
    assert main([*words, "--lightmap", "attic"]) == 1
    error = capsys.readouterr().err
    assert "attic" in error
    assert "hall" in error


@pytest.mark.thorough
def test_trials_are_of_the_lightmap(level: Path, tmp_path: Path) -> None:
    settings = TrialSettings(level, lightmap="stairs", lpips=False)
    result = run_trial(Trial("daybasis", {}, {"entropy": "zstd"}), tmp_path, settings)
    assert result["error"] is None
    valid = read_day(level, lightmap="stairs").valid.sum()
    measures = result["measures"]
    assert measures["bpt"] == pytest.approx(8 * measures["bytes"] / (valid * 24))


def test_inspect_one(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(archive), "--lightmap", "stairs", "--image", str(tmp_path / "a.png")]) == 0
    out = capsys.readouterr().out
    assert "stairs, 16 x 40" in out
    assert "hall" not in out
    assert read_size(tmp_path / "a.png") == (16, 40)
    assert main(["inspect", str(archive), "--lightmap", "attic"]) == 1
    assert "found 'attic'" in capsys.readouterr().err


@pytest.mark.parametrize(("lightmap", "name"), [("stairs", "stairs"), ("1", "stairs"), (None, "hall")])
@pytest.mark.thorough
def test_latency_of_one(archive: Path, lightmap: str | None, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [] if lightmap is None else ["--lightmap", lightmap]
    counts = ["--opens", "1", "--frames", "2", "--texels", "2"]
    assert main(["eval", "latency", str(archive), "--json", *counts, *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["height"], found["width"]) == SIZES[name]
    assert main(["eval", "latency", str(archive), *counts, "--lightmap", ""]) == 1
    assert "found ''" in capsys.readouterr().err
