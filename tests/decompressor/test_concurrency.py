"""Eight threads on one open archive, and four processes on one file, get the frames that one alone gets."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY, make_day
from tests.golden.test_golden import FOLDER
from todpack.decompressor import Archive, Limits, mask, open_archive
from todpack.decompressor.daybasis.decoder import DayBasisDecoder, TileMaps
from todpack.decompressor.grid import Place
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

GOLDEN = (
    "daybasis-ans-1.0", "daybasis-level-1.1", "gridmlp-1.1", "gridmlp-maps-1.4", "siren-latent-1.1",
    "siren-weights-1.1",
)  # fmt: skip
N_THREADS, N_PROCESSES = 8, 4
DIGESTS = """
import sys
from pathlib import Path
from tests.decompressor.test_concurrency import digest
sys.stdin.readline()
print(digest(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def tiled_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 x 80 texels in 12 tiles, their edges the smaller for it."""
    frames, valid = make_day(80, 96, 24)
    day = Day(frames.astype(np.float32), valid, np.arange(24.0), "srgb8", "day")
    path = tmp_path_factory.mktemp("tiled") / "tiled.tod"
    encode_day(day, DayBasisConfig(q_step=8.0, tile=32, n_levels=3), DayBasisPackOptions()).write(path)
    return path


def requests(archive: Archive, n: int, seed: int) -> list[tuple[int, float, tuple[int, int, int, int]]]:
    """Lightmaps, hours and regions at random."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n):
        index = int(rng.integers(len(archive.lightmaps)))
        lightmap = archive.lightmaps[index]
        y0, x0 = int(rng.integers(lightmap.height)), int(rng.integers(lightmap.width))
        y1, x1 = int(rng.integers(y0, lightmap.height)) + 1, int(rng.integers(x0, lightmap.width)) + 1
        found.append((index, float(rng.uniform(0, 23.99)), (y0, y1, x0, x1)))
    return found


def answer(archive: Archive, request: tuple[int, float, tuple[int, int, int, int]]) -> bytes:
    index, time_h, region = request
    part = archive.decode(time_h, region, lightmap=index, dtype="float32").tobytes()
    return part + archive.texel(region[0], region[2], time_h, lightmap=index, dtype="float32").tobytes()


def digest(path: Path) -> str:
    """Of the answers to many requests."""
    state = hashlib.sha256()
    with open_archive(path, threads=1, provider="cpu") as archive:
        for request in requests(archive, 40, 7):
            state.update(answer(archive, request))
    return state.hexdigest()


def check_threads(path: Path, limits: Limits) -> None:
    with open_archive(path, threads=1, provider="cpu") as archive:
        asked = [requests(archive, 15, seed) for seed in range(N_THREADS)]
        alone = [[answer(archive, request) for request in part] for part in asked]
    barrier = threading.Barrier(N_THREADS)

    def work(archive: Archive, number: int) -> list[bytes]:
        barrier.wait()  # all first requests at the same moment
        return [answer(archive, request) for request in asked[number]]

    with open_archive(path, threads=2, provider="cpu", limits=limits) as archive, ThreadPoolExecutor(N_THREADS) as pool:
        together = list(pool.map(lambda number: work(archive, number), range(N_THREADS)))
    assert together == alone


@pytest.mark.parametrize("name", GOLDEN)
def test_eight_threads(name: str) -> None:
    check_threads(FOLDER / f"{name}.tod", Limits())


@pytest.mark.parametrize("n_tiles", [pytest.param(1, marks=pytest.mark.thorough), 3, 1000])
def test_eight_threads_and_many_tiles(tiled_archive: Path, n_tiles: int) -> None:
    """With room for all tiles, for some, and for one."""
    with open_archive(tiled_archive, provider="cpu") as archive:
        tile_bytes = 4 * archive.metadata["lightmaps"][0]["model"]["n_components"] * 32 * 32
    check_threads(tiled_archive, Limits(latent_bytes=n_tiles * tile_bytes))


def test_a_tile_is_decoded_once_for_all_threads(tiled_archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decodes: Counter[int] = Counter()
    plain, lock, barrier = DayBasisDecoder._make, threading.Lock(), threading.Barrier(N_THREADS)

    def counted(self: DayBasisDecoder, place: Place) -> TileMaps:
        with lock:
            decodes[place.number] += 1
        return plain(self, place)

    monkeypatch.setattr(DayBasisDecoder, "_make", counted)
    opened = open_archive(tiled_archive, threads=1, provider="cpu", decoder="onnx")
    with opened as archive, ThreadPoolExecutor(N_THREADS) as pool:

        def frame(n: int) -> np.ndarray:
            barrier.wait()
            return archive.decode(float(n))

        assert len(list(pool.map(frame, range(N_THREADS)))) == N_THREADS
        assert archive.lightmaps[0].n_tiles == 9
    assert decodes == Counter(range(9))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["tiled", "gridmlp-1.1", "gridmlp-maps-1.4"])
def test_four_processes(tiled_archive: Path, name: str) -> None:
    path = tiled_archive if name == "tiled" else FOLDER / f"{name}.tod"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", DIGESTS, str(path)], cwd=REPOSITORY, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(N_PROCESSES)
    ]  # fmt: skip
    for process in started:  # held until all are there
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    found = {process.communicate()[0].strip() for process in started}
    assert all(process.returncode == 0 for process in started)
    assert found == {digest(path)}


@pytest.mark.parametrize("what", ["the masks", "what comes before the tiles"])
def test_lightmaps_are_opened_one_after_the_other(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes many times what it keeps; memory is counted for one."""
    inside, most = Counter[str](), Counter[str]()

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            time.sleep(0.02)
            inside[name] -= 1
            return work(*args)

        return run

    monkeypatch.setattr(mask, "decode_mask", watched("the masks", mask.decode_mask))
    with open_archive(FOLDER / "daybasis-level-1.1.tod", threads=8, provider="cpu") as archive:
        assert len(archive.lightmaps) > 1
        for lightmap in archive.lightmaps:
            monkeypatch.setattr(lightmap, "_open", watched("what comes before the tiles", lightmap._open))
        with ThreadPoolExecutor(8) as callers:
            works = [lightmap.prepare for lightmap in archive.lightmaps] * 4
            assert list(callers.map(lambda work: work(), works)) == [None] * len(works)
    assert most[what] == 1
