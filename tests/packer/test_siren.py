"""Siren archives: both storage modes against the formulas in float64, odd sizes, regions and texels, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.packer.micro_run import lookup
from tests.test_imports import THROUGH_COMMAND, run_fresh
from todpack.decompressor import ArchiveError, open_archive
from todpack.decompressor import siren as siren_module
from todpack.decompressor.graphs.runtime import Graph
from todpack.packer.errors import ConfigError, PackError
from todpack.packer.inspect import describe
from todpack.packer.run_folder import RunRecord, read_run, write_run
from todpack.packer.siren.command import SirenPackOptions
from todpack.packer.siren.pack import PrincipalLatents, latent_map, pack_siren, principal_latents

HOURS = (0.0, 7.0, 15.5)
SIZES = [(8, 8), (13, 29), (1, 17), (9, 2)]


def micro_arrays(height: int, width: int, residual: bool, hidden_f1: int = 12, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays of two sine layers, D = 3, and an F2 of two hidden layers of 6."""
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(np.float32)

    arrays = {
        "f1_0_weight": 6 * draw(hidden_f1, 2), "f1_0_bias": draw(hidden_f1),
        "f1_1_weight": 2 * draw(hidden_f1, hidden_f1), "f1_1_bias": draw(hidden_f1),
        "f1_2_weight": draw(3, hidden_f1), "f1_2_bias": draw(3),
        "mlp_input_features": draw(6, 3), "mlp_input_time": draw(6, 4), "mlp_0_bias": draw(6),
        "mlp_1_weight": 1.5 * draw(6, 6), "mlp_1_bias": draw(6),
        "mlp_2_weight": np.float32(0.3) * draw(3, 6), "mlp_2_bias": np.full(3, 0.0 if residual else 0.5, np.float32),
    }  # fmt: skip
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    arrays["valid"] = rng.random((height, width)) < 0.8
    arrays["valid"].flat[0] = True
    if residual:
        arrays["baseline"] = (4 * rng.integers(20, 40, (height, width, 3))).astype(np.uint8)
    return arrays


def expected_latents(arrays: dict[str, np.ndarray], height: int, width: int) -> np.ndarray:
    """(H, W, D) float64, by the formulas of FORMAT.md."""
    y, x = (np.arange(height) + 0.5) * 2 / height - 1, (np.arange(width) + 0.5) * 2 / width - 1
    values = np.stack(np.meshgrid(x, y), axis=-1)
    for layer in range(3):
        values = np.sin(values) if layer else values
        values = values @ arrays[f"f1_{layer}_weight"].T.astype(np.float64) + arrays[f"f1_{layer}_bias"]
    return values


def expected_frame(arrays: dict[str, np.ndarray], latents: np.ndarray, time_h: float) -> np.ndarray:
    """(H, W, 3) float64 codes."""
    angle = 2 * np.pi * np.arange(1, 3) * time_h / 24
    time = arrays["mlp_input_time"].astype(np.float64) @ np.concatenate([np.sin(angle), np.cos(angle)])
    x = latents @ arrays["mlp_input_features"].T.astype(np.float64) + time + arrays["mlp_0_bias"]
    for layer in (1, 2):
        x = np.maximum(x, 0) @ arrays[f"mlp_{layer}_weight"].T.astype(np.float64) + arrays[f"mlp_{layer}_bias"]
    frame: np.ndarray = np.clip(255 * x + arrays.get("baseline", 0.0), 0, 255)
    return frame


def write_micro_run(folder: Path, height: int, width: int, residual: bool = False, **changed: Any) -> dict[str, Any]:
    """Write a run folder; gives its arrays, whose `frames` are what the model gives."""
    arrays = micro_arrays(height, width, residual, **changed)
    latents = expected_latents(arrays, height, width)
    frames = [np.rint(expected_frame(arrays, latents, t)) for t in HOURS]
    arrays["frames"] = np.stack(frames).astype(np.uint8)
    config = {
        "latent_dim": 3, "hidden_f1": len(arrays["f1_0_bias"]), "layers_f1": 2, "omega_0": 30.0, "hidden_f2": 6,
        "layers_f2": 2, "time_harmonics": 2, "residual_mode": residual, "baseline_time": 12.0, "baseline_q_step": 4,
    }  # fmt: skip
    folder.mkdir(parents=True)
    write_run(folder, siren_record(config, height, width), arrays)
    return arrays


