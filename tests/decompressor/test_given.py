"""Arguments of every type: what stands for a number is taken, anything else is one typed line."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from todpack.decompressor import ArchiveError, Limits, RequestError, open_archive
from todpack.decompressor.archive import Archive

PATH = Path(__file__).resolve().parents[1] / "golden" / "daybasis-ans-1.2.tod"
NONE_AT_ALL: tuple[Any, ...] = (None, "3", b"3", [], {}, 3j, object(), float("nan"), 10**5000)


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with open_archive(PATH) as opened:
        yield opened


def test_what_stands_for_a_number_is_one(archive: Archive) -> None:
    wanted = archive.decode(3.0)
    for time_h in (3, np.float32(3), np.float64(3), np.array(3.0), np.uint8(3), Decimal(3)):
        assert np.array_equal(archive.decode(time_h), wanted)  # type: ignore[arg-type]
    for kind in (int, np.int8, np.uint8, np.int64):
        assert np.array_equal(archive.texel(kind(31), kind(20), 3.0), wanted[31, 20])
        assert np.array_equal(archive.decode(3.0, (kind(1), kind(30), kind(2), kind(5))), wanted[1:30, 2:5])
        assert np.array_equal(archive.decode(3.0, np.array([1, 30, 2, 5], kind)), wanted[1:30, 2:5])  # type: ignore[arg-type]
        assert archive.find(kind(0)) is archive.lightmaps[0]
    with open_archive(PATH, threads=np.int64(1), cache_bytes=np.uint8(0)) as other:  # type: ignore[arg-type]
        assert np.array_equal(other.decode(3.0), wanted)


@pytest.mark.parametrize("other", NONE_AT_ALL, ids=lambda one: type(one).__name__)
def test_anything_else_is_one_line(archive: Archive, other: Any) -> None:
    calls = {
        "time: expected hours in": lambda: archive.decode(other),
        "region: expected": lambda: archive.decode(3.0, (0, 1, 0, other)),
        "region: expected ": lambda: archive.decode(3.0, {1: 2} if other is None else other),
        "dtype: expected one of uint8,": lambda: archive.decode(3.0, dtype=other),
        "region: expected rows" if type(other) is int else "texel: expected its row": lambda: archive.texel(
            0, other, 3.0
        ),
        "lightmap: expected 0": lambda: archive.choose("x" if other == "3" else other),
        "lightmap: expected 0..0": lambda: archive.find(other),
        "threads: expected 1..1024": lambda: open_archive(PATH, threads=[] if other is None else other),
        "cache_bytes: expected 0": lambda: open_archive(PATH, cache_bytes=[] if other is None else other),
        "archive: expected a path": lambda: open_archive([] if other == "3" else other),
        "limits: expected Limits": lambda: open_archive(PATH, limits=other),
        "limits: memory: expected a number": lambda: Limits(memory="x" if other == "3" else other),
        "limits: expected a factor": lambda: Limits().scaled(float("inf") if other == "3" else other),
    }
    for words, call in calls.items():
        with pytest.raises(RequestError) as caught:
            call()
        assert str(caught.value).startswith(words)


def test_paths_may_be_bytes_inside(archive: Archive) -> None:
    """As entries of folders that are listed by bytes are."""
    with os.scandir(os.fsencode(PATH.parent)) as entries:
        (entry,) = (one for one in entries if one.name == os.fsencode(PATH.name))
    with open_archive(entry) as other, pickle.loads(pickle.dumps(other)) as again:  # type: ignore[arg-type]
        assert np.array_equal(again.decode(3.0), archive.decode(3.0))


def test_open_files_that_are_closed_or_read_text() -> None:
    closed = PATH.open("rb")
    closed.close()
    for source in (closed, PATH.open(encoding="utf-8")):
        with pytest.raises(ArchiveError, match=r"<archive in memory>: cannot be read: "):
            open_archive(source)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [np.int8(3), np.int32(3), np.float16(3), np.float64(3), Decimal("3"), Fraction(3)])
def test_limits_are_numbers_of_python(number: Any) -> None:
    """Which do not overflow."""
    assert Limits().scaled(number) == Limits().scaled(3)
    assert Limits(memory=number, seconds=number) == Limits(memory=3, seconds=3.0)
    assert Limits(memory=np.int32(2**31 - 1)).memory_for(1000) == 2**31 - 1 + 200_000
    assert Limits(memory=np.array(6.0)) == Limits(memory=6)  # type: ignore[arg-type]
    assert Limits(texels=10**300).scaled(1e8).texels > 10**299


@pytest.mark.parametrize("other", [np.array(["cpu", "cuda"]), np.void(b"cpu"), 3, b"cpu"], ids=repr)
@pytest.mark.parametrize("name", ["decoder", "provider", "gutter"])
def test_names_are_text(name: str, other: Any) -> None:
    with pytest.raises(RequestError, match=f"{name}: expected a name, found "):
        open_archive(PATH, **{name: other})
