"""The sections of one lightmap of the family `daybasis`, and its entry in metadata.json. FORMAT.md "daybasis"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.metadata import FEATURES
from todpack.frames import TileSource

from ..archive_writer import ArchiveWriter
from ..mask import encode_mask
from .fireflies import CalmDay
from .graph import frame_graph
from .radiance import CURVES, RadianceDomain


@dataclass(frozen=True)
class Model:
    """What all tiles of a lightmap share.

    Attributes:
        basis_codes: (T, 3, N + 1) int64, see decompressor/daybasis/temporal/basis_codes.py.
        exponents: (N + 1,) int64 of the basis columns and the offset.
        skew_codes: (n_classes, K (K - 1) / 2) int64 regional rotations.
        precision: P, see FORMAT.md "Coefficients to maps".
        centroids: Reconstruction points.
        smoothing: Of the decoded maps, None without.
        gap_modes: One letter per stored time.
        q_step: Width of a bin.
        tile: Side of a tile.
        n_levels: Levels of the pyramids.
        entropy: "ans" or "zstd".
        n_components: K of the N columns, those that maps belong to.
    """

    basis_codes: np.ndarray
    exponents: np.ndarray
    skew_codes: np.ndarray
    precision: int
    centroids: tuple[float, float]
    smoothing: Smoothing | None
    gap_modes: str
    q_step: float
    tile: int
    n_levels: int
    entropy: str
    n_components: int


def new_writer(day: TileSource) -> ArchiveWriter:
    """An archive of this day without anything in it."""
    hours = [float(h) for h in day.hours]
    return ArchiveWriter({"model_type": "daybasis", "transfer": day.transfer, "hours": hours})


def add_tile(writer: ArchiveWriter, number: int, stream: bytes, classes: np.ndarray | None) -> None:
    """Add a tile's coefficients, and the classes of its blocks where there are several rotations."""
    writer.add_bytes(f"0/{number}/coefficients", stream)
    if classes is not None:
        writer.add(f"0/{number}/classes", classes)


def add_maps(writer: ArchiveWriter, model: Model) -> dict[str, Any]:
    """Add the temporal matrix and the rotations; the fields of the maps in metadata.json."""
    n_classes = len(model.skew_codes)
    writer.add_integers("0/basis", model.basis_codes.transpose(2, 1, 0), lead=True)
    if n_classes > 1:
        writer.add_integers("0/turns", model.skew_codes, lead=True)
    fields: dict[str, Any] = {
        "n_components": model.n_components,
        "n_classes": n_classes,
        "q_step": model.q_step,
        "centroids": list(model.centroids),
        "n_levels": model.n_levels,
        "tile": model.tile,
        "precision": model.precision,
        "exponents": [int(e) for e in model.exponents],
        "gap_modes": model.gap_modes,
        "entropy": model.entropy,
    }
    if model.smoothing is not None:
        fields["smoothing"] = {"bound": model.smoothing.bound, "weights": list(model.smoothing.weights)}
    return fields


def add_model(
    writer: ArchiveWriter, day: TileSource, valid: np.ndarray, model: Model, domain: RadianceDomain | None
) -> None:
    """Add what all tiles share, before them: of a file that was cut off, what is there still decodes."""
    curve, knee = ("none", 0.0) if domain is None else (CURVES[domain.transfer], domain.knee)
    mask = None if valid.all() else "0/mask"
    if mask is not None:
        writer.add_bytes(mask, encode_mask(valid), lead=True)
    fields = add_maps(writer, model)
    graph = "0/frame.onnx"
    writer.add_bytes(graph, frame_graph(model.n_components, day.hours, day.transfer, curve, knee), lead=True)
    fields["graphs"] = {"frame": graph}
    if curve != "none":
        fields["curve"] = curve
    lightmap: dict[str, Any] = {
        "name": day.name,
        "height": day.height,
        "width": day.width,
        "valid_texels": int(valid.sum()),
        "mask": mask,
        "model": fields,
    }
    if isinstance(day, CalmDay):
        lightmap["outliers"] = "0/outliers"
        writer.add(lightmap["outliers"], day.stored(), lead=True)
    writer.metadata["lightmaps"] = [lightmap]
    required = [name for name in FEATURES if name in fields or name in lightmap]
    if required:
        writer.metadata["requires"] = required
