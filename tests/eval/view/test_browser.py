"""The page in a real Chromium: what is rendered is what the library decodes."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from todpack.decompressor import open_archive
from todpack.eval.view import payload
from todpack.eval.view.page import build_page

pytestmark = pytest.mark.browser
GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ARCHIVES = ("daybasis-ans-1.0.tod", "gridmlp-1.0.tod")
HOURS = (0.0, 9.0, 17.6)  # two stored times and one between
READ = """hour => {
  const values = viewer.readFrame(hour);
  const bytes = new Uint8Array(values.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""


@contextmanager
def opened(chromium: Any, page_text: str, folder: Path, width: int = 1280, height: int = 800) -> Iterator[Any]:
    """The page, from a file, offline; `viewer` is ready; any error in it fails the test."""
    file = folder / "view.html"
    file.write_text(page_text, encoding="utf-8")
    context = chromium.new_context(viewport={"width": width, "height": height}, offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(file.as_uri())
    page.evaluate("async () => { window.viewer = await window.todpackViewer }")
    yield page
    assert errors == []
    context.close()


def rendered(page: Any, time_h: float, height: int, width: int, dtype: str = "uint8") -> np.ndarray:
    data = base64.b64decode(page.evaluate(READ, time_h))
    return np.frombuffer(data, dtype).reshape(height, width, 4)


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_frames_equal_the_library(
    chromium: Any, tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "float32":
        monkeypatch.setattr(payload, "PACKED_BITS", ())
    text, packed = build_page(GOLDEN / name)
    assert packed.kind == kind
    with open_archive(GOLDEN / name) as archive, opened(chromium, text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        for time_h in HOURS:
            frame = rendered(page, time_h, lightmap.height, lightmap.width)
            difference = np.abs(frame[..., :3].astype(int) - lightmap.decode(time_h).astype(int))
            assert difference[lightmap.valid].max() <= 1
            assert np.array_equal(frame[..., 3] == 255, lightmap.valid)


def test_the_screen_shows_the_frame(chromium: Any, tmp_path: Path) -> None:
    """Pixel by pixel at a zoom of 4, through a screenshot: the right way up, nothing between the frame and the eye."""
    path = GOLDEN / ARCHIVES[0]
    text, _ = build_page(path)
    with open_archive(path) as archive, opened(chromium, text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        page.evaluate("() => { viewer.setHour(12); viewer.mark([-1, -1]); viewer.state.place(4, [0, 0]); }")
        page.wait_for_timeout(200)
        box = page.locator("#view").bounding_box()
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
        rows, columns = np.mgrid[0 : lightmap.height, 0 : lightmap.width]
        seen = lightmap.valid & (4 * rows + 4 < box["height"] - 60) & (4 * columns + 4 < box["width"])
        at = shot[int(box["y"]) + 4 * rows[seen] + 2, int(box["x"]) + 4 * columns[seen] + 2]
        assert seen.sum() > 500
        assert np.abs(at - lightmap.decode(12.0)[seen].astype(int)).max() <= 1


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_plot_is_the_texel_over_the_day(chromium: Any, tmp_path: Path, name: str) -> None:
    text, _ = build_page(GOLDEN / name)
    with open_archive(GOLDEN / name) as archive, opened(chromium, text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        y, x = (int(i) for i in np.argwhere(lightmap.valid)[lightmap.n_valid // 2])
        page.evaluate("([x, y]) => viewer.mark([x, y])", [x, y])
        page.wait_for_function("viewer.series !== null")
        series = np.array(page.evaluate("() => viewer.series.map(values => Array.from(values))"))
        hours = np.arange(96) / 4
        expected = np.array([lightmap.texel(y, x, float(h), dtype="float32") for h in hours])
        assert np.abs(series[:, :96].T - expected).max() <= 0.5


def test_keys_and_controls(chromium: Any, tmp_path: Path) -> None:
    text, _ = build_page(GOLDEN / ARCHIVES[0])
    with opened(chromium, text, tmp_path) as page:
        page.locator("#view").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("]")
        assert page.evaluate("viewer.marked[0] >= 0 && viewer.hour > 12")
        zoom = page.evaluate("viewer.state.zoom")
        page.keyboard.press("+")
        assert page.evaluate("viewer.state.zoom") > zoom
        page.keyboard.press("0")
        assert page.evaluate("viewer.state.zoom") == pytest.approx(zoom)
        hour = page.evaluate("viewer.hour")
        page.keyboard.press(" ")
        page.wait_for_function(f"viewer.hour !== {hour}")
        page.keyboard.press(" ")
        assert page.locator("#play").get_attribute("aria-pressed") == "false"
        page.locator("#maps-none").click()
        dark = page.evaluate("Array.from(viewer.readFrame(12))")
        page.locator("#maps-all").click()
        assert page.evaluate("Array.from(viewer.readFrame(12))") != dark
        page.locator("#shown").select_option("0")
        assert page.evaluate("viewer.shown") == 0


def test_a_phone_scrolls_down_only(chromium: Any, tmp_path: Path) -> None:
    text, _ = build_page(GOLDEN / ARCHIVES[0])
    with opened(chromium, text, tmp_path, 390, 844) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator("#play").bounding_box()
        assert box["height"] >= 40
        assert box["y"] + box["height"] <= 844
