"""Pack a day of the family `daybasis` into an archive, at a step or at a target."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.metadata import FEATURES
from todpack.frames import Day
from todpack.trainer.daybasis.refine.config import PRESETS, RefineConfig
from todpack.trainer.daybasis.refine.refined import RefinedLightmap

from ..archive_writer import ArchiveWriter
from ..errors import PackError
from ..mask import encode_mask
from .config import stored_step
from .encode import CodedLightmap, encode_lightmap
from .graph import frame_graph
from .radiance import CURVES, Coding
from .tiles import Tile
from .transform.closed_form import TemporalTransform

REFINEMENTS = ("none", "fast", "full")
CLOSED_FORM_SMOOTHING = Smoothing(0.16, (13 / 64, 13 / 64))
"""Where the rounding does not know of the smoothing, a smaller bound suits it than in the refinement."""


@dataclass(frozen=True)
class DayBasisPackOptions:
    """How to code.

    Attributes:
        rd_weight: Squared steps that one bit is worth in rounding.
        entropy: "ans" or "zstd".
        refine: "none", "fast" or "full"; a refinement needs torch and brings an rd_weight and a smoothing of its own.
        smoothing: Smooth the decoded maps; None: only where a refinement asks for it (opening takes longer with it).
    """

    rd_weight: float = 0.1
    entropy: str = "ans"
    refine: str = "none"
    smoothing: bool | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.rd_weight <= 100.0:
            raise PackError(f"--rd-weight: expected a number in 0..100, found {self.rd_weight:g}")
        if self.refine not in REFINEMENTS:
            raise PackError(f"--refine: expected one of {', '.join(REFINEMENTS)}, found {self.refine}")


@dataclass(frozen=True)
class PackedDay:
    """An archive in memory.

    Attributes:
        writer: Its sections and metadata.
        size_bytes: Of the file.
        psnr_db: Of what the decoder will give at the stored times, see `CodedLightmap`.
        q_step: Width of a bin.
        n_components: K.
        frame_mse: (T,) of `CodedLightmap`.
    """

    writer: ArchiveWriter
    size_bytes: int
    psnr_db: float
    q_step: float
    n_components: int
    frame_mse: np.ndarray


def _add_lightmap(
    writer: ArchiveWriter,
    sequence: Day,
    found: TemporalTransform,
    coded: CodedLightmap,
    coding: Coding | None,
    tile: int,
    n_levels: int,
    entropy: str,
    index: int = 0,
) -> dict[str, object]:
    """Add the sections of one lightmap; returns its entry in the metadata."""
    n_classes = len(found.skew_codes)
    mask = add_mask(writer, sequence.valid, index)
    add_basis(writer, coded.basis_codes, found.skew_codes, index)
    # before the tiles: of a file that was cut off, what is there still decodes
    graph = add_graph(writer, coded, sequence.hours, sequence.transfer, coding, index)
    for number, (stream, classes) in enumerate(zip(coded.streams, found.classes, strict=True)):
        add_tile(writer, number, stream, classes if n_classes > 1 else None, index)
    model = describe_model(coded, coding, graph, n_classes, tile, n_levels, entropy)
    return describe_lightmap(sequence.name, sequence.valid, mask, model)


def add_mask(writer: ArchiveWriter, valid: np.ndarray, index: int = 0) -> str | None:
    """Add the mask; returns the name of its section, None where every texel is valid."""
    if valid.all():
        return None
    name = f"{index}/mask"
    writer.add_bytes(name, encode_mask(valid))
    return name


def add_basis(writer: ArchiveWriter, basis_codes: np.ndarray, skew_codes: np.ndarray, index: int = 0) -> None:
    """Add the temporal codes (T, 3, K + 1), and the regional rotations if there are several."""
    writer.add(f"{index}/basis", _zigzag(basis_codes.transpose(2, 1, 0)))
    if len(skew_codes) > 1:
        writer.add(f"{index}/turns", _zigzag(skew_codes))


def add_tile(
    writer: ArchiveWriter, number: int, stream: bytes, classes: np.ndarray | None = None, index: int = 0
) -> None:
    """Add a tile's coefficients, and the classes of its blocks where there are several rotations."""
    writer.add_bytes(f"{index}/{number}/coefficients", stream)
    if classes is not None:
        writer.add(f"{index}/{number}/classes", classes)


def describe_lightmap(name: str, valid: np.ndarray, mask: str | None, model: dict[str, object]) -> dict[str, object]:
    """A lightmap's entry in the metadata."""
    return {
        "name": name,
        "height": valid.shape[0],
        "width": valid.shape[1],
        "valid_texels": int(valid.sum()),
        "mask": mask,
        "model": model,
    }


