"""The estimate of working memory covers what numpy takes, and is not so large that good archives are refused."""

from __future__ import annotations

import tracemalloc
from bisect import bisect_left
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day
from tests.decompressor.small_bombs import daybasis, standard
from tests.packer.micro_run import write_micro_run
from todpack.decompressor import LimitExceededError, Limits, open_archive
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.memory import MemoryAccount
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.gridmlp.pack import pack_run

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def noisy_day(side: int, n_hours: int) -> Day:
    """Much detail, so that many components and all codes are there."""
    frames, _ = make_day(side, side, n_hours)
    noise = np.random.default_rng(0).normal(0, 20, frames.shape)
    hours = np.arange(n_hours) * 24.0 / n_hours
    radiance = np.clip(np.rint(frames + noise), 0, 255).astype(np.float32)
    return Day(radiance, np.ones((side, side), bool), hours, "srgb8", "noise")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Larger than the golden ones, so that what grows with the texels shows."""
    folder = tmp_path_factory.mktemp("working")
    made = {}
    for entropy, classes in (("ans", 1), ("zstd", 3)):
        path = made[f"daybasis {entropy}"] = folder / f"{entropy}.tod"
        config = DayBasisConfig(q_step=8.0, tile=128, n_levels=4, max_classes=classes)
        encode_day(noisy_day(160, 6), config, DayBasisPackOptions(entropy=entropy)).write(path)
    path = made["gridmlp"] = folder / "gridmlp.tod"
    run = write_micro_run(folder / "run", height=160, width=160, levels=(16, 64), channels=4, hidden=32, layers=2)
    pack_run(run, path)
    return made | {
        name: GOLDEN / f"{name}.tod"
        for name in ("gridmlp-1.1", "gridmlp-maps-1.4", "siren-latent-1.1", "siren-weights-1.1")
    }


NAMES = (
    "daybasis ans",
    "daybasis zstd",
    "gridmlp",
    "gridmlp-1.1",
    "gridmlp-maps-1.4",
    "siren-latent-1.1",
    "siren-weights-1.1",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.thorough
def test_estimates_cover_the_peak(archives: dict[str, Path], name: str) -> None:
    with open_archive(archives[name], threads=1, provider="cpu") as archive:
        archive.prepare()  # imports, the runtime's own tables
    tracemalloc.start()
    try:
        with open_archive(archives[name], threads=1, provider="cpu", decoder="onnx") as archive:
            opened = tracemalloc.get_traced_memory()[0]
            taken = archive.memory.total - archive.memory.left
            archive.prepare()
            archive.decode(12.0, dtype="float32")
        peak = tracemalloc.get_traced_memory()[1] - opened
    finally:
        tracemalloc.stop()
    assert peak < taken
    assert taken < 10 * peak


@pytest.mark.parametrize("name", NAMES)
def test_good_archives_need_a_small_part_of_what_they_may_take(archives: dict[str, Path], name: str) -> None:
    with open_archive(archives[name], threads=8, provider="cpu") as archive:
        archive.prepare()
        assert archive.memory.left > archive.memory.total // 2


def test_networks_of_usual_size_keep_to_it(tmp_path: Path) -> None:
    run = write_micro_run(
        tmp_path / "run", height=256, width=256, levels=(16, 32, 64, 128, 256), channels=4, hidden=128, layers=4
    )
    pack_run(run, tmp_path / "a.tod")
    with open_archive(tmp_path / "a.tod", threads=8, provider="cpu") as archive:
        archive.decode(6.0)
        assert archive.memory.left > archive.memory.total // 4


def test_plain_archives_open_with_any_number_of_threads(tmp_path: Path) -> None:
    """A small file may take little memory: fewer threads decode tiles then."""
    frames = np.full((3, 768, 768, 3), 80.0, np.float32) + np.arange(3, dtype=np.float32)[:, None, None, None]
    day = Day(frames, np.ones((768, 768), bool), np.array([0.0, 8.0, 16.0]), "srgb8", "plain")
    path = tmp_path / "plain.tod"
    encode_day(day, DayBasisConfig(tile=256), DayBasisPackOptions()).write(path)
    limits = Limits(memory=10 << 20, memory_per_byte=1)
    with open_archive(path, threads=1, provider="cpu", limits=limits) as archive:
        alone = archive.decode(8.0)
    with open_archive(path, threads=64, provider="cpu", limits=limits) as archive:
        archive.prepare()
        np.testing.assert_array_equal(archive.decode(8.0), alone)


def test_account() -> None:
    memory = MemoryAccount(10_000, Limits(memory=0, memory_per_byte=10))
    assert memory.total == 100_000
    memory.take(60_000, "one")
    with pytest.raises(LimitExceededError, match=r"^two would take about 40001 bytes .* limit of 40000"):
        memory.take(40_001, "two")
    memory.take(40_000, "three")


def test_limits_by_the_size_of_the_file() -> None:
    limits = Limits()
    assert limits.memory_for(1 << 20) == (64 + 200) << 20
    assert limits.texels_for(10) == limits.texels_for(1024) == 3 << 20
    assert limits.texels_for(1 << 20) == 3 << 30
    assert limits.metadata_for(100) == 1 << 20
    assert limits.metadata_for(1 << 30) == 16 << 20
    assert limits.decoded_for(100) == 2 << 20
    twice = limits.scaled(2)
    assert twice.memory_for(1 << 20) == 2 * limits.memory_for(1 << 20)
    assert twice.metadata_bytes == 32 << 20


def test_who_takes_more_than_the_native_core_says_what_helps(tmp_path: Path) -> None:
    (tmp_path / "x.tod").write_bytes(daybasis(1024, 1024, coded=(512, 512)))
    with pytest.raises(LimitExceededError, match=r"the native core takes half of it, --limits 3 allows it$"):
        open_archive(tmp_path / "x.tod", provider="cpu", decoder="reference", threads=1)
    open_archive(tmp_path / "x.tod", provider="cpu", decoder="reference", limits=DEFAULT_LIMITS.scaled(3)).close()


def test_what_is_lent_is_taken_where_it_is_needed() -> None:
    memory = MemoryAccount(0, Limits(memory=100))
    memory.take(40, "a")
    memory.lend(50)
    assert (memory.left, memory.is_lent) == (10, True)
    memory.take(10, "b")
    assert memory.is_lent
    memory.take(20, "c")
    assert (memory.left, memory.is_lent) == (30, False)
    with pytest.raises(LimitExceededError, match="d would take about 31 bytes of memory, over the limit of 30"):
        memory.take(31, "d")


@pytest.mark.parametrize("name", ["daybasis-level-1.1", "gridmlp-1.1", "siren-weights-1.1"])
def test_threads_do_not_decide_what_is_whole(name: str) -> None:
    """What is just enough for one thread is enough for many, and less is not."""
    path = GOLDEN / f"{name}.tod"

    def decodes(memory: int, threads: int) -> bool:
        try:
            limits = Limits(memory=memory, memory_per_byte=0)
            with open_archive(path, decoder="onnx", threads=threads, provider="cpu", limits=limits) as archive:
                archive.prepare()
                archive.decode(6.0, dtype="float32")
        except LimitExceededError:
            return False
        return True

    least = bisect_left(range(1 << 26), True, key=lambda memory: decodes(memory, 1))
    assert 0 < least < 1 << 26
    for threads in (2, 3, 8, 64):
        assert decodes(least, threads)
        assert not decodes(least - 1, threads)


@pytest.mark.parametrize("decoder", ["auto", "reference"])
def test_matrices_of_times_are_kept_as_they_were_counted(tmp_path: Path, decoder: str) -> None:
    """A thousand maps at any number of times: as many matrices as eight for each stored time, here of one."""
    k, path = 1024, tmp_path / "a.tod"
    path.write_bytes(standard(8, k, 1, tile=8))
    with open_archive(path, threads=1, decoder=decoder, limits=Limits().scaled(9)) as archive:
        lightmap = archive.lightmaps[0]
        lightmap.prepare()
        tracemalloc.start()
        for i in range(200):
            lightmap.texel(0, 0, 24 * i / 200, dtype="float32")
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert 3 * 4 * (k + 1) < kept < 9 * 3 * 4 * (k + 1) + (64 << 10)
