"""Pack a run of the family `gridmlp`."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from todpack.decompressor.container import Container
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.reversible_wavelet import forward_planes

from ..archive_writer import ArchiveWriter
from ..errors import PackError
from ..fill import fill_invalid
from ..run_archive import write_run_archive
from ..run_folder import CONFIG_NAME, Run, read_run
from .coded import CONFIG_FIELD, add_coded
from .command import GridMlpPackOptions
from .config import GridMlpConfig
from .frame_graph import frame_graph
from .latents_graph import HashTables, latents_graph
from .quantize import QuantizedGrid, quantize_grid, shortest_floats

LATENTS_GRAPH, FRAME_GRAPH = "0/latents.onnx", "0/frame.onnx"
MODEL_ARRAYS = ("grid_", "mlp_", "encoder", "codes_", "head_")
MODEL_SECTIONS = (
    "/grid/",
    "/hash/",
    "/merge/",
    "/index/",
    "/encoder",
    "/frame.onnx",
    "/coefficients",
    "/basis",
    "/turns",
    "/classes",
)


@dataclass(frozen=True)
class PackResult:
    """What packing gave.

    Attributes:
        path: The archive.
        archive_bytes: Its size.
        model_bytes: How much of it grids and MLP are (the rest: baseline, mask, the other graph, metadata).
        fp32_bytes: Grids and MLP at 4 bytes a number, for comparison.
    """

    path: Path
    archive_bytes: int
    model_bytes: int
    fp32_bytes: int


def pack_run(
    run_dir: str | os.PathLike[str], out: str | os.PathLike[str], options: GridMlpPackOptions | None = None
) -> PackResult:
    """Quantize and code a GridMLP run folder into an archive.

    Args:
        run_dir: Run folder of a finished training.
        out: Archive to write, usually `NAME.tod`; replaced only by a verified one.
        options: How to quantize; None takes the defaults.

    Raises:
        PackError: the run folder is not usable, or of another family.
        OutputError: the archive cannot be written.
    """
    run, out_path = read_run(Path(run_dir)), Path(out)
    if run.family != "gridmlp":
        raise PackError(f"{run.path / CONFIG_NAME}: expected family gridmlp, found {run.family!r}")
    how = options or GridMlpPackOptions()
    size = write_run_archive(run, out_path, lambda writer, valid: _add(writer, run, how, valid))
    fp32_bytes = sum(4 * array.size for name, array in run.arrays.items() if name.startswith(MODEL_ARRAYS))
    with Container(out_path, DEFAULT_LIMITS) as container:
        sections = container.sections.values()
        model_bytes = sum(s.stored_bytes for s in sections if any(part in s.name for part in MODEL_SECTIONS))
    return PackResult(out_path, size, model_bytes, fp32_bytes)


def _add(writer: ArchiveWriter, run: Run, options: GridMlpPackOptions, valid: np.ndarray) -> dict[str, object]:
    if CONFIG_FIELD not in run.config:
        return add_gridmlp(writer, run, options, valid)
    if options != GridMlpPackOptions():
        raise PackError(
            f"{run.path}: a run of the preset rd is coded as it was trained: expected no options, found some"
        )
    return add_coded(writer, run, valid)


def add_gridmlp(writer: ArchiveWriter, run: Run, options: GridMlpPackOptions, valid: np.ndarray) -> dict[str, object]:
    """Add the sections of one lightmap.

    Args:
        writer: Archive to add to.
        run: A `gridmlp` run.
        options: How to quantize.
        valid: (H, W) bool.

    Returns:
        The field `model` of the lightmap's metadata.

    Raises:
        PackError: the run's arrays do not fit its configuration.
    """
    config = run.configuration(GridMlpConfig)
    channels, hidden, n_layers = config.channels_per_level, config.hidden, config.layers
    hashing = None
    if config.hash_top_levels:
        hashing = HashTables(config.hash_top_levels, config.hash_capacity, config.hash_seed, config.hash_merge)
    probes = {"probes": config.hash_probes} if config.hash_top_levels and config.hash_probes > 1 else {}
    if probes:
        writer.metadata["requires"] = ["probes"]
    grids: list[QuantizedGrid] = []
    shapes = config.level_shapes(run.height, run.width)
    for level in range(len(shapes)):
        if level < config.n_dense:
            grids.append(_quantized(run, f"grid_{level}", level, options, None, None, channels))
            writer.add(f"0/grid/{level}", grids[-1].codes)
            shapes[level] = (grids[-1].codes.shape[1], grids[-1].codes.shape[2])
            continue
        grids.append(_quantized(run, f"grid_{level}_table", level, options, config.hash_capacity, channels))
        writer.add(f"0/hash/{level}", grids[-1].codes[:, 0])
        if config.hash_probes > 1:
            writer.add(
                f"0/index/{level}", packed_indices(run.array(f"index_{level}", *shapes[level]), config.hash_probes)
            )
        elif config.hash_merge == "learned":
            merge = run.array(f"grid_{level}_merge", channels, 2 * channels)
            writer.add(f"0/merge/{level}", merge.astype(np.float32))
    encoder = quantize_grid(run.array("encoder", None, None, None)) if config.n_encoded else None
    if encoder is not None:
        writer.add("0/encoder", encoder.codes)
    n_features = channels * len(shapes) + (0 if encoder is None else len(encoder.codes)) + config.n_coordinates
    _check_mlp(run, config, n_features)
    baseline = None
    if config.residual_mode:
        frame = run.array("baseline", run.height, run.width, 3)
        add_baseline(writer, frame, valid, options.baseline_q_step)
        baseline = {"time_h": config.baseline_time, "q_step": options.baseline_q_step}
    encoded = None if encoder is None else encoder.codes.shape
    xy = config.xy_harmonics, config.xy_include_input
    in_graph = hashing if config.hash_probes == 1 else None  # a reader makes dense grids of what nodes chose
    latents = latents_graph(shapes, channels, run.height, run.width, config.residual_mode, in_graph, encoded, xy)
    writer.add_bytes(LATENTS_GRAPH, latents)
    frames = frame_graph(run.arrays, n_layers, n_features, config.residual_mode, options.mlp_dtype)
    writer.add_bytes(FRAME_GRAPH, frames)
    return {
        "residual_mode": config.residual_mode,
        "levels": [list(shape) for shape in shapes],
        "channels_per_level": channels,
        "quant": {
            "dtype": options.grid_dtype,
            "scales": [scale for grid in grids for scale in shortest_floats(grid.scales)],
            "zero_points": [int(zero) for grid in grids for zero in grid.zero_points],
        },
        "hash": None if hashing is None else asdict(hashing) | probes,
        "baseline": baseline,
        "normalization": {
            "xy_range": [0.0, 1.0],
            "time": {"period_h": 24.0, "harmonics": config.time_harmonics},
            **({"xy": {"harmonics": xy[0], "include_input": xy[1]}} if config.n_coordinates else {}),
        },
        "mlp": {"hidden": hidden, "layers": n_layers, "dtype": options.mlp_dtype},
        "graphs": {"latents": LATENTS_GRAPH, "frame": FRAME_GRAPH},
        **({} if encoder is None else {"encoder": _described(encoder)}),
    }


def _quantized(run: Run, name: str, level: int, options: GridMlpPackOptions, *shape: int | None) -> QuantizedGrid:
    """A level's codes; where no range is asked for, by the ranges it was calibrated for in training, if it was."""
    values = run.array(name, *shape)
    affine = None
    if f"quant_{level}" in run.arrays and options.percentile is None:
        affine = run.array(f"quant_{level}", 2, values.shape[-1])
    percentile = 100.0 if options.percentile is None else options.percentile
    return quantize_grid(values[None] if values.ndim == 2 else values, options.grid_dtype, percentile, affine)