def siren_record(config: dict[str, Any], height: int, width: int) -> RunRecord:
    return RunRecord(
        family="siren", config=config, name="micro", height=height, width=width, hours=list(HOURS), transfer="srgb8"
    )


def pack(run: Path, **options: Any) -> Path:
    path = run.with_suffix(".tod")
    pack_siren(read_run(run), path, SirenPackOptions(**options))
    return path


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_weights_in_fp32_are_the_formulas(size: tuple[int, int], residual: bool, tmp_path: Path) -> None:
    arrays = write_micro_run(tmp_path / "run", *size, residual)
    path = pack(tmp_path / "run", storage="weights", f1_dtype="fp32", mlp_dtype="fp32")
    valid = arrays["valid"]
    with open_archive(path) as archive:
        latents = expected_latents(arrays, *size)
        for time_h in (0.0, 11.3):
            rgb = archive.decode(time_h, dtype="float32")
            assert np.abs(rgb - expected_frame(arrays, latents, time_h))[valid].max() < 1e-2


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_latent_map_is_within_half_a_bin(size: tuple[int, int], residual: bool, tmp_path: Path) -> None:
    arrays = write_micro_run(tmp_path / "run", *size, residual)
    path = pack(tmp_path / "run", storage="latent", latent_bits=6, mlp_dtype="fp32")
    with open_archive(path) as archive:
        scales = np.array(archive.metadata["lightmaps"][0]["model"]["latent"]["scales"])
        z = archive.lightmaps[0].latents()[: len(scales)].transpose(1, 2, 0)
        rgb = archive.decode(7.0, dtype="float32")
    valid = arrays["valid"]
    turned = turned_of(arrays, *size)
    assert (np.abs(z - turned.latents)[valid] <= 0.501 * scales + 1e-4).all()
    assert len(np.unique(z[..., 0])) <= 64
    on_axes = {**arrays, "mlp_input_features": turned.weight, "mlp_0_bias": turned.bias}
    assert np.abs(rgb - expected_frame(on_axes, z.astype(np.float64), 7.0))[valid].max() < 1e-2


def turned_of(arrays: dict[str, np.ndarray], height: int, width: int) -> PrincipalLatents:
    latents = expected_latents(arrays, height, width).astype(np.float32)
    return principal_latents(latents, arrays["valid"], arrays["mlp_input_features"], arrays["mlp_0_bias"])


@pytest.mark.parametrize("hidden", [2, 6])
def test_principal_axes_change_nothing_for_f2(hidden: int) -> None:
    """F2's first sums are the same; channels do not correlate, the widest first; with 2 sums there are 2 channels."""
    arrays = micro_arrays(13, 29, False)
    latents, valid = expected_latents(arrays, 13, 29), arrays["valid"]
    weight, bias = arrays["mlp_input_features"][:hidden], arrays["mlp_0_bias"][:hidden]
    turned = principal_latents(latents, valid, weight, bias)
    assert turned.latents.shape == (13, 29, min(hidden, 3))
    np.testing.assert_allclose(turned.latents @ turned.weight.T + turned.bias, latents @ weight.T + bias, atol=1e-5)
    covariance = np.cov(turned.latents[valid].T)
    assert (np.diff(np.diag(covariance)) < 0).all()
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-9
    np.testing.assert_allclose(turned.weight.T @ turned.weight, np.eye(min(hidden, 3)), atol=1e-6)


