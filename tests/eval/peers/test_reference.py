"""The peers on four small frames, and their absence."""

from __future__ import annotations

import importlib
import json
import math
from collections import Counter
from types import ModuleType

import numpy as np
import pytest

from todpack.eval import peers
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers import JPEG_XL, X265, run_peers
from todpack.eval.peers.standing_report import peers_json


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """(4, 64, 64, 3) uint8: a brightening ramp with noise."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 120, 64)[None, None, :, None] + 25.0 * np.arange(4)[:, None, None, None]
    return np.clip(ramp + rng.normal(0, 6, (4, 64, 64, 3)), 0, 255).astype(np.uint8)


VALID = np.ones((64, 64), bool)


@pytest.mark.parametrize(
    ("package", "name", "better", "worse"),
    [("av", X265, (10.0,), (30.0,)), ("imagecodecs", JPEG_XL, (0.5,), (3.0,))],
)
def test_points_order_as_rate_and_distortion_should(
    frames: np.ndarray, package: str, name: str, better: tuple[float], worse: tuple[float]
) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed (pip install todpack[peers])")
    settings = better + worse
    done: list[tuple[int, int]] = []
    results = run_peers(
        frames,
        VALID,
        settings if name == X265 else (),
        settings if name == JPEG_XL else (),
        lambda n, in_all: done.append((n, in_all)),
    )
    fine, coarse = results.curve(name)
    assert results.absent == {}
    assert done == [(1, 2), (2, 2)]
    assert fine.size_bytes > coarse.size_bytes > 100
    assert 60.0 > fine.psnr_db > coarse.psnr_db > 25.0
    assert fine.encode_s > 0.0
    assert fine.decode_ms_per_frame > 0.0


def test_lossless_jpeg_xl_is_exact(frames: np.ndarray) -> None:
    pytest.importorskip("imagecodecs", reason="imagecodecs is not installed (pip install todpack[peers])")
    (point,) = run_peers(frames, VALID, (), (0.0,)).points
    assert point.psnr_db == math.inf


def test_a_missing_package_is_named_with_the_extra(frames: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: str) -> ModuleType:
        raise ImportError(module)

    monkeypatch.setattr(importlib, "import_module", refuse)
    results = run_peers(frames, VALID, (16.0,), (1.0,))
    assert results.points == ()
    assert results.absent == {
        X265: "the package av is not installed (pip install todpack[peers])",
        JPEG_XL: "the package imagecodecs is not installed (pip install todpack[peers])",
    }


def test_report_has_bits_per_texel_and_null_for_infinity() -> None:
    points = (RatePoint(X265, "crf 20", 1000, 40.0, 1.0, 2.0), RatePoint(X265, "crf 0", 4000, math.inf, 1.0, 2.0))
    results = peers.PeerResults(points, {JPEG_XL: "why"})
    report = json.loads(json.dumps(peers_json(results, 100, 8), allow_nan=False))
    assert [point["bpt"] for point in report["points"]] == [10.0, 40.0]
    assert [point["psnr_srgb_db"] for point in report["points"]] == [40.0, None]
    assert report["absent"] == {JPEG_XL: "why"}


def test_psnr_of_peers_is_that_of_the_metrics(frames: np.ndarray) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    valid = VALID.copy()
    valid[:, 32:] = False
    (point,) = run_peers(frames, valid, (), (1.0,)).points
    decoded = np.stack(
        [imagecodecs.jpegxl_decode(imagecodecs.jpegxl_encode(f, distance=1.0, effort=7)) for f in frames]
    )
    assert point.psnr_db == psnr_srgb_db(frames, decoded, valid)


def test_x265_codes_sides_of_any_length_alike(frames: np.ndarray) -> None:
    """Twelve times the same file: nothing but the frames goes into it.

    x265 itself gives a file of another size for the same frames once in a hundred times on a busy machine, also on
    one thread; memory that is not the frames' would give another one nearly every time.
    """
    pytest.importorskip("av", reason="av is not installed (pip install todpack[peers])")
    odd = np.ascontiguousarray(frames[:, :61, :50])
    points = [peers.x265_point(odd, VALID[:61, :50], 10.0) for _ in range(12)]
    ((_, most),) = Counter((point.size_bytes, point.psnr_db) for point in points).most_common(1)
    assert most >= 8
