"""Profile parts: what the files give when they are put together again, by programs that know nothing of todpack."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day
from tests.packer.export.conftest import GOLDEN
from tests.packer.micro_run import lookup
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.frames import Day
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.siren.config import SirenConfig

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.train import train_gridmlp  # noqa: E402
from todpack.trainer.infer import checkpoint_predictor  # noqa: E402
from todpack.trainer.siren.train import train_siren  # noqa: E402

TINY: dict[str, Any] = {
    "grid_levels": (3, 6, 9), "channels_per_level": 2, "hidden": 6, "layers": 2, "time_harmonics": 2, "epochs": 4,
    "samples_per_epoch": 8192, "batch_size": 1024, "lr": 5e-3, "grid_lr": 2e-2,
}  # fmt: skip
SWITCHES: dict[str, dict[str, Any]] = {
    "plain": {"residual_mode": False},
    "place": {"xy_harmonics": 2, "xy_include_input": True},
    "film": {"film": True, "layers": 3, "film_width": 5},
    "hash": {"hash_top_levels": 2, "hash_capacity": 16, "hash_seed": 7, "hash_epochs": 1},
    "probes": {"hash_top_levels": 1, "hash_capacity": 16, "hash_probes": 5},
    "baseline-input": {
        "baseline_input": True, "use_baseline_encoder": True, "be_fold": True, "be_downsample": 4, "film": True,
        "grid_levels": (3, 6),
    },
    "everything": {
        "hash_top_levels": 1, "hash_capacity": 16, "hash_merge": "learned", "hash_epochs": 1, "film": True,
        "use_baseline_encoder": True, "be_channels": 8, "be_downsample": 2,
    },
}  # fmt: skip
HEIGHT, WIDTH = 20, 24
PRIME = 2_147_483_647
FACTORS = ((1_640_531_513, 805_459_861), (1_103_515_245, 1_597_334_677))


def a_day() -> Day:
    frames, valid = make_day(HEIGHT, WIDTH, 4)
    return Day(frames.astype(np.float32), valid, np.arange(4) * 6.0, "srgb8", "day")


def dense_of(table: np.ndarray, shape: tuple[int, int], seed: int, factors: tuple[int, int]) -> np.ndarray:
    """(rows, columns, C) of a hash table (M, C), by FORMAT.md "Hash levels"."""
    rows, columns = np.meshgrid(*map(np.arange, shape), indexing="ij")
    mixed = (rows.astype(object) * factors[0] + columns.astype(object) * factors[1] + seed) % PRIME
    entries = (mixed * mixed % PRIME % len(table)).astype(int)
    return np.asarray(table[entries])


def latents_of(parts: Path) -> np.ndarray:
    """(H, W, D) from grids, hash tables and F0."""
    fields = json.loads((parts / "metadata.json").read_text("utf-8"))
    found = []
    for level, (rows, columns) in enumerate(fields["levels"]):
        if (parts / f"grid_{level}.npy").exists():
            found.append(lookup(np.load(parts / f"grid_{level}.npy"), HEIGHT, WIDTH))
            continue
        assert level in fields["hash"]["layers"]
        table, seed = np.load(parts / f"hash_{level}.npy"), fields["hash"]["seed"]
        is_weighted = fields["hash"]["merge"] == "weighted"
        looked = [
            lookup(dense_of(table, (rows, columns), seed, one), HEIGHT, WIDTH) for one in FACTORS[: 1 + is_weighted]
        ]
        merged = np.concatenate(looked, axis=-1)
        found.append(merged @ np.load(parts / f"merge_{level}.npy").T if is_weighted else merged)
    if (parts / "f0.npy").exists():
        found.append(lookup(np.load(parts / "f0.npy"), HEIGHT, WIDTH))
    place = fields["normalization"].get("xy", {"harmonics": 0, "include_input": False})
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / n for n in (HEIGHT, WIDTH)), indexing="ij")
    for at in (x, y) if any(place.values()) else ():
        angles = [2 * np.pi * k * at for k in range(1, place["harmonics"] + 1)]
        planes = [at] * place["include_input"] + [np.sin(a) for a in angles] + [np.cos(a) for a in angles]
        found.append(np.stack(planes, axis=-1))
    n_inputs = np.load(parts / "latent_map.npy").shape[-1]
    if n_inputs > sum(one.shape[-1] for one in found):
        found.append(np.array(Image.open(parts / "baseline.png")) / 255.0)
    return np.concatenate(found, axis=-1)


def frame_of(parts: Path, time_h: float) -> np.ndarray:
    """(H, W, 3) uint8 by torch's own functions alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.load(parts / "f2_ts.pt")
    latents = np.load(parts / "latent_map.npy")
    with torch.no_grad():
        rgb = 255.0 * script(torch.from_numpy(latents).flatten(0, 1), torch.tensor([3.0, time_h]))[:, 1]
    if (parts / "baseline.png").exists():
        rgb = rgb + torch.from_numpy(np.array(Image.open(parts / "baseline.png"))).reshape(-1, 3)
    codes: np.ndarray = rgb.round().clamp(0, 255).to(torch.uint8).reshape(*latents.shape[:2], 3).numpy()
    return codes


def inferred(parts: Path, time_h: float, out: Path) -> np.ndarray:
    words = ["infer", "--latent-path", str(parts / "latent_map.npy"), "--f2-path", str(parts / "f2_state_dict.pt")]
    if (parts / "baseline.png").exists():
        words += ["--baseline-path", str(parts / "baseline.png")]
    assert main([*words, "--time", str(time_h), "--out", str(out)]) == 0
    return np.asarray(Image.open(out))


