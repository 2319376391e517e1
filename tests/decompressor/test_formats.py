"""Floats and previews of linear lightmaps."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.contest_data import radiance_day
from todpack.decompressor import open_archive
from todpack.decompressor.cli import main
from todpack.decompressor.frame_files import preview
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("linear") / "day.tod"
    config = DayBasisConfig(q_step=4.0, tile=32, n_levels=3, max_classes=1, reweight=0)
    encode_day(radiance_day(20, 24), config, DayBasisPackOptions(entropy="zstd")).write(path)
    return path


def decoded(path: Path, hour: float) -> np.ndarray:
    with open_archive(path) as archive:
        return archive.decode(hour, dtype="float32")


def test_bin_is_the_datasets_layout(linear, tmp_path):
    assert main([str(linear), "-o", str(tmp_path), "--format", "bin", "--hours", "6,5.9", "-q"]) == 0
    for hour, name in ((6.0, "tod_06.bin"), (5.9, "tod_05.90.bin")):
        data = (tmp_path / name).read_bytes()
        np.testing.assert_array_equal(np.frombuffer(data, "<f4").reshape(20, 24, 3), decoded(linear, hour))


def test_exr(linear, tmp_path):
    exr = pytest.importorskip("OpenEXR", reason="needs the extra exr")
    assert main([str(linear), "-o", str(tmp_path), "--format", "exr", "--hours", "12", "-q"]) == 0
    with exr.File(str(tmp_path / "tod_12.exr")) as file:
        pixels = file.channels()["RGB"].pixels
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, decoded(linear, 12.0))
    assert [p.name for p in tmp_path.iterdir()] == ["tod_12.exr"]


def test_exr_without_its_package(linear, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    assert main([str(linear), "-o", str(tmp_path), "--format", "exr", "--hours", "12", "-q"]) == 1
    assert "--format exr needs OpenEXR: pip install 'todpack[exr]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_preview_is_srgb_at_an_exposure(linear, tmp_path):
    assert main([str(linear), "-o", str(tmp_path), "--hours", "12", "--exposure", "-1", "-q"]) == 0
    image = np.asarray(Image.open(tmp_path / "tod_12.png"))
    np.testing.assert_array_equal(image, preview(decoded(linear, 12.0), -1.0))
    gray = np.array([[[0.0, 0.25, 2.0]]], np.float32)
    assert preview(gray, 0.0).tolist() == [[[0, 137, 255]]]
    assert preview(gray, 1.0).tolist() == [[[0, 188, 255]]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--exposure", "65"], "--exposure: expected stops in -64..64, found 65"),
        (["--exposure", "1", "--format", "bin"], "--exposure: expected a linear lightmap and --format png"),
    ],
)
def test_bad_exposure(linear, tmp_path, capsys, options, message):
    assert main([str(linear), "-o", str(tmp_path), *options]) == 1
    assert message in capsys.readouterr().err


def test_codes_are_not_floats(tiny_archive, tmp_path, capsys):
    assert main([str(tiny_archive), "-o", str(tmp_path), "--format", "bin"]) == 1
    assert "is 8-bit; expected png or npy, found bin" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
