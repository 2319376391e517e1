"""The three decoders of daybasis give the same answers for every golden archive, and each is chosen as asked."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.golden.test_golden import FOLDER
from todpack.decompressor import RequestError, open_archive
from todpack.decompressor.daybasis import native
from todpack.decompressor.daybasis.native_decoder import NativeDecoder
from todpack.decompressor.pixels import FORMATS

ARCHIVES = sorted(path.stem for path in FOLDER.glob("daybasis*.tod"))
OTHERS = (*(["native"] if native.IS_THERE else []), "reference")
BETWEEN = (0.26, 7.77, 13.5, 23.99)
built = pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built")


def opened(name: str, decoder: str, **options):
    return open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu", decoder=decoder, **options)


@pytest.mark.parametrize("gutter", ["dilate", "mean", "black"])
@pytest.mark.parametrize("decoder", OTHERS)
@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.thorough
def test_stored_hours_and_maps_are_the_same_bytes(name: str, decoder: str, gutter: str) -> None:
    with opened(name, "onnx", gutter=gutter) as plain, opened(name, decoder, gutter=gutter) as other:
        for a, b in zip(plain.lightmaps, other.lightmaps, strict=True):
            np.testing.assert_array_equal(a.latents(), b.latents())
            assert a.frame_inputs().keys() == b.frame_inputs().keys()
            curve = plain.metadata["lightmaps"][0]["model"].get("curve")
            for time_h in a.hours:
                expected, found = (m.decode(float(time_h), dtype="float32") for m in (a, b))
                if curve == "exp":  # no two libraries' exp agree to the last bit
                    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-6)
                else:
                    np.testing.assert_array_equal(found, expected)
                if a.transfer == "srgb8":
                    np.testing.assert_array_equal(a.decode(float(time_h)), b.decode(float(time_h)))


@built
@pytest.mark.parametrize("name", ARCHIVES)
def test_between_stored_hours_native_is_the_reference(name: str) -> None:
    """onnxruntime may round an entry of A(t) to the next step; the native core and NumPy compute it alike."""
    with opened(name, "reference") as plain, opened(name, "native") as other:
        for a, b in zip(plain.lightmaps, other.lightmaps, strict=True):
            for time_h in BETWEEN:
                expected, found = (m.decode(time_h, dtype="float32") for m in (a, b))
                np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("decoder", OTHERS)
@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.thorough
def test_between_stored_hours_within_a_step_of_the_graph(name: str, decoder: str) -> None:
    with opened(name, "onnx") as plain, opened(name, decoder) as other:
        a, b = plain.lightmaps[0], other.lightmaps[0]
        model = plain.metadata["lightmaps"][0]["model"]
        if model.get("curve", "none") != "none":
            return
        reach = np.abs(a.latents()).reshape(model["n_components"], -1).max(axis=1)
        step = float(np.exp2(model["exponents"][:-1]) @ reach + 2.0 ** model["exponents"][-1])
        for time_h in BETWEEN:
            expected, found = (m.decode(time_h, dtype="float32") for m in (a, b))
            assert np.abs(expected - found).max() <= step
            assert np.mean(expected != found) < 0.5


@pytest.mark.parametrize("decoder", ["onnx", *OTHERS])
@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.thorough
def test_frame_region_texel_and_formats_agree(name: str, decoder: str) -> None:
    rng = np.random.default_rng(0)
    with opened(name, decoder) as archive:
        lightmap = archive.lightmaps[-1]
        formats = [one for one in FORMATS.values() if lightmap.transfer == "srgb8" or not one.is_8bit]
        for time_h in (float(lightmap.hours[0]), 13.37):
            values = lightmap.decode(time_h, dtype="float32")
            for one in formats:
                frame = lightmap.decode(time_h, dtype=one.name)
                base = lightmap.decode(time_h).copy() if one.is_8bit else values.copy()
                np.testing.assert_array_equal(frame, one.of(base, lightmap.transfer))
                for _ in range(4):
                    y0, x0 = int(rng.integers(lightmap.height)), int(rng.integers(lightmap.width))
                    y1 = int(rng.integers(y0, lightmap.height)) + 1
                    x1 = int(rng.integers(x0, lightmap.width)) + 1
                    part = lightmap.decode(time_h, (y0, y1, x0, x1), one.name)
                    np.testing.assert_array_equal(part, frame[y0:y1, x0:x1])
                    np.testing.assert_array_equal(lightmap.texel(y0, x0, time_h, one.name), frame[y0, x0])


@built
def test_nothing_is_kept_on_request() -> None:
    with opened("daybasis-ans-1.0", "native") as archive:
        lightmap = archive.lightmaps[0]
        frame = lightmap.decode(12.0, keep=False)
        tiles = lightmap._file.runtime.tiles
        assert tiles._held == 0
        np.testing.assert_array_equal(lightmap.decode(12.0), frame)
        assert tiles._held > 0
    with opened("daybasis-ans-1.0", "native", cache_bytes=0) as archive:
        np.testing.assert_array_equal(archive.decode(12.0), frame)
    with pytest.raises(RequestError, match="cache_bytes: expected 0 or more, found -1"):
        opened("daybasis-ans-1.0", "native", cache_bytes=-1)


@built
@pytest.mark.parametrize("name", ARCHIVES)
def test_golden_archives_are_decoded_natively(name: str) -> None:
    with opened(name, "native") as archive:
        assert archive.runs_on == "native"
        assert isinstance(archive.lightmaps[0].decoder, NativeDecoder)


@built
def test_another_graph_goes_to_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("todpack.decompressor.daybasis.standard_graph.HOURS_PER_DAY", 25.0)
    with opened("daybasis-ans-1.0", "native") as archive, opened("daybasis-ans-1.0", "onnx") as plain:
        assert not isinstance(archive.lightmaps[0].decoder, NativeDecoder)
        np.testing.assert_array_equal(archive.decode(12.0), plain.decode(12.0))


@built
def test_beyond_what_is_exact_numpy_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise native.BeyondExact("too large")

    with opened("daybasis-ans-1.0", "onnx") as plain:
        expected = plain.decode(12.0)
    for name in ("open_basis", "decode_tile", "draw"):
        monkeypatch.setattr(native, name, refuse)
        with opened("daybasis-ans-1.0", "native") as archive:
            results: list[np.ndarray] = []
            threads = [threading.Thread(target=lambda: results.append(archive.decode(12.0))) for _ in range(4)]  # noqa: B023
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(results) == 4
            for found in results:
                np.testing.assert_array_equal(found, expected)
        monkeypatch.undo()


def test_the_choice_of_a_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "daybasis-ans-1.0"
    with open_archive(FOLDER / f"{name}.tod") as archive:
        assert archive.decoder == ("native" if native.IS_THERE else "onnx")
    monkeypatch.setenv("TODPACK_DECODER", "reference")
    with open_archive(FOLDER / f"{name}.tod") as archive:
        assert (archive.decoder, archive.runs_on) == ("reference", "reference")
    with opened(name, "onnx") as archive:
        assert (archive.decoder, archive.runs_on) == ("onnx", "cpu")
    monkeypatch.setenv("TODPACK_DECODER", "fast")
    with pytest.raises(
        RequestError, match="TODPACK_DECODER: expected one of auto, native, onnx, reference, found 'fast'"
    ):
        open_archive(FOLDER / f"{name}.tod")
    monkeypatch.setattr(native, "IS_THERE", False)
    with pytest.raises(RequestError, match="decoder: expected the native core for 'native', found that it was not bui"):
        opened(name, "native")
    with opened(name, "auto") as archive:
        assert archive.decoder == "onnx"


@built
@pytest.mark.parametrize("decoder", OTHERS)
def test_onnxruntime_is_not_imported(decoder: str) -> None:
    code = (
        "import sys; from todpack.decompressor import open_archive\n"
        f"with open_archive({str(FOLDER / 'daybasis-ans-1.0.tod')!r}, decoder={decoder!r}) as archive:\n"
        "    archive.decode(12.5); archive.texel(3, 4, 1.0)\n"
        "sys.exit('onnxruntime' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