@pytest.mark.parametrize("size", [(13, 29), (8, 8), (1, 17)])
def test_downsampled_map_is_looked_up_between_its_nodes(size: tuple[int, int], tmp_path: Path) -> None:
    arrays = write_micro_run(tmp_path / "run", *size)
    with open_archive(pack(tmp_path / "run", storage="latent", latent_downsample=2)) as archive:
        latent = archive.metadata["lightmaps"][0]["model"]["latent"]
        assert (latent["rows"], latent["columns"]) == (-(-size[0] // 2), -(-size[1] // 2))
        z = archive.lightmaps[0].latents().transpose(1, 2, 0)
        nodes = archive.lightmaps[0].decoder.latent_inputs()["grid_0"].transpose(1, 2, 0)
    np.testing.assert_allclose(z, lookup(nodes, *size), atol=1e-5)
    if size == (8, 8):  # a node is the mean of its valid texels
        latents, valid = turned_of(arrays, *size).latents, arrays["valid"]
        block = latents[:2, :2][valid[:2, :2]].mean(axis=0)
        assert np.abs(nodes[0, 0] - block).max() <= 0.51 * max(latent["scales"])


def test_numpy_and_the_graph_give_one_map(tmp_path: Path) -> None:
    write_micro_run(tmp_path / "run", 13, 29)
    with open_archive(pack(tmp_path / "run", storage="weights", f1_dtype="fp32")) as archive:
        z = archive.lightmaps[0].latents().transpose(1, 2, 0)
    np.testing.assert_allclose(z, latent_map(read_run(tmp_path / "run")), atol=1e-4)


@pytest.mark.parametrize("dtype", ["fp16", "int8"])
def test_smaller_weights_stay_near(dtype: str, tmp_path: Path) -> None:
    arrays = write_micro_run(tmp_path / "run", 13, 29, hidden_f1=32)
    path = pack(tmp_path / "run", storage="weights", f1_dtype=dtype)
    bound = {"fp16": 0.5, "int8": 12.0}[dtype]
    with open_archive(path) as archive:
        rgb = archive.decode(7.0, dtype="float32")
    error = np.abs(rgb - expected_frame(arrays, expected_latents(arrays, 13, 29), 7.0))[arrays["valid"]]
    assert 0 < error.max() < bound


@pytest.mark.parametrize("storage", ["latent", "weights"])
@pytest.mark.parametrize("residual", [False, True])
def test_region_and_texel_are_the_frame(
    storage: str, residual: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more than 128 hidden units, whose sums have several orders, and F1 evaluated two rows at a time."""
    write_micro_run(tmp_path / "run", 13, 29, residual, hidden_f1=140)
    path = pack(tmp_path / "run", storage=storage)
    with open_archive(path) as archive:
        whole_map = archive.lightmaps[0].latents()
    monkeypatch.setattr(siren_module, "STRIP_VALUES", 140 * 32 * 2)
    calls: list[int] = []
    run = Graph.run
    monkeypatch.setattr(Graph, "run", lambda *a: (calls.append(1), run(*a))[1])
    with open_archive(path) as archive:
        np.testing.assert_array_equal(archive.lightmaps[0].latents(), whole_map)
        if storage == "weights":
            assert 7 <= len(calls) <= 13  # strips of one or two of the 13 rows
        frame = archive.decode(7.7, dtype="float32")
        codes = archive.decode(7.7)
        np.testing.assert_array_equal(archive.decode(7.7, region=(3, 11, 5, 26), dtype="float32"), frame[3:11, 5:26])
        np.testing.assert_array_equal(archive.decode(7.7, region=(3, 11, 5, 26)), codes[3:11, 5:26])
        for y, x in ((0, 0), (12, 28), (6, 13)):
            np.testing.assert_array_equal(archive.texel(y, x, 7.7, dtype="float32"), frame[y, x])


def test_auto_keeps_the_smaller_of_equals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Large F1 on a small map: the map is smaller; with few bits it is not as good, and F1 is kept."""
    write_micro_run(tmp_path / "run", 16, 16, hidden_f1=140)
    sizes = {s: pack(tmp_path / "run", storage=s).stat().st_size for s in ("latent", "weights")}
    assert sizes["latent"] < sizes["weights"]
    caplog.set_level("INFO")
    packed = pack_siren(read_run(tmp_path / "run"), tmp_path / "a.tod", SirenPackOptions(latent_bits=3))
    assert packed.storage == "weights"
    assert packed.archive_bytes == sizes["weights"] == (tmp_path / "a.tod").stat().st_size
    assert f"weights {sizes['weights']} bytes at" in caplog.text
    write_micro_run(tmp_path / "flat", 16, 16, hidden_f1=140)
    arrays = {**read_run(tmp_path / "flat").arrays}
    arrays["f1_2_weight"] = np.zeros_like(arrays["f1_2_weight"])
    record = siren_record(read_run(tmp_path / "flat").config, 16, 16)
    write_run(tmp_path / "flat", record, arrays)
    assert pack_siren(read_run(tmp_path / "flat"), tmp_path / "b.tod").storage == "latent"


def test_inspect_tells_the_storage(tmp_path: Path) -> None:
    write_micro_run(tmp_path / "run", 8, 8, True)
    assert "F1 of 2 sine layers of 12, omega_0 30, weights in int8" in describe(
        pack(tmp_path / "run", storage="weights", f1_dtype="int8")
    )
    text = describe(pack(tmp_path / "run", storage="latent", latent_bits=5))
    assert "3 channels, stored as map of 8 x 8 nodes in 5 bits" in text
    assert "baseline: frame of 12 h, bin width 4 codes" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"storage": "both"}, "--storage: expected one of auto, latent, weights, found both"),
        ({"latent_bits": 9}, "--latent-bits: expected an integer in 2..8, found 9"),
        ({"latent_downsample": 3}, "--latent-downsample: expected one of 1, 2, found 3"),
        ({"f1_dtype": "int4"}, "--f1-dtype: expected one of fp16, int8, fp32, found int4"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SirenPackOptions(**options)


@pytest.mark.parametrize("name", ["f1_1_weight", "mlp_input_time", "valid", "frames"])
def test_damaged_run_is_refused(name: str, tmp_path: Path) -> None:
    arrays = write_micro_run(tmp_path / "run", 8, 8)
    config = read_run(tmp_path / "run").config
    arrays[name] = arrays[name][:-1]
    write_run(tmp_path / "run", siren_record(config, 8, 8), arrays)
    with pytest.raises(PackError, match=f"{name}: expected shape"):
        pack(tmp_path / "run")


@pytest.mark.thorough
def test_packing_and_decoding_load_no_torch(tmp_path: Path) -> None:
    write_micro_run(tmp_path / "run", 8, 8)
    archive = tmp_path / "a.tod"
    run_fresh(THROUGH_COMMAND, "torch,lpips", "pack", tmp_path / "run", "-o", archive)
    forbidden = "torch,onnx,scipy,trainer.siren"
    run_fresh(THROUGH_COMMAND, forbidden, "decompress", archive, "-o", tmp_path / "out", "--hours", "0")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("storage", "other", r"model\.storage: expected one of latent, weights"),
        ("latent", None, r"model\.latent: expected an object for its storage and only there"),
        ("latent_dim", 0, r"model\.latent_dim: expected an integer in 1\.\.4096"),
        ("baseline", {"q_step": 4}, r"model\.baseline: expected an object in residual mode and only there"),
        ("latent_dim", 4, r"scales: expected an array of 4\.\.4 numbers"),
    ],
)
def test_bad_metadata_is_refused(
    field: str, value: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_micro_run(tmp_path / "run", 8, 8)
    from todpack.packer.siren import pack as packer_siren

    add_siren = packer_siren.add_siren
    monkeypatch.setattr(packer_siren, "add_siren", lambda *a: {**add_siren(*a), field: value})
    with pytest.raises(ArchiveError, match=message):  # by the check of what was written
        pack(tmp_path / "run", storage="latent")
