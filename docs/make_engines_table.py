"""The table of docs/engines.md: what each way into an engine takes on disk and on the card, and what it loses.

    python docs/make_engines_table.py samples/courtyard OTHER_FRAMES --psnr 47

Every row is `todpack export` of one archive per dataset; the files are read back (todpack.eval.exported) and compared
with the original frames. --time also draws them in a headless Chromium that renders in software.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor import open_archive
from todpack.decompressor.cli import frame_names
from todpack.eval.exported import read_ktx2, read_maps
from todpack.eval.measures.border import border_score
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import Day, read_day

ROOT = Path(__file__).resolve().parents[1]
GPU_PAGE = ROOT / "tests/packer/export/gpu"
NODE_MODULES = ROOT / "tests/browser/node_modules"
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
FRAMES = 24
ROWS: dict[str, tuple[str, ...]] = {
    "24 frames, RGBA16F": ("--profile", "frames", "--texture", "rgba16f"),
    "24 frames, RGB9E5": ("--profile", "frames", "--texture", "rgb9e5"),
    "24 frames, BC6H": ("--profile", "frames", "--texture", "bc6h"),
    "24 frames, BC7": ("--profile", "frames", "--texture", "bc7"),
    "maps to expand, 16 bits": ("--profile", "load"),
    "maps, 8 bits": ("--profile", "sample", "--texture", "rgba8"),
    "maps, 16 x BC4": ("--profile", "sample", "--texture", "bc4"),
    "maps, 8 x BC7": ("--profile", "sample", "--textures", "8"),
    "maps, 6 x BC7": ("--profile", "sample"),
    "maps, 5 x BC7": ("--profile", "sample", "--textures", "5"),
    "maps, 4 x BC7": ("--profile", "sample", "--textures", "4"),
}


def run(*arguments: object) -> None:
    """Run todpack as a user would."""
    command = [sys.executable, "-c", "import sys; from todpack.cli import main; sys.exit(main())"]
    subprocess.run([*command, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def to_codes(stored: np.ndarray) -> np.ndarray:
    """(H, W, C) texels of a frame, as they are stored, to (H, W, 3) 8-bit sRGB codes."""
    if stored.dtype == np.uint8:
        return stored[..., :3]
    if stored.dtype == np.uint32:
        words = stored[..., 0].astype(np.int64)
        light = np.stack([words >> shift & 511 for shift in (0, 9, 18)], -1) * np.exp2((words >> 27) - 24.0)[..., None]
    else:
        light = stored[..., :3].astype(np.float64)
    light = np.clip(light, 0.0, 1.0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255.0 * curve), np.uint8)


def decoded(out: Path, hours: list[float]) -> np.ndarray:
    """(T, H, W, 3) uint8 of an export."""
    if (out / "temporal.json").is_file():
        maps = read_maps(out)
        return np.stack([np.rint(maps.decode(hour)).astype(np.uint8) for hour in hours])
    return np.stack([to_codes(read_ktx2(out / f"{name}.ktx2")[0]) for name in frame_names(hours)])


def figures(archive: Path, arguments: tuple[str, ...], day: Day, originals: np.ndarray, folder: Path) -> dict[str, Any]:
    """One row."""
    import json

    out, small = folder / "out", folder / "small"
    run("export", archive, "-o", out, *arguments, "--overwrite")
    run("export", archive, "-o", small, *arguments, "--zstd", "--no-mips", "--overwrite")
    (entry,) = json.loads((out / "export.json").read_text("utf-8"))["lightmaps"]
    (packed,) = json.loads((small / "export.json").read_text("utf-8"))["lightmaps"]
    n = entry["n_layers"] if "frames" in arguments else 1

    def read_bytes(files: dict[str, int]) -> int:
        return sum(size for name, size in files.items() if name.endswith((".ktx2", ".bin")))

    frames = decoded(out, [float(hour) for hour in day.hours])
    border = border_score(originals, frames, day.valid)
    return {
        "disk": read_bytes(entry["files"]),
        "zstd": read_bytes(packed["files"]),
        "texel": n * entry["texel_bytes"],
        "mips": n * entry["texel_bytes_with_mips"],
        "psnr_db": psnr_srgb_db(originals, frames, day.valid),
        "border_db": "" if border is None else " / ".join(f"{db:.2f}" for db in border.psnr_db),
    }


@contextmanager
def browser_page(folder: Path) -> Iterator[Any]:
    """A page of a Chromium that renders in software, from http://localhost, with the modules of the tests."""
    from playwright.sync_api import sync_playwright

    for module in (*GPU_PAGE.glob("*.mjs"),):
        (folder / module.name).write_bytes(module.read_bytes())
    (folder / "ktx-parse.mjs").write_bytes((NODE_MODULES / "ktx-parse/dist/index.mjs").read_bytes())
    (folder / "zstddec.mjs").write_bytes((NODE_MODULES / "zstddec/dist/zstddec.mjs").read_bytes())
    (folder / "page.html").write_text("<!doctype html>", "utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(FLAGS))
        page = browser.new_page()
        page.goto(f"http://localhost:{server.server_port}/page.html")
        yield page
        browser.close()
    server.shutdown()


def timed(folder: Path, day: Day, is_one_row: bool) -> float:
    """Median milliseconds of drawing the export in `folder`/out, texel by texel."""
    with browser_page(folder) as page:
        script = "async (a) => (await import('./webgl.mjs')).time(...a)"
        times = page.evaluate(script, ["out", day.width, day.height, FRAMES, is_one_row])
    return statistics.median(times[2:])


def table(data: Path, psnr_db: float, with_time: bool, say: Callable[[str], object] = print) -> None:
    """Print the rows of one dataset."""
    day = read_day(data)
    originals = np.rint(day.radiance).astype(np.uint8)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "scene.tod"
        run("compress", data, "-o", archive, "--target-psnr", psnr_db)
        with open_archive(archive) as opened:
            frames = np.stack([opened.decode(float(hour)) for hour in day.hours])
        own_db = psnr_srgb_db(originals, frames, day.valid)
        say(f"\n{data}, {day.width} x {day.height}; the archive: {archive.stat().st_size} bytes, {own_db:.2f} dB\n")
        times = ("| time | time, one row |", "|---|---|") if with_time else ("|", "|")
        say(f"| | on disk | with zstd, no mips | bytes per texel | with mips | dB | border dB {times[0]}")
        say(f"|---|---|---|---|---|---|---{times[1]}")
        for title, arguments in ROWS.items():
            row = figures(archive, arguments, day, originals, folder)
            text = f"| {title} | {row['disk']} | {row['zstd']} | {row['texel']:.1f} | {row['mips']:.1f} "
            text += f"| {row['psnr_db']:.2f} | {row['border_db']} |"
            if with_time:
                is_sampled = "sample" in arguments
                text += "".join(f" {timed(folder, day, one):.0f} ms |" if is_sampled else " |" for one in (False, True))
            say(text)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--psnr", type=float, default=47.0, help="Of the archives that are exported.")
    parser.add_argument("--time", action="store_true", help="Also draw the maps in Chromium.")
    args = parser.parse_args()
    if args.time and not NODE_MODULES.is_dir():
        parser.error("--time needs the packages that `make test-browser` installs")
    for data in args.data:
        table(data, args.psnr, args.time)


if __name__ == "__main__":
    main()