def packed_indices(indices: np.ndarray, probes: int) -> np.ndarray:
    """(rows, columns) indices of a level as bit planes, the highest first: (bits, ceil(rows * columns / 8)) uint8."""
    shifts = np.arange((probes - 1).bit_length())[::-1, None]
    return np.packbits((indices.reshape(1, -1) >> shifts) & 1, axis=1)


def _described(grid: QuantizedGrid) -> dict[str, object]:
    zero_points = [int(zero) for zero in grid.zero_points]
    return {"shape": list(grid.codes.shape), "scales": shortest_floats(grid.scales), "zero_points": zero_points}


def _check_mlp(run: Run, config: GridMlpConfig, n_features: int) -> None:
    """Ask for all arrays of the MLP, whose shapes the graph takes for granted."""
    hidden, n_layers, n_times = config.hidden, config.layers, 2 * config.time_harmonics
    run.array("mlp_input_features", hidden, n_features + 3 * config.baseline_input)
    run.array("mlp_0_bias", hidden)
    if config.film:
        width = run.array("mlp_film_embed_weight", None, n_times).shape[0]
        run.array("mlp_film_embed_bias", width)
        for layer in range(n_layers):
            run.array(f"mlp_film_{layer}_weight", 2 * hidden, width)
            run.array(f"mlp_film_{layer}_bias", 2 * hidden)
    else:
        run.array("mlp_input_time", hidden, n_times)
    check_layers(run, n_layers, hidden)


def check_layers(run: Run, n_layers: int, hidden: int) -> None:
    """Ask for the layers after the first: matrices and biases."""
    for layer in range(1, n_layers + 1):
        rows = 3 if layer == n_layers else hidden
        run.array(f"mlp_{layer}_weight", rows, hidden)
        run.array(f"mlp_{layer}_bias", rows)


def add_baseline(writer: ArchiveWriter, frame: np.ndarray, valid: np.ndarray, q_step: int) -> None:
    """Add the baseline frame (H, W, 3), quantized."""
    filled = fill_invalid(frame.astype(np.float64), valid)
    writer.add("0/baseline", forward_planes(np.rint(filled / q_step).astype(np.int32)))
