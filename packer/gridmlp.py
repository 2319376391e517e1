"""Pack a run of the family `gridmlp`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from decompressor.reversible_wavelet import forward_planes
from packer.container import ArchiveWriter
from packer.errors import PackError
from packer.fill import fill_invalid
from packer.gridmlp_graphs import frame_graph, latents_graph
from packer.quantize import quantize_grid, shortest_floats
from packer.run_folder import Run

MLP_DTYPES = ("fp16", "fp32", "int8")


@dataclass(frozen=True)
class GridMlpPackOptions:
    """How to quantise.

    Attributes:
        grid_dtype: "uint8" or "uint16".
        percentile: Range of the grids, see `quantize_grid`.
        mlp_dtype: "fp16", "fp32" or "int8" (weights only).
        baseline_q_step: Width of one bin of the baseline frame, in codes; 1 is lossless.
    """

    grid_dtype: str = "uint8"
    percentile: float = 100.0
    mlp_dtype: str = "fp16"
    baseline_q_step: int = 4

    def __post_init__(self) -> None:
        if self.mlp_dtype not in MLP_DTYPES:
            raise PackError(f"--mlp-dtype: expected one of {', '.join(MLP_DTYPES)}, found {self.mlp_dtype}")
        if not 1 <= self.baseline_q_step <= 64:
            raise PackError(f"--baseline-q-step: expected 1..64, found {self.baseline_q_step}")


def _integer(run: Run, name: str) -> int:
    value = run.config.get(name)
    if type(value) is not int or not 1 <= value <= 1 << 16:
        raise PackError(f"{run.path / 'config.json'}: config.{name}: expected a positive integer, found {value!r}")
    return value


def _n_levels(run: Run) -> int:
    levels = run.config.get("grid_levels")
    if not isinstance(levels, list) or not levels:
        raise PackError(f"{run.path / 'config.json'}: config.grid_levels: expected an array of sizes, found {levels!r}")
    return len(levels)


def _baseline_time(run: Run) -> float:
    time_h = run.config.get("baseline_time")
    if not isinstance(time_h, (int, float)) or isinstance(time_h, bool) or not 0.0 <= time_h < 24.0:
        raise PackError(
            f"{run.path / 'config.json'}: config.baseline_time: expected an hour in [0, 24), found {time_h!r}"
        )
    return float(time_h)


def add_gridmlp(
    writer: ArchiveWriter, run: Run, options: GridMlpPackOptions, index: int, valid: np.ndarray
) -> dict[str, object]:
    """Add the sections of one lightmap.

    Args:
        writer: Archive to add to.
        run: A `gridmlp` run.
        options: How to quantise.
        index: Position of the lightmap; its sections are named `<index>/...`.
        valid: (H, W) bool.

    Returns:
        The field `model` of the lightmap's metadata.

    Raises:
        PackError: the run's arrays do not fit its configuration.
    """
    n_layers, hidden = _integer(run, "layers"), _integer(run, "hidden")
    channels, harmonics = _integer(run, "channels_per_level"), _integer(run, "time_harmonics")
    n_levels = _n_levels(run)
    residual = run.config.get("residual_mode") is True
    shapes: list[tuple[int, int]] = []
    scales: list[float] = []
    zero_points: list[int] = []
    for level in range(n_levels):
        grid = quantize_grid(run.array(f"grid_{level}", None, None, channels), options.grid_dtype, options.percentile)
        shapes.append((grid.codes.shape[1], grid.codes.shape[2]))
        scales += shortest_floats(grid.scales)
        zero_points += [int(z) for z in grid.zero_points]
        writer.add(f"{index}/grid/{level}", grid.codes)
    n_features = channels * n_levels
    run.array("mlp_input_features", hidden, n_features)
    run.array("mlp_input_time", hidden, 2 * harmonics)
    run.array("mlp_0_bias", hidden)
    for layer in range(1, n_layers + 1):
        rows = 3 if layer == n_layers else hidden
        run.array(f"mlp_{layer}_weight", rows, hidden)
        run.array(f"mlp_{layer}_bias", rows)
    baseline = None
    if residual:
        frame = run.array("baseline", run.height, run.width, 3)
        filled = fill_invalid(frame.astype(np.float64), valid)
        writer.add(f"{index}/baseline", forward_planes(np.rint(filled / options.baseline_q_step).astype(np.int32)))
        baseline = {"time_h": _baseline_time(run), "q_step": options.baseline_q_step}
    names = {"latents": f"{index}/latents.onnx", "frame": f"{index}/frame.onnx"}
    writer.add_bytes(names["latents"], latents_graph(shapes, channels, run.height, run.width, residual))
    writer.add_bytes(names["frame"], frame_graph(run.arrays, n_layers, n_features, residual, options.mlp_dtype))
    return {
        "residual_mode": residual,
        "levels": [list(shape) for shape in shapes],
        "channels_per_level": channels,
        "quant": {"dtype": options.grid_dtype, "scales": scales, "zero_points": zero_points},
        "hash": None,
        "baseline": baseline,
        "normalization": {"xy_range": [0.0, 1.0], "time": {"period_h": 24.0, "harmonics": harmonics}},
        "mlp": {"hidden": hidden, "layers": n_layers, "dtype": options.mlp_dtype},
        "graphs": names,
    }
