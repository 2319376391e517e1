"""Describe an archive for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.archive import Archive, Lightmap, open_archive
from todpack.decompressor.files import check_suffix
from todpack.decompressor.frame_files import write_frame


def _section_lines(archive: Archive) -> list[str]:
    sections = archive.container.sections.values()
    stored = sum(s.stored_bytes for s in sections)
    lines = [f"{'section':<24} {'codec':<6} {'stored':>10} {'decoded':>10}  {'type':<5} shape"]
    for s in sections:
        code = s.dtype.str.lstrip("<|")
        lines.append(
            f"{s.name:<24} {s.codec:<6} {s.stored_bytes:>10} {s.decoded_bytes:>10}  {code:<5} "
            f"{' x '.join(str(n) for n in s.shape)}"
        )
    lines.append(f"{'header and metadata':<24} {'':<6} {archive.file_bytes - stored:>10}")
    return lines


def _gridmlp_lines(model: dict[str, Any]) -> list[str]:
    quant, mlp = model["quant"], model["mlp"]
    sizes = [rows * columns for rows, columns in model["levels"]]
    if model["hash"]:
        n_hashed = model["hash"]["top_levels"]
        sizes[-n_hashed:] = [model["hash"]["capacity"]] * n_hashed
    n_parameters = sum(sizes) * model["channels_per_level"]
    levels = ", ".join(f"{rows} x {columns}" for rows, columns in model["levels"])
    lines = [
        f"  grids: {levels} nodes x {model['channels_per_level']} channels = {n_parameters} parameters in "
        f"{quant['dtype']}, bin widths {min(quant['scales']):.2e} .. {max(quant['scales']):.2e}",
        f"  MLP: {mlp['layers']} hidden layers of {mlp['hidden']}, weights in {mlp['dtype']}, "
        f"{model['normalization']['time']['harmonics']} time harmonics",
    ]
    if model["hash"]:
        hashing = model["hash"]
        lines.append(
            f"  hash: the last {hashing['top_levels']} levels in tables of {hashing['capacity']} entries, "
            f"merge {hashing['merge']}, seed {hashing['seed']}"
        )
    if "encoder" in model:
        lines.append(f"  encoder: latents of the baseline, {' x '.join(str(n) for n in model['encoder']['shape'])}")
    if model["baseline"]:
        baseline = model["baseline"]
        lines.append(f"  baseline: frame of {baseline['time_h']:g} h, bin width {baseline['q_step']} codes")
    return lines


def _daybasis_lines(model: dict[str, Any]) -> list[str]:
    n_cubic = model["gap_modes"].count("C")
    return [
        f"  basis: K = {model['n_components']} components, entries in bins of 2^{min(model['exponents'])} .. "
        f"2^{max(model['exponents'])}; {n_cubic} gaps cubic, {len(model['gap_modes']) - n_cubic} linear",
        f"  maps: q_step {model['q_step']:g} codes, {model['n_levels']} wavelet levels, tiles of {model['tile']}, "
        f"{model['n_classes']} regional rotations",
    ]


def _siren_lines(model: dict[str, Any]) -> list[str]:
    latent, f1, mlp = model["latent"], model["f1"], model["mlp"]
    if latent:
        stored = f"map of {latent['rows']} x {latent['columns']} nodes in {latent['bits']} bits"
    else:
        stored = (
            f"F1 of {f1['layers']} sine layers of {f1['hidden']}, omega_0 {f1['omega_0']:g}, weights in {f1['dtype']}"
        )
    lines = [
        f"  latent: {model['latent_dim']} channels, stored as {stored}",
        f"  F2: {mlp['layers']} hidden layers of {mlp['hidden']}, weights in {mlp['dtype']}, "
        f"{model['normalization']['time']['harmonics']} time harmonics",
    ]
    if model["baseline"]:
        baseline = model["baseline"]
        lines.append(f"  baseline: frame of {baseline['time_h']:g} h, bin width {baseline['q_step']} codes")
    return lines


FAMILY_LINES = {"daybasis": _daybasis_lines, "gridmlp": _gridmlp_lines, "siren": _siren_lines}


def _lightmap_lines(archive: Archive, lightmap: Lightmap, index: int) -> list[str]:
    model = archive.metadata["lightmaps"][index]["model"]
    per_texel = 8.0 * archive.lightmap_bytes(index) / (lightmap.n_valid * len(lightmap.hours))
    own = f"{archive.lightmap_bytes(index)} bytes of its own, " if len(archive.lightmaps) > 1 else ""
    head = (
        f"lightmap {index}: {lightmap.name}, {lightmap.width} x {lightmap.height}, {lightmap.n_valid} valid texels "
        f"({100 * lightmap.n_valid / (lightmap.width * lightmap.height):.1f} %), {len(lightmap.hours)} hours, "
        f"{lightmap.transfer}; {own}{per_texel:.3f} bits per valid texel and hour"
    )
    return [head, *FAMILY_LINES[archive.model_type](model)]


def describe(path: Path, metadata_only: bool = False) -> str:
    """Text for `todpack inspect`.

    Raises:
        ArchiveError: not a readable archive.
    """
    with open_archive(path, provider="cpu") as archive:
        if metadata_only:
            return json.dumps(archive.metadata, indent=2, sort_keys=True)
        major, minor = archive.container.version
        lines = [f"{path}: todpack {major}.{minor}, {archive.model_type}, {archive.file_bytes} bytes"]
        for index, lightmap in enumerate(archive.lightmaps):
            lines += _lightmap_lines(archive, lightmap, index)
        return "\n".join([*lines, "", *_section_lines(archive)])


def write_sample(path: Path, image: Path, time_h: float) -> None:
    """Decode one hour of the first lightmap into a PNG.

    Raises:
        TodpackError: not readable, no such hour, or not writable.
    """
    check_suffix(image, ".png")
    with open_archive(path, provider="cpu") as archive:
        lightmap = archive.lightmaps[0]
        if lightmap.transfer == "srgb8":
            frame = lightmap.decode(time_h)
        else:
            linear = lightmap.decode(time_h, dtype="float32")
            peak = max(float(np.percentile(linear, 99.5)), 1e-12)
            frame = np.rint(255.0 * np.clip(linear / peak, 0.0, 1.0) ** (1 / 2.2)).astype(np.uint8)
        write_frame(image, frame, "png")
