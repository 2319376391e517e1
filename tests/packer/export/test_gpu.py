"""The exported shaders in a real browser, in WebGL2 and WebGPU: what they draw is what the library decodes."""

from __future__ import annotations

import base64
import functools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.packer.export.conftest import GOLDEN
from todpack.decompressor import open_archive
from todpack.eval.exported import read_maps

pytestmark = pytest.mark.browser
PAGE = Path(__file__).parent / "gpu"
HOURS = (0.0, 9.0, 17.6, 23.9)  # stored ones, one between, and one in the gap around midnight


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path, node_modules: Path) -> Iterator[str]:
    """A folder from http://localhost, with the page's modules in it."""
    for module in PAGE.glob("*.mjs"):
        shutil.copy(module, folder)
    shutil.copy(node_modules / "ktx-parse/dist/index.mjs", folder / "ktx-parse.mjs")
    shutil.copy(node_modules / "zstddec/dist/zstddec.mjs", folder / "zstddec.mjs")
    (folder / "page.html").write_text("<!doctype html><title>gpu</title>", "utf-8")
    server = ThreadingHTTPServer(("localhost", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def opened(browser: Any, url: str) -> Iterator[Any]:
    page = browser.new_page()
    page.goto(f"{url}page.html")
    yield page
    page.close()


def call(page: Any, module: str, function: str, *arguments: Any) -> Any:
    script = f"async (arguments_) => (await import('./{module}.mjs')).{function}(...arguments_)"
    return page.evaluate(script, list(arguments))


def drawn(page: Any, module: str, hour: float, width: int, height: int, *more: bool) -> np.ndarray:
    pixels = base64.b64decode(call(page, module, "draw", "out", hour, width, height, *more))
    return np.frombuffer(pixels, np.float32).reshape(height, width, 4)[..., :3]


@pytest.mark.parametrize("interface", ["webgl", "webgpu"])
@pytest.mark.parametrize(
    "arguments", [("--texture", "rgba8"), ("--texture", "bc7", "--textures", "5"), ("--texture", "bc4")]
)
def test_sampled_maps(
    interface: str,
    arguments: tuple[str, ...],
    request: pytest.FixtureRequest,
    small_archive: Path,
    exported: Callable[..., Path],
    node_modules: Path,
) -> None:
    browser = request.getfixturevalue("chromium" if interface == "webgl" else "webgpu_chromium")
    out = exported(small_archive, "--profile", "sample", *arguments)
    with served(out.parent, node_modules) as url, opened(browser, url) as page:
        for level, hours in ((0, HOURS), (1, HOURS[1:2])):
            maps = read_maps(out, level)
            height, width = maps.values.shape[:2]
            for hour in hours:
                seen = drawn(page, interface, hour, width, height)
                assert np.abs(255.0 * seen - maps.decode(hour)).max() < 0.1
    if arguments == ("--texture", "rgba8"):  # no loss but rounding: the archive itself
        with open_archive(small_archive) as archive:
            valid = archive.lightmaps[0].valid
            frame, whole = archive.decode(9.0, dtype="float32"), read_maps(out).decode(9.0)
            assert np.abs(frame - whole)[valid].max() <= 2.0


def test_a_row_that_is_evaluated_once_a_frame(
    chromium: Any, small_archive: Path, exported: Callable[..., Path], node_modules: Path
) -> None:
    """With TODPACK_HOURS 1 the shader reads the one row that the program made of temporal.bin."""
    out = exported(small_archive, "--profile", "sample", "--texture", "rgba8", "--no-mips")
    with served(out.parent, node_modules) as url, opened(chromium, url) as page:
        maps = read_maps(out)
        height, width = maps.values.shape[:2]
        for hour in HOURS:
            seen = drawn(page, "webgl", hour, width, height, True)
            assert np.abs(255.0 * seen - maps.decode(hour)).max() < 0.1


@pytest.mark.parametrize("name", ["daybasis-gamma-1.1", "daybasis-log-1.1", "daybasis-linear-1.0"])
@pytest.mark.parametrize("interface", ["webgl", "webgpu"])
def test_radiance(
    interface: str, name: str, request: pytest.FixtureRequest, exported: Callable[..., Path], node_modules: Path
) -> None:
    browser = request.getfixturevalue("chromium" if interface == "webgl" else "webgpu_chromium")
    out = exported(GOLDEN / f"{name}.tod", "--profile", "sample", "--texture", "rgba8")
    maps = read_maps(out)
    height, width = maps.values.shape[:2]
    with served(out.parent, node_modules) as url, opened(browser, url) as page:
        for hour in (5.9, 12.0, 20.3):
            expected = maps.decode(hour)
            seen = drawn(page, interface, hour, width, height)
            assert np.abs(seen - expected).max() <= 5e-4 * expected.max()


@pytest.mark.parametrize("zstd", [(), ("--zstd",)])
def test_expanded_frames_are_the_library_s(
    webgpu_chromium: Any, small_archive: Path, exported: Callable[..., Path], node_modules: Path, zstd: tuple[str, ...]
) -> None:
    out = exported(small_archive, "--profile", "load", *zstd)
    with served(out.parent, node_modules) as url, opened(webgpu_chromium, url) as page:
        pixels = base64.b64decode(call(page, "webgpu", "expand", "out", list(HOURS), "rgba8unorm"))
    with open_archive(small_archive) as archive:
        lightmap = archive.lightmaps[0]
        frames = np.frombuffer(pixels, np.uint8).reshape(len(HOURS), lightmap.height, lightmap.width, 4)
        for frame, hour in zip(frames, HOURS, strict=True):
            difference = frame[..., :3].astype(int) - lightmap.decode(hour).astype(int)
            assert np.abs(difference)[lightmap.valid].max() <= 1
            assert (frame[..., 3] == 255).all()


def test_expanded_radiance(webgpu_chromium: Any, exported: Callable[..., Path], node_modules: Path) -> None:
    archive_path = GOLDEN / "daybasis-gamma-1.1.tod"
    out = exported(archive_path, "--profile", "load")
    with served(out.parent, node_modules) as url, opened(webgpu_chromium, url) as page:
        pixels = base64.b64decode(call(page, "webgpu", "expand", "out", [12.0], "rgba16float"))
    with open_archive(archive_path) as archive:
        lightmap = archive.lightmaps[0]
        frame = np.frombuffer(pixels, np.float16).reshape(lightmap.height, lightmap.width, 4)[..., :3]
        expected = lightmap.decode(12.0, dtype="float32")
        assert np.abs(frame - expected)[lightmap.valid].max() <= 2.0**-10 * expected.max()