def _curve_of(coding: Coding | None) -> tuple[str, float]:
    return ("none", 0.0) if coding is None else (CURVES[coding.transfer], coding.knee)


def add_graph(
    writer: ArchiveWriter,
    coded: CodedLightmap,
    hours: np.ndarray,
    transfer: str,
    coding: Coding | None,
    index: int = 0,
) -> str:
    """Add the graph `frame`; returns the name of its section."""
    name = f"{index}/frame.onnx"
    writer.add_bytes(name, frame_graph(coded.basis_codes.shape[2] - 1, hours, transfer, *_curve_of(coding)))
    return name


def describe_model(
    coded: CodedLightmap, coding: Coding | None, graph: str, n_classes: int, tile: int, n_levels: int, entropy: str
) -> dict[str, object]:
    """The family's fields in a lightmap's entry."""
    curve, _ = _curve_of(coding)
    smoothing = {}
    if coded.smoothing is not None:
        smoothing["smoothing"] = {"bound": coded.smoothing.bound, "weights": list(coded.smoothing.weights)}
    return {
        "n_components": coded.basis_codes.shape[2] - 1,
        "n_classes": n_classes,
        "q_step": coded.q_step,
        "centroids": list(coded.centroids),
        "n_levels": n_levels,
        "tile": tile,
        "precision": coded.precision,
        "exponents": [int(e) for e in coded.exponents],
        "gap_modes": coded.gap_modes,
        **smoothing,
        "entropy": entropy,
        "graphs": {"frame": graph},
        **({} if curve == "none" else {"curve": curve}),
    }


def _zigzag(codes: np.ndarray) -> np.ndarray:
    """0, -1, 1, -2, 2, ... -> 0, 1, 2, 3, 4, ... as uint16, or int32 where that is too narrow."""
    zigzag = (codes << 1) ^ (codes >> 63)
    return zigzag.astype(np.uint16 if int(zigzag.max(initial=0)) <= 0xFFFF else np.int32)


def _refine(
    tiles: list[Tile],
    found: TemporalTransform,
    q_step: float,
    options: DayBasisPackOptions,
    refinement: RefineConfig | None,
) -> RefinedLightmap | None:
    """Refine with torch, which everything else here does without."""
    config = refinement if options.refine == "none" else PRESETS[options.refine]
    if config is None:
        return None
    try:
        from todpack.trainer.daybasis.refine.fit import refine
    except ModuleNotFoundError as error:
        raise PackError(f"--refine needs {error.name}: pip install 'todpack[train]', or use --refine none") from error
    return refine(tiles, found, q_step, replace(config, smoothing_bound=0.0) if options.smoothing is False else config)


def require_features(writer: ArchiveWriter, entry: dict[str, object]) -> None:
    """Say in the metadata what a reader must know to decode the lightmap of this entry."""
    model = entry["model"]
    assert isinstance(model, dict)
    required = [name for name in FEATURES if name in model]
    if required:
        writer.minor = 1
        writer.metadata["requires"] = required


def pack_day(
    sequence: Day,
    tiles: list[Tile],
    found: TemporalTransform,
    q_step: float,
    options: DayBasisPackOptions,
    *,
    coding: Coding | None,
    tile: int,
    n_levels: int,
    refined: RefinedLightmap | None = None,
    refinement: RefineConfig | None = None,
) -> PackedDay:
    """Code a day in a given temporal transform.

    Args:
        sequence: The day.
        tiles: `cut_tiles` of it, in the coding domain.
        found: `find_transform` of these.
        q_step: Width of a bin; the nearest float32 is used.
        options: How to code.
        coding: Domain of the tiles' values; None for 8-bit codes.
        tile: Side of a tile.
        n_levels: Levels of the pyramid.
        refined: Codes that were refined before, at this very step.
        refinement: How to refine where `options` names no preset and there are no codes; None: not at all.
    """
    step = stored_step(q_step)
    coded = encode_lightmap(
        tiles,
        found,
        step,
        hours=sequence.hours,
        rd_weight=options.rd_weight,
        entropy=options.entropy,
        coding=coding,
        smoothing=CLOSED_FORM_SMOOTHING if options.smoothing else None,
        refined=refined if refined is not None else _refine(tiles, found, step, options, refinement),
    )
    hours = [float(h) for h in sequence.hours]
    writer = ArchiveWriter({"model_type": "daybasis", "transfer": sequence.transfer, "hours": hours})
    entry = _add_lightmap(writer, sequence, found, coded, coding, tile, n_levels, options.entropy)
    writer.metadata["lightmaps"] = [entry]
    require_features(writer, entry)
    n_components = found.basis.matrix.shape[1]
    return PackedDay(writer, writer.size_bytes, coded.psnr_db, step, n_components, coded.frame_mse)
