"""LPIPS: the published figures, its gradient, and its absence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SHARED
from todpack.eval.errors import EvalError
from todpack.eval.measures.perceptual import (
    MIN_SIDE,
    Lpips,
    LpipsAbsent,
    LpipsWeights,
    find_weights,
    load_lpips,
    lpips_linear_tiles,
    temporal_lpips,
)

TRUNK = SHARED / "lpips" / "alexnet_features.pth"


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    """The measure with the trunk of the shared material, else with whatever this machine has."""
    found = load_lpips(TRUNK if TRUNK.is_file() else None)
    if isinstance(found, LpipsAbsent):
        pytest.skip(f"LPIPS is absent: {found.reason}")
    return found


@pytest.fixture(scope="module")
def examples() -> dict[str, np.ndarray]:
    """The example images of the LPIPS repository, (64, 64, 3) uint8."""
    folder = SHARED / "lpips"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    return {name: np.asarray(Image.open(folder / f"ex_{name}.png").convert("RGB")) for name in ("ref", "p0", "p1")}


@pytest.mark.parametrize(("name", "expected"), [("p0", 0.7219), ("p1", 0.1376)])
def test_published_distances(lpips: Lpips, examples: dict[str, np.ndarray], name: str, expected: float) -> None:
    assert lpips.distance(examples["ref"], examples[name]) == pytest.approx(expected, abs=0.0005)
    assert lpips.distance(examples["ref"], examples["ref"]) == 0.0


def test_signed_images_are_codes_mapped_to_minus_1_and_1(lpips: Lpips, examples: dict[str, np.ndarray]) -> None:
    signed = {name: image / 127.5 - 1.0 for name, image in examples.items()}
    assert lpips.distance_signed(signed["ref"], signed["p1"]) == pytest.approx(0.1376, abs=0.0005)


def test_the_smallest_side(lpips: Lpips) -> None:
    small = np.zeros((MIN_SIDE, 40, 3), np.uint8)
    assert lpips.distance(small, small) == 0.0
    with pytest.raises(EvalError, match="at least 31 texels a side, found 40 x 30"):
        lpips.distance(small[:-1], small[:-1])


def test_gradient_is_finite_where_all_features_are_zero(lpips: Lpips) -> None:
    import torch

    image = torch.zeros(2, 3, 40, 40, requires_grad=True)
    other = torch.zeros(2, 3, 40, 40)
    other[1, :, :, 20:] = 0.5
    distances = lpips.distance_tensor(image, other)
    torch.autograd.backward(distances.sum())
    assert distances.shape == (2,)
    assert distances[0] == 0.0
    assert distances[1] > 0.0
    assert image.grad is not None
    assert bool(torch.isfinite(image.grad).all())
    assert float(image.grad[1].abs().sum()) > 0.0


def test_temporal_lpips_sees_changes_and_not_levels(lpips: Lpips, examples: dict[str, np.ndarray]) -> None:
    valid = np.ones((64, 64), bool)
    still = np.stack([examples["ref"]] * 3)
    assert temporal_lpips(still, np.stack([examples["p0"]] * 3), valid, lpips) == 0.0
    flicker = np.stack([examples["ref"], examples["p0"], examples["ref"]])
    assert temporal_lpips(still, flicker, valid, lpips) > 0.1
    assert temporal_lpips(still, flicker, np.zeros((64, 64), bool), lpips) == 0.0


def test_linear_tiles_are_cut_at_256(lpips: Lpips) -> None:
    original = np.random.default_rng(0).random((300, 270, 3), np.float32)
    valid = np.ones((300, 270), bool)
    other = original[::-1]
    same, different = lpips_linear_tiles(lpips, original, [original, other], valid)
    assert len(same) == len(different) == 2  # 256 x 256, 44 x 256; 14 wide are too narrow
    assert same[0] == 0.0
    assert different[0] == lpips.distance_signed(original[:256, :256], other[:256, :256])
    valid[:256, :128] = False  # the reconstruction becomes zero there, the original stays
    assert lpips_linear_tiles(lpips, original, [original], valid)[0][0] > 0.01


def test_an_explicit_file_that_is_not_there_is_absence(tmp_path: Path) -> None:
    missing = tmp_path / "alexnet.pth"
    assert find_weights(missing) == LpipsAbsent(f"--lpips-weights names {missing}, which is not a file")
    refused = tmp_path / ("a" * 300)  # as the folder of another user
    assert find_weights(refused) == LpipsAbsent(f"no AlexNet weights: {refused}: File name too long")


def test_the_variable_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = tmp_path / "hub" / "checkpoints" / "alexnet-owt-7be5be79.pth"
    cached.parent.mkdir(parents=True)
    cached.touch()
    named = tmp_path / "named.pth"
    named.touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("LPIPS_ALEXNET", raising=False)
    found = find_weights()
    if isinstance(found, LpipsAbsent):
        pytest.skip(found.reason)
    assert found.trunk == cached
    monkeypatch.setenv("LPIPS_ALEXNET", str(named))
    found = find_weights()
    assert isinstance(found, LpipsWeights)
    assert found.trunk == named
    monkeypatch.setenv("LPIPS_ALEXNET", str(tmp_path / "gone"))
    assert find_weights() == LpipsAbsent(f"LPIPS_ALEXNET names {tmp_path / 'gone'}, which is not a file")


def test_a_file_that_holds_no_alexnet_is_one_line(lpips: Lpips, tmp_path: Path) -> None:
    import torch

    weights = find_weights(TRUNK if TRUNK.is_file() else None)
    assert isinstance(weights, LpipsWeights)
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not weights")
    with pytest.raises(EvalError, match=r"wrong\.pth: not readable as weights: expected a file of tensors") as caught:
        Lpips(LpipsWeights(wrong, weights.heads))
    assert "\n" not in str(caught.value)
    torch.save({"features.0.weight": torch.zeros(1)}, wrong)
    with pytest.raises(EvalError, match=r"expected features\.0\.weight of shape \(64, 3, 11, 11\), found \(1,\)"):
        Lpips(LpipsWeights(wrong, weights.heads))


def test_absence_loads_neither_torch_nor_scipy(tmp_path: Path) -> None:
    program = (
        "import sys, todpack.eval.measures.perceptual as p\n"
        "found = p.load_lpips()\n"
        "assert isinstance(found, p.LpipsAbsent), found\n"
        "print(found.reason)\n"
        "loaded = {'torch', 'lpips', 'scipy', 'skimage', 'av'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "LPIPS_ALEXNET"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**environment, "TORCH_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("no AlexNet weights")
    assert str(tmp_path) in done.stdout
