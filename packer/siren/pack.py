"""Pack a run of the family `siren`: its latent map, or F1's weights; the smaller where both decode as well."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from todpack.decompressor.archive import open_archive
from todpack.decompressor.files import check_output
from todpack.decompressor.reversible_wavelet import forward_bands
from todpack.decompressor.siren import STORAGES
from todpack.decompressor.staging import scratch_folder
from todpack.frames.psnr import psnr_db

from ..archive_writer import ArchiveWriter
from ..fill import fill_invalid
from ..gridmlp.frame_graph import frame_graph
from ..gridmlp.latents_graph import latents_graph
from ..gridmlp.pack import FRAME_GRAPH, LATENTS_GRAPH, add_baseline, check_layers
from ..gridmlp.quantize import shortest_floats
from ..run_archive import write_run_archive
from ..run_folder import Run
from .command import SirenPackOptions
from .config import SirenConfig
from .latents_graph import siren_graph

log = logging.getLogger("todpack.pack")

EQUAL_DB = 0.1
CHUNK_TEXELS = 8192


@dataclass(frozen=True)
class PackedSiren:
    """An archive of a run: its storage, bytes, and PSNR in dB over the valid texels of all stored hours."""

    storage: str
    archive_bytes: int
    psnr_db: float


def _check_arrays(run: Run, config: SirenConfig) -> None:
    for layer in range(config.layers_f1 + 1):
        rows = config.latent_dim if layer == config.layers_f1 else config.hidden_f1
        run.array(f"f1_{layer}_weight", rows, 2 if layer == 0 else config.hidden_f1)
        run.array(f"f1_{layer}_bias", rows)
    run.array("mlp_input_features", config.hidden_f2, config.latent_dim)
    run.array("mlp_input_time", config.hidden_f2, 2 * config.time_harmonics)
    run.array("mlp_0_bias", config.hidden_f2)
    check_layers(run, config.layers_f2, config.hidden_f2)


def latent_map(run: Run) -> np.ndarray:
    """(H, W, D) float32: F1 on the texel grid."""
    x = (np.arange(run.width, dtype=np.float32) + np.float32(0.5)) * np.float32(2.0 / run.width) - np.float32(1.0)
    y = (np.arange(run.height, dtype=np.float32) + np.float32(0.5)) * np.float32(2.0 / run.height) - np.float32(1.0)
    positions = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    parts = []
    for start in range(0, len(positions), CHUNK_TEXELS):
        values = positions[start : start + CHUNK_TEXELS]
        for layer in range(run.configuration(SirenConfig).layers_f1 + 1):
            values = np.sin(values) if layer > 0 else values
            values = values @ run.arrays[f"f1_{layer}_weight"].T + run.arrays[f"f1_{layer}_bias"]
        parts.append(values)
    return np.concatenate(parts).reshape(run.height, run.width, -1)


@dataclass(frozen=True)
class PrincipalLatents:
    """The latent map on axes of its own: (H, W, C) float64, C <= D, and F2's first layer for it (float32)."""

    latents: np.ndarray
    weight: np.ndarray
    bias: np.ndarray


