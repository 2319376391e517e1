"""Pack a run of the preset `rd`: maps by daybasis' coder, the head as temporal codes. FORMAT.md "Coded maps"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from todpack.decompressor.coded_gridmlp import FIELD, UNITS_PER_COLUMN, more_columns
from todpack.decompressor.daybasis.temporal.basis_codes import dequantize_basis
from todpack.decompressor.daybasis.transform.pyramid import Pyramid, build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions, rotations_of_codes
from todpack.decompressor.grid import TileGrid

from ..archive_writer import ArchiveWriter
from ..configuration import from_json
from ..daybasis.basis import choose_gap_modes, finest_precision, quantize_basis, worthwhile_loss
from ..daybasis.config import stored_step
from ..daybasis.entropy.encode import encode_coefficients
from ..daybasis.refined import refined_of_run
from ..daybasis.run import tile_classes
from ..daybasis.sections import Model, add_maps, add_tile
from ..run_folder import Run
from .coded_graph import coded_frame_graph
from .frame_graph import LARGEST_HALF
from .rd_config import RdConfig

CONFIG_FIELD = "rd"
"""Of config.json's `config`, where a run is of this preset."""
FRAME_GRAPH = "0/frame.onnx"


@dataclass(frozen=True)
class Head:
    """What the maps go through, and how large its parts get.

    Attributes:
        matrix: (T, 3, K) A.
        spread: (T, 3, U) V.
        biases: (T, U) c.
        offset: (T, 3) b.
        gather: (U, K) W, as half precision holds it.
    """

    matrix: np.ndarray
    spread: np.ndarray
    biases: np.ndarray
    offset: np.ndarray
    gather: np.ndarray

    @staticmethod
    def of_run(run: Run, n_maps: int, n_units: int) -> Head:
        """Read the arrays of a run folder.

        Raises:
            PackError: one is missing or of another shape.
        """
        n = len(run.hours)
        return Head(
            matrix=run.array("head_matrix", n, 3, n_maps).astype(np.float64),
            spread=run.array("head_spread", n, 3, n_units).astype(np.float64),
            biases=run.array("head_biases", n, n_units).astype(np.float64),
            offset=run.array("head_offset", n, 3).astype(np.float64),
            gather=run.array("head_gather", n_units, n_maps, largest=LARGEST_HALF)
            .astype(np.float16)
            .astype(np.float32),
        )

    def columns(self) -> np.ndarray:
        """(3T, N) the temporal matrix: columns of A, of V, and those that hold c."""
        n, n_units = self.biases.shape
        n_columns = more_columns(n_units) - n_units
        padded = np.zeros((n, UNITS_PER_COLUMN * n_columns))
        padded[:, :n_units] = self.biases
        held = padded.reshape(n, n_columns, UNITS_PER_COLUMN).transpose(0, 2, 1)
        whole = np.concatenate([self.matrix, self.spread, held], axis=2)
        return whole.reshape(3 * n, -1)

    def units(self, maps: np.ndarray, hour: int) -> np.ndarray:
        """(U, n) hidden units of maps (K, n) at a stored hour by number."""
        sums = self.gather @ maps + self.biases[hour][:, None].astype(np.float32)
        return np.asarray(np.maximum(sums, 0))


