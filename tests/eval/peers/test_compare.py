"""All peers on a small day: each gives it back, figures against known values, absence by name."""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from todpack.eval.bench.archive import DAYBASIS, REFINED
from todpack.eval.errors import EvalError
from todpack.eval.measures.lpips_weights import LpipsAbsent
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers.compare import all_peers, bd_rate_percent, chosen_peers, compare
from todpack.eval.peers.peer import FramesRefusedError
from todpack.eval.peers.report import comparison_json, comparison_table
from todpack.eval.peers.vector_quantization import fit_codebook, nearest_codes

ABSENT = LpipsAbsent("not needed here")
# what a smooth little day must keep at each peer's first setting, dB; the neural ones train for a moment only
FLOOR_DB = {
    "daybasis": 38.0,
    "daybasis --refine fast": 38.0,
    "x265": 38.0,
    "jpegxl": 38.0,
    "svt-av1": 32.0,
    "avif": 34.0,
    "webp": 32.0,
    "png": math.inf,
    "bc7": 38.0,
    "bc7+zstd": 38.0,
    "pca-vq": 30.0,
    "mlp": 12.0,
    "ndgi": 12.0,
}


@pytest.fixture(scope="module")
def day() -> tuple[np.ndarray, np.ndarray]:
    """(5, 66, 70, 3) uint8: smooth, brightening, a little noise; and a mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:66, 0:70]
    still = 90 + 50 * np.sin(rows / 9.0)[..., None] * np.cos(columns / 11.0 + np.arange(3)[:, None, None]).transpose(
        1, 2, 0
    )
    frames = still * np.linspace(0.6, 1.2, 5)[:, None, None, None] + rng.normal(0, 1, (5, 66, 70, 3))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8), (rows > 3) & (columns < 60)


@pytest.mark.parametrize("name", FLOOR_DB)
def test_every_peer_gives_the_day_back(name: str, day: tuple[np.ndarray, np.ndarray]) -> None:
    (peer,) = chosen_peers(all_peers((10.0,), (0.5,), 0.5), (name,))
    if name in (DAYBASIS, REFINED):
        peer = replace(peer, settings=peer.settings[:1])  # a process each
    found = compare(*day, (peer,), ABSENT)
    assert found.absent == {}
    first = found.points[0]
    assert first.rate.psnr_db >= FLOOR_DB[name]
    assert 100 < first.rate.size_bytes < 2 * day[0].nbytes  # a codebook weighs more than so small a day
    assert first.rate.encode_s > 0.0
    assert 0.0 < first.ssim <= 1.0
    if name == "bc7":
        assert first.rate.size_bytes == 5 * 68 * 72  # 8 bits a texel, sides rounded up to blocks
    if name in ("avif", "webp", "svt-av1", "ndgi"):
        sizes = [point.rate.size_bytes for point in found.points]
        assert len(set(sizes)) == len(peer.settings)


def test_bc6h_codes_radiance_and_the_others_say_that_they_do_not() -> None:
    rng = np.random.default_rng(1)
    radiance = (np.linspace(0.1, 8.0, 32)[None, None, :, None] * rng.uniform(0.9, 1.1, (2, 32, 32, 3))).astype(
        np.float32
    )
    valid = np.ones((32, 32), bool)
    found = compare(radiance, valid, chosen_peers(all_peers((), (1.0,), 1.0), ("jpegxl", "bc6h", "bc6h+zstd")), ABSENT)
    assert found.absent == {"jpegxl": "it codes srgb8 frames, these are linear"}
    assert [point.rate.name for point in found.points] == ["bc6h", "bc6h+zstd"]
    assert found.points[0].rate.size_bytes == 2 * 32 * 32
    assert found.points[0].rate.psnr_db == found.points[1].rate.psnr_db > 34.0


def _curve(name: str, factor: float) -> list[RatePoint]:
    return [RatePoint(name, "", round(1e6 * factor * 2.0**i), 36.0 + 3.0 * i) for i in range(4)]


@pytest.mark.parametrize(("factor", "percent"), [(1.0, 0.0), (0.8, -20.0), (1.5, 50.0)])
def test_bd_rate_of_a_curve_scaled_in_bytes(factor: float, percent: float) -> None:
    assert bd_rate_percent(_curve("a", 1.0), _curve("b", factor)) == pytest.approx(percent, abs=1e-3)


def test_bd_rate_needs_points_that_overlap() -> None:
    assert bd_rate_percent(_curve("a", 1.0)[:3], _curve("b", 1.0)) is None
    far = [RatePoint("b", "", point.size_bytes, point.psnr_db + 20.0) for point in _curve("b", 1.0)]
    assert bd_rate_percent(_curve("a", 1.0), far) is None


def test_what_is_not_installed_is_named(day: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def refuse(module: str, package: str | None = None) -> ModuleType:
        if module in ("av", "imagecodecs", "ispc_texcomp", "torch", "bjontegaard"):
            raise ImportError(module)
        return real(module, package)

    monkeypatch.setattr(importlib, "import_module", refuse)
    others = [peer for peer in all_peers((16.0,), (1.0,), 0.1) if peer.name != DAYBASIS]
    found = compare(*day, others, ABSENT)
    assert {point.rate.name for point in found.points} == {"pca-vq"}
    assert found.absent["bc7"] == "the package ispc_texcomp is not installed (pip install todpack[peers])"
    assert found.absent["svt-av1"] == "the package av is not installed (pip install todpack[peers])"
    assert found.absent[REFINED] == "the package torch is not installed (pip install todpack[train])"
    assert found.absent["mlp"] == "the package torch is not installed (pip install todpack[train])"
    assert found.bd_absent == "x265 is not among the points"
    table = comparison_table(found, 100, 5, ())
    assert "avif absent: the package imagecodecs is not installed" in table
    with pytest.raises(Exception, match=r"bjontegaard is not installed \(pip install todpack\[compare\]\)"):
        bd_rate_percent(_curve("a", 1.0), _curve("b", 1.0))


def test_a_peer_that_refuses_the_frames_does_not_end_the_others() -> None:
    def refuse(*_: Any) -> Any:
        raise FramesRefusedError("x265 crf 16 cannot code frames of 12 x 12: Invalid argument")

    frames = np.random.default_rng(0).integers(0, 255, (2, 12, 12, 3)).astype(np.uint8)
    x265, *others = chosen_peers(all_peers((16.0,), (), 1.0), ["x265", "svt-av1", "png"])
    found = compare(frames, np.ones((12, 12), bool), [replace(x265, code=refuse), *others], ABSENT)
    assert {point.rate.name for point in found.points} == {"png"}
    assert found.absent == {
        "x265": "x265 crf 16 cannot code frames of 12 x 12: Invalid argument",
        "svt-av1": "it takes no frames under 64 texels a side",
    }


def test_json_holds_nothing_but_json(day: tuple[np.ndarray, np.ndarray]) -> None:
    found = compare(*day, chosen_peers(all_peers((), (), 1.0), ("png", "pca-vq")), ABSENT)
    report: Any = json.loads(json.dumps(comparison_json(found, 100, 5, "srgb8", (40.0,)), allow_nan=False))
    lossless, coded = report["points"]
    assert lossless["psnr_srgb_db"] is None
    assert coded["bpt"] == 8 * coded["bytes"] / 500
    assert coded["random_access"] == "yes"
    assert report["lpips_absent"] == "not needed here"


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(EvalError, match=r"expected some of daybasis, .*found 'h264'"):
        chosen_peers(all_peers((), (), 1.0), ("x265", "h264"))


def test_k_means_finds_separate_clusters() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    vectors = (centres[rng.integers(0, 4, 800)] + rng.normal(0, 0.1, (800, 2))).astype(np.float32)
    codebook = fit_codebook(vectors, 4, 20)
    found = sorted(tuple(code) for code in np.rint(codebook).astype(int).tolist())
    assert found == [(0, 0), (0, 10), (10, 0), (10, 10)]
    assert np.abs(codebook[nearest_codes(vectors, codebook)] - vectors).max() < 1.0
