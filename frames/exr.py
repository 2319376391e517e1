"""OpenEXR files: half or float, any compression, scan lines or tiles; R, G, B alone or of one layer."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.errors import needs

from .errors import DataError
from .picture import Picture, picture_of

_MAGIC = b"\x76\x2f\x31\x01"
_MAX_TEXELS = 1 << 28
_SILENCED = threading.Lock()


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
    try:
        with _silence():
            parts = OpenEXR.File(str(path), separate_channels=True).parts
    except (RuntimeError, ValueError, TypeError, MemoryError) as error:
        raise DataError(f"{path}: cannot be read as EXR: {' '.join(str(error).split())}") from error
    layers: dict[str, tuple[Any, dict[str, Any]]] = {}
    for part in parts:
        for name, channel in part.channels.items():
            prefix, _, short = name.rpartition(".")
            if getattr(channel, "pixels", None) is not None:
                # a layer of a part of the same name is that of the first
                layers.setdefault(prefix, (part, {}))[1].setdefault(short.upper(), channel)
    if not layers:
        raise DataError(f"{path}: cannot be read as EXR: damaged, cut short, or without plain pixels")
    part, channels = _chosen(path, layers, layer)
    names = ["R", "G", "B"] if "R" in channels else ["Y"]
    if "A" in channels:
        names.append("A")
    shapes = {channels[name].pixels.shape for name in names}
    kinds = {channels[name].pixels.dtype for name in names}
    if len(shapes) > 1 or any(kind.kind != "f" for kind in kinds):
        found = ", ".join(f"{name} of {channels[name].pixels.dtype}" for name in names)
        raise DataError(f"{path}: expected half or float channels of one resolution, found {found}")
    values = np.stack([channels[name].pixels.astype(np.float32) for name in names], axis=2)
    return picture_of(_windowed(values, part.header, path), "A" in channels, path)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing reaches stdout or stderr: the library writes there what it raises as well, names of files unescaped."""
    with _SILENCED, ExitStack() as stack:
        for stream in (1, 2):
            try:
                kept, nowhere = os.dup(stream), os.open(os.devnull, os.O_WRONLY)
            except OSError:  # it is closed
                continue
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, stream, inheritable=True)
            os.dup2(nowhere, stream)
            os.close(nowhere)
        with redirect_stdout(StringIO()):  # its binding prints as Python does
            yield


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
    if plain is not None and "Y" in plain[1] and not {"RY", "BY"} & plain[1].keys():
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
    if min(height, width) < 1 or height * width > _MAX_TEXELS:
        raise DataError(f"{path}: expected a display window of 1..{_MAX_TEXELS} texels, found {width} x {height}")
    whole = np.zeros((height, width, values.shape[2]), np.float32)
    rows, columns = data_top - top, data_left - left
    inside = values[max(0, -rows) : max(0, height - rows), max(0, -columns) : max(0, width - columns)]
    row, column = max(0, rows), max(0, columns)
    whole[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
    return whole
