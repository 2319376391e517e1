"""SIREN and GridMLP: exports and frames by torch, and what is said of bad checkpoints and exports."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.frames import Day, read_day

torch = pytest.importorskip("torch")

from todpack.packer.errors import ConfigError  # noqa: E402
from todpack.trainer import infer  # noqa: E402
from todpack.trainer.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from todpack.trainer.errors import TrainingError  # noqa: E402
from todpack.trainer.infer import checkpoint_predictor, exported_predictor  # noqa: E402


def test_exports_reload_and_give_the_checkpoints_frame(run: Path) -> None:
    latents = np.load(run / "latent_map.npy")
    assert latents.shape == (13, 17, 4)
    assert latents.dtype == np.float32
    is_residual = (run / "baseline.png").exists()
    baseline = run / "baseline.png" if is_residual else None
    f2 = run / "f2_state_dict.pt"
    by_export = exported_predictor(run / "latent_map.npy", f2, baseline)
    by_checkpoint = checkpoint_predictor(run / "best.ckpt", None)
    for time_h in (0.0, 12.0, 17.3):
        frame = by_checkpoint(time_h)
        assert frame.shape == (13, 17, 3)
        assert frame.std() > 1.0
        np.testing.assert_array_equal(by_export(time_h), frame)


def test_torchscript_needs_torch_alone(run: Path) -> None:
    """The whole frame by the exported files and torch's own functions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(run / "f2_ts.pt")
    latents = torch.from_numpy(np.load(run / "latent_map.npy")).reshape(-1, 4)
    rgb = 255.0 * script(latents, torch.tensor([3.0, 12.0]))[:, 1].detach()
    if (run / "baseline.png").exists():
        rgb = rgb + torch.from_numpy(np.array(Image.open(run / "baseline.png"))).reshape(-1, 3)
    codes = rgb.round().clamp(0, 255).to(torch.uint8).reshape(13, 17, 3)
    np.testing.assert_array_equal(codes.numpy(), checkpoint_predictor(run / "best.ckpt", None)(12.0))


@pytest.mark.parametrize("storage", ["latent", "weights"])
def test_archive_is_within_one_code_of_torch(run: Path, storage: str, tmp_path: Path) -> None:
    assert main(["pack", str(run), "-o", str(tmp_path / "a.tod"), "--storage", storage]) == 0
    predict = checkpoint_predictor(run / "best.ckpt", None)
    with open_archive(tmp_path / "a.tod") as archive, np.load(run / "arrays.npz") as arrays:
        hours = (*archive.lightmaps[0].hours, 17.3)
        error = np.stack([archive.decode(hour).astype(int) - predict(hour) for hour in hours])
        assert (np.abs(error).max(axis=-1)[:, arrays["valid"]] <= 1).mean() >= 0.999


