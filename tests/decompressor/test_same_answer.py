"""Every family gives one answer: for any number of threads, repeats, and libraries that run its graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.decompressor.graph_reference import Backend, NumpyBackend, TorchBackend, evaluate
from tests.golden.test_golden import FOLDER, LINEAR_NAMES, NAMES
from todpack.decompressor import Archive, Lightmap, open_archive
from todpack.decompressor.bits import unzigzag
from todpack.decompressor.daybasis.decoder import DayBasisDecoder
from todpack.decompressor.errors import RequestError
from todpack.decompressor.graphs.session import choose_provider
from todpack.decompressor.latent_maps import LatentMapDecoder

ARCHIVES = (*NAMES, *LINEAR_NAMES)
DAYBASIS = [name for name in ARCHIVES if name.startswith("daybasis") and "outliers" not in name]
"""Outliers are put over what graphs give: tests/packer/daybasis/test_fireflies.py."""
TIMES = (0.0, 3.3, 12.0, 18.1, 23.99)
NEURAL_BOUND = 1e-3  # codes of 0..255; measured at most 7e-5, see docs/reliability.md "Same answer everywhere"
LATENT_BOUND = 1e-5  # of latent values in units of their largest; measured at most 5e-7
EXP_ULPS = 4  # of exp(v), FORMAT.md "Curve"


def cuda_is_missing() -> str | None:
    """Why there is no CUDA to test, None where there is."""
    torch = pytest.importorskip("torch")
    return None if torch.cuda.is_available() else f"torch {torch.__version__} finds no CUDA device"


@pytest.fixture(params=["numpy", "torch", "torch-cuda"])
def backend(request: pytest.FixtureRequest) -> Backend:
    if request.param == "numpy":
        return NumpyBackend()
    pytest.importorskip("torch")
    if request.param == "torch":
        return TorchBackend("cpu")
    if reason := cuda_is_missing():
        pytest.skip(reason)
    return TorchBackend("cuda")


def everything(path: Path, threads: int | None, provider: str = "cpu") -> list[np.ndarray]:
    """Frames of every lightmap, stored hours and others, twice, and some texels; float32."""
    with open_archive(path, threads=threads, provider=provider) as archive:
        found = []
        for lightmap in archive.lightmaps:
            for _ in range(2):
                found += [lightmap.decode(t, dtype="float32") for t in TIMES]
            found += [lightmap.texel(y, 5, 3.3, dtype="float32") for y in (0, lightmap.height - 1)]
            found.append(lightmap.latents())
    return found


@pytest.mark.parametrize("name", ARCHIVES)
def test_threads_and_repeats_are_identical(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in (  # else maps so small take one thread
        "native_decoder.SAMPLES_PER_THREAD",
        "native_decoder.FRAME_SAMPLES_PER_THREAD",
    ):
        monkeypatch.setattr(f"todpack.decompressor.daybasis.{limit}", 1)
    path = FOLDER / f"{name}.tod"
    alone = everything(path, 1)
    for threads in (1, 2, 4, None):
        for found, expected in zip(everything(path, threads), alone, strict=True):
            assert found.tobytes() == expected.tobytes(), threads


@pytest.mark.parametrize("name", ARCHIVES)
def test_cuda_gives_what_the_cpu_gives(name: str) -> None:
    try:
        choose_provider("cuda")
    except RequestError as error:
        pytest.skip(str(error))
    path = FOLDER / f"{name}.tod"
    for found, expected in zip(everything(path, 1, "cuda"), everything(path, 1), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=10 * NEURAL_BOUND)


def graph(archive: Archive, lightmap: Lightmap, name: str) -> bytes:
    model = archive.metadata["lightmaps"][archive.lightmaps.index(lightmap)]["model"]
    return archive.container.read_bytes(model["graphs"][name])


def run_frame(archive: Archive, lightmap: Lightmap, latents: np.ndarray, time_h: float, backend: Backend) -> np.ndarray:
    feeds = {"z": latents, "time_h": np.array([time_h], np.float32), **lightmap.frame_inputs()}
    rgb: np.ndarray = evaluate(graph(archive, lightmap, "frame"), feeds, backend)["rgb"]
    return rgb.transpose(1, 2, 0)


def clipped(lightmap: Lightmap, rgb: np.ndarray) -> np.ndarray:
    return np.clip(rgb, 0, 255 if lightmap.transfer == "srgb8" else None)


@pytest.mark.parametrize("name", DAYBASIS)
def test_daybasis_graph_in_other_libraries(name: str, backend: Backend) -> None:
    """Exactly equal at stored hours, and between them where A(t) is off a tie; exp within its bound."""
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        for lightmap in archive.lightmaps:
            for time_h in (0.0, 12.0, float(archive.hours[7])):
                found = run_frame(archive, lightmap, lightmap.latents(), time_h, backend)
                found = clipped(lightmap, found)
                decoded = lightmap.decode(time_h, dtype="float32")
                if "log" in name:
                    knee = decoded.max() / 16
                    assert (np.abs(found - decoded) <= EXP_ULPS * 2.0**-23 * (decoded + knee)).all()
                elif isinstance(backend, NumpyBackend) and "linear" not in name and lightmap.transfer == "linear":
                    # the square is one float32 product, here of float64 numbers
                    np.testing.assert_array_equal(found.astype(np.float32), decoded)
                else:
                    np.testing.assert_array_equal(found, decoded)


@pytest.mark.parametrize("name", DAYBASIS)
def test_daybasis_by_the_words_of_the_format(name: str) -> None:
    """FORMAT.md "Temporal codes" and "Curve" in plain NumPy, without graph or runtime: A(t) z + b(t)."""
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        for index, lightmap in enumerate(archive.lightmaps):
            model = archive.metadata["lightmaps"][index]["model"]
            if model.get("curve") == "exp":
                continue
            stored = archive.container.read_array(f"{index}/basis")  # (K + 1, 3, T)
            codes = unzigzag(stored.astype(np.int64))
            levels = np.cumsum(codes + codes[:, 1:2] * np.array([1, 0, 1])[None, :, None], axis=2)
            values = levels * 2.0 ** np.array(model["exponents"])[:, None, None]
            maps = lightmap.latents().astype(np.float64)
            for t, time_h in enumerate(archive.hours):
                rgb = np.einsum("kc,khw->hwc", values[:-1, :, t], maps) + values[-1, :, t]
                if model.get("curve") == "square":
                    rgb = np.square(np.maximum(rgb, 0).astype(np.float32))
                expected = clipped(lightmap, rgb)
                np.testing.assert_array_equal(lightmap.decode(float(time_h), dtype="float32"), expected)


# maps under daybasis' coder are no graph's
@pytest.mark.parametrize("name", [n for n in ARCHIVES if not n.startswith("daybasis") and "maps" not in n])
def test_neural_graphs_in_other_libraries(name: str, backend: Backend) -> None:
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        lightmap = archive.lightmaps[0]
        assert isinstance(lightmap.decoder, LatentMapDecoder)
        feeds = lightmap.decoder.latent_inputs()
        feeds |= {axis: np.arange(n, dtype=np.float32) for axis, n in (("rows", 37), ("columns", 45))}
        latents = evaluate(graph(archive, lightmap, "latents"), feeds, backend)["z"]
        stored = lightmap.latents()
        assert latents.shape == stored.shape
        scale = np.abs(stored).max(axis=(1, 2), keepdims=True) + 1e-6
        assert np.abs((latents - stored) / scale).max() < LATENT_BOUND
        for time_h in TIMES:
            found = clipped(lightmap, run_frame(archive, lightmap, latents, time_h, backend))
            assert np.abs(found - lightmap.decode(time_h, dtype="float32")).max() < NEURAL_BOUND


def test_the_reference_is_no_copy_of_the_runtime() -> None:
    """Maps that are changed for the reference alone are told apart: the comparison can fail."""
    with open_archive(FOLDER / "daybasis-ans-1.0.tod", threads=1, provider="cpu", decoder="onnx") as archive:
        lightmap = archive.lightmaps[0]
        assert isinstance(lightmap.decoder, DayBasisDecoder)
        moved = run_frame(archive, lightmap, lightmap.latents() + np.float32(2.0**-10), 12.0, NumpyBackend())
        assert np.abs(moved - lightmap.decode(12.0, dtype="float32")).max() > 0
