"""Video files by PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from todpack.decompressor.files import write_atomic
from todpack.packer.errors import ConfigError

CODECS = (("libx264", {"crf": "18", "preset": "medium"}), ("mpeg4", {"qscale": "3"}))


def write_video(path: Path, frames: Iterable[np.ndarray], width: int, height: int, fps: int) -> None:
    """Write an MP4 (H.264 where PyAV has it), at once or not at all.

    Args:
        path: The file.
        frames: (H, W, 3) uint8 each; they are made while the video is written.
        width: Columns of a frame; an odd last one is left out of the video.
        height: Rows of a frame; an odd last one is left out.
        fps: Frames per second.

    Raises:
        ConfigError: PyAV is missing, or the frames are too small.
        OutputError: the file cannot be written.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise ConfigError("videos need PyAV: pip install 'todpack[nerf]'") from error
    even_width, even_height = width // 2 * 2, height // 2 * 2
    if not (even_width and even_height):
        raise ConfigError(f"video: expected at least 2 x 2 pixels, found {width} x {height}")

    def write(file: BinaryIO) -> None:
        codec, options = next((c, o) for c, o in CODECS if c in av.codecs_available)
        with av.open(file, "w", format="mp4") as container:
            container.metadata["comment"] = "todpack"
            stream: Any = container.add_stream(codec, rate=fps)  # PyAV types it as any kind of stream
            stream.width, stream.height, stream.pix_fmt = even_width, even_height, "yuv420p"
            stream.options = options
            for frame in frames:
                cut = np.ascontiguousarray(frame[:even_height, :even_width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
            container.mux(stream.encode())

    write_atomic(path, write)