@pytest.mark.parametrize("height", [-1, "x", True, 10**9])
def test_checkpoints_of_odd_sizes_are_one_line(
    run: Path, tmp_path: Path, height: object, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = load_checkpoint(run / "best.ckpt")
    saved["identity"]["height"] = height
    save_checkpoint(tmp_path / "odd.ckpt", saved)
    assert main(["infer", "--ckpt", str(tmp_path / "odd.ckpt"), "--time", "3", "-o", str(tmp_path / "x.png")]) == 1
    error = capsys.readouterr().err
    assert "odd.ckpt: not a checkpoint of a siren: expected " in error
    assert error.count("\n") == 1


def test_commands_give_the_same_frames(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ckpt = str(run / "best.ckpt")
    assert main(["infer", "--ckpt", ckpt, "--time", "12", "--out", str(tmp_path / "one.png")]) == 0
    assert main(["export-latent", "--ckpt", ckpt, "-o", str(tmp_path / "exports")]) == 0
    for name in ("latent_map.npy", "f2_state_dict.pt"):
        assert (tmp_path / "exports" / name).stat().st_size == (run / name).stat().st_size
    assert main(["export-latent", "--ckpt", ckpt, "-o", str(tmp_path / "exports")]) == 1
    assert "latent_map.npy: is there already; replace it by --overwrite" in capsys.readouterr().err
    assert main(["export-latent", "--ckpt", ckpt, "-o", str(tmp_path / "exports"), "--overwrite"]) == 0
    hours = ["--start-hour", "11", "--end-hour", "12"]
    assert main(["batch-infer", "--ckpt", ckpt, *hours, "--out-dir", str(tmp_path / "frames")]) == 0
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == ["recon_11.png", "recon_12.png"]
    assert (tmp_path / "frames" / "recon_12.png").read_bytes() == (tmp_path / "one.png").read_bytes()


def test_infer_reads_gridmlp_checkpoints(tiny_run: Path, tiny_day: Path, tmp_path: Path) -> None:
    assert main(["infer", "--ckpt", str(tiny_run / "best.ckpt"), "--time", "12", "-o", str(tmp_path / "a.png")]) == 0
    record = json.loads((tiny_run / "config.json").read_text())
    frame = np.asarray(Image.open(tmp_path / "a.png"), np.float64)
    with np.load(tiny_run / "arrays.npz") as arrays:
        valid = arrays["valid"]
    day = read_day(tiny_day)
    predict = checkpoint_predictor(tiny_run / "best.ckpt", tiny_run / "baseline.png")
    frames = np.stack([predict(hour) for hour in record["hours"]])
    np.testing.assert_array_equal(frames[12], frame)
    mse = np.square(frames.astype(np.float64) - day.radiance)[:, valid].mean()
    assert 10 * math.log10(255**2 / mse) == pytest.approx(record["figures"]["psnr_srgb_db"], abs=1e-3)


def test_a_gridmlp_checkpoint_without_a_state(
    tiny_run: Path, tmp_path: Path, fails: Callable[[list[str]], str]
) -> None:
    saved = torch.load(tiny_run / "best.ckpt", weights_only=True)
    torch.save({**saved, "state": torch.ones(3)}, tmp_path / "a.ckpt")
    shutil.copy(tiny_run / "baseline.png", tmp_path)
    words = ["infer", "--ckpt", str(tmp_path / "a.ckpt"), "--time", "3", "--out", str(tmp_path / "x.png")]
    into = ["infer", "--ckpt", str(tiny_run / "best.ckpt"), "--time", "3", "--out", str(tiny_run / "baseline.png")]
    assert "baseline.png: expected an output that is not among the inputs" in fails(into)
    assert "a.ckpt: not a checkpoint of a model: expected state as a table, found something" in fails(words)


def test_infer_reads_gridmlp_checkpoints_with_all_inputs(sequence: Day, tmp_path: Path) -> None:
    """The BaselineEncoder looks at the masked baseline; the ranges of fake quantization are in the checkpoint."""
    from todpack.packer.gridmlp.config import GridMlpConfig
    from todpack.trainer.gridmlp.train import train_gridmlp

    config = GridMlpConfig(
        grid_levels=(4,), channels_per_level=2, hidden=8, layers=1, time_harmonics=1, epochs=1, samples_per_epoch=1024,
        batch_size=512, lr=5e-3, use_baseline_encoder=True, film=True, qat=True, qat_epochs=1,
    )  # fmt: skip
    record = train_gridmlp(sequence, config, tmp_path / "run", device="cpu", quiet=True)
    predict = checkpoint_predictor(tmp_path / "run" / "best.ckpt", None)
    frames = np.stack([predict(float(hour)) for hour in sequence.hours])
    mse = np.square(frames.astype(np.float64) - sequence.radiance)[:, sequence.valid].mean()
    assert 10 * math.log10(255**2 / mse) == pytest.approx(record.figures["psnr_srgb_db"], abs=1e-3)


def test_bad_checkpoints_are_one_line(run: Path, tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    def infer(path: Path) -> str:
        return fails(["infer", "--ckpt", str(path), "--time", "3", "--out", str(tmp_path / "x.png")])

    assert "expected a checkpoint, found nothing there" in infer(tmp_path / "none.ckpt")
    (tmp_path / "text.ckpt").write_text("not a checkpoint")
    assert "text.ckpt: not a readable checkpoint: expected a file of tensors" in infer(tmp_path / "text.ckpt")
    data = (run / "best.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(data[: len(data) // 2])
    assert "cut.ckpt: not a readable checkpoint" in infer(tmp_path / "cut.ckpt")
    saved = torch.load(run / "best.ckpt", weights_only=True)
    torch.save({**saved, "family": "other"}, tmp_path / "other.ckpt")
    assert "expected a checkpoint of siren or gridmlp, found family 'other'" in infer(tmp_path / "other.ckpt")
    torch.save({**saved, "identity": {**saved["identity"], "hidden_f1": 17}}, tmp_path / "sizes.ckpt")
    assert "sizes.ckpt: not a checkpoint of a siren" in infer(tmp_path / "sizes.ckpt")
    torch.save({**saved, "family": "gridmlp"}, tmp_path / "gridmlp.ckpt")
    message = infer(tmp_path / "gridmlp.ckpt")
    assert "gridmlp.ckpt: not a checkpoint of a gridmlp" in message or "baseline" in message
    del saved["identity"]
    torch.save(saved, tmp_path / "bare.ckpt")
    assert "bare.ckpt: not a checkpoint of a siren" in infer(tmp_path / "bare.ckpt")
    assert not (tmp_path / "x.png").exists()


def test_bad_exports_are_one_line(run: Path, tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    latents, f2 = run / "latent_map.npy", run / "f2_state_dict.pt"
    is_residual = (run / "baseline.png").exists()

    def infer(latent_path: Path, f2_path: Path, *more: str) -> str:
        paths = ["--latent-path", str(latent_path), "--f2-path", str(f2_path)]
        if is_residual and not more:
            more = ("--baseline-path", str(run / "baseline.png"))
        return fails(["infer", *paths, "--time", "3", "--out", str(tmp_path / "x.png"), *more])

    np.save(tmp_path / "thin.npy", np.zeros((13, 17, 3), np.float32))
    assert "thin.npy: expected shape [H, W, 4]" in infer(tmp_path / "thin.npy", f2)
    np.save(tmp_path / "nan.npy", np.full((13, 17, 4), np.nan, np.float32))
    assert "nan.npy: expected finite floating-point numbers" in infer(tmp_path / "nan.npy", f2)
    assert "expected f2_state_dict.pt of an export" in infer(latents, latents)
    assert "found nothing there" in infer(latents, tmp_path / "none.pt")
    assert "cannot be read as a .npy array" in infer(f2, f2)
    Image.new("RGB", (5, 4)).save(tmp_path / "small.png")
    small = infer(latents, f2, "--baseline-path", str(tmp_path / "small.png"))
    assert ("expected 17 x 13 texels, found 5 x 4" if is_residual else "was trained without a baseline") in small


class Overwrites(torch.nn.Module):
    """What an author may put into TorchScript: it fills victim.bin by way of shared memory."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("residual", torch.tensor(False))
        self.input_features = torch.nn.Linear(4, 8)

    def forward(self, latents: torch.Tensor, time_h: torch.Tensor) -> torch.Tensor:
        mapped = torch.from_file("victim.bin", shared=True, size=4, dtype=torch.uint8)
        mapped.fill_(7)
        return torch.zeros([latents.size(0), time_h.size(0), 3]) + 0.0 * mapped.float().sum()


def test_torchscript_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Callable[[list[str]], str]
) -> None:
    monkeypatch.chdir(tmp_path)
    victim, latents = tmp_path / "victim.bin", tmp_path / "latents.npy"
    victim.write_bytes(bytes(4))
    np.save(latents, np.zeros((3, 5, 4), np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(Overwrites()), tmp_path / "f2_ts.pt")
        torch.jit.load(tmp_path / "f2_ts.pt")(torch.zeros(1, 4), torch.zeros(1))
    assert victim.read_bytes() == bytes([7] * 4), "it does what it is made for, where it runs"
    victim.write_bytes(bytes(4))
    command = ["infer", "--latent-path", str(latents), "--f2-path", "f2_ts.pt", "--time", "12", "--out", "n.png"]
    assert "f2_ts.pt: TorchScript can run code" in fails(command)
    assert victim.read_bytes() == bytes(4)
    assert not (tmp_path / "n.png").exists()


def test_what_an_export_claims_takes_no_memory(run: Path, tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    """Tensors that are one number repeated, and an NPY header of a shape that the file does not have."""
    huge = torch.zeros(1).expand(1 << 20, 1 << 20)
    state = torch.load(run / "f2_state_dict.pt", weights_only=True)
    torch.save({**state, "input_features.weight": huge}, tmp_path / "huge.pt")
    latents = run / "latent_map.npy"

    def infer(latent_path: Path, f2_path: Path) -> str:
        paths = ["--latent-path", str(latent_path), "--f2-path", str(f2_path)]
        return fails(["infer", *paths, "--time", "3", "--out", str(tmp_path / "x.png")])

    assert "expected tensors that the file holds" in infer(latents, tmp_path / "huge.pt")
    for other in (state["input_features.weight"].to(torch.complex64), state["input_features.weight"][:0]):
        torch.save({**state, "input_features.weight": other}, tmp_path / "other.pt")
        assert "expected tensors of real numbers" in infer(latents, tmp_path / "other.pt")
    shape = {"descr": "<f4", "fortran_order": False, "shape": (1 << 20, 1 << 20, 4)}
    with (tmp_path / "huge.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, shape)
    message = infer(tmp_path / "huge.npy", run / "f2_state_dict.pt")
    assert "huge.npy: cannot be read as a .npy array" in message


def test_residual_export_without_baseline_is_refused(run: Path, tmp_path: Path) -> None:
    latents, f2 = run / "latent_map.npy", run / "f2_state_dict.pt"
    if (run / "baseline.png").exists():
        with pytest.raises(ConfigError, match="expected the baseline frame, found none"):
            exported_predictor(latents, f2, None)
    else:
        with pytest.raises(ConfigError, match="was trained without a baseline"):
            checkpoint_predictor(run / "best.ckpt", tmp_path / "any.png")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["infer", "--time", "24", "--out", "x.png"], "--time: expected an hour in [0, 24), found 24"),
        (["batch-infer", "--start-hour", "9", "--end-hour", "8", "-o", "x"], "--end-hour: expected 9 (--start-hour)"),
    ],
)
def test_bad_hours_are_one_line(
    arguments: list[str], message: str, run: Path, fails: Callable[[list[str]], str]
) -> None:
    assert message in fails([*arguments, "--ckpt", str(run / "best.ckpt")])


def test_infer_takes_one_source(run: Path) -> None:
    both = ["--ckpt", str(run / "best.ckpt"), "--f2-path", str(run / "f2_state_dict.pt")]
    assert main(["infer", *both, "--time", "1", "--out", "x.png"]) == 2
    assert main(["infer", "--time", "1", "--out", "x.png"]) == 2


def test_an_export_that_is_stopped_leaves_no_parts_of_two_models(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["export-latent", "--ckpt", str(run / "best.ckpt"), "--out-dir", str(tmp_path / "out"), "--overwrite"]
    assert main(words) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("todpack.trainer.siren.export.write_f2", stopped)
    assert main(words) == 130
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["latent_map.npy"]


def test_a_run_that_is_replaced_while_a_frame_is_made(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The baseline beside the checkpoint would be of another model."""
    shutil.copytree(run, tmp_path / "run")
    found = infer._baseline_of

    def replaced(ckpt: Path, *rest: object) -> object:
        shutil.copy(run / "last.ckpt", ckpt.with_name("new"))
        ckpt.with_name("new").replace(ckpt)
        return found(ckpt, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(infer, "_baseline_of", replaced)
    with pytest.raises(TrainingError, match="expected a run that stays while it is read, found another in its place"):
        checkpoint_predictor(tmp_path / "run" / "best.ckpt", None)
