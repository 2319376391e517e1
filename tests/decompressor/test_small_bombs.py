"""Small files are cheap, as SECURITY.md promises, and good ones are not refused for it.

Opening a file of n bytes, `verify`, and a frame of 256 x 256 texels take at most 64 MiB + 200 n bytes of memory and
1 s + n x 20 us of time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.decompressor.forge import put_together, set_section, take_apart
from tests.decompressor.promise import broken, costs
from tests.decompressor.small_bombs import daybasis, standard, write_small_bombs
from todpack.decompressor import ArchiveError, LimitExceededError, Limits, open_archive
from todpack.decompressor.daybasis.entry import NUMPY_LEVEL_S, NUMPY_SAMPLE_S, NUMPY_TILE_S
from todpack.decompressor.verify import verify_archive
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

GOLDEN = REPOSITORY / "tests" / "golden"
WARM = GOLDEN / "daybasis-zstd-1.0.tod"
MIB = 1 << 20
linux = pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")


def test_the_numbers_of_the_promise() -> None:
    limits = Limits()
    assert [limits.memory_for(n) for n in (0, 1000)] == [64 * MIB, 64 * MIB + 200_000]
    assert [limits.seconds_for(n) for n in (0, 1000)] == pytest.approx([1.0, 1.02])
    text = (REPOSITORY / "SECURITY.md").read_text()
    assert "64 MiB + 200 n bytes of memory" in text
    assert "1 s + n x 20 us of one core's time" in text


@linux
@pytest.mark.thorough
def test_small_files_are_cheap(tmp_path: Path) -> None:
    n = write_small_bombs(tmp_path)
    found, names = costs(sorted(tmp_path.glob("*.tod")), WARM), json.loads((tmp_path / "names.json").read_text())
    assert len(found) == n > 200
    outcomes = [cost["outcome"] for cost in found]
    assert outcomes.count("decoded") > 60  # many get as deep as they can
    assert sum(outcome.startswith("LimitExceededError") for outcome in outcomes) > 30
    for what in ("n_bytes", "seconds"):
        most = max(found, key=lambda cost: cost[what])
        print(f"{n} files; the most {what}: {most[what]} of {most['size']} bytes, {names[most['name']]}")  # docs
    over = [(names[cost["name"]], broken(cost), cost) for cost in found if broken(cost)]
    assert not over, over[:3]


@linux
@pytest.mark.thorough
def test_good_files_keep_the_promise_too(tmp_path: Path) -> None:
    height, width = 4096, 2048
    ramp = np.linspace(40, 120, width, dtype=np.float32)[:, None] * np.array([1.0, 0.9, 0.7], np.float32)
    frames = np.rint([np.broadcast_to(ramp * share, (height, width, 3)) for share in (0.4, 1.0)])
    day = Day(frames, np.ones((height, width), bool), np.array([0.0, 12.0]), "srgb8", "smooth")
    smooth = tmp_path / "smooth.tod"
    encode_day(day, DayBasisConfig(q_step=16.0), DayBasisPackOptions(entropy="zstd")).write(smooth)
    for cost in costs([smooth, *sorted(GOLDEN.glob("*.tod"))], WARM):
        assert (cost["outcome"], cost["whole"], broken(cost)) == ("decoded", True, []), cost


def test_a_caller_can_allow_more(tmp_path: Path) -> None:
    path = tmp_path / "large.tod"
    path.write_bytes(daybasis(2048, 512, coded=(512, 512)))
    with pytest.raises(LimitExceededError, match=r"4194304 texels are over the limit of \d+ for a file of this size"):
        open_archive(path, provider="cpu")
    with open_archive(path, provider="cpu", limits=Limits().scaled(8)) as archive:
        assert archive.decode(0.0, (0, 4, 0, 4), dtype="float32").shape == (4, 4, 3)


@linux
@pytest.mark.thorough
@pytest.mark.parametrize("threads", [2, 8])
def test_several_threads_share_what_is_left(tmp_path: Path, threads: int) -> None:
    pytest.importorskip("todpack.decompressor._native")
    paths = [tmp_path / f"{k}.tod" for k in (335, 450)]
    for path, k, entropy in zip(paths, (335, 450), ("ans", "zstd"), strict=True):
        path.write_bytes(standard(400, k, 1, value=9, tile=80, entropy=entropy))
    for cost in costs(paths, WARM, threads):
        assert (cost["outcome"], cost["whole"]) == ("decoded", True)
        assert "memory" not in broken(cost), cost


@pytest.mark.parametrize("entropy", ["ans", pytest.param("zstd", marks=pytest.mark.thorough)])
def test_whether_tiles_fit_is_the_same_for_any_number_of_threads(tmp_path: Path, entropy: str) -> None:
    """Each takes more memory than was estimated: all that is left, lent to no other thread."""
    pytest.importorskip("todpack.decompressor._native")
    path = tmp_path / "tight.tod"
    path.write_bytes(standard(240, 450, 1, value=9, tile=80, entropy=entropy))
    verdicts = [verify_archive(path, threads=threads) for threads in (1, 2, 16)]
    assert [(verdict.faults, verdict.n_tiles > 0) for verdict in verdicts] == [((), True)] * 3


@linux
def test_threads_of_the_caller_share_the_memory(tmp_path: Path) -> None:
    """The heap of each kept what it had decoded, glibc's way with blocks of 20 MiB."""
    pytest.importorskip("todpack.decompressor._native")
    path = tmp_path / "a.tod"
    path.write_bytes(standard(1024, 40, 1, tile=512))
    words = [sys.executable, "-m", "tests.decompressor.callers", str(WARM), str(path), "8", "1"]
    found = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 1.2