def principal_latents(latents: np.ndarray, valid: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> PrincipalLatents:
    """Turn the channels so that F2 gives the same, errors of all of them count the same, and they do not correlate.

    One step width for all channels is then the best for a given error, and most channels need few codes.

    Args:
        latents: (H, W, D).
        valid: (H, W) bool.
        weight: (hidden, D) of F2's first layer, whose sums are `weight @ z + bias`.
        bias: (hidden,).
    """
    left, singular, right = np.linalg.svd(weight.astype(np.float64), full_matrices=False)
    seen = latents.astype(np.float64) @ (singular[:, None] * right).T
    mean = seen[valid].mean(axis=0)
    centered = seen - mean
    _, axes = np.linalg.eigh(centered[valid].T @ centered[valid])
    axes = axes[:, ::-1]
    moved = (bias.astype(np.float64) + left @ mean).astype(np.float32)
    return PrincipalLatents(centered @ axes, (left @ axes).astype(np.float32), moved)


def _quantized(nodes: np.ndarray, bits: int) -> tuple[np.ndarray, np.float32, np.ndarray]:
    """(rows, columns, C) codes, the step of all channels, by which the widest uses all `bits`, (C,) zero points."""
    low, high = nodes.min(axis=(0, 1)), nodes.max(axis=(0, 1))
    # one code is kept free: rounding the zero point moves the range by up to half a bin
    step = np.float32(max(float((high - low).max()) / ((1 << bits) - 2), 1e-12))
    zero_points = np.rint(-low / float(step)).astype(np.int64)
    codes = np.clip(np.rint(nodes / float(step)) + zero_points, 0, (1 << bits) - 1)
    return codes.astype(np.int32), step, zero_points


def _nodes(latents: np.ndarray, valid: np.ndarray, downsample: int) -> np.ndarray:
    """(rows, columns, D): means of the valid texels around each node, continued where there are none."""
    if downsample == 1:
        return fill_invalid(latents, valid)
    height, width, n_channels = latents.shape
    rows, columns = -(-height // downsample), -(-width // downsample)
    of_row, of_column = (np.arange(height) * rows) // height, (np.arange(width) * columns) // width
    node = (of_row[:, None] * columns + of_column)[valid]
    count = np.bincount(node, minlength=rows * columns)
    planes = [np.bincount(node, latents[..., c][valid], rows * columns) for c in range(n_channels)]
    means = np.stack(planes, axis=-1) / np.maximum(count, 1)[:, None]
    return fill_invalid(means.reshape(rows, columns, n_channels), count.reshape(rows, columns) > 0)


def add_siren(writer: ArchiveWriter, run: Run, options: SirenPackOptions, valid: np.ndarray) -> dict[str, object]:
    """Add the sections of one lightmap.

    Args:
        writer: Archive to add to.
        run: A `siren` run.
        options: How to store; not "auto".
        valid: (H, W) bool.

    Returns:
        The field `model` of the lightmap's metadata.

    Raises:
        PackError: the run's arrays do not fit its configuration.
    """
    config = run.configuration(SirenConfig)
    _check_arrays(run, config)
    arrays, latent_dim, residual = dict(run.arrays), config.latent_dim, config.residual_mode
    latent = f1 = baseline = None
    if options.storage == "latent":
        turned = principal_latents(latent_map(run), valid, arrays["mlp_input_features"], arrays["mlp_0_bias"])
        arrays |= {"mlp_input_features": turned.weight, "mlp_0_bias": turned.bias}
        nodes = _nodes(turned.latents, valid, options.latent_downsample)
        codes, step, zero_points = _quantized(nodes, options.latent_bits)
        rows, columns, latent_dim = codes.shape
        writer.add("0/latent", forward_bands(codes))
        latent = {
            "rows": rows,
            "columns": columns,
            "bits": options.latent_bits,
            "scales": shortest_floats(np.full(latent_dim, step)),
            "zero_points": [int(z) for z in zero_points],
        }
        graph = latents_graph([(rows, columns)], latent_dim, run.height, run.width, residual)
    else:
        f1 = {
            "hidden": config.hidden_f1,
            "layers": config.layers_f1,
            "omega_0": config.omega_0,
            "dtype": options.f1_dtype,
        }
        graph = siren_graph(run.arrays, config.layers_f1, run.height, run.width, residual, options.f1_dtype)
    if residual:
        add_baseline(writer, run.array("baseline", run.height, run.width, 3), valid, config.baseline_q_step)
        baseline = {"time_h": config.baseline_time, "q_step": config.baseline_q_step}
    writer.add_bytes(LATENTS_GRAPH, graph)
    writer.add_bytes(FRAME_GRAPH, frame_graph(arrays, config.layers_f2, latent_dim, residual, options.mlp_dtype))
    return {
        "residual_mode": residual,
        "storage": options.storage,
        "latent_dim": latent_dim,
        "latent": latent,
        "f1": f1,
        "baseline": baseline,
        "normalization": {
            "xy_range": [-1.0, 1.0],
            "time": {"period_h": 24.0, "harmonics": config.time_harmonics},
        },
        "mlp": {"hidden": config.hidden_f2, "layers": config.layers_f2, "dtype": options.mlp_dtype},
        "graphs": {"latents": LATENTS_GRAPH, "frame": FRAME_GRAPH},
    }


def _write(run: Run, out: Path, options: SirenPackOptions) -> PackedSiren:
    size = write_run_archive(run, out, lambda writer, valid: add_siren(writer, run, options, valid))
    return PackedSiren(options.storage, size, _psnr_db(run, out, run.valid()))


def _psnr_db(run: Run, path: Path, valid: np.ndarray) -> float:
    frames = run.array("frames", len(run.hours), run.height, run.width, 3)
    total = 0.0
    with open_archive(path, provider="cpu") as archive:
        for hour, frame in zip(run.hours, frames, strict=True):
            error = archive.lightmaps[0].decode(hour)[valid].astype(np.float64) - frame[valid]
            total += float(np.square(error).sum())
    mse = total / (3 * int(valid.sum()) * len(run.hours))
    return psnr_db(max(mse, 1e-9))


def pack_siren(run: Run, out: Path, options: SirenPackOptions | None = None) -> PackedSiren:
    """Store a run as an archive.

    Args:
        run: A `siren` run.
        out: Archive to write; replaced only by a verified one.
        options: How to store; None takes the defaults.

    Returns:
        What was written.

    Raises:
        PackError: the run folder is not usable.
        OutputError: the archive cannot be written.
    """
    options = options or SirenPackOptions()
    check_output(out)
    if options.storage != "auto":
        return _write(run, out, options)
    with scratch_folder("todpack-pack-") as folder:
        trials = [_write(run, folder / "trial.tod", replace(options, storage=storage)) for storage in STORAGES]
    best_db = max(trial.psnr_db for trial in trials)
    chosen = min((t for t in trials if t.psnr_db >= best_db - EQUAL_DB), key=lambda trial: trial.archive_bytes)
    described = ", ".join(f"{t.storage} {t.archive_bytes} bytes at {t.psnr_db:.2f} dB" for t in trials)
    log.info("storage %s: %s", chosen.storage, described)
    return _write(run, out, replace(options, storage=chosen.storage))
