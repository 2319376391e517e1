"""`Interface.py` itself: lightmaps that are held whole and those that are decoded tile by tile give the same values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.submission.contest.test_plain_bits import CONFIG, archive_of
from todpack.submission.contest.build import build_contest
from todpack.submission.plain_bits.opened import PlainFile

torch = pytest.importorskip("torch")
TIMES = (0.0, 5.95, 12.0, 24.0)


@pytest.fixture(scope="module", params=["gamma", "linear", "log"])
def submission(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 x 71 texels in tiles of 32, of which one is empty and others are partly."""
    folder = tmp_path_factory.mktemp("interface")
    path, _ = archive_of(folder / "a.tod", 45, 71, replace(CONFIG, transfer=request.param))
    return build_contest(path, folder / "built").folder


@pytest.fixture
def interface(submission: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    from todpack.submission.contest.shipped import Interface

    monkeypatch.setattr(Interface, "FOLDER", submission)
    return Interface


def values_of(lightmap: Any, time_h: float) -> np.ndarray:
    lightmap.reconstruct(time_h)
    first = lightmap.get_result()
    first_values = first.clone()
    second = lightmap.get_result()
    second.zero_()
    assert torch.equal(first, first_values)  # each is the caller's own
    return first.numpy()[0]


@pytest.mark.parametrize("held_bytes", [1 << 30, 20_000, 0])
@pytest.mark.thorough
def test_tile_by_tile(interface: Any, monkeypatch: pytest.MonkeyPatch, held_bytes: int) -> None:
    config = {"level": "L", "id": 0}
    whole = interface.get(config, "cpu")
    monkeypatch.setattr(interface, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(interface, "HELD_BYTES", held_bytes)
    tiled = interface.get(config, "cpu")
    assert (type(whole).__name__, type(tiled).__name__) == ("Lightmap", "LargeLightmap")
    rng = np.random.default_rng(0)
    for time_h in TIMES:
        expected, found = values_of(whole, time_h), values_of(tiled, time_h)
        assert found.shape == (3, 45, 71)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
        for y, x in zip(rng.integers(0, 45, 30), rng.integers(0, 71, 30), strict=True):
            texel = tiled.random_test([[y, x, time_h]])
            assert tuple(texel.shape) == (1, 3)
            np.testing.assert_allclose(texel[0].numpy(), expected[:, y, x], rtol=1e-6, atol=1e-7)


def test_tiles_held_are_small(interface: Any, submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interface, "WHOLE_BYTES", 0)
    tiled = interface.get({"level": "L", "id": "00"}, "cpu")  # a text of digits is the same number
    file = PlainFile(submission / "Parameters" / "L_0.bin")
    assert sorted(tiled._tiles) == file.numbers
    n_valid = sum(int(file.valid(file.grid[number]).sum()) for number in file.numbers)
    assert sum(tile.steps.nbytes for tile in tiled._tiles.values()) == 2 * n_valid * file.header.n_maps


def test_without_the_core(interface: Any, submission: Path) -> None:
    from todpack.decompressor.daybasis import native

    assert bool(list(submission.rglob("_native*.so"))) == native.IS_THERE
    assert (submission / "todpack/native/src/plain_bits.c").is_file()
    lightmap = interface.get({"level": "L", "id": 0}, "cpu")
    plain = interface.Lightmap(PlainFile(submission / "Parameters" / "L_0.bin", is_native=False), torch.device("cpu"))
    np.testing.assert_array_equal(values_of(lightmap, 12.0), values_of(plain, 12.0))


def test_a_number_alone_names_a_lightmap_of_the_first_layout(interface: Any, submission: Path, tmp_path: Path) -> None:
    """Its config.json has no levels."""
    np.testing.assert_array_equal(
        values_of(interface.get({"id": 0}, "cpu"), 12.0), values_of(interface.get({"level": "L", "id": 0}, "cpu"), 12.0)
    )
    with pytest.raises(FileNotFoundError, match=r"expected one file \*_1\.bin, found 0"):
        interface.get({"id": 1}, "cpu")
