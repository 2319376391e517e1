"""A folder of frames as a day in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from todpack.decompressor.files import identity_of
from todpack.decompressor.plain_text import shown

from .day import Day
from .encodings import encoding_of
from .errors import DataError
from .formats import read_picture
from .hours import find_times
from .listing import list_frames
from .masks import AlphaMask, given_mask, lines_of_lit, lit
from .png_chunks import says_linear
from .radiance import RadianceCheck
from .read_options import ALPHA_MASK, ReadOptions
from .tile_source import FrameArrays

OnFrame = Callable[[int, int], None]


def read_folder(path: Path, options: ReadOptions, on_frame: OnFrame | None = None) -> Day:
    """Read a folder of frames of one kind into memory, see `read_day`."""
    listing = list_frames(path, options.mask_file)
    if listing.kind.name == "NPY":
        return _in_memory(FrameArrays(path, options), on_frame)
    times = find_times(listing.folder, listing.files, options.hours, options.first_hour)
    states = [identity_of(file) for file in times.files]
    encoding = encoding_of(options.encoding)
    alpha, turned, others = AlphaMask(), 0, list[str]()
    radiance: np.ndarray | None = None
    dtype = np.dtype(np.float32)
    for index, file in enumerate(times.files):
        picture = read_picture(file, options.layer)
        values = encoding.decode(picture, file)
        if radiance is None:
            radiance, dtype = np.empty((len(times.files), *values.shape), np.float32), values.dtype
        if values.shape != radiance.shape[1:]:
            raise DataError(
                f"{file}: all frames must have one size: expected {radiance.shape[2]} x {radiance.shape[1]} "
                f"(as {times.files[0].name}), found {values.shape[1]} x {values.shape[0]}"
            )
        if values.dtype != dtype:
            raise DataError(f"{file}: expected values of {dtype} as in {times.files[0].name}, found {values.dtype}")
        radiance[index] = values
        alpha.add(file, None if encoding.uses_alpha else picture.alpha)
        turned += picture.orientation != 1
        if picture.colors is not None:
            others.append(picture.colors)
        if on_frame is not None:
            on_frame(index + 1, len(times.files))
    assert radiance is not None
    for file, state in zip(times.files, states, strict=True):
        if identity_of(file) != state:
            raise DataError(f"{file}: the file was changed while the frames were read; run the command again")
    lines = [*listing.warnings, *times.warnings]
    if turned:
        lines.append(f"{listing.folder}: {turned} frames are turned as their orientation tag says")
    if others and options.encoding == "none":
        lines.append(
            f"{listing.folder}: {len(others)} of {len(times.files)} frames have other colors than sRGB "
            f"({shown(others[0]):.80}); nothing is converted"
        )
    n_linear = sum(map(says_linear, times.files)) if listing.kind.name == "PNG" and options.encoding == "none" else 0
    if n_linear:
        lines.append(
            f"{listing.folder}: {n_linear} of {len(times.files)} frames call their values linear (gAMA or cICP); they "
            "are read on the sRGB curve, and as they say by --encoding linear"
        )
    valid, said = given_mask(listing, options, *radiance.shape[1:3])
    if valid is not None and options.mask is None and alpha.is_seen:
        said.append(f"{listing.folder}: alpha is left out, as there is a mask")
    if valid is None:
        valid, said = alpha.settle(listing.folder, options.mask == ALPHA_MASK)
    if valid is None:
        valid = lit(radiance)
        said = [*said, *lines_of_lit(valid, listing.folder)]
    lines += said
    if dtype != np.uint8:
        check = RadianceCheck()
        for frame, file in zip(radiance, times.files, strict=True):
            check.clean(frame, valid, file)
        lines += check.finish(listing.folder)
    return Day(
        radiance=radiance,
        valid=valid,
        hours=times.hours,
        transfer="srgb8" if dtype == np.uint8 else "linear",
        name=listing.name,
        source_bytes=sum(file.stat().st_size for file in times.files),
        warnings=tuple(lines),
    )


def _in_memory(arrays: FrameArrays, on_frame: OnFrame | None) -> Day:
    radiance = np.empty((len(arrays.hours), arrays.height, arrays.width, 3), np.float32)
    for index in range(len(radiance)):
        radiance[index] = arrays.frame(index)
        if on_frame is not None:
            on_frame(index + 1, len(radiance))
    return Day(radiance, arrays.valid, arrays.hours, arrays.transfer, arrays.name, arrays.source_bytes, arrays.warnings)
