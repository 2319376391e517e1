"""OpenEXR files: half or float, any compression, scan lines or tiles; R, G, B alone or of one layer."""

from __future__ import annotations

import math
import os
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from todpack.decompressor.errors import needs

from .color_profile import other_than_bt709
from .errors import DataError
from .picture import MAX_TEXELS, Picture, picture_of
from .silence import silenced

_MAGIC = b"\x76\x2f\x31\x01"
_MIN_TEXELS = 1 << 20
"""Tiles up to this size are taken for any picture."""
_MAX_HEADER_BYTES = 1 << 20
_WINDOW = re.compile(rb"(data|display)Window\0box2i\0\x10\0\0\0(.{16})", re.DOTALL)
_TILES = re.compile(rb"tiles\0tiledesc\0\x09\0\0\0(.{8})", re.DOTALL)
_COMPRESSION = re.compile(rb"compression\0compression\0\x01\0\0\0(.)", re.DOTALL)
_LEAST_BYTES = 2  # of a texel: one channel of halves
_RATIOS = {bytes([codec]): 1376 for codec in range(8)} | {bytes([codec]): 1 << 16 for codec in (8, 9)}
"""Most bytes that one byte stands for, rounded up: of none, RLE, Deflate (of 24 bits in 32), PIZ, B44; and of DWA."""


def read_exr(path: Path, layer: str | None = None) -> Picture:
    """Read the colors of an EXR file, as large as its display window.

    Channels R, G, B are taken (in any case, of the first part that has them), or else those of the only layer that
    has such; a single channel Y is gray. A is alpha; every other channel is left out.

    Args:
        path: The file.
        layer: The layer to take, such as "diffuse" for the channels diffuse.R, diffuse.G, diffuse.B.

    Raises:
        DataError: the file is damaged or deep, has no such channels, or several layers have them.
    """
    with needs("exr", f"{path}: an EXR file"):
        import OpenEXR
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise DataError(f"{path}: expected an EXR image, found something else")
        _check_sizes(file, path)
    try:
        with silenced(), path.open("rb") as file:
            is_utf8 = str(path) == os.fsencode(path).decode("utf-8", "replace")  # other names it does not take
            parts = OpenEXR.File(str(path) if is_utf8 else file, separate_channels=True).parts
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as EXR: {' '.join(str(error).split())}") from error
    layers = _layers(parts)
    if not layers:
        raise DataError(f"{path}: cannot be read as EXR: damaged, cut short, or without plain pixels")
    part, channels = _chosen(path, layers, layer)
    names = ["R", "G", "B"] if {"R", "G", "B"} <= channels.keys() else ["Y"]
    if "A" in channels:
        names.append("A")
    shapes = {channels[name].pixels.shape for name in names}
    kinds = {channels[name].pixels.dtype for name in names}
    if len(shapes) > 1 or any(kind.kind != "f" for kind in kinds):
        found = ", ".join(f"{name} of {channels[name].pixels.dtype}" for name in names)
        raise DataError(f"{path}: expected half or float channels of one resolution, found {found}")
    values = np.stack([channels[name].pixels.astype(np.float32) for name in names], axis=2)
    picture = picture_of(_windowed(values, part.header, path), "A" in channels, path)
    chromaticities = part.header.get("chromaticities")
    is_other = chromaticities is not None and other_than_bt709(chromaticities)
    return replace(picture, colors="chromaticities of its own") if is_other else picture


