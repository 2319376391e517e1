"""docs/migrating.md line by line: what the recipe's users type is understood, and means what the table says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY, make_day, write_day
from todpack.cli import command_group, main

ROWS = [
    (row[1], row[2])
    for row in re.finditer(
        r"^\| `([^`]+)` \| (.*) \|$", (REPOSITORY / "docs" / "migrating.md").read_text(encoding="utf-8"), re.MULTILINE
    )
]


def understood(line: str) -> tuple[str, dict[str, Any]]:
    """The command that a line calls, and the values of its parameters; where frames lie, whoever names them."""
    group, words = command_group(), shlex.split(line)
    command: click.Command = group
    context = click.Context(group, info_name="todpack", **group.context_settings)
    path = ""
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command, path = found, f"{path} {found.name}"
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, **command.context_settings)
    with command.make_context(command.name, list(words), parent=context) as made:
        values = dict(made.params)
    if "data_dir" in values:
        values["input_dir"] = values.pop("data_dir") or values["input_dir"]
    return path, values


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=lambda line: line[:60])
def test_a_line_means_what_the_table_says(theirs: str, ours: str) -> None:
    told = re.match(r"`([^`]+)`", ours)
    assert understood(theirs) == understood(told[1] if told else theirs)
    if not told:
        assert ours.startswith("the same")


def test_the_table_was_read() -> None:
    assert len(ROWS) >= 20


SMALL = (
    "--grid_levels=4,8 --channels_per_level=2 --hidden=4 --layers=1 --time_harmonics=1 --samples_per_epoch=480 "
    "--batch_size=480 --device=cpu --quiet=True"
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("torch")
    frames, valid = make_day(40, 40, 4)
    write_day(tmp_path / "day", frames, valid)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "more",
    [
        "--epochs 1 --residual_mode False --hash_top_levels 1 --hash_merge weighted",
        "--epochs 2 --hash_top_levels 1 --hash_lr 0.02 --hash_warmup 3",
        "--epochs 1 --ptq --val_hours 6",
        "--epochs 1 --baseline_encoder --lpips_freq 0 --loss_lpips_w 0.1 --patch_size 16",
    ],
)
@pytest.mark.thorough
def test_trainings_run(here: Path, more: str) -> None:
    words = ["train", "--data_dir", "day", "--output_dir", "run", "--family", "gridmlp", *SMALL.split(), *more.split()]
    assert main(words) == 0
    config = json.loads((here / "run" / "config.json").read_text())["config"]
    if "--hash_lr" in more:
        assert (config["hash_lr"], config["hash_epochs"]) == (0.02, 3)
    if "weighted" in more:
        assert (config["hash_merge"], config["residual_mode"]) == ("learned", False)
    assert main(["pack", "run", "-o", "a.tod"]) == 0
    assert main(["export", "run", "--output_dir", "parts", "--profile", "parts"]) == 0
    exports = "--latent_path parts/latent_map.npy --f2_path parts/f2_state_dict.pt"
    if Path("parts/baseline.png").exists():
        exports += " --baseline_path parts/baseline.png"
    assert main(f"infer {exports} --time 12 --out noon.png".split()) == 0
    assert main(["infer", "--ckpt", "run/best.ckpt", "--time", "12", "--out", "expected.png"]) == 0
    noon, expected = (np.asarray(Image.open(name)).astype(int) for name in ("noon.png", "expected.png"))
    valid = np.asarray(Image.open("parts/valid.png")) > 127
    assert np.abs(noon - expected)[valid].max() <= 2  # F0 in 8 bits, where there is one


def test_siren_and_its_inference_run(here: Path) -> None:
    sizes = "--hidden_f1=8 --layers_f1=1 --hidden_f2=8 --layers_f2=1 --latent_dim=4 --epochs=1"
    common = SMALL[SMALL.index("--time_harmonics") :]
    words = ["train", "--data_dir", "day", "--output_dir", "run", "--family", "siren", "--compute_latent=1"]
    assert main([*words, *sizes.split(), *common.split()]) == 0
    assert main(["infer", "--ckpt", "run/best.ckpt", "--time", "12", "--out", "new/folder/noon.png"]) == 0
    exports = "--latent_path run/latent_map.npy --f2_path run/f2_state_dict.pt"
    assert main(f"infer {exports} --time 12 --out noon.png".split()) == 0
    noon = np.asarray(Image.open("noon.png"))
    np.testing.assert_array_equal(noon, np.asarray(Image.open("new/folder/noon.png")))
    batch = "batch_infer --ckpt run/best.ckpt --start_hour 11 --end_hour 12"
    assert main(f"{batch} --output_dir frames".split()) == 0
    assert main(f"{batch} --output_dir smooth --ema 0.5".split()) == 0
    before, after = (np.asarray(Image.open(f"frames/recon_{h}.png")).astype(int) for h in (11, 12))
    smooth = np.asarray(Image.open("smooth/recon_12.png")).astype(int)
    assert np.abs(smooth - (before + after) / 2).max() <= 1
    assert main(["export_latent", "--ckpt", "run/best.ckpt", "--output_dir", "exports"]) == 0


@pytest.mark.thorough
def test_a_flat_space_is_searched_with_repeats(here: Path) -> None:
    fixed = {"grid_levels": "4,8", "channels_per_level": 2, "layers": 1, "time_harmonics": 1, "epochs": 1}
    fixed |= {"samples_per_epoch": 480, "batch_size": 480, "device": "cpu"}
    space = {"hidden": [4, 8], "lr": [1e-3], **{name: [value] for name, value in fixed.items()}}
    Path("space.json").write_text(json.dumps(space))
    words = "run_search --space space.json --data_dir day --out_base trials --no_lpips --repeats 2 --num_workers 2"
    assert main(words.split()) == 0
    trials = json.loads((here / "trials" / "results.json").read_text())["trials"]
    assert len(trials) == 2
    for trial in trials:
        assert trial["repeats"] == 2
        assert trial["deviation"]["psnr_db"] > 0.0
        assert trial["measures"]["bytes"] > 0
