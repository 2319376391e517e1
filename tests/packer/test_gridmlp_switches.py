"""Every switch of GridMLP trains, packs, decodes through onnxruntime, and gives what its torch model gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from tests.decompressor.forge import put_together, set_section, take_apart
from todpack.decompressor import InvalidSectionError, gridmlp, open_archive
from todpack.frames import Day, read_day
from todpack.packer.configuration import from_json
from todpack.packer.errors import ConfigError
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.gridmlp.frame_graph import frame_graph
from todpack.packer.gridmlp.pack import pack_run
from todpack.packer.inspect import describe

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.baseline_encoder import masked_frame  # noqa: E402
from todpack.trainer.gridmlp.export import model_arrays, start_from_arrays  # noqa: E402
from todpack.trainer.gridmlp.hash_grid import hash_nodes  # noqa: E402
from todpack.trainer.gridmlp.model import GridMlp  # noqa: E402
from todpack.trainer.gridmlp.train import train_gridmlp  # noqa: E402

PLAIN: dict[str, Any] = {
    "grid_levels": (4, 8, 16), "channels_per_level": 2, "hidden": 8, "layers": 3, "time_harmonics": 2, "epochs": 3,
    "samples_per_epoch": 8192, "batch_size": 2048, "lr": 5e-3, "grid_lr": 2e-2,
}  # fmt: skip
HASH_1 = {"hash_top_levels": 1, "hash_capacity": 37, "hash_epochs": 1, "hash_seed": 2_147_483_647}
HASH_2 = {"hash_top_levels": 2, "hash_capacity": 64, "hash_epochs": 1, "hash_merge": "learned", "hash_seed": 5}
HASH_ALL = {"hash_top_levels": 3, "hash_capacity": 16, "hash_epochs": 0}
PROBES = {"hash_top_levels": 1, "hash_capacity": 37, "hash_probes": 5, "hash_dense_epochs": 1, "hash_seed": 9}
PROBES_ALL = {"hash_top_levels": 2, "hash_capacity": 20, "hash_probes": 20}
ENCODER = {"use_baseline_encoder": True, "be_channels": 8, "be_downsample": 3}
FOLD = {**ENCODER, "be_downsample": 2, "be_fold": True, "grid_levels": (4, 13, 26)}
TIMES = {"times_per_step": 2, "warmup": 0.2, "adam_beta2": 0.99}
XY = {"xy_harmonics": 3, "xy_include_input": True}
FILM = {"film": True, "film_width": 5}
PATCH = {"patch_size": 16}
TEMPORAL = {"temporal_loss": True}
QAT = {"qat": True, "qat_epochs": 2}
VALIDATION = {"val_hours": (6.0,), "val_downsample": 2}
PTQ = {"ptq": "percentile"}
SWITCHES = {
    "plain": {},
    "hash-1": HASH_1,
    "hash-2-learned": HASH_2,
    "hash-all": HASH_ALL,
    "probes": PROBES,
    "probes-all": PROBES_ALL,
    "probes+film+qat": {**PROBES, **FILM, **QAT},
    "encoder": ENCODER,
    "baseline-input": {"baseline_input": True},
    "baseline-input+film+fold": {"baseline_input": True, **FILM, **FOLD},
    "fold": FOLD,
    "fold+qat": {**FOLD, **QAT},
    "times": TIMES,
    "times+temporal": {**TIMES, **TEMPORAL, "relative_weights": True},
    "xy": XY,
    "xy-alone": {"xy_include_input": True},
    "film": FILM,
    "patch": PATCH,
    "temporal": TEMPORAL,
    "qat": QAT,
    "ptq": PTQ,
    "val-hours": VALIDATION,
    "hash+encoder": {**HASH_1, **ENCODER},
    "hash-learned+film": {**HASH_2, **FILM},
    "encoder+patch": {**ENCODER, **PATCH},
    "film+temporal": {**FILM, **TEMPORAL},
    "qat+hash": {**QAT, **HASH_2},
    "qat+film": {**QAT, **FILM, "qat_mlp": "fp16", "qat_levels": (0, 2)},
    "patch+temporal": {**PATCH, **TEMPORAL},
    "val-hours+qat": {**VALIDATION, **QAT, **PTQ},
    "all": {**HASH_1, **ENCODER, **XY, **FILM, **PATCH, **TEMPORAL, **QAT, **VALIDATION},
}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    frames, valid = make_day(20, 26, 4)
    return read_day(write_day(tmp_path_factory.mktemp("switches") / "day", frames, valid))


def decoded_and_expected(run: Path, archive_path: Path, dtype: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the archive decodes to and what the torch model with the archive's own quantized weights gives."""
    fields = json.loads((run / "config.json").read_text())
    config = from_json(GridMlpConfig, fields["config"])
    with np.load(run / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    height, width = fields["height"], fields["width"]
    model = GridMlp(config, height, width, masked_frame(arrays["baseline"], arrays["valid"]))
    start_from_arrays(model, arrays, "arrays.npz")
    model.mlp_dtype = {"fp32": "off"}.get(dtype, dtype)
    pairs = []
    with open_archive(archive_path, threads=1, provider="cpu") as archive, torch.no_grad():
        entry = archive.metadata["lightmaps"][0]["model"]
        quant, channels = entry["quant"], config.channels_per_level
        if quant["dtype"] == "uint8":
            both = np.array([quant["scales"], quant["zero_points"]], np.float32).reshape(2, -1, channels)
            model.affines = {level: torch.from_numpy(both[:, level]) for level in range(both.shape[1])}
        encoded = None
        if config.be_fold:
            encoded = model.encoded()  # the grid of the archive, which the encoder was taken out of
        if "encoder" in entry:
            codes = archive.container.read_array("0/encoder").astype(np.float32)
            zero, scale = (np.array(entry["encoder"][k], np.float32) for k in ("zero_points", "scales"))
            encoded = torch.from_numpy(((codes.transpose(1, 2, 0) - zero) * scale).reshape(-1, len(scale)))
            assert np.abs(encoded.numpy() - arrays["encoder"].reshape(-1, len(scale))).max() <= 0.51 * scale.max()
        for time_h in (0.0, 6.0, 17.3):
            expected = 255.0 * model(torch.arange(height * width), torch.tensor([time_h]), encoded)[:, 0].numpy()
            expected = expected.reshape(height, width, 3) + arrays["baseline"]
            expected = expected.clip(0.0, 255.0)
            decoded, valid = (
                archive.decode(time_h, dtype="float32"),
                arrays["valid"],
            )  # elsewhere the baseline is filled
            pairs.append((decoded[valid], expected[valid]))
            np.testing.assert_array_equal(archive.decode(time_h, (3, 5, 2, 9)), archive.decode(time_h)[3:5, 2:9])
    return pairs


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.thorough
def test_switch_decodes_as_trained(day: Day, tmp_path: Path, name: str) -> None:
    config = GridMlpConfig(**{**PLAIN, **SWITCHES[name]})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    for options in (
        GridMlpPackOptions("float32", None, "fp32", 1),
        GridMlpPackOptions("uint8", None, "int8", 1),
        GridMlpPackOptions("uint8", None, "fp16", 1),
    ):
        pack_run(tmp_path / "run", tmp_path / "a.tod", options)
        for decoded, expected in decoded_and_expected(tmp_path / "run", tmp_path / "a.tod", options.mlp_dtype):
            assert np.abs(expected - expected.mean()).max() > 5.0
            assert np.abs(decoded - expected).max() < 2e-3 * max(1.0, np.abs(expected).max() / 255.0)


def test_nodes_take_the_nearest_of_their_candidates(day: Day, tmp_path: Path) -> None:
    """Indices are packed bits of what training chose; a reader's hash is the trainer's."""
    config = GridMlpConfig(**{**PLAIN, **PROBES})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod", GridMlpPackOptions("float32"))
    with np.load(tmp_path / "run" / "arrays.npz") as stored:
        table, index = stored["grid_2_table"], stored["index_2"]
    assert len(np.unique(index)) == 5
    rows, columns = index.shape
    first = hash_nodes(torch.arange(rows)[:, None], torch.arange(columns)[None], 37, 9, 0).numpy()
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        assert archive.metadata["version"] == "1.4"
        assert archive.metadata["requires"][0] == "probes"
        assert archive.container.sections["0/index/2"].shape == (3, -(-rows * columns // 8))
        grid = archive.lightmaps[0].decoder.stored_inputs()["grid_2"]
    np.testing.assert_array_equal(grid, table[(first + index) % 37].transpose(2, 0, 1))


def test_folded_encoder_leaves_no_trace_in_the_archive(day: Day, tmp_path: Path) -> None:
    """The same sections, graphs and sizes as plain, and the frames of the model whose latents are still apart."""
    config = GridMlpConfig(**{**PLAIN, **FOLD})
    model = GridMlp(config, 20, 26, masked_frame(day.radiance[0].astype(np.uint8), day.valid))
    arrays = model_arrays(model)
    assert model.encoder is not None
    np.testing.assert_allclose(
        arrays["grid_1"].reshape(-1, 2), (model.grids[1] + model.encoder()).detach().numpy(), atol=1e-7
    )
    assert arrays.keys() == model_arrays(GridMlp(GridMlpConfig(**{**PLAIN, "grid_levels": (4, 13, 26)}), 20, 26)).keys()
    again = GridMlp(config, 20, 26, masked_frame(day.radiance[0].astype(np.uint8), day.valid))
    start_from_arrays(again, arrays, "arrays")
    texels, hour = torch.arange(520), torch.tensor([5.0])
    torch.testing.assert_close(again(texels, hour), model(texels, hour), atol=1e-6, rtol=1e-4)


def test_encoder_is_folded_into_a_grid_of_its_size_alone() -> None:
    with pytest.raises(ConfigError, match=r"--be-fold: expected --be-downsample .* found latents of 10 x 13 beside"):
        GridMlp(GridMlpConfig(**{**PLAIN, **FOLD, "grid_levels": (4, 8)}), 20, 26, np.zeros((20, 26, 3), np.uint8))


def test_time_costs_nothing_per_texel(tmp_path: Path) -> None:
    """What depends on time alone has no axis of texels, and FiLM adds no work to what has one."""
    import onnx

    counts = {}
    for name in ("plain", "film"):
        config = GridMlpConfig(**{**PLAIN, **SWITCHES[name]})
        model = GridMlp(config, 20, 26)
        graph = onnx.shape_inference.infer_shapes(
            onnx.load_from_string(frame_graph(model_arrays(model), 3, 6, True, "int8"))
        ).graph
        shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
        of_texels = {"z"}
        of_time = {"time_h"}
        for node in graph.node:
            if of_texels & set(node.input):
                of_texels.update(node.output)
            elif of_time & set(node.input):
                of_time.update(node.output)
                assert all(0 < n <= 16 for output in node.output for n in shapes[output])
        counts[name] = sum(bool(of_texels & set(node.output)) for node in graph.node)
        assert len(of_time) > 4
    assert counts["film"] == counts["plain"]


def test_large_maps_are_looked_up_in_strips(day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = GridMlpConfig(**{**PLAIN, **HASH_2, **ENCODER})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod", GridMlpPackOptions(baseline_q_step=1))
    maps = []
    for strip in (1 << 20, 3 * 26, 1):
        monkeypatch.setattr(gridmlp, "STRIP_TEXELS", strip)
        with open_archive(tmp_path / "a.tod", threads=1, provider="cpu") as archive:
            maps.append(archive.decode(6.0, dtype="float32"))
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-3)
    np.testing.assert_allclose(maps[2], maps[0], atol=1e-3)


@pytest.mark.parametrize("section", ["0/hash/1", "0/merge/1", "0/encoder", "0/index/2"])
def test_sections_of_another_shape_are_refused(day: Day, tmp_path: Path, section: str) -> None:
    hashing = PROBES if "index" in section else HASH_2
    config = GridMlpConfig(**{**PLAIN, **hashing, **ENCODER, "epochs": 2})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod")
    data = (tmp_path / "a.tod").read_bytes()

    def spoil(metadata: dict[str, Any]) -> None:
        for entry in metadata["sections"]:
            if entry["name"] == section:
                entry["shape"] = [*entry["shape"][1:], entry["shape"][0]]

    (tmp_path / "b.tod").write_bytes(put_together(*take_apart(data), spoil))
    with open_archive(tmp_path / "b.tod", provider="cpu") as archive, pytest.raises(InvalidSectionError, match=section):
        archive.decode(0.0)


def test_indices_beyond_the_candidates_are_refused(day: Day, tmp_path: Path) -> None:
    train_gridmlp(day, GridMlpConfig(**{**PLAIN, **PROBES, "epochs": 2}), tmp_path / "run", device="cpu", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod")
    metadata, stored = take_apart((tmp_path / "a.tod").read_bytes())
    set_section(metadata, stored, "0/index/2", np.full((3, 24), 255, np.uint8), "u1")
    (tmp_path / "b.tod").write_bytes(put_together(metadata, stored))
    with (
        open_archive(tmp_path / "b.tod", provider="cpu") as archive,
        pytest.raises(InvalidSectionError, match=r"0/index/2.*expected indices under 5, found 7"),
    ):
        archive.decode(0.0)


def test_inspect_tells_of_hash_and_encoder(day: Day, tmp_path: Path) -> None:
    config = GridMlpConfig(**{**PLAIN, **HASH_1, **ENCODER, "epochs": 2})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod")
    text = describe(tmp_path / "a.tod")
    assert "hash: the last 1 levels in tables of 37 entries, merge mean, seed 2147483647" in text
    assert "encoder: latents of the baseline, 8 x 7 x 9" in text
    assert f"= {2 * (3 * 4 + 6 * 8 + 37)} parameters" in text


def test_calibrated_ranges_are_the_packer_s_unless_it_is_told_otherwise(day: Day, tmp_path: Path) -> None:
    config = GridMlpConfig(**{**PLAIN, **PTQ})
    train_gridmlp(day, config, tmp_path / "run", device="cpu", quiet=True)
    with np.load(tmp_path / "run" / "arrays.npz") as arrays:
        expected = np.concatenate([arrays[f"quant_{level}"][0] for level in range(3)])
    scales = []
    for percentile in (None, 60.0):
        pack_run(tmp_path / "run", tmp_path / "a.tod", GridMlpPackOptions(percentile=percentile))
        with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
            scales.append(np.array(archive.metadata["lightmaps"][0]["model"]["quant"]["scales"], np.float32))
    np.testing.assert_array_equal(scales[0], expected)
    assert (scales[1] < 0.9 * scales[0]).all()
