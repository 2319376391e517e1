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
