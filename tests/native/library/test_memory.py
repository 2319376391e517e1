"""Memory: what a decode takes stays under what is estimated for it, and what is promised to a file of its size."""

from __future__ import annotations

import ctypes as c

import numpy as np
import pytest

from tests.conftest import make_day
from tests.decompressor.small_bombs import standard
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

from .binding import ALLOCATE, RELEASE, Allocator, Library, LibraryError

pytestmark = pytest.mark.thorough
SIDE = 200


class Account:
    """An allocator that counts."""

    def __init__(self) -> None:
        self.blocks: dict[int, c.Array[c.c_char]] = {}
        self.now = self.peak = self.budget = 0
        self._allocate, self._release = ALLOCATE(self._take), RELEASE(self._give)

    def _take(self, _: object, n: int) -> int | None:
        if self.budget and self.now + n > self.budget:
            return None
        block = (c.c_char * (n + 64))()
        start = -(-c.addressof(block) // 64) * 64
        self.blocks[start] = block
        self.now += n
        self.peak = max(self.peak, self.now)
        return start

    def _give(self, _: object, start: int, n: int) -> None:
        assert len(self.blocks.pop(start)) == n + 64
        self.now -= n

    @property
    def allocator(self) -> Allocator:
        """As options take it."""
        return Allocator(c.cast(self._allocate, c.c_void_p), c.cast(self._release, c.c_void_p), None)


def archive_bytes(kind: str) -> bytes:
    frames, valid = make_day(SIDE, SIDE, 24)
    rng = np.random.default_rng(0)
    frames = np.clip(frames + rng.normal(0, 6, frames.shape), 0, 255).astype(np.uint8)
    day = Day(frames, valid, np.arange(24.0), "srgb8", "day")
    q_step, max_classes = 60.0 if kind == "coarse" else 8.0, 4 if kind == "classes" else 1
    config = DayBasisConfig(q_step=q_step, tile=256, max_classes=max_classes)
    return encode_day(day, config, DayBasisPackOptions(entropy="zstd" if kind == "zstd" else "ans")).writer.to_bytes()


@pytest.mark.parametrize("kind", ["ans", "zstd", "classes", "coarse"])
def test_a_decode_takes_what_is_estimated(library: Library, kind: str) -> None:
    data, account = archive_bytes(kind), Account()
    options = library.options(held=account.allocator, scratch=account.allocator)
    with library.open(data, options) as archive:
        archive.decode(3.3)
        n_maps = archive.lightmap(0).n_maps
    assert account.now == 0
    texels = SIDE * SIDE
    print(f"{kind}: {n_maps} maps, {len(data)} bytes, peak {account.peak / texels:.1f} bytes a texel")
    assert account.peak <= 64 * 2**20 + 200 * len(data)
    options = library.options(limits={"free_memory_bytes": account.peak - 1, "memory_per_byte": 0})
    with library.open(data, options) as archive, pytest.raises(LibraryError, match="decoding would take about"):
        archive.decode(3.3)
    options = library.options(limits={"free_memory_bytes": 3 * account.peak, "memory_per_byte": 0})
    with library.open(data, options) as archive:
        archive.decode(3.3)


def test_a_tile_takes_no_more_than_there_is(library: Library) -> None:
    """Where nearly all coefficients of a small file count, estimates are too low: what is taken is counted."""
    for side, k in ((512, 14), (512, 22)):
        account, data = Account(), standard(side, k, 1, value=1)
        options = library.options(held=account.allocator, scratch=account.allocator)
        with library.open(data, options) as archive:
            if k == 14:
                archive.decode(0.0)
            else:
                with pytest.raises(LibraryError, match="0/0/coefficients: over the limits"):
                    archive.decode(0.0)
        assert account.now == 0
        assert account.peak <= 64 * 2**20 + 200 * len(data)


def test_without_memory_nothing_is_lost(library: Library) -> None:
    """Every allocation fails once: an error of its own, and all that was taken is given back."""
    data, account = archive_bytes("classes"), Account()
    options = library.options(held=account.allocator, scratch=account.allocator)
    with library.open(data, options) as archive:
        archive.decode(3.3)
    rng = np.random.default_rng(0)
    for budget in sorted(rng.integers(1000, account.peak, 40)):
        account.budget = int(budget)
        with pytest.raises(LibraryError, match="no memory left"), library.open(data, options) as archive:
            archive.prepare()
            archive.decode(3.3)
        assert account.now == 0
