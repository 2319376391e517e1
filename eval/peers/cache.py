"""Points of peers that were measured before: a file for each, named by a digest of all that decides its figures.

Sizes and qualities do not depend on the machine or its load; times do, and are those of the first measurement.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.files import check_output, make_folder, write_text
from todpack.decompressor.json_fields import read_shallow

from ..code_digest import MEASURES, code_digest
from ..measures.perceptual import Lpips, LpipsAbsent
from ..measures.rate_curve import RatePoint
from .peer import Peer

Measure = Lpips | LpipsAbsent | None
_N_DIGITS = 32  # of the digest, in a file's name


@cache
def _measures_digest() -> str:
    return code_digest(MEASURES)


class PointCache:
    """A folder of points.

    A point is of one peer (name, definition, version), setting, day (digest of frames and mask), and of the measures
    that were asked for, by their code and weights. A file that cannot be read counts as absent.
    """

    def __init__(self, folder: Path) -> None:
        """Open or make the folder.

        Raises:
            OutputError: nothing can be written there.
        """
        make_folder(folder)
        check_output(folder / f"{'0' * _N_DIGITS}.json")
        self._folder = folder
        self._digests: dict[int, tuple[np.ndarray, str]] = {}

    def _day(self, frames: np.ndarray, valid: np.ndarray) -> str:
        kept, digest = self._digests.get(id(frames), (None, ""))
        if kept is not frames:
            state = hashlib.sha256(f"{frames.dtype} {frames.shape}".encode())
            for array in (frames, valid):
                state.update(np.ascontiguousarray(array).data)
            digest = state.hexdigest()
            self._digests = {id(frames): (frames, digest)}
        return digest

    def _path(self, peer: Peer, setting: float, frames: np.ndarray, valid: np.ndarray, measure: Measure) -> Path:
        measures = (
            "psnr" if measure is None else f"lpips {measure.weights.digest}" if isinstance(measure, Lpips) else "ssim"
        )
        version = f"{peer.version()} {_measures_digest()}"
        key = (peer.name, peer.definition, version, f"{setting:.10g}", self._day(frames, valid), measures)
        digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return self._folder / f"{digest[:_N_DIGITS]}.json"

    def get(
        self, peer: Peer, setting: float, frames: np.ndarray, valid: np.ndarray, measure: Measure
    ) -> RatePoint | None:
        """The point, or None where it was not measured yet."""
        try:
            stored = read_shallow(self._path(peer, setting, frames, valid, measure))
            values: dict[str, Any] = {key: math.inf if value == "inf" else value for key, value in stored.items()}
            return RatePoint(**values)
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def put(
        self, point: RatePoint, peer: Peer, setting: float, frames: np.ndarray, valid: np.ndarray, measure: Measure
    ) -> None:
        """Keep a point."""
        values = {key: "inf" if value == math.inf else value for key, value in asdict(point).items()}
        write_text(self._path(peer, setting, frames, valid, measure), json.dumps(values, indent=2) + "\n")
