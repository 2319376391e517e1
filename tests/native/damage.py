"""Damaged coefficient streams: the native core and the reference see the same error, or the same maps.

python -m tests.native.damage SECONDS [SEED]
"""

from __future__ import annotations

import sys
import time
from itertools import pairwise

import numpy as np
import zstandard

from tests.native.cases import Case, random_case
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.entropy.header import HEADER, PACKED, split_stream

BOUNDARY = (0, 1, 12, 47, 48, 99, 100, 127, 128, 254, 255)


def _changed(rng: np.random.Generator, data: bytes) -> bytes:
    """Bytes changed, cut or doubled at a few places."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not out:
            break
        at, kind = int(rng.integers(len(out))), rng.integers(6)
        if kind == 0:
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[at] = int(rng.choice(BOUNDARY))
        elif kind == 2:
            del out[at : at + int(rng.integers(1, 9))]
        elif kind == 3:
            out[at:at] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 4:
            del out[at:]
        else:
            out[at : at + 4] = rng.bytes(4)
    return bytes(out)


def damaged(rng: np.random.Generator, case: Case) -> bytes:
    """A case's stream with one of its sections changed, or anything in it; models packed or plain."""
    stream = case.stream
    if rng.random() < 0.2:
        return _changed(rng, stream)
    kind, *sizes = HEADER.unpack_from(stream)
    ends = np.cumsum([HEADER.size, *sizes]).tolist()
    sections = [stream[a:b] for a, b in pairwise(ends)]
    chosen = int(rng.integers(3))
    if chosen == 0 and rng.random() < 0.5:
        model = _changed(rng, split_stream(stream, case.entry.n_components, 3 * case.entry.n_levels)[2])
        kind, sections[0] = kind & ~PACKED, zstandard.ZstdCompressor().compress(model)
    else:
        sections[chosen] = _changed(rng, sections[chosen])
    return HEADER.pack(kind, *(len(section) for section in sections)) + b"".join(sections)


def native_maps(case: Case) -> np.ndarray:
    """Maps by the native core."""
    entry = case.entry
    rotations = native.rotations_of_codes(case.rotation_codes, entry.n_components) if entry.n_classes > 1 else None
    tile = native.decode_tile(case.stream, case.valid, entry, case.blocks, rotations, native.Signal("none", 0.0, 255.0))
    return native.latents(tile)


def compare(case: Case) -> str:
    """What became of a case: "error", "maps" or "beyond"; AssertionError where the two differ."""
    try:
        expected: np.ndarray | None = case.reference()
    except EntropyError:
        expected = None
    try:
        found: np.ndarray | None = native_maps(case)
    except EntropyError:
        found = None
    except native.BeyondExact:
        assert expected is not None
        return "beyond"
    assert (expected is None) == (found is None), f"reference {expected is None}, native {found is None}"
    if expected is None or found is None:
        return "error"
    np.testing.assert_array_equal(found, expected)
    return "maps"


def main(argv: list[str]) -> int:
    """Damage random streams for some seconds."""
    end, seed = time.monotonic() + float(argv[0]), int(argv[1]) if len(argv) > 1 else 0
    counts: dict[str, int] = {}
    while time.monotonic() < end:
        case = random_case(seed % 400)
        rng = np.random.default_rng(seed)
        for _ in range(20):
            outcome = compare(Case(**{**vars(case), "stream": damaged(rng, case)}))
            counts[outcome] = counts.get(outcome, 0) + 1
        seed += 1
    print(f"{sum(counts.values())} damaged streams: {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
