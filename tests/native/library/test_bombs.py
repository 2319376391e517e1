"""Small files that ask for much: what the library takes for them is what it promises, in memory and in time."""

from __future__ import annotations

import time

import numpy as np
import pytest
import zstandard

from tests.decompressor.forge import put_together, take_apart
from tests.decompressor.small_bombs import small_bombs
from todpack.packer.daybasis.graph import frame_graph

from .binding import Library, LibraryError
from .test_memory import Account

pytestmark = pytest.mark.thorough
MAX_SIDE = 256
SLOWER = 3.0  # machines that have other work


def with_standard_graph(data: bytes) -> bytes:
    """An archive with the graph that the library takes."""
    metadata, stored = take_apart(data)
    model = metadata["lightmaps"][0]["model"]
    graph = frame_graph(model["n_components"], np.array(metadata["hours"]), metadata["transfer"])
    index = [section["name"] for section in metadata["sections"]].index(model["graphs"]["frame"])
    stored[index] = zstandard.compress(graph, 19)
    metadata["sections"][index].update(codec="zstd", decoded_bytes=len(graph), shape=[len(graph)])
    return put_together(metadata, stored)


def test_small_bombs_take_what_is_promised(library: Library) -> None:
    decoded = 0
    for name, bomb in small_bombs():
        data = with_standard_graph(bomb) if name.startswith("daybasis") else bomb
        account = Account()
        options = library.options(held=account.allocator, scratch=account.allocator)
        start = time.process_time()
        try:
            with library.open(data, options) as archive:
                info = archive.lightmap(0)
                archive.decode(1.5, (0, min(MAX_SIDE, info.height), 0, min(MAX_SIDE, info.width)), "float32")
                decoded += 1
        except LibraryError:
            pass
        seconds = time.process_time() - start
        assert account.now == 0
        assert account.peak <= 64 * 2**20 + 200 * len(data), f"{name}: {account.peak} bytes for {len(data)}"
        assert seconds <= SLOWER * (1 + 20e-6 * len(data)), f"{name}: {seconds:.1f} s for {len(data)} bytes"
    assert decoded >= 50
