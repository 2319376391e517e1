"""SVT-AV1, the day as one video; x265 is in `standing`."""

from __future__ import annotations

import io
import os
import time

import numpy as np

from ..errors import EvalError
from .peer import Coded, FramesRefusedError, Peer, PeerAbsentError, filled_up, need

PRESET = 3
MIN_SIDE = 64  # SVT-AV1 takes no smaller frames
MAX_CRF = 63.0


def _svt_av1(frames: np.ndarray, _valid: np.ndarray, crf: float) -> Coded:
    if not 0.0 <= crf <= MAX_CRF:
        raise EvalError(f"SVT-AV1: expected a crf from 0 to {MAX_CRF:g}, found {crf:g}")
    os.environ.setdefault("SVT_LOG", "1")  # errors only; it would print its settings
    av = need("av")
    if min(frames.shape[1:3]) < MIN_SIDE:
        raise FramesRefusedError(f"it takes no frames under {MIN_SIDE} texels a side")
    height, width = frames.shape[1:3]
    filled = filled_up(frames)
    stored = io.BytesIO()
    start = time.perf_counter()
    try:
        with av.open(stored, "w", format="matroska") as container:
            try:
                stream = container.add_stream("libsvtav1", rate=24)
            except ValueError as error:
                raise PeerAbsentError("this build of PyAV has no libsvtav1") from error
            stream.height, stream.width, stream.pix_fmt = filled.shape[1], filled.shape[2], "yuv420p10le"
            stream.options = {"crf": f"{crf:g}", "preset": str(PRESET), "svtav1-params": "keyint=-1:tune=1"}
            for frame in filled:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        encoded = time.perf_counter()
        stored.seek(0)
        with av.open(stored) as container:
            decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    except av.FFmpegError as error:
        raise FramesRefusedError(
            f"SVT-AV1 crf {crf:g} cannot code frames of {width} x {height}: {error.strerror}"
        ) from error
    decode_ms = 1e3 * (time.perf_counter() - encoded) / len(frames)
    return Coded(len(stored.getvalue()), decoded[:, :height, :width], encoded - start, decode_ms)


PEERS = (
    Peer(
        "svt-av1",
        f"SVT-AV1 preset {PRESET}, tune psnr, yuv420p10le (it has no 4:4:4), constant rate factor, in Matroska",
        "crf",
        (8.0, 16.0, 24.0, 32.0),
        "no",
        _svt_av1,
    ),
)
