"""Coded maps of gridmlp: what a reader refuses, and that all decoders and requests agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.decompressor.forge import put_together, set_section, take_apart
from todpack.decompressor import ArchiveError, InvalidMetadataError, open_archive
from todpack.decompressor.daybasis.entry import NUMPY_LEVEL_S, NUMPY_SAMPLE_S, NUMPY_TILE_S

GOLDEN = REPOSITORY / "tests" / "golden" / "gridmlp-maps-1.4.tod"
Spoil = Callable[[dict[str, Any]], object]


def model_of(metadata: dict[str, Any]) -> dict[str, Any]:
    model: dict[str, Any] = metadata["lightmaps"][0]["model"]
    return model


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda m: m["mlp"].update(hidden=33), "mlp.hidden: expected an integer in 0..32"),
        (lambda m: m["mlp"].update(hidden=9), "exponents: expected"),
        (lambda m: m["mlp"].update(dtype="int8"), "mlp.dtype: expected"),
        (lambda m: m["maps"].update(n_components=1 << 20), "n_components: expected"),
        (lambda m: m["maps"].update(precision=65), "precision: expected"),
        (lambda m: m["maps"].update(gap_modes="L"), "gap_modes: expected one of L, C"),
        (lambda m: m["maps"].pop("tile"), "maps: expected the field 'tile'"),
        (lambda m: m.update(maps=[]), "maps: expected an object"),
        (lambda m: m["graphs"].pop("frame"), "graphs: expected the field 'frame'"),
    ],
)
def test_fields_out_of_range_are_refused(spoil: Spoil, said: str, tmp_path: Path) -> None:
    metadata, stored = take_apart(GOLDEN.read_bytes())
    spoil(model_of(metadata))
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    with pytest.raises(InvalidMetadataError, match=said):
        open_archive(tmp_path / "a.tod", provider="cpu")


@pytest.mark.parametrize(
    ("section", "array", "code"),
    [
        ("0/basis", np.zeros((3, 3, 24), "<u2"), "u2"),
        ("0/basis", np.zeros((3, 3, 24), "<f4"), "f4"),
        ("0/0/coefficients", np.zeros(40, np.uint8), "u1"),
        ("0/frame.onnx", np.zeros(40, np.uint8), "u1"),
    ],
)
def test_sections_that_do_not_fit_are_refused(section: str, array: np.ndarray, code: str, tmp_path: Path) -> None:
    metadata, stored = take_apart(GOLDEN.read_bytes())
    set_section(metadata, stored, section, array, code)
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    for decoder in ("native", "onnx"):
        with (
            pytest.raises(ArchiveError, match=section),
            open_archive(tmp_path / "a.tod", provider="cpu", decoder=decoder) as archive,
        ):
            archive.decode(12.0)


def test_a_graph_of_grids_is_no_graph_of_maps(tmp_path: Path) -> None:
    metadata, stored = take_apart(GOLDEN.read_bytes())
    other, others = take_apart((GOLDEN.parent / "gridmlp-1.1.tod").read_bytes())
    index = [s["name"] for s in other["sections"]].index("0/frame.onnx")
    mine = [s["name"] for s in metadata["sections"]].index("0/frame.onnx")
    metadata["sections"][mine] = dict(other["sections"][index])
    stored[mine] = others[index]
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    with (
        pytest.raises(ArchiveError, match=r"0/frame\.onnx"),
        open_archive(tmp_path / "a.tod", provider="cpu") as archive,
    ):
        archive.decode(12.0)


@pytest.mark.parametrize("decoder", ["native", "onnx", "reference"])
def test_regions_and_texels_are_those_of_the_frame(decoder: str) -> None:
    with open_archive(GOLDEN, provider="cpu", decoder=decoder) as archive:
        lightmap = archive.lightmaps[0]
        frame = lightmap.decode(7.25)
        region = (20, 30, 19, 44)  # of four tiles
        np.testing.assert_array_equal(lightmap.decode(7.25, region), frame[20:30, 19:44])
        np.testing.assert_array_equal(lightmap.texel(25, 23, 7.25), frame[25, 23])


def test_numpy_counts_once(tmp_path: Path) -> None:
    """A tile that goes beyond the native core is not tried there again."""
    pytest.importorskip("todpack.decompressor._native")
    metadata, stored = take_apart(GOLDEN.read_bytes())
    model_of(metadata)["maps"]["precision"] += 20
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    with open_archive(tmp_path / "a.tod", threads=1, provider="cpu") as archive:
        lightmap = archive.lightmaps[0]
        _ = lightmap.decoder
        seconds = [lightmap.seconds[0]]
        for _ in range(2):
            lightmap.decode(0.0, keep=False)
            seconds.append(lightmap.seconds[0])
    maps = model_of(metadata)["maps"]
    height, width, n_tiles = lightmap.height, lightmap.width, lightmap.n_tiles
    assert n_tiles == 4
    more = n_tiles * (NUMPY_TILE_S + maps["n_levels"] * NUMPY_LEVEL_S)
    more += height * width * maps["n_components"] * NUMPY_SAMPLE_S
    assert seconds[1:] == pytest.approx([seconds[0] + more] * 2)
