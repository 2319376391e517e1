"""Write what the fuzzers of native/fuzz/ start from: `python -m tests.native.library.seeds FOLDER`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.conftest import make_day
from tests.contest_data import KEYS, make_radiance
from tests.decompressor.forge import put_together, take_apart, with_text
from tests.fuzz.seeds import seeds
from tests.native.cases import random_case
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day


def plain(data: bytes) -> bytes:
    """An archive of 1.2 with metadata that is an ordinary frame, which the mutator of the target takes."""
    metadata, stored = take_apart(data)
    return data if data[32:36] == b"\x28\xb5\x2f\xfd" else put_together(metadata, stored)


def encoded() -> list[bytes]:
    """Archives of this version: two rotations and smoothing; radiance."""
    frames, valid = make_day(21, 26, 24)
    day = Day(frames, valid, np.arange(24.0), "srgb8", "day")
    radiance, inside = make_radiance(18, 20)
    light = Day(radiance, inside, np.array([int(key) / 100 for key in KEYS]), "linear", "light")
    small = DayBasisConfig(q_step=12.0, tile=16, n_levels=2)
    makes = (
        (day, replace(small, max_classes=2), DayBasisPackOptions(smoothing=True)),
        (light, replace(small, transfer="gamma"), DayBasisPackOptions()),
        (day, small, DayBasisPackOptions(entropy="zstd")),
    )
    return [encode_day(*make).writer.to_bytes() for make in makes]


def tiles(count: int = 60) -> list[bytes]:
    """Streams of the target `tile`: full tiles of up to 40 x 40 texels, 12 maps and 5 levels."""
    out = []
    for seed in range(count):
        case = random_case(seed)
        height, width = case.valid.shape
        entry = case.entry
        if max(height, width) > 40 or entry.n_components > 12 or entry.n_levels > 5:
            continue
        head = [height - 1, width - 1, entry.n_components - 1, entry.n_levels - 1, seed % 4 + 8 * (entry.n_classes > 1)]
        out.append(bytes(head) + case.stream)
    return out


def main(folder: Path) -> int:
    """Write a file for each seed."""
    kinds = seeds()
    archives = [
        plain(data) for data in (*kinds["archive"], *encoded()) if b"daybasis" in str(take_apart(data)[0]).encode()
    ]
    given = {
        "archive": [*map(plain, archives + encoded()), with_text(b"{}")],
        "metadata": kinds["metadata"],
        "tile": tiles(),
        "graph": kinds["graph"],
        "mask": kinds["mask"],
    }
    for target, seeds_of in given.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for i, data in enumerate(seeds_of):
            (folder / target / f"{i:03d}").write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
