"""Write random tiles with what the reference makes of them, for native/tests/replay.c on other machines and builds.

python -m tests.native.vectors FILE [CASES]
"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tests.native.cases import Case, random_case
from tests.native.plain_bits import bits_of
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.entropy.header import split_stream
from todpack.decompressor.daybasis.entry import CURVES
from todpack.decompressor.daybasis.gutter import dilate
from todpack.decompressor.daybasis.sums import apply_curve, in_order
from todpack.decompressor.daybasis.temporal.matrix import TemporalMatrix
from todpack.decompressor.frame import to_codes
from todpack.decompressor.pixels import FORMATS

N_HOURS = 3
DAMAGED, PLAIN_BITS = 1, 2
LARGE = ((600, 9), (600, 1), (257, 26), (128, 80), (1, 80), (33, 79))
"""Side of the tile and number of maps of the last cases."""


def _blob(file: BinaryIO, data: bytes) -> None:
    file.write(struct.pack("<I", len(data)) + data)


def basis_of(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Codes (K + 1, 3, T), hours and gap modes of a temporal matrix."""
    codes = np.rint(rng.normal(0, 2, (case.entry.n_components + 1, 3, N_HOURS))).astype(np.int64)
    codes[-1] = np.rint(rng.uniform(0, 4000, (3, N_HOURS)))
    hours = np.sort(rng.choice(np.arange(0, 24, 0.25), N_HOURS, replace=False))
    return codes, hours, "".join(rng.choice(["L", "C"], N_HOURS))


def frames_of(maps: np.ndarray, case: Case, matrix: tuple[np.ndarray, np.ndarray, str], curve: str) -> list[bytes]:
    """Frames at the times of `times_of`, in every format, by NumPy."""
    codes, hours, modes = matrix
    temporal, k = TemporalMatrix(codes, hours, modes, case.entry.exponents), len(maps)
    out = []
    for time_h in times_of(hours):
        affine = temporal.at(time_h)
        values = apply_curve(in_order(affine[: 3 * k].reshape(3, k), affine[3 * k :], maps), curve, np.float32(0))
        values = np.ascontiguousarray(values.transpose(1, 2, 0))
        for one in FORMATS.values():
            out.append(one.of(to_codes(values) if one.is_8bit else values.copy(), "srgb8").tobytes())
    return out


def times_of(hours: np.ndarray) -> list[float]:
    """Stored times, and some between."""
    return [*hours.tolist(), 0.0, 13.7, 23.99]


def write_case(file: BinaryIO, case: Case, rng: np.random.Generator, as_bits: bool = False) -> None:
    """Append a case in the layout that replay.c reads, as a coefficient stream or as plain bits."""
    entry, (height, width) = case.entry, case.valid.shape
    is_wide, is_plain, model, symbols, raw = split_stream(case.stream, entry.n_components, 3 * entry.n_levels)
    lengths, kind = b"", int(is_plain)
    if as_bits:
        is_wide, is_plain, kind, model, symbols, raw = True, False, PLAIN_BITS, b"", b"", bits_of(case, skipped=0)
    try:
        if is_plain:
            symbols, sizes = native.plain_streams(model, symbols, case.valid, entry)
            lengths = sizes.tobytes()
        maps, status = case.reference(), 0
        dilate(maps, case.valid)
    except EntropyError:
        maps, status = np.zeros(0, np.float32), DAMAGED
    curve = str(rng.choice(["none", "square"]))
    codes, hours, modes = matrix = basis_of(case, rng)
    expected = [maps.tobytes()]
    if status == 0:
        expected += frames_of(maps, case, matrix, curve)
    smoothing = entry.smoothing
    bounds = (smoothing.bound * entry.q_step, *smoothing.weights) if smoothing else (0.0, 0.0, 0.0)
    file.write(
        struct.pack(
            "<14i7d", height, width, entry.n_components, entry.n_levels, entry.precision, is_wide, kind,
            entry.n_classes, smoothing is not None, CURVES.index(curve), status, N_HOURS, 2 ** len(FORMATS) - 1, True,
            entry.q_step, *entry.centroids, *bounds, 255.0,
        )
    )  # fmt: skip
    for data in (
        case.valid.tobytes(), entry.exponents.astype(np.int32).tobytes(), case.blocks.tobytes(),
        case.rotation_codes.tobytes() if entry.n_classes > 1 else b"", model, symbols, lengths, raw, hours.tobytes(),
        modes.encode(), codes.tobytes(), np.array(times_of(hours)).tobytes(),
        np.array([zlib.crc32(part) for part in expected], np.uint32).tobytes(),
    ):  # fmt: skip
        _blob(file, data)


def main(argv: list[str]) -> int:
    """Write the file."""
    path, count = Path(argv[0]), int(argv[1]) if len(argv) > 1 else 100
    with path.open("wb") as file:
        for seed in range(count):
            write_case(file, random_case(seed), np.random.default_rng(seed))
        for seed in range(count // 4):
            write_case(file, random_case(seed), np.random.default_rng(seed), as_bits=True)
        for seed, (side, n_components) in enumerate(LARGE, start=count):
            write_case(file, random_case(seed, side, n_components), np.random.default_rng(seed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