@pytest.mark.thorough
@linux
@pytest.mark.parametrize("threads", ["1", "8"])
def test_threads_share_the_memory_of_numpy(tmp_path: Path, threads: str) -> None:
    """One thread decodes a tile by NumPy: the heap of each that helped kept what it took."""
    path = tmp_path / "a.tod"
    metadata, stored = take_apart(standard(512, 20, 1, value=9, tile=512))
    padding = {"name": "padding", "codec": "raw", "decoded_bytes": 150_000, "dtype": "u1", "shape": [150_000]}
    path.write_bytes(
        put_together({**metadata, "sections": [*metadata["sections"], padding]}, [*stored, bytes(150_000)])
    )
    words = [sys.executable, "-m", "tests.decompressor.callers", str(WARM), str(path), "1", threads]
    environment = {**os.environ, "TODPACK_DECODER": "reference"}
    found = subprocess.run(words, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
    assert 0.5 < float(found.stdout) < 1.1


def test_streams_under_zstd_count(tmp_path: Path) -> None:
    """Each is decompressed by itself: hundreds of them in each of a thousand tiles, which all are the same 74 bytes."""
    metadata, stored = take_apart(standard(256, 1, 1, value=1, tile=8, entropy="zstd"))
    path = tmp_path / "streams.tod"
    for n_bytes, match in ((60, "0/7/coefficients"), (4000, "decoding would take about")):
        set_section(metadata, stored, "0/7/coefficients", np.zeros(n_bytes, np.uint8), "u1")
        path.write_bytes(put_together(metadata, stored))
        with open_archive(path, threads=1) as archive, pytest.raises(ArchiveError, match=match):
            archive.decode(0.0)


@pytest.mark.thorough
def test_numpy_in_the_place_of_the_native_core_counts(tmp_path: Path) -> None:
    """Where sums are not exact the core hands tiles over, and a thousand of them take more time by NumPy."""
    pytest.importorskip("todpack.decompressor._native")
    metadata, stored = take_apart(standard(256, 1, 1, value=1, tile=8))
    metadata["lightmaps"][0]["model"]["precision"] += 40
    path = tmp_path / "a.tod"
    path.write_bytes(put_together(metadata, stored))
    with open_archive(path, threads=1) as archive:
        for _ in range(2):
            with pytest.raises(LimitExceededError, match="decoding by NumPy would take about"):
                archive.decode(0.0)
        before = archive.lightmaps[0].seconds[0]
    with open_archive(path, threads=1, limits=Limits().scaled(8)) as archive:
        for _ in range(2):
            archive.decode(0.0)
        more = archive.lightmaps[0].seconds[0] - before
    assert more == pytest.approx(1024 * (NUMPY_TILE_S + NUMPY_LEVEL_S) + 65536 * NUMPY_SAMPLE_S)
