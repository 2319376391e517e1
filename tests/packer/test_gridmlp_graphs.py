"""The ONNX graphs compute the recipe's formulas: against NumPy and scipy, and against the torch model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.packer.micro_run import MICRO, expected_frame, lookup, micro_arrays
from todpack.decompressor.graphs.engine import onnxruntime
from todpack.packer.gridmlp.frame_graph import frame_graph
from todpack.packer.gridmlp.latents_graph import latents_graph

SHAPES = [
    {"height": 8, "width": 8},
    {"height": 13, "width": 29, "levels": (3, 7, 16), "channels": 2},
    {"height": 40, "width": 9, "levels": (4, 64), "hidden": 7, "layers": 3, "harmonics": 3},
    {"height": 5, "width": 6, "hidden": 140, "layers": 2},
    {"height": 1, "width": 17, "levels": (1, 5), "channels": 3},
]


def run(model: bytes, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    outputs: list[np.ndarray] = session.run(None, feeds)
    return outputs


def run_both(arrays: dict[str, np.ndarray], options: dict[str, Any], dtype: str, time_h: float) -> list[np.ndarray]:
    """[rgb (3, H, W), codes (H, W, 3)] of unquantized grids."""
    height, width, residual = options["height"], options["width"], "baseline" in arrays
    grids = [arrays[f"grid_{i}"] for i in range(len(options["levels"]))]
    feeds = {f"grid_{i}": np.ascontiguousarray(grid.transpose(2, 0, 1)) for i, grid in enumerate(grids)}
    feeds |= {"rows": np.arange(height, dtype=np.float32), "columns": np.arange(width, dtype=np.float32)}
    if residual:
        feeds["baseline"] = arrays["baseline"].transpose(2, 0, 1).astype(np.float32)
    shapes = [(grid.shape[0], grid.shape[1]) for grid in grids]
    (z,) = run(latents_graph(shapes, options["channels"], height, width, residual), feeds)
    n_features = options["channels"] * len(grids)
    assert z.shape == (n_features + 3 * residual, height, width)
    for i, grid in enumerate(grids):
        part = z[i * options["channels"] : (i + 1) * options["channels"]]
        np.testing.assert_allclose(part.transpose(1, 2, 0), lookup(grid, height, width), atol=2e-5)
    model = frame_graph(arrays, options["layers"], n_features, residual, dtype)
    return run(model, {"z": z, "time_h": np.array([time_h], np.float32)})


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("changed", SHAPES)
def test_fp32_is_the_formulas(changed: dict[str, Any], residual: bool) -> None:
    options = {**MICRO, **changed}
    arrays = micro_arrays(**options, residual=residual)
    for time_h in (0.0, 7.3, 23.5):
        expected = expected_frame(arrays, options["layers"], time_h, options["height"], options["width"])
        rgb, codes = run_both(arrays, options, "fp32", time_h)
        assert np.abs(rgb.transpose(1, 2, 0) - expected).max() < 1e-3
        np.testing.assert_array_equal(codes, np.clip(np.rint(rgb), 0, 255).transpose(1, 2, 0))
        assert codes.dtype == np.uint8


@pytest.mark.parametrize(("dtype", "most"), [("fp16", 0.3), ("int8", 6.0)])
@pytest.mark.parametrize("residual", [True, False])
def test_smaller_weights_are_near(dtype: str, most: float, residual: bool) -> None:
    """Bounds from the formats: 11 bits of mantissa, 7 bits and a sign; and they do round something."""
    options = {**MICRO, **SHAPES[1], "hidden": 16, "layers": 2}
    arrays = micro_arrays(**options, residual=residual)
    expected = expected_frame(arrays, 2, 9.0, 13, 29)
    error = np.abs(run_both(arrays, options, dtype, 9.0)[0].transpose(1, 2, 0) - expected).max()
    assert 1e-3 < error < most


def test_int8_weights_by_hand() -> None:
    """Stored weights are rint(w / (peak / 127)) per row, of the last layer in codes (x 255)."""
    arrays = micro_arrays(**MICRO)
    model = onnx.load_from_string(frame_graph(arrays, 1, 2, True, "int8"))
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    weight = 255.0 * arrays["mlp_1_weight"].astype(np.float64)
    scale = np.abs(weight).max(axis=1) / 127
    np.testing.assert_allclose(stored["weight_1_scale"], scale, rtol=1e-6)
    np.testing.assert_array_equal(stored["weight_1_int8"], np.rint(weight / scale[:, None]))


@pytest.mark.parametrize("changed", [{"height": 21, "width": 34}, {"height": 34, "width": 21, "residual": False}])
def test_equals_the_torch_model(changed: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    from todpack.packer.gridmlp.config import GridMlpConfig
    from todpack.trainer.gridmlp.export import model_arrays
    from todpack.trainer.gridmlp.model import GridMlp

    torch.manual_seed(3)
    options = {**MICRO, "levels": (5, 11), "channels": 3, "hidden": 24, "layers": 3, "harmonics": 4, **changed}
    residual = options.pop("residual", True)
    config = GridMlpConfig(grid_levels=options["levels"], channels_per_level=3, hidden=24, layers=3, time_harmonics=4)
    model = GridMlp(config, options["height"], options["width"])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape))
    arrays = model_arrays(model)
    if residual:
        rng = np.random.default_rng(0)
        arrays["baseline"] = rng.integers(0, 256, (options["height"], options["width"], 3)).astype(np.uint8)
    for time_h in (0.0, 16.25):
        with torch.no_grad():
            texels = torch.arange(options["height"] * options["width"])
            expected = 255.0 * model(texels, torch.tensor([time_h])).numpy()[:, 0]
        expected = expected.reshape(options["height"], options["width"], 3) + arrays.get("baseline", 0.0)
        rgb = run_both(arrays, options, "fp32", time_h)[0].transpose(1, 2, 0)
        assert np.abs(rgb - expected).max() < 1e-3 * max(1.0, np.abs(expected).max() / 255.0)


def test_graphs_are_plain_and_fixed(tmp_path: Path) -> None:
    arrays = micro_arrays(**MICRO)
    build = [lambda: latents_graph([(2, 2), (4, 4)], 1, 8, 8, True), lambda: frame_graph(arrays, 1, 2, True, "fp16")]
    for make in build:
        assert make() == make()
        model = onnx.load_from_string(make())
        onnx.checker.check_model(model, full_check=True)
        assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
        assert model.ir_version == 8
        assert len({node.name for node in model.graph.node}) == len(model.graph.node)
