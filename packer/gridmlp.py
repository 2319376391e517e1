"""Pack a run of the family `gridmlp`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from todpack.decompressor.gridmlp import HASH_MERGES
from todpack.decompressor.reversible_wavelet import forward_planes

from .archive_writer import ArchiveWriter
from .errors import PackError
from .fill import fill_invalid
from .gridmlp_graphs import frame_graph
from .gridmlp_latents import EncodedBaseline, HashTables, latents_graph
from .quantize import quantize_grid, shortest_floats
from .run_folder import Run

MLP_DTYPES = ("fp16", "fp32", "int8")


@dataclass(frozen=True)
class GridMlpPackOptions:
    """How to quantise.

    Attributes:
        grid_dtype: "uint8", "uint16" or "float32".
        percentile: Range of the grids, see `quantize_grid`; None takes the one the run was calibrated for, else 100.
        mlp_dtype: "fp16", "fp32" or "int8" (weights only).
        baseline_q_step: Width of one bin of the baseline frame, in codes; 1 is lossless.
    """

    grid_dtype: str = "uint8"
    percentile: float | None = None
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


def _hashing(run: Run, n_levels: int) -> HashTables | None:
    """How the run's top levels hash; None where none does, as in runs of before."""
    fields: dict[str, Any] = {
        name: run.config.get(f"hash_{name}") for name in ("top_levels", "capacity", "seed", "merge")
    }
    if not fields["top_levels"]:
        return None
    defaults = {"capacity": 4096, "seed": 0, "merge": "mean"}  # which a run does not write
    fields = {name: defaults[name] if value is None else value for name, value in fields.items()}
    numbers = [fields[name] for name in ("top_levels", "capacity", "seed")]
    highest = (n_levels, 1 << 24, (1 << 31) - 1)
    fits = all(type(n) is int and 0 <= n <= most for n, most in zip(numbers, highest, strict=True))
    if not fits or fields["capacity"] == 0 or fields["merge"] not in HASH_MERGES:
        raise PackError(f"{run.path / 'config.json'}: config.hash_*: expected a hash of these levels, found {fields!r}")
    return HashTables(**fields)


def _level_shape(run: Run, level: int) -> tuple[int, int]:
    """(rows, columns) of a level: its size along the longer side, the shorter one in proportion."""
    size, longer = run.config["grid_levels"][level], max(run.height, run.width)
    if type(size) is not int or not 1 <= size <= 1 << 16:
        raise PackError(f"{run.path / 'config.json'}: config.grid_levels: expected sizes, found {size!r}")
    return max(1, round(size * run.height / longer)), max(1, round(size * run.width / longer))


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


@dataclass(frozen=True)
class _Encoder:
    shape: EncodedBaseline
    metadata: dict[str, object]


def _add_encoder(writer: ArchiveWriter, run: Run, index: int) -> _Encoder | None:
    """Add the BaselineEncoder's latents in 8 bits, where the run has some."""
    if run.config.get("use_baseline_encoder") is not True:
        return None
    latents = quantize_grid(run.array("encoder", None, None, None), "uint8")
    channels, rows, columns = latents.codes.shape
    writer.add(f"{index}/encoder", latents.codes)
    metadata: dict[str, object] = {
        "shape": [channels, rows, columns],
        "scales": shortest_floats(latents.scales),
        "zero_points": [int(z) for z in latents.zero_points],
    }
    return _Encoder(EncodedBaseline(channels, rows, columns), metadata)


def _check_film(run: Run, n_layers: int, hidden: int, harmonics: int) -> None:
    width = run.array("mlp_film_embed_weight", None, 2 * harmonics).shape[0]
    run.array("mlp_film_embed_bias", width)
    for layer in range(n_layers):
        run.array(f"mlp_film_{layer}_weight", 2 * hidden, width)
        run.array(f"mlp_film_{layer}_bias", 2 * hidden)


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
    hashing = _hashing(run, n_levels)
    n_dense = n_levels - (0 if hashing is None else hashing.top_levels)
    for level in range(n_levels):
        if level < n_dense or hashing is None:
            values, section = run.array(f"grid_{level}", None, None, channels), f"{index}/grid/{level}"
            shapes.append((values.shape[0], values.shape[1]))
        else:
            values, section = (
                run.array(f"grid_{level}_table", hashing.capacity, channels)[None],
                f"{index}/hash/{level}",
            )
            shapes.append(_level_shape(run, level))
        affine = None
        if f"quant_{level}" in run.arrays and options.percentile is None:
            affine = run.array(f"quant_{level}", 2, channels)
        grid = quantize_grid(
            values, options.grid_dtype, 100.0 if options.percentile is None else options.percentile, affine
        )
        scales += shortest_floats(grid.scales)
        zero_points += [int(z) for z in grid.zero_points]
        writer.add(section, grid.codes if level < n_dense else grid.codes[:, 0])
        if level >= n_dense and hashing is not None and hashing.merge == "learned":
            merge = run.array(f"grid_{level}_merge", channels, 2 * channels)
            writer.add(f"{index}/merge/{level}", merge.astype(np.float32))
    encoder = _add_encoder(writer, run, index)
    n_features = channels * n_levels + (0 if encoder is None else encoder.shape.channels)
    run.array("mlp_input_features", hidden, n_features)
    if run.config.get("film") is True:
        _check_film(run, n_layers, hidden, harmonics)
    else:
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
    encoded = None if encoder is None else encoder.shape
    latents = latents_graph(shapes, channels, run.height, run.width, residual, hashing, encoded)
    writer.add_bytes(names["latents"], latents)
    writer.add_bytes(names["frame"], frame_graph(run.arrays, n_layers, n_features, residual, options.mlp_dtype))
    return {
        "residual_mode": residual,
        "levels": [list(shape) for shape in shapes],
        "channels_per_level": channels,
        "quant": {"dtype": options.grid_dtype, "scales": scales, "zero_points": zero_points},
        "hash": None if hashing is None else asdict(hashing),
        "baseline": baseline,
        "normalization": {"xy_range": [0.0, 1.0], "time": {"period_h": 24.0, "harmonics": harmonics}},
        "mlp": {"hidden": hidden, "layers": n_layers, "dtype": options.mlp_dtype},
        "graphs": names,
        **({} if encoder is None else {"encoder": encoder.metadata}),
    }