@pytest.mark.parametrize("switches", SWITCHES)
@pytest.mark.thorough
def test_a_gridmlp_run(switches: str, tmp_path: Path, exported: Callable[..., Path]) -> None:
    run = tmp_path / "run"
    train_gridmlp(a_day(), GridMlpConfig(**{**TINY, **SWITCHES[switches]}), run, device="cpu", quiet=True)
    parts = exported(run, "--profile", "parts")
    expected = checkpoint_predictor(run / "best.ckpt", None)
    valid, allowed = a_day().valid, 2 if switches == "everything" else 1  # F0 in 8 bits
    for time_h in (6.0, 17.3):
        frame = frame_of(parts, time_h)
        assert frame.std() > 1.0
        assert np.abs(frame.astype(int) - expected(time_h))[valid].max() <= allowed
        assert np.abs(inferred(parts, time_h, tmp_path / "x.png").astype(int) - frame).max() <= 1
    latents = np.load(parts / "latent_map.npy")
    assert np.abs(latents_of(parts) - latents).max() < 1e-5 * np.abs(latents).max()
    entry = json.loads((parts / "export.json").read_text("utf-8"))["lightmaps"][0]
    assert set(entry["files"]) == {file.name for file in parts.iterdir()} - {"export.json"}
    with np.load(run / "arrays.npz") as arrays, np.load(parts / "mlp.npz") as mlp:
        assert {name for name in arrays.files if name.startswith("mlp_")} == set(mlp.files)
        for name in mlp.files:
            np.testing.assert_allclose(mlp[name], arrays[name], rtol=1e-6, atol=1e-7)


def test_f0_as_a_texture(tmp_path: Path, exported: Callable[..., Path]) -> None:
    run = tmp_path / "run"
    config = {**TINY, "use_baseline_encoder": True, "be_channels": 8, "be_downsample": 2}
    train_gridmlp(a_day(), GridMlpConfig(**config), run, device="cpu", quiet=True)
    parts = exported(run, "--profile", "parts")
    said = json.loads((parts / "metadata.json").read_text("utf-8"))["encoder"]
    assert (said["shape"], said["texture"]["size"]) == ([8, 10, 12], [12, 12])
    content = (parts / "f0.dds").read_bytes()
    assert len(content) == 148 + 2 * 12 * 12  # two layers of four channels
    first = np.asarray(Image.open(parts / "f0.dds").convert("RGBA"))[:10].astype(float)
    f0 = (first - said["zero_points"][:4]) * said["scales"][:4]
    error = np.square((f0 - np.load(parts / "f0.npy")[..., :4]) / said["scales"][:4]).mean()
    assert 10 * np.log10(255**2 / error) == pytest.approx(said["texture"]["psnr_db"], abs=3)
    assert said["texture"]["psnr_db"] > 25


def test_a_siren_run(tmp_path: Path, exported: Callable[..., Path]) -> None:
    run = tmp_path / "run"
    sizes = {"hidden_f1": 8, "layers_f1": 1, "hidden_f2": 8, "layers_f2": 2, "latent_dim": 4, "epochs": 2}
    config = SirenConfig(**sizes, samples_per_epoch=2048, batch_size=1024, residual_mode=True)
    train_siren(a_day(), config, run, device="cpu", quiet=True)
    parts = exported(run, "--profile", "parts")
    assert not list(parts.glob("grid_*"))
    difference = frame_of(parts, 12.0).astype(int) - checkpoint_predictor(run / "best.ckpt", None)(12.0)
    assert np.abs(difference)[a_day().valid].max() <= 1


@pytest.mark.parametrize("name", ["gridmlp-1.0", "gridmlp-1.1", "siren-latent-1.1", "siren-weights-1.1"])
def test_an_archive(name: str, tmp_path: Path, exported: Callable[..., Path]) -> None:
    parts = exported(GOLDEN / f"{name}.tod", "--profile", "parts")
    with open_archive(GOLDEN / f"{name}.tod") as archive:
        frame, valid = archive.decode(9.5).astype(int), archive.lightmaps[0].valid
    assert np.array_equal(np.asarray(Image.open(parts / "valid.png")) > 127, valid)
    for found in (frame_of(parts, 9.5), inferred(parts, 9.5, tmp_path / "x.png")):
        assert np.abs(found.astype(int) - frame)[valid].max() <= 1


@pytest.mark.parametrize(
    ("source", "arguments", "message"),
    [
        ("daybasis-gamma-1.1.tod", [], "expected an archive of gridmlp or siren for --profile parts, found daybasis;"),
        ("gridmlp-1.1.tod", ["--hours", "6"], "--hours: expected --profile frames, found parts"),
        ("gridmlp-1.1.tod", ["--texture", "bc4"], "--texture: expected one of bc7 with --profile parts"),
        ("", [], "expected a run folder with config.json, found none"),
    ],
)
def test_what_is_refused(
    source: str, arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(GOLDEN / source), "-o", str(tmp_path / "out"), "--profile", "parts", *arguments]
    assert main(words) == 1
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_no_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Path(__file__).parents[2] / "trainer" / "plain_run_1_0"
    assert main(["export", str(run), "-o", str(tmp_path / "out"), "--profile", "frames"]) == 1
    assert "expected an archive, found a folder; `todpack pack` makes an archive of a run" in capsys.readouterr().err
