"""SIREN: initialization, training, resuming, and what is said of bad options."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.frames import Day

torch = pytest.importorskip("torch")

from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.packer.siren.config import SirenConfig  # noqa: E402
from todpack.trainer.errors import TrainingError  # noqa: E402
from todpack.trainer.siren import train as siren_train  # noqa: E402
from todpack.trainer.siren.fit import SirenFit, stored_baseline  # noqa: E402
from todpack.trainer.siren.model import F1, Siren  # noqa: E402

MICRO = SirenConfig(
    latent_dim=4, hidden_f1=16, layers_f1=2, hidden_f2=8, layers_f2=2, time_harmonics=2, epochs=4,
    samples_per_epoch=4096, batch_size=1024, lr=5e-3, lr_f1=1e-3,
)  # fmt: skip


@pytest.mark.parametrize("omega_0", [30.0, 60.0])
def test_initialization_is_sirens(omega_0: float) -> None:
    torch.manual_seed(0)
    f1 = F1(256, 3, 256, omega_0)
    bounds = [1 / 2, *[math.sqrt(6 / 256) / omega_0] * 3]
    for layer, bound in zip(f1.linear_layers, bounds, strict=True):
        weight = layer.weight.detach()
        assert weight.abs().max() <= bound
        assert weight.abs().max() > 0.95 * bound
        assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)
        assert abs(weight.mean().item()) < 0.1 * bound


def test_activations_keep_their_spread_through_the_layers() -> None:
    """What the initialization is for: sums of deviation 1, sines of deviation sqrt(1/2), at any depth."""
    torch.manual_seed(0)
    f1 = F1(256, 5, 8, 30.0)
    x = 2 * torch.rand(4096, 2) - 1
    for index, layer in enumerate(f1.linear_layers[:-1]):
        sums = 30.0 * layer(x)
        x = torch.sin(sums)
        if index > 0:
            assert 0.8 < sums.std().item() < 1.8
        assert 0.6 < x.std().item() < 0.8


def test_coordinates_are_texel_centers() -> None:
    model = Siren(MICRO, 2, 4)
    expected = [[-0.75, -0.5], [-0.25, -0.5], [0.25, -0.5], [0.75, -0.5], [-0.75, 0.5]]
    np.testing.assert_allclose(model.coordinates(torch.arange(5)).numpy(), expected)


def test_training_learns_and_writes_what_it_says(run: Path) -> None:
    record = json.loads((run / "config.json").read_text())
    assert record["family"] == "siren"
    assert record["config"]["latent_dim"] == 4
    assert record["figures"]["epochs"] == 3
    lines = [line.split(",") for line in (run / "log.csv").read_text().splitlines()[1:]]
    assert float(lines[-1][1]) < float(lines[0][1])
    with np.load(run / "arrays.npz") as arrays:
        n_parameters = sum(a.size for name, a in arrays.items() if name.startswith(("f1_", "mlp_")))
        assert n_parameters == record["figures"]["parameters"]


def test_residual_mode_trains_on_the_baseline_that_is_stored(sequence: Day, tmp_path: Path) -> None:
    config = SirenConfig(**{**MICRO.to_json(), "residual_mode": True, "baseline_q_step": 7, "baseline_time": 8.0})
    siren_train.train_siren(sequence, config, tmp_path / "run", device="cpu", quiet=True)
    stored = np.asarray(Image.open(tmp_path / "run" / "baseline.png"))
    noon = sequence.radiance[sequence.frame_at(8.0)]
    np.testing.assert_array_equal(stored, stored_baseline(noon, 7))
    assert np.abs(stored - noon).max() <= 4
    assert set(np.unique(stored)) <= {*range(0, 255, 7), 255}


def test_resume_equals_an_uninterrupted_run(sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    siren_train.train_siren(sequence, MICRO, whole, device="cpu", quiet=True)
    train_epoch = SirenFit.train_epoch

    def interrupted(fit: SirenFit, epoch: int) -> float:
        if epoch == 2:
            raise KeyboardInterrupt
        return train_epoch(fit, epoch)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(SirenFit, "train_epoch", interrupted)
        siren_train.train_siren(sequence, MICRO, parted, device="cpu", quiet=True)
    assert not (parted / "config.json").exists()
    siren_train.train_siren(sequence, MICRO, parted, device="cpu", quiet=True, resume=True)
    assert (whole / "arrays.npz").read_bytes() == (parted / "arrays.npz").read_bytes()
    assert len((parted / "log.csv").read_text().splitlines()) == 5


def test_resume_with_other_options_is_refused(sequence: Day, tmp_path: Path) -> None:
    siren_train.train_siren(sequence, MICRO, tmp_path / "run", device="cpu", quiet=True)
    other = SirenConfig(**{**MICRO.to_json(), "lr": 1e-3})
    with pytest.raises(TrainingError, match=r"last\.ckpt: was trained with other options or data \(different: lr\)"):
        siren_train.train_siren(sequence, other, tmp_path / "run", device="cpu", quiet=True, resume=True)
    with pytest.raises(ConfigError, match="already holds a run"):
        siren_train.train_siren(sequence, MICRO, tmp_path / "run", device="cpu", quiet=True)


def test_out_of_memory_names_what_to_lower(sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fit: SirenFit, epoch: int) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(SirenFit, "train_epoch", full)
    with pytest.raises(TrainingError, match="lower --batch-size, --hidden-f1, --hidden-f2 or --latent-dim"):
        siren_train.train_siren(sequence, MICRO, tmp_path / "run", device="cpu", quiet=True)


def test_a_fresh_run_keeps_no_exports_of_an_older_one(sequence: Day, tmp_path: Path) -> None:
    run = tmp_path / "run"
    siren_train.train_siren(sequence, MICRO, run, device="cpu", quiet=True, compute_latent=True)
    exports = {"latent_map.npy", "f2_state_dict.pt", "f2_ts.pt"}
    assert exports <= {path.name for path in run.iterdir()}
    (run / "notes.txt").write_text("the user's own")
    siren_train.train_siren(sequence, MICRO, run, device="cpu", quiet=True, overwrite=True)
    assert not exports & {path.name for path in run.iterdir()}
    assert (run / "notes.txt").read_text() == "the user's own"


def test_diverged_training_is_one_line(sequence: Day, tmp_path: Path) -> None:
    config = SirenConfig(**{**MICRO.to_json(), "lr": 1.0, "lr_f1": 1.0, "grad_clip": 0.0, "layers_f2": 32})
    fit = SirenFit(sequence, config, tmp_path, torch.device("cpu"))
    with torch.no_grad():
        fit.model.f2.output.bias.fill_(float("nan"))
    with pytest.raises(TrainingError, match="epoch 1: the loss is not finite after 3 restarts; lower --lr"):
        fit.run(quiet=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--latent-dim", "0"], "--latent-dim: expected an integer in 1..256, found 0"),
        (["--omega-0", "0"], "--omega-0: expected a number in (0, 1000], found 0"),
        (["--preset", "ab"], "--preset: expected one of fast, full, found ab"),
        (["--grid-levels", "4"], "--grid-levels: an option of family gridmlp, found --family siren"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], message: str, day_folder: Path, tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    command = ["train", str(day_folder), "-o", str(tmp_path / "run"), "--family", "siren", *arguments]
    assert message in fails(command)


@pytest.mark.parametrize("name", ["fast", "full"])
def test_presets_are_configurations(name: str) -> None:
    from todpack.packer.configuration import from_json
    from todpack.trainer.presets import load_preset

    config = from_json(SirenConfig, load_preset("siren", name))
    assert from_json(SirenConfig, config.to_json()) == config
