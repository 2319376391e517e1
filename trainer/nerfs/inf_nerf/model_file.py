"""The file of a trained model, of which single nodes can be read.

    8 bytes     magic b"INFNERF\\x01"
    8 bytes     length of the header in bytes, uint64
    header      JSON: {"config": {...}, "n_nodes": n, "n_parameters": p, "cameras": {...} or null}
    20 n bytes  nodes: depth, i, j, k, CRC-32 of the record, uint32 each
    4 bytes     CRC-32 of the background's record
    4 (n+1) p   records: the parameters of nodes 0 .. n - 1, then of the background, float32 (`FieldLayout.shapes`)

All numbers are little-endian. The record of node i begins at `data_start + 4 p i`.
"""

from __future__ import annotations

import json
import sys
import weakref
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from todpack.decompressor.files import write_atomic
from todpack.decompressor.json_fields import parse_shallow
from todpack.packer.configuration import from_json
from todpack.packer.errors import ConfigError

from ...errors import TrainingError
from ..config import InfNeRFConfig
from .node_fields import FieldLayout
from .octree import MAX_NODES, Octree

MAGIC = b"INFNERF\x01"
MODEL_NAME = "model.infnerf"
MAX_HEADER_BYTES = 1 << 20
MAX_SIDE = 1 << 16
INDEX = np.dtype([("depth", "<u4"), ("cell", "<u4", 3), ("crc", "<u4")])


def write_model(
    path: Path, config: InfNeRFConfig, octree: Octree, records: Tensor, cameras: dict[str, Any] | None = None
) -> None:
    """Write a model.

    Args:
        path: The file; replaced at once or not at all.
        config: The model's configuration.
        octree: n nodes.
        records: (n + 1, p) float32.
        cameras: How the scene was seen, for renderings without a dataset: see `PosedImages.summary`.

    Raises:
        OutputError: it cannot be written.
    """
    rows = np.ascontiguousarray(records.numpy(), "<f4")
    header = {"config": asdict(config), "n_nodes": len(octree), "n_parameters": rows.shape[1], "cameras": cameras}
    text = json.dumps(header, sort_keys=True).encode("utf-8")
    crcs = [zlib.crc32(row.tobytes()) for row in rows]
    index = np.zeros(len(octree), INDEX)
    index["depth"], index["cell"], index["crc"] = octree.depth, octree.cell, crcs[:-1]

    def write(file: BinaryIO) -> None:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text + index.tobytes() + crcs[-1].to_bytes(4, "little"))
        for row in rows:
            file.write(row.tobytes())

    write_atomic(path, write, durable=True)


def _cameras(fields: Any) -> dict[str, Any] | None:
    """How the scene was seen, checked.

    Raises:
        ValueError: not what `PosedImages.summary` gives.
    """
    if fields is None:
        return None
    numbers = [fields[name] for name in ("focal_length", "radius", "elevation")]
    for name in ("target", "up"):
        if len(fields[name]) != 3:
            raise ValueError(f"cameras: expected three numbers {name}, found {len(fields[name])}")
        numbers += fields[name]
    sizes = [fields["width"], fields["height"]]
    are_numbers = all(type(n) in (int, float) and abs(n) <= sys.float_info.max for n in numbers)
    if not (are_numbers and all(type(n) is int and 1 <= n <= MAX_SIDE for n in sizes)):
        raise ValueError("cameras: expected finite numbers and the size of an image, found others")
    if fields["focal_length"] <= 0.0 or fields["radius"] < 0.0 or not any(fields["up"]):
        raise ValueError("cameras: expected a positive focal length, a radius and a direction up, found others")
    return dict(fields)


class ModelFile:
    """A model's file, open; records are read when they are asked for.

    Attributes:
        config: The model's configuration.
        octree: Its nodes.
        layout: Fields of a record.
        cameras: As written.
    """

    def __init__(self, path: Path) -> None:
        """Open and check all but the records.

        Raises:
            TrainingError: missing, not such a file, damaged, or of another size than its header says.
        """
        self.path = path
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise TrainingError(f"{path}: expected a model of `todpack nerf train`, found a folder or a device")
        try:
            self._file = path.open("rb")
        except OSError as error:
            reason = "found nothing there" if not path.exists() else error.strerror or str(error)
            raise TrainingError(f"{path}: expected a model of `todpack nerf train`, {reason}") from error
        weakref.finalize(self, self._file.close)
        try:
            self._read_head()
        except BaseException:
            self.close()
            raise

    def _read_head(self) -> None:
        if self._read(8, "magic") != MAGIC:
            raise self._wrong("expected a model of `todpack nerf train`, found another kind of file")
        n_header = int.from_bytes(self._read(8, "header length"), "little")
        if n_header > MAX_HEADER_BYTES:
            raise self._wrong(f"expected a header of at most {MAX_HEADER_BYTES} bytes, found {n_header}")
        try:
            header = parse_shallow(json.loads, self._read(n_header, "header").decode("utf-8"))
            n_nodes, n_parameters = header["n_nodes"], header["n_parameters"]
            self.cameras = _cameras(header["cameras"])
            self.config = from_json(InfNeRFConfig, header["config"], "config")
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise self._wrong(f"damaged header: {error}") from error
        self.layout = FieldLayout(self.config)
        if n_parameters != self.layout.n_parameters:
            raise self._wrong(f"expected {self.layout.n_parameters} parameters a node, found {n_parameters}")
        if type(n_nodes) is not int or not 1 <= n_nodes <= MAX_NODES:
            raise self._wrong(f"expected 1..{MAX_NODES} nodes, found {n_nodes}")
        self._data_start = 16 + n_header + INDEX.itemsize * n_nodes + 4
        expected = self._data_start + (n_nodes + 1) * self.record_bytes
        if self.path.stat().st_size != expected:
            raise self._wrong(f"expected {expected} bytes, found {self.path.stat().st_size}")
        index = np.frombuffer(self._read(INDEX.itemsize * n_nodes, "nodes"), INDEX)
        self._crcs = [*index["crc"].tolist(), int.from_bytes(self._read(4, "background"), "little")]
        try:
            self.octree = Octree(index["depth"].astype(np.int64), index["cell"].astype(np.int64))
        except ConfigError as error:
            raise self._wrong(str(error)) from error
        if not np.array_equal(self.octree.cell, index["cell"]) or not np.array_equal(self.octree.depth, index["depth"]):
            raise self._wrong("expected nodes in order, found another order")

    @property
    def record_bytes(self) -> int:
        """Bytes of a node's parameters."""
        return 4 * self.layout.n_parameters

    def record(self, node: int) -> Tensor:
        """(n_parameters,) float32 of a node, or of the background for node n.

        Raises:
            TrainingError: its checksum does not match.
        """
        self._file.seek(self._data_start + node * self.record_bytes)
        stored = self._read(self.record_bytes, f"node {node}")
        if zlib.crc32(stored) != self._crcs[node]:
            raise self._wrong(f"node {node} is damaged (checksum)")
        return torch.from_numpy(np.frombuffer(stored, "<f4").astype(np.float32))

    def records(self) -> Tensor:
        """(n + 1, n_parameters): all of them."""
        return torch.stack([self.record(node) for node in range(len(self.octree) + 1)])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, size: int, what: str) -> bytes:
        stored = self._file.read(size)
        if len(stored) != size:
            raise self._wrong(f"ends within its {what}")
        return stored

    def _wrong(self, reason: str) -> TrainingError:
        return TrainingError(f"{self.path}: {reason}")
