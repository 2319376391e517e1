"""Archives of versions to come, made by hand: what a reader must ignore, and what it must refuse, in clear lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decompressor.forge import HEADER_BYTES, put_together, take_apart, with_header
from tests.golden.test_golden import FOLDER, LINEAR_NAMES, NAMES
from todpack.decompressor import UnsupportedVersionError, open_archive
from todpack.decompressor.cli import main
from todpack.decompressor.container import MAJOR, MINOR

ARCHIVES = (*NAMES, *LINEAR_NAMES)


def of_next_minor(data: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """An archive with a higher minor version, unknown keys at every level, and sections nobody asked for."""
    metadata, stored = take_apart(data)
    metadata["version"] = f"{MAJOR}.{MINOR + 1}"
    metadata.pop("sha256", None)  # of other content
    metadata["requires"] = [one for one in metadata.get("requires") or [] if one != "digest"]
    metadata["author"] = {"name": "somebody", "links": [1, None, "x"]}
    for lightmap in metadata["lightmaps"]:
        lightmap["uv_set"] = 2
        lightmap["model"]["preview"] = {"section": "9/preview", "scale": 0.5}
    for section in metadata["sections"]:
        section["hint"] = "cold"
    extra = {"codec": "raw", "dtype": "u1", "shape": [5], "decoded_bytes": 5}
    metadata["sections"].insert(0, {**extra, "name": "9/preview"})
    metadata["sections"].append({**extra, "name": "zz/unknown/part"})
    return metadata, [b"hello", *stored, b"world"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_next_minor_decodes_as_before(name: str, tmp_path: Path) -> None:
    path, newer = FOLDER / f"{name}.tod", tmp_path / "newer.tod"
    newer.write_bytes(put_together(*of_next_minor(path.read_bytes())))
    with open_archive(path, provider="cpu") as old, open_archive(newer, provider="cpu") as new:
        assert new.container.version == (MAJOR, MINOR + 1)
        assert new.container.read_bytes("zz/unknown/part") == b"world"
        new.container.verify()
        for before, after in zip(old.lightmaps, new.lightmaps, strict=True):
            for time_h in (0.0, 11.7):
                expected = before.decode(time_h, dtype="float32")
                np.testing.assert_array_equal(after.decode(time_h, dtype="float32"), expected)


def refusal(path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The line that the command says, without the file's name."""
    with pytest.raises(UnsupportedVersionError):
        open_archive(path, provider="cpu")
    assert main([str(path), "-o", str(path.parent / "out")]) == 1
    assert not (path.parent / "out").exists()
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    return line.strip().replace(str(path), "FILE")


@pytest.mark.parametrize("name", ["daybasis-ans-1.0", "daybasis-gamma-1.1", "gridmlp-1.1", "siren-latent-1.1"])
def test_unknown_feature_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    metadata, stored = of_next_minor((FOLDER / f"{name}.tod").read_bytes())
    metadata["requires"] = [*metadata.get("requires", []), "holograms"]
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    assert refusal(tmp_path / "a.tod", capsys) == (
        "todpack: error: FILE: metadata.json.requires: expected features of smoothing, curve, dictionary, digest, "
        "outliers, adaptive, probes, maps, packed, found 'holograms'; a newer todpack reads it"
    )


@pytest.mark.parametrize(("major", "minor"), [(2, 0), (0, 9), (65535, 1)])
def test_other_majors_are_refused(major: int, minor: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything else of the file is looked at: even its metadata may be something else by then."""
    data = (FOLDER / "daybasis-ans-1.0.tod").read_bytes()
    n_text, stored_bytes = int.from_bytes(data[16:20], "little"), int.from_bytes(data[12:16], "little")
    packed, rest = data[HEADER_BYTES : HEADER_BYTES + stored_bytes], data[HEADER_BYTES + stored_bytes :]
    (tmp_path / "a.tod").write_bytes(with_header(packed[::-1], n_text, rest, major=major, minor=minor))
    assert refusal(tmp_path / "a.tod", capsys) == f"todpack: error: FILE: expected format 1.x, found {major}.{minor}"
