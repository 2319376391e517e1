"""examples/three: its files are what its scripts make, and the page draws what a rendering by rays shows."""

from __future__ import annotations

import base64
import functools
import io
import json
import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from todpack.decompressor import open_archive
from todpack.eval.measures.metrics import psnr_linear_db

EXAMPLE = REPOSITORY / "examples" / "three"
SIZE = (640, 400)
EXPOSURE = 0.55
HOURS = (7.5, 12.0, 22.0)


@pytest.fixture(scope="module")
def modules() -> Iterator[tuple[ModuleType, ModuleType]]:
    """scene.py and light.py."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        import light
        import scene

        yield scene, light
    finally:
        sys.path.remove(str(EXAMPLE))


def test_the_scene_is_what_its_script_makes(modules: tuple[ModuleType, ModuleType]) -> None:
    scene, _ = modules
    charts = scene.charts()
    taken = np.zeros((scene.SIZE, scene.SIZE), int)
    for chart in charts:
        (row, column), (rows, columns) = chart.place, chart.shape
        taken[row - 1 : row + rows + 1, column - 1 : column + columns + 1] += 1
        taken[row : row + rows, column : column + columns] += 10
    assert not ((taken > 10) & (taken != 11)).any(), "charts keep a texel apart"
    content = (EXAMPLE / "scene.glb").read_bytes()
    assert content == scene.write_glb(charts)
    magic, version, size, text_bytes = struct.unpack_from("<4s3I", content)
    assert (magic, version, size) == (b"glTF", 2, len(content))
    document = json.loads(content[20 : 20 + text_bytes])
    assert {name for one in document["meshes"][0]["primitives"] for name in one["attributes"]} >= {"TEXCOORD_1"}


@pytest.mark.slow
def test_the_light_is_what_its_script_makes(modules: tuple[ModuleType, ModuleType]) -> None:
    scene, light = modules
    frames, valid = light.bake(scene.charts())
    with open_archive(EXAMPLE / "scene.tod") as archive:
        decoded = np.stack([archive.decode(float(hour), dtype="float32") for hour in archive.lightmaps[0].hours])
        assert np.array_equal(archive.lightmaps[0].valid, valid)
    assert psnr_linear_db(frames, decoded, valid) > 49.5


def test_rays_find_the_nearest_box(modules: tuple[ModuleType, ModuleType]) -> None:
    _, light = modules
    places = np.array([[0.0, 5.0, 3.0], [0.0, 5.0, 30.0]], np.float32)
    distance, box = light.nearest_box(places, np.array([0.0, -1.0, 0.0]))
    assert box.tolist() == [0, -1]  # the ground, and nothing
    assert distance[0] == pytest.approx(5.0)


def rendered(frame: np.ndarray, modules: tuple[ModuleType, ModuleType]) -> tuple[np.ndarray, np.ndarray]:
    """What the page's camera sees by a frame (H, W, 3) of light: (h, w, 3) codes, and the number of the chart at each
    pixel, -1 for none."""
    scene, _ = modules
    width, height = SIZE
    eye, target = np.array([9.0, 8.0, 14.0]), np.array([-0.5, 0.8, -1.0])
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    above = np.cross(right, ahead)
    scale = math.tan(math.radians(20.0))
    y, x = np.meshgrid(*(np.arange(n) + 0.5 for n in (height, width)), indexing="ij")
    rays = ahead + scale * ((2 * x / width - 1) * width / height)[..., None] * right
    rays = (rays + scale * (1 - 2 * y / height)[..., None] * above).reshape(-1, 3)
    distance, chart_at = np.full(len(rays), np.inf), np.full(len(rays), -1)
    colors = np.zeros((len(rays), 3))
    for number, chart in enumerate(scene.charts()):
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (chart.corner - eye)[chart.axis] / rays[:, chart.axis]
            at = eye + along[:, None] * rays - chart.corner
            a, b = (at @ side / (side @ side) for side in chart.sides)
            seen = (along > 0) & (along < distance) & (a >= 0) & (a <= 1) & (b >= 0) & (b <= 1)
            seen &= rays @ chart.normal < 0
        distance[seen], chart_at[seen] = along[seen], number
        row = chart.place[0] + b[seen] * (chart.shape[0] - 1)
        column = chart.place[1] + a[seen] * (chart.shape[1] - 1)
        top, left = np.floor(row).astype(int), np.floor(column).astype(int)
        down, across = (row - top)[:, None], (column - left)[:, None]
        upper = frame[top, left] * (1 - across) + frame[top, left + 1] * across
        lower = frame[top + 1, left] * (1 - across) + frame[top + 1, left + 1] * across
        base = np.array(scene.MATERIALS[scene.BOXES[chart.box][0]])
        colors[seen] = 1.0 - np.exp(-EXPOSURE * base * (upper * (1 - down) + lower * down))
    coded = np.where(colors <= 0.0031308, 12.92 * colors, 1.055 * np.maximum(colors, 1e-9) ** (1 / 2.4) - 0.055)
    return 255.0 * coded.reshape(height, width, 3), chart_at.reshape(height, width)


def inner(charts: np.ndarray) -> np.ndarray:
    """(h, w) pixels whose neighbors show the same chart."""
    padded = np.pad(charts, 1, constant_values=-2)
    height, width = charts.shape
    same = [padded[dy : dy + height, dx : dx + width] == charts for dy in range(3) for dx in range(3)]
    return np.logical_and.reduce(same) & (charts >= 0)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The built page, opened, with its three hours' pictures to take."""
    if not (EXAMPLE / "node_modules" / "three").is_dir():
        pytest.skip("no npm packages: run `make test-browser`, which installs them")
    folder = tmp_path_factory.mktemp("three")
    environment = {**os.environ, "TODPACK": f"{sys.executable} -m todpack"}
    subprocess.run(["sh", EXAMPLE / "build.sh", folder], env=environment, check=True, capture_output=True)
    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    opened = chromium.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"http://localhost:{server.server_port}/")
    opened.wait_for_function(
        "document.body.dataset.ready || document.querySelector('#figures').textContent != 'loading'"
    )
    assert opened.get_attribute("body", "data-ready") == "yes", opened.inner_text("#figures")
    yield opened
    opened.close()
    server.shutdown()
    server.server_close()
    assert errors == []


