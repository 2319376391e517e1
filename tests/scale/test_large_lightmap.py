"""Lightmaps far larger than the maps that fit: what decoding takes beside the frame that the grader asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scale.large_lightmap import LargeLightmap, run_stage
from todpack.decompressor.daybasis import native

pytest.importorskip("torch")
pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc"),
    pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built"),
]
MIB = 1 << 20


def check(source: LargeLightmap, out: Path, build_bytes: int, more_bytes: int) -> None:
    written = run_stage("write", source, out)
    assert written["peak_bytes"] < build_bytes, written
    found = run_stage("decode", source, out)
    assert found["kind"] == "LargeLightmap"
    assert found["more_bytes"] < found["frame_bytes"] + more_bytes, found
    assert 0.0 < found["rmse"] < 0.05
    assert found["random_difference"] < 1e-5


@pytest.mark.thorough
def test_4096_x_2048(tmp_path: Path) -> None:
    """A frame is 96 MiB, float32 maps of all texels would be 100 MiB each."""
    check(LargeLightmap(2048, 4096, 96), tmp_path / "large", 400 * MIB, 100 * MIB)


@pytest.mark.slow
def test_16384_squared(tmp_path: Path) -> None:
    """A frame is 3 GiB, float32 maps of all texels would be 1 GiB each. Some minutes, and a small disk."""
    check(LargeLightmap(16384, 16384, 256), tmp_path / "large", 4000 * MIB, 600 * MIB)
