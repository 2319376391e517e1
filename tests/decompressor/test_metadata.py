"""Metadata that breaks FORMAT.md: one clear line each, before any section is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.decompressor.forge import decode_all, put_together, take_apart
from todpack.decompressor import (
    ArchiveError,
    InvalidGraphError,
    InvalidMetadataError,
    LimitExceededError,
    open_archive,
)

Metadata = dict[str, Any]
ARCHIVE_FIELDS = ("version", "model_type", "transfer", "hours", "lightmaps", "sections")
LIGHTMAP_FIELDS = ("name", "height", "width", "valid_texels", "mask", "model")
MODEL_FIELDS = (
    "residual_mode",
    "levels",
    "channels_per_level",
    "quant",
    "hash",
    "baseline",
    "normalization",
    "mlp",
    "graphs",
)


def refused(
    source: Path, path: Path, spoil: Callable[[Metadata], object], kind: type[ArchiveError], words: str
) -> None:
    path.write_bytes(put_together(*take_apart(source.read_bytes()), spoil))
    with pytest.raises(kind, match=words) as caught:
        open_archive(path, provider="cpu")
    assert caught.type is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ARCHIVE_FIELDS)
def test_missing_field(micro_archive: Path, tmp_path: Path, field: str) -> None:
    words = f"metadata.json: expected the field '{field}'"
    refused(micro_archive, tmp_path / "a.tod", lambda m: m.pop(field), InvalidMetadataError, words)


@pytest.mark.parametrize("field", LIGHTMAP_FIELDS)
def test_missing_field_of_a_lightmap(micro_archive: Path, tmp_path: Path, field: str) -> None:
    words = rf"lightmaps\[0\]: expected the field '{field}'"
    refused(micro_archive, tmp_path / "a.tod", lambda m: m["lightmaps"][0].pop(field), InvalidMetadataError, words)


@pytest.mark.parametrize("field", MODEL_FIELDS)
def test_missing_field_of_the_model(micro_archive: Path, tmp_path: Path, field: str) -> None:
    def spoil(metadata: Metadata) -> None:
        del metadata["lightmaps"][0]["model"][field]

    words = rf"lightmaps\[0\]\.model: expected the field '{field}'"
    refused(micro_archive, tmp_path / "a.tod", spoil, InvalidMetadataError, words)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": "1.7"}, r"version: expected 1\.3, found '1\.7'"),
        ({"version": 1.0}, "version: expected printable text"),
        ({"model_type": "nerf"}, 'model_type: expected one of .*gridmlp.*, found "nerf"'),
        ({"model_type": None}, "model_type: expected one of"),
        ({"transfer": "pq"}, "transfer: expected one of srgb8, linear"),
        ({"hours": []}, "hours: expected an array of 1..4096 numbers"),
        ({"hours": [12.0, 0.0]}, r"hours: expected times ascending in \[0, 24\)"),
        ({"hours": [1.0, 1.0]}, "hours: expected times ascending"),
        ({"hours": [-0.5, 1.0]}, "hours: expected times ascending"),
        ({"hours": [0.0, 24.0]}, "hours: expected times ascending"),
        ({"hours": [1.0, 23.9999999999]}, "hours: expected times that float32 tells apart"),
        ({"hours": [True]}, "hours: expected an array"),
        ({"hours": ["0"]}, "hours: expected an array"),
        ({"hours": [10**400]}, "hours: expected an array"),
        ({"lightmaps": []}, "lightmaps: expected an array of 1.. *"),
        ({"lightmaps": {}}, "lightmaps: expected an array"),
        ({"lightmaps": [7]}, r"lightmaps\[0\]: expected an object, found 7"),
        ({"sections": {}}, "sections: expected an array"),
    ],
)
def test_wrong_field(micro_archive: Path, tmp_path: Path, changed: Metadata, words: str) -> None:
    refused(micro_archive, tmp_path / "a.tod", lambda m: m.update(changed), InvalidMetadataError, words)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"height": 0}, "height: expected an integer in 1"),
        ({"height": -8}, "height: expected an integer in 1"),
        ({"width": 8.0}, "width: expected an integer in 1"),
        ({"width": (1 << 20) + 1}, "width: expected an integer in 1"),
        ({"valid_texels": 0}, r"valid_texels: expected an integer in 1\.\.64"),
        ({"valid_texels": 65}, r"valid_texels: expected an integer in 1\.\.64"),
        ({"name": "\x1b[31mred"}, "name: expected printable text"),
        ({"name": "x" * 256}, r"name: expected printable text of 1\.\.255"),
        ({"mask": 3}, "mask: expected printable text"),
        ({"model": []}, "model: expected an object"),
    ],
)
def test_wrong_field_of_a_lightmap(micro_archive: Path, tmp_path: Path, changed: Metadata, words: str) -> None:
    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"][0].update(changed)

    refused(micro_archive, tmp_path / "a.tod", spoil, InvalidMetadataError, rf"lightmaps\[0\]\.{words}")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"levels": []}, r"levels: expected an array of 1\.\.32 values"),
        ({"levels": [[2, 2], [4]]}, r"levels: expected \[rows, columns\] of each level, found \[4\]"),
        ({"levels": [[2, 2], [0, 4]]}, "levels: expected"),
        ({"levels": [[2, 2], [4, True]]}, "levels: expected"),
        ({"channels_per_level": 0}, "channels_per_level: expected an integer"),
        ({"hash": {}}, "hash: expected the field 'top_levels'"),
        ({"hash": {"top_levels": 1, "capacity": 4, "merge": "mean"}}, "hash: expected the field 'seed'"),
        (
            {"hash": {"seed": 0, "top_levels": 3, "capacity": 4, "merge": "mean"}},
            "hash.top_levels: expected an integer",
        ),
        ({"hash": {"seed": 0, "top_levels": 1, "capacity": 0, "merge": "mean"}}, "hash.capacity: expected an integer"),
        ({"hash": {"seed": 0, "top_levels": 1, "capacity": 4, "merge": "or"}}, "hash.merge: expected one of mean"),
        ({"encoder": {"shape": [8, 0, 2], "scales": [], "zero_points": []}}, "encoder.shape: expected"),
        ({"encoder": {"shape": [1, 2, 2], "scales": [], "zero_points": [0]}}, "encoder.scales: expected an array"),
        ({"residual_mode": 1}, "residual_mode: expected true or false"),
        ({"residual_mode": False}, "baseline: expected an object in residual mode and only there"),
        ({"baseline": None}, "baseline: expected an object in residual mode and only there"),
        ({"baseline": {"time_h": 12, "q_step": 0}}, r"baseline\.q_step: expected an integer in 1\.\.64"),
        ({"baseline": {"time_h": 25, "q_step": 1}}, r"baseline\.time_h: expected a number in"),
        ({"normalization": None}, r"normalization: expected an object"),
        ({"normalization": {"xy_range": [0, 1], "time": {"period_h": 24}}}, "expected the field 'harmonics'"),
        ({"mlp": {"hidden": 8, "layers": 0, "dtype": "fp16"}}, r"mlp\.layers: expected an integer"),
        ({"mlp": {"hidden": 8, "layers": 1, "dtype": "text"}}, r"mlp\.dtype: expected one of"),
        ({"mlp": {"hidden": 0}}, r"mlp\.hidden: expected an integer"),
        ({"graphs": {"latents": "a"}}, r"graphs: expected the field 'frame'"),
        ({"quant": {"dtype": "uint4", "scales": [1, 1], "zero_points": [0, 0]}}, r"quant\.dtype: expected one of"),
        ({"quant": {"dtype": "uint8", "scales": [1], "zero_points": [0, 0]}}, r"quant\.scales: expected an array of 2"),
        ({"quant": {"dtype": "uint8", "scales": [1, None], "zero_points": [0, 0]}}, r"quant\.scales: expected an arr"),
        (
            {"quant": {"dtype": "uint8", "scales": [1, 1e300], "zero_points": [0, 0]}},
            r"quant\.scales: expected float32",
        ),
        ({"quant": {"dtype": "uint8", "scales": [1, 1], "zero_points": [0, 10**400]}}, r"quant\.zero_points: expected"),
    ],
)
def test_wrong_field_of_the_model(micro_archive: Path, tmp_path: Path, changed: Metadata, words: str) -> None:
    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"][0]["model"].update(changed)

    refused(micro_archive, tmp_path / "a.tod", spoil, InvalidMetadataError, words)


def test_name_twice(micro_archive: Path, tmp_path: Path) -> None:
    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"] *= 2

    words = "lightmaps: expected different names, found one twice"
    refused(micro_archive, tmp_path / "a.tod", spoil, InvalidMetadataError, words)


def test_too_many_texels(micro_archive: Path, tmp_path: Path) -> None:
    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"][0].update(height=1 << 20, width=1 << 20)

    words = "1048576 x 1048576 texels are over the limit of 268435456"
    refused(micro_archive, tmp_path / "a.tod", spoil, LimitExceededError, words)


@pytest.mark.parametrize(
    ("field", "value"), [("height", 9), ("width", 7), ("height", 4000), ("channels_per_level", 2), ("levels", [[2, 2]])]
)
def test_fields_that_do_not_fit_the_sections(micro_archive: Path, tmp_path: Path, field: str, value: object) -> None:
    """Each is plausible on its own; they are typed errors where they meet the sections, never a wrong frame."""

    def spoil(metadata: Metadata) -> None:
        lightmap = metadata["lightmaps"][0]
        (lightmap if field in lightmap else lightmap["model"])[field] = value

    path = tmp_path / "a.tod"
    path.write_bytes(put_together(*take_apart(micro_archive.read_bytes()), spoil))
    with pytest.raises(ArchiveError) as caught:
        decode_all(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["0/nothing", "0/mask", "0/latents.onnx"])
def test_graph_that_is_another_section(micro_archive: Path, tmp_path: Path, name: str) -> None:
    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"][0]["model"]["graphs"]["frame"] = name

    path = tmp_path / "a.tod"
    path.write_bytes(put_together(*take_apart(micro_archive.read_bytes()), spoil))
    with pytest.raises(ArchiveError, match=f"{name}'?[:,]"):
        decode_all(path)


def test_values_that_overflow_float32_are_no_frame(micro_archive: Path, tmp_path: Path) -> None:
    """Scales of 3e38 make infinite features: one line, no warning."""

    def spoil(metadata: Metadata) -> None:
        metadata["lightmaps"][0]["model"]["quant"]["scales"] = [3e38, 3e38]

    path = tmp_path / "a.tod"
    path.write_bytes(put_together(*take_apart(micro_archive.read_bytes()), spoil))
    with pytest.raises(InvalidGraphError, match=r"section 0/frame\.onnx: it gives what is no number, at 0 h"):
        decode_all(path)