def drawn(page: Any, hour: float) -> np.ndarray:
    """(h, w, 3) float codes of the canvas."""
    script = """(hour) => {
      const slider = document.querySelector('#hour');
      slider.value = hour;
      slider.dispatchEvent(new Event('input'));
      return document.querySelector('canvas').toDataURL();
    }"""
    stored = base64.b64decode(page.evaluate(script, hour).partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(stored)).convert("RGB")).astype(float)


@pytest.mark.browser
@pytest.mark.parametrize("way", ["maps", "frames"])
def test_the_page_shows_the_scene(page: Any, way: str, modules: tuple[ModuleType, ModuleType]) -> None:
    if way == "frames" and page.evaluate("document.querySelector('#way').options[1].disabled"):
        pytest.skip("no js/todpack.wasm: run js/build.sh")
    limits = {"maps": (1.0, 8.0), "frames": (0.5, 2.0)}[way]  # README.md there
    page.select_option("#way", way)
    with open_archive(EXAMPLE / "scene.tod") as archive:
        for hour in HOURS:
            below = math.floor(hour)
            ends = [archive.decode(float(one), dtype="float32") for one in (below, (below + 1) % 24)]
            blend = ends[0] * (1 - (hour - below)) + ends[1] * (hour - below)
            expected, charts = rendered(archive.decode(hour, dtype="float32") if way == "maps" else blend, modules)
            seen = drawn(page, hour)
            inside = inner(charts)
            assert inside.mean() > 0.3
            error = np.abs(seen - expected)[inside]
            assert error.mean() < limits[0], hour
            assert np.quantile(error, 0.99) < limits[1], hour
            assert seen[charts < 0].mean() < 2.0  # nothing there
    figures = page.inner_text("#figures")
    assert ("maps 554 kB" if way == "maps" else "two frames 524 kB") in figures


@pytest.mark.browser
def test_time_runs_and_charts_are_shown(page: Any) -> None:
    page.select_option("#way", "maps")
    before = drawn(page, 12.0)
    page.check("#charts")
    assert np.abs(drawn(page, 12.0) - before).mean() > 0.5
    page.uncheck("#charts")
    page.click("#play")
    page.wait_for_function("Number(document.querySelector('#hour').value) > 12.1")
    page.click("#play")
    assert np.array_equal(drawn(page, 12.0), before)