def _layers(parts: list[Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A part and its channels for each layer; of several parts the first with colors, and no other's channels."""
    found: dict[tuple[str, int], tuple[Any, dict[str, Any]]] = {}
    for number, part in enumerate(parts):
        for name, channel in part.channels.items():
            prefix, _, short = name.rpartition(".")
            if getattr(channel, "pixels", None) is not None:
                found.setdefault((prefix, number), (part, {}))[1].setdefault(short.upper(), channel)
    layers: dict[str, tuple[Any, dict[str, Any]]] = {}
    for (prefix, _), one in sorted(found.items(), key=lambda item: -_rank(item[1][1])):
        layers.setdefault(prefix, one)
    return layers


def _rank(channels: dict[str, Any]) -> int:
    return 2 if {"R", "G", "B"} <= channels.keys() else 1 if "Y" in channels else 0


def _check_sizes(file: BinaryIO, path: Path) -> None:
    """Refuse windows and tiles for which the library would take memory out of all proportion.

    Attributes are looked for wherever they stand: the library finds its way where one before them is damaged.
    Source: "OpenEXR File Layout", "Header Attributes": name, type, size and value.

    Raises:
        DataError: one of any part is too large, or more than so few bytes can hold.
    """
    head, n_bytes = file.read(_MAX_HEADER_BYTES), path.stat().st_size
    codecs = set(_COMPRESSION.findall(head))
    most = max((_RATIOS.get(codec, math.inf) for codec in codecs), default=math.inf) * n_bytes
    largest = _MIN_TEXELS
    for name, value in _WINDOW.findall(head):
        left, top, right, bottom = struct.unpack("<4i", value)
        width, height = right - left + 1, bottom - top + 1
        largest = max(largest, width * height)
        if largest > MAX_TEXELS:
            raise DataError(f"{path}: expected windows of at most {MAX_TEXELS} texels, found one of {largest}")
        if name == b"data" and _LEAST_BYTES * width * height > most:
            raise DataError(f"{path}: cannot be read: {n_bytes} bytes cannot hold {width} x {height} texels; damaged")
    for value in _TILES.findall(head):
        width, height = struct.unpack("<II", value)
        if width * height > largest:
            raise DataError(f"{path}: expected tiles no larger than the picture, found {width} x {height}")


def _chosen(path: Path, layers: dict[str, tuple[Any, dict[str, Any]]], layer: str | None) -> tuple[Any, dict[str, Any]]:
    colored = {name: found for name, found in layers.items() if {"R", "G", "B"} <= found[1].keys()}
    if layer is not None:
        if layer not in colored:
            raise DataError(f"{path}: expected channels {layer}.R, {layer}.G, {layer}.B, found {_listed(layers)}")
        return colored[layer]
    if "" in colored:
        return colored[""]
    if len(colored) == 1:
        return next(iter(colored.values()))
    if colored:
        raise DataError(
            f"{path}: expected channels R, G, B, found those of {', '.join(colored)}; choose one by --layer"
        )
    plain = layers.get("")
    if plain is not None and "Y" in plain[1] and not {"RY", "BY", "X", "Z"} & plain[1].keys():
        return plain
    raise DataError(f"{path}: expected channels R, G, B, found {_listed(layers)}")


def _listed(layers: dict[str, tuple[Any, dict[str, Any]]]) -> str:
    names = [f"{layer}.{name}".lstrip(".") for layer, (_, channels) in layers.items() for name in channels]
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")


def _windowed(values: np.ndarray, header: dict[str, Any], path: Path) -> np.ndarray:
    """The data window put into the display window; texels without data are 0."""
    (left, top), (right, bottom) = (np.asarray(corner, int) for corner in header["displayWindow"])
    (data_left, data_top), _ = (np.asarray(corner, int) for corner in header["dataWindow"])
    height, width = bottom - top + 1, right - left + 1
    if (data_left, data_top) == (left, top) and values.shape[:2] == (height, width):
        return values
    if min(height, width) < 1 or height * width > MAX_TEXELS:
        raise DataError(f"{path}: expected a display window of 1..{MAX_TEXELS} texels, found {width} x {height}")
    whole = np.zeros((height, width, values.shape[2]), np.float32)
    rows, columns = data_top - top, data_left - left
    inside = values[max(0, -rows) : max(0, height - rows), max(0, -columns) : max(0, width - columns)]
    row, column = max(0, rows), max(0, columns)
    whole[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return whole
