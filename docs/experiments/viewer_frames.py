"""Time of a frame in the viewer, decoded by WebAssembly and drawn in software by Chromium, and of the first picture.

    python docs/experiments/viewer_frames.py samples/courtyard --repeat 4

The day is laid out --repeat times in both directions (4: 256 x 256 becomes 1024 x 1024). Each frame is decoded
at a time of its own, drawn to a canvas of 1280 x 800, and waited for by reading a pixel back.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from todpack.decompressor import open_archive
from todpack.eval.view.page import build_page
from todpack.frames import Day, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
TIMED = """async n => {
  const viewer = await window.todpackViewer;
  const gl = viewer.display.gl, one = new Uint8Array(4), times = [];
  for (let i = 0; i < n; i++) {
    const before = performance.now();
    await viewer.source.show((24 * i) / n, viewer.active, -1);
    const { origin, zoom } = viewer.state;
    viewer.display.draw({ origin, zoom, gain: 1, plain: false, marked: [-1, -1] });
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, one);
    times.push(performance.now() - before);
  }
  return times;
}"""


def main() -> None:
    """Write the archive and its page, and time frames in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--frames", type=int, default=60)
    args = parser.parse_args()
    day = read_day(Path(args.data))
    frames = np.tile(day.radiance, (1, args.repeat, args.repeat, 1))
    valid = np.tile(day.valid, (args.repeat, args.repeat))
    large = Day(frames, valid, day.hours, day.transfer, day.name)
    found = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with tempfile.TemporaryDirectory() as scratch:
        archive, page_file = Path(scratch) / "day.tod", Path(scratch) / "view.html"
        encode_day(large, DayBasisConfig(q_step=16.0), DayBasisPackOptions()).write(archive)
        page_file.write_text(build_page(archive).text, encoding="utf-8")
        with open_archive(archive) as opened:
            n_maps = opened.metadata["lightmaps"][0]["model"]["n_components"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(page_file.as_uri())
            first = page.evaluate("window.todpackViewer.then(() => performance.now())")
            times = page.evaluate(TIMED, args.frames)
            browser.close()
    height, width = valid.shape
    print(
        f"{height} x {width}, K = {n_maps}, software rendering on the CPU: "
        f"median {statistics.median(times):.1f} ms, largest {max(times):.1f} ms of {len(times)} frames; "
        f"first picture {first:.0f} ms after the page was asked for"
    )


if __name__ == "__main__":
    main()
