"""Where no C module was built, what is decoded bit by bit counts as work that a small file may not ask for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.decompressor.forge import put_together, set_section, take_apart
from todpack.decompressor import LimitExceededError, c_module, open_archive
from todpack.decompressor.daybasis import native
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.mask import SERIAL_TEXEL_S
from todpack.decompressor.verify import verify_archive

SIDE = 1024
ALL_GOLDEN = Path(__file__).resolve().parents[1] / "golden"
GOLDEN = ALL_GOLDEN / "daybasis-zstd-1.0.tod"
SOURCES = (
    "daybasis-zstd-1.0", "daybasis-ans-1.0", "daybasis-outliers-1.3", "daybasis-level-1.1", "gridmlp-1.1",
    "gridmlp-1.4", "gridmlp-maps-1.4", "siren-latent-1.1", "siren-weights-1.1",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_c_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_module, "IS_BUILT", False)
    monkeypatch.setattr(native, "IS_THERE", False)


def _with_basis_of(n_hours: int, path: Path) -> Path:
    """An archive whose basis is that of many hours, in adaptive bits that are not there."""
    metadata, stored = take_apart(GOLDEN.read_bytes())
    metadata["hours"] = np.linspace(0.0, 23.9, n_hours).tolist()
    metadata["lightmaps"][0]["model"]["gap_modes"] = "L" * n_hours
    names = [section["name"] for section in metadata["sections"]]
    at = names.index("0/basis")
    k = metadata["lightmaps"][0]["model"]["n_components"]
    metadata["sections"][at] |= {
        "codec": "adaptive", "dtype": "u2", "shape": [k + 1, 3, n_hours], "decoded_bytes": 2 * (k + 1) * 3 * n_hours,
    }  # fmt: skip
    stored[at] = b""
    path.write_bytes(put_together(metadata, stored))
    return path


def test_integers_count(tmp_path: Path) -> None:
    path = _with_basis_of(3000, tmp_path / "x.tod")
    with open_archive(path, provider="cpu", decoder="reference") as archive:
        limit = DEFAULT_LIMITS.seconds_for(archive.file_bytes)
        assert archive.container.serial_seconds("0/basis") > limit
        with pytest.raises(LimitExceededError, match="section 0/basis: decoding would take about"):
            archive.decode(0.0)
    faults = verify_archive(path, threads=1).faults
    assert "would take about" in faults[-1].message, faults


def test_texels_count(tmp_path: Path) -> None:
    metadata, stored = take_apart(GOLDEN.read_bytes())
    metadata["lightmaps"][0] |= {"height": SIDE, "width": SIDE, "valid_texels": 711731}  # as the stream has them
    set_section(metadata, stored, "0/mask", np.frombuffer(b"\x03\xff", np.uint8), "u1")
    path = tmp_path / "x.tod"
    path.write_bytes(put_together(metadata, stored))
    with open_archive(path, provider="cpu", decoder="reference") as archive:
        archive.lightmaps[0].check_mask()
        assert archive.lightmaps[0].seconds[0] >= SERIAL_TEXEL_S * SIDE * SIDE


@pytest.mark.parametrize("source", SOURCES)
def test_every_section_counts(source: str, tmp_path: Path) -> None:
    """Whatever is in it: a million integers, of which nothing is stored, are refused before they are read."""
    data = (ALL_GOLDEN / f"{source}.tod").read_bytes()
    for number, section in enumerate(take_apart(data)[0]["sections"]):
        metadata, stored = take_apart(data)
        n = 1 << 20
        fields = {"codec": "adaptive", "dtype": "u1", "shape": [n], "decoded_bytes": n}
        stored[number] = b""
        metadata["sections"][number] |= fields
        path = tmp_path / f"{number}.tod"
        path.write_bytes(put_together(metadata, stored))
        with open_archive(path, provider="cpu", decoder="reference", threads=1) as archive:
            with pytest.raises(LimitExceededError, match="decoding would take about"):
                for lightmap in archive.lightmaps:
                    lightmap.decode(0.0, dtype="float32")
                    lightmap.check_mask()
            assert section["name"] in archive.container.sections
