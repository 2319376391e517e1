"""What an archive is asked for: impossible times, regions, types and names are typed errors; closing."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from todpack.decompressor import Archive, Limits, RequestError, open_archive
from todpack.decompressor.lightmap_file import GUTTERS

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module")
def opened(micro_archive: Path) -> Iterator[Archive]:
    with open_archive(micro_archive, provider="cpu") as archive:
        yield archive


@pytest.mark.parametrize("time_h", [-0.001, 24.0, 1e9, float("nan"), float("inf")])
def test_impossible_times(opened: Archive, time_h: float) -> None:
    with pytest.raises(RequestError, match=r"time: expected hours in \[0, 24\), found"):
        opened.decode(time_h)


@pytest.mark.parametrize(
    "region", [(0, 0, 0, 8), (0, 9, 0, 8), (-1, 4, 0, 8), (0, 8, 3, 3), (5, 4, 0, 8), (0, 8, 0, 9)]
)
def test_impossible_regions(opened: Archive, region: tuple[int, int, int, int]) -> None:
    with pytest.raises(RequestError, match=r"region: expected rows within 0:8 and columns within 0:8, found"):
        opened.decode(0.0, region)


@pytest.mark.parametrize(("y", "x"), [(8, 0), (0, 8), (-1, 0)])
def test_impossible_texels(opened: Archive, y: int, x: int) -> None:
    with pytest.raises(RequestError, match="region: expected rows within 0:8"):
        opened.texel(y, x, 0.0)


def test_other_impossible_requests(opened: Archive, micro_archive: Path) -> None:
    with pytest.raises(RequestError, match=r"dtype: expected one of uint8, .*, rgb9e5, found float64"):
        opened.decode(0.0, dtype="float64")
    for lightmap in (1, -2, "nothing"):
        with pytest.raises(RequestError, match=r"lightmap: expected 0\.\.0 or one of micro, found"):
            opened.decode(0.0, lightmap=lightmap)
    for threads in (0, -1, 1025):
        with pytest.raises(RequestError, match=f"threads: expected 1..1024, found {threads}"):
            open_archive(micro_archive, threads=threads)
    with pytest.raises(RequestError, match="provider: expected one of auto, cpu, cuda, found 'tpu'"):
        open_archive(micro_archive, provider="tpu")


def test_lightmap_by_name_and_number(opened: Archive) -> None:
    for lightmap in (0, -1, "micro"):
        assert opened.find(lightmap) is opened.lightmaps[0]


@pytest.mark.parametrize("name", ["daybasis-ans-1.2", "gridmlp-1.1", "siren-latent-1.1"])
@pytest.mark.parametrize("gutter", GUTTERS)
def test_what_is_prepared_goes_on_when_the_archive_is_closed(name: str, gutter: str) -> None:
    with open_archive(GOLDEN / f"{name}.tod", provider="cpu", gutter=gutter) as archive:
        frame = archive.decode(6.0)
    with open_archive(GOLDEN / f"{name}.tod", provider="cpu", gutter=gutter) as archive:
        archive.prepare()
    np.testing.assert_array_equal(archive.decode(6.0), frame)


@pytest.mark.parametrize("name", ["daybasis-ans-1.2", "gridmlp-1.1", "siren-latent-1.1"])
@pytest.mark.parametrize("decoder", [None, "reference", "onnx"])
def test_limits_may_be_floats(name: str, decoder: str | None) -> None:
    for limits in (Limits(memory=4e9), Limits(memory_per_byte=200.5), Limits(memory=float("inf"))):  # type: ignore[arg-type]
        with open_archive(GOLDEN / f"{name}.tod", provider="cpu", limits=limits, decoder=decoder) as archive:
            assert archive.decode(6.0).any()


def test_an_archive_that_another_thread_closes_while_it_is_read(micro_archive: Path) -> None:
    class File(io.BytesIO):
        @property
        def closed(self) -> bool:
            """Asked before a read, the moment at which the other thread comes."""
            is_closed = super().closed
            if waiting:
                closer = waiting.pop()
                closer.start()
                closer.join(0.2)
            return is_closed

    waiting: list[threading.Thread] = []
    archive = open_archive(File(micro_archive.read_bytes()), provider="cpu")
    closer = threading.Thread(target=archive.close)
    waiting.append(closer)
    assert archive.lightmaps[0].valid.any()
    closer.join()
    with pytest.raises(RequestError, match="expected an open archive, found a closed one"):
        archive.decode(1.0)


def test_closed_archive(micro_archive: Path) -> None:
    with open_archive(micro_archive, provider="cpu") as archive:
        archive.prepare()
        frame = archive.decode(1.0)
    np.testing.assert_array_equal(archive.decode(1.0), frame)  # prepared lightmaps go on
    assert archive.lightmaps[0].valid.any()
    unprepared = open_archive(micro_archive, provider="cpu")
    unprepared.close()
    unprepared.close()
    with pytest.raises(RequestError, match="expected an open archive"):
        unprepared.decode(1.0)
    with pytest.raises(RequestError, match="section 0/mask: expected an open archive, found a closed one"):
        _ = unprepared.lightmaps[0].valid
