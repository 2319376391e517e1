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
from todpack.eval.view import page as page_module
from todpack.eval.view import payload
from todpack.eval.view.page import build_page

pytestmark = pytest.mark.browser
GOLDEN = Path(__file__).resolve().parents[2] / "golden"
ARCHIVES = ("daybasis-ans-1.2.tod", "gridmlp-1.0.tod")  # decoded by WebAssembly, and on the graphics device
HOURS = (0.0, 9.0, 17.6)  # two stored times and one between
READ = """async hour => {
  const values = await viewer.readFrame(hour);
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


DAYBASIS = sorted(path.name for path in GOLDEN.glob("daybasis-*.tod"))


@pytest.mark.parametrize("name", DAYBASIS)
def test_frames_of_an_archive_are_the_librarys(chromium: Any, tmp_path: Path, name: str) -> None:
    page_text = build_page(GOLDEN / name, "0").text
    with open_archive(GOLDEN / name) as archive, opened(chromium, page_text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
        for time_h in lightmap.hours[0], lightmap.hours[2]:
            frame = rendered(page, float(time_h), lightmap.height, lightmap.width, dtype)
            assert np.array_equal(
                frame[lightmap.valid, :3], lightmap.decode(float(time_h), dtype=dtype)[lightmap.valid]
            )
            assert np.array_equal(frame[..., 3] > 0, lightmap.valid)


@pytest.mark.parametrize("kind", ["uint16", "float32"])
def test_frames_of_maps_are_within_a_code(
    chromium: Any, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "float32":
        monkeypatch.setattr(payload, "PACKED_BITS", ())
    path = GOLDEN / "gridmlp-1.0.tod"
    made = build_page(path)
    assert made.packed is not None and made.packed.kind == kind
    with open_archive(path) as archive, opened(chromium, made.text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        for time_h in HOURS:
            frame = rendered(page, time_h, lightmap.height, lightmap.width)
            difference = np.abs(frame[..., :3].astype(int) - lightmap.decode(time_h).astype(int))
            assert difference[lightmap.valid].max() <= 1
            assert np.array_equal(frame[..., 3] == 255, lightmap.valid)


def test_a_graph_of_its_own_is_shown_by_its_maps(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "decodes", lambda archive: False)
    path = GOLDEN / "daybasis-ans-1.2.tod"
    made = build_page(path)
    assert made.packed is not None
    with open_archive(path) as archive, opened(chromium, made.text, tmp_path) as page:
        lightmap = archive.lightmaps[0]
        frame = rendered(page, 9.0, lightmap.height, lightmap.width)
        difference = np.abs(frame[..., :3].astype(int) - lightmap.decode(9.0).astype(int))
        assert difference[lightmap.valid].max() <= 1


DROP = """([text, name]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


def dropped(page: Any, path: Path) -> None:
    page.evaluate(DROP, [base64.b64encode(path.read_bytes()).decode(), path.name])


@pytest.mark.parametrize("carried", ARCHIVES)
def test_archives_that_are_dropped_on_the_page(chromium: Any, tmp_path: Path, carried: str) -> None:
    level = GOLDEN / "daybasis-level-1.1.tod"
    with open_archive(level) as archive, opened(chromium, build_page(GOLDEN / carried).text, tmp_path) as page:
        assert page.locator("#lightmap").is_hidden()
        dropped(page, level)
        page.wait_for_function("viewer.description.lightmaps > 1")
        assert page.locator("#lightmap option").count() == len(archive.lightmaps)
        for index, lightmap in reversed(list(enumerate(archive.lightmaps))):
            page.locator("#lightmap").select_option(str(index))
            page.wait_for_function(f"viewer.description.name === {lightmap.name!r} && viewer.source.index === {index}")
            frame = rendered(page, float(lightmap.hours[1]), lightmap.height, lightmap.width, "float32")
            expected = lightmap.decode(float(lightmap.hours[1]), dtype="float32")
            assert np.array_equal(frame[lightmap.valid, :3], expected[lightmap.valid])
        name = page.evaluate("viewer.description.name")
        dropped(page, GOLDEN / "siren-latent-1.1.tod")
        page.locator("#message").wait_for()
        assert "siren-latent-1.1.tod: " in page.locator("#message").inner_text()
        assert page.evaluate("viewer.description.name") == name  # what was shown stays


def test_opening_can_be_canceled(chromium: Any, tmp_path: Path) -> None:
    path = GOLDEN / ARCHIVES[0]
    with opened(chromium, build_page(path).text, tmp_path) as page:
        before = page.evaluate("viewer.source.file")
        page.evaluate(
            """([text]) => {
              const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
              window.opening = viewer.opener.openBytes(bytes, "other.tod").then(() => "open", (error) => error.message);
              document.getElementById("cancel").click();
            }""",
            [base64.b64encode(path.read_bytes()).decode()],
        )
        assert page.evaluate("window.opening") == "canceled"
        assert page.locator("#busy").is_hidden()
        assert page.locator("#message").is_hidden()
        assert page.evaluate("viewer.source.file") == before


def test_the_screen_shows_the_frame(chromium: Any, tmp_path: Path) -> None:
    """Pixel by pixel at a zoom of 4, through a screenshot: the right way up, nothing between the frame and the eye."""
    path = GOLDEN / ARCHIVES[0]
    text = build_page(path).text
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
    text = build_page(GOLDEN / name).text
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
    text = build_page(GOLDEN / ARCHIVES[0]).text
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
        dark = page.evaluate("viewer.readFrame(12).then(values => Array.from(values))")
        page.locator("#maps-all").click()
        assert page.evaluate("viewer.readFrame(12).then(values => Array.from(values))") != dark
        page.locator("#shown").select_option("0")
        assert page.evaluate("viewer.shown") == 0


def test_a_phone_scrolls_down_only(chromium: Any, tmp_path: Path) -> None:
    text = build_page(GOLDEN / ARCHIVES[0]).text
    with opened(chromium, text, tmp_path, 390, 844) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        box = page.locator("#play").bounding_box()
        assert box["height"] >= 40
        assert box["y"] + box["height"] <= 844