class Energies:
    """Mean squares by which an error in a column of the temporal matrix reaches the frames, gathered tile by tile."""

    def __init__(self, head: Head) -> None:
        n_hours, n_units = head.biases.shape
        self._head, self._count = head, 0
        self._maps = np.zeros(head.matrix.shape[2])
        self._units, self._active = np.zeros(n_units), np.zeros((n_hours, n_units))
        self.peaks = np.zeros(head.matrix.shape[2])

    def add(self, maps: np.ndarray) -> None:
        """Add (K, n) decoded maps."""
        head, n_hours = self._head, len(self._head.biases)
        self._count += maps.shape[1]
        self._maps += np.square(maps).sum(1, dtype=np.float64)
        np.maximum(self.peaks, np.abs(maps).max(1, initial=0), out=self.peaks)
        for hour in range(n_hours if len(head.gather) else 0):
            units = head.units(maps, hour)
            self._units += np.square(units).sum(1, dtype=np.float64) / n_hours
            self._active[hour] += (units > 0).sum(1)

    def of_columns(self) -> np.ndarray:
        """(N,)."""
        head, n_units = self._head, len(self._head.gather)
        n_columns = more_columns(n_units) - n_units
        by_unit = (np.square(head.spread).sum(1) * self._active / self._count).mean(0)
        padded = np.zeros(UNITS_PER_COLUMN * n_columns)
        padded[:n_units] = by_unit
        of_biases = padded.reshape(n_columns, UNITS_PER_COLUMN).mean(1)
        return np.concatenate([self._maps / self._count, self._units / self._count, of_biases])


def _precision(head: Head, energies: Energies) -> int:
    """P: maps are kept on a grid as fine as sums of products allow."""
    largest = float((np.abs(head.matrix) @ energies.peaks + np.abs(head.offset)).max()) + 1e-6
    return finest_precision(largest)


def add_coded(writer: ArchiveWriter, run: Run, valid: np.ndarray) -> dict[str, Any]:
    """Add the sections of one lightmap; arguments, result and errors as of `pack.add_gridmlp`."""
    config = from_json(RdConfig, run.config[CONFIG_FIELD], f"{run.path}: config.json: config.{CONFIG_FIELD}")
    step, hours = stored_step(config.q_step), np.asarray(run.hours, np.float64)
    grid = TileGrid(run.height, run.width, config.tile)
    masks = [np.ascontiguousarray(place.cut(valid)) for place in grid]
    pyramids = {n: build_pyramid(mask, config.n_levels) for n, mask in enumerate(masks) if mask.any()}
    refined = refined_of_run(run, list(pyramids.values()))
    n_maps = len(refined.codes[0][0])
    skew_codes = run.array("skew_codes", None, n_maps * (n_maps - 1) // 2)
    n_classes, rotations = len(skew_codes), rotations_of_codes(skew_codes, n_maps)
    classes = tile_classes(run, config.tile, n_classes)
    head = Head.of_run(run, n_maps, config.units)
    energies, n_bytes, codes = Energies(head), 0, dict(zip(pyramids, refined.codes, strict=True))
    for n in range(len(grid)):
        stream = b""
        if n in pyramids:
            pyramid: Pyramid = pyramids[n]
            stream = encode_coefficients(codes[n], pyramid.sites, "ans")
            maps = reconstruct_maps(
                in_coding_order(codes[n]),
                pyramid,
                Regions(classes[n], rotations),
                q_step=step,
                centroids=refined.centroids,
                smoothing=refined.smoothing,
            )
            energies.add(maps[:, masks[n]])
        n_bytes += len(stream)
        add_tile(writer, n, stream, classes[n] if n_classes > 1 else None)
    matrix, offset, energy = head.columns(), head.offset.ravel(), energies.of_columns()
    precision = _precision(head, energies)
    loss = worthwhile_loss(matrix.size + offset.size, 8 * n_bytes)
    basis, exponents = quantize_basis(matrix, offset, energy, max(refined.history[-1][1], 1e-6), precision, loss)
    stored, _ = dequantize_basis(basis, exponents)
    modes = choose_gap_modes(stored.reshape(len(hours), -1), np.tile(energy, 3), hours)
    model = Model(
        basis,
        exponents,
        skew_codes,
        precision,
        refined.centroids,
        refined.smoothing,
        modes,
        step,
        config.tile,
        config.n_levels,
        "ans",
        n_maps,
    )
    fields = add_maps(writer, model)
    writer.add_bytes(FRAME_GRAPH, coded_frame_graph(head.gather, hours), lead=True)
    writer.metadata["requires"] = [FIELD]
    mlp = {"hidden": config.units, "layers": 1, "dtype": "fp16"}
    return {FIELD: fields, "mlp": mlp, "graphs": {"frame": FRAME_GRAPH}}
