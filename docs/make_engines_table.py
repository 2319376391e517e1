"""The tables of docs/engines.md: what each way into an engine takes on disk and on the card, and what it loses.

    python docs/make_engines_table.py samples/courtyard HDR_FRAMES --time

Every row is `todpack export` of one archive per dataset, or frames decoded from that archive; the files are read back
(todpack.eval.exported) and compared with the original frames. --time also draws in a headless Chromium that renders in
software.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from todpack.decompressor import Archive, open_archive
from todpack.decompressor.names import frame_names
from todpack.eval.exported import read_ktx2, read_maps
from todpack.eval.measures.border import border_score
from todpack.eval.measures.metrics import psnr_linear_db, psnr_srgb_db
from todpack.frames import Day, is_dataset, open_dataset, read_day

ROOT = Path(__file__).resolve().parents[1]
GPU_PAGE = ROOT / "tests/packer/export/gpu"
NODE_MODULES = ROOT / "tests/browser/node_modules"
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
DRAWN = 24
REFRESHES, COLD_REFRESHES = 15, 5
MIPS = 4 / 3
FRAMES = ("--profile", "frames", "--texture")
SAMPLE = ("--profile", "sample")
ROWS: dict[str, dict[str, tuple[str, ...]]] = {
    "srgb8": {
        "{n} frames, BC7": (*FRAMES, "bc7"),
        "{n} frames, BC6H": (*FRAMES, "bc6h"),
        "2 frames, RGBA8 sRGB, refreshed": ("rgba8",),
        "maps to expand, 16 bits": ("--profile", "load"),
        "maps, 8 bits": (*SAMPLE, "--texture", "rgba8"),
        "maps, 16 x BC4": (*SAMPLE, "--texture", "bc4"),
        "maps, 8 x BC7": (*SAMPLE, "--textures", "8"),
        "maps, 6 x BC7": SAMPLE,
        "maps, 5 x BC7": (*SAMPLE, "--textures", "5"),
        "maps, 4 x BC7": (*SAMPLE, "--textures", "4"),
    },
    "linear": {
        "{n} frames, BC6H": (*FRAMES, "bc6h"),
        "2 frames, RGB9E5, refreshed": ("rgb9e5",),
        "2 frames, RGBA16F, refreshed": ("rgba16f",),
        "maps, 8 bits": (*SAMPLE, "--texture", "rgba8"),
        "maps, 8 x BC7": (*SAMPLE, "--textures", "8"),
        "maps, 6 x BC7": SAMPLE,
    },
}
PSNR_DB = {"srgb8": 47.0, "linear": 55.0}
HEAD = (
    "| | on disk | with zstd, no mips | bytes per texel | with mips | dB | border dB "
    "| refresh | frame | frame, one row |"
)


class Row(NamedTuple):
    """What stands in a row."""

    disk: int
    packed: int | None
    texel: float
    mips: float
    frames: np.ndarray
    refresh: str = ""


def run(*arguments: object) -> None:
    """Run todpack as a user would."""
    command = [sys.executable, "-c", "import sys; from todpack.cli import main; sys.exit(main())"]
    subprocess.run([*command, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def light_of(stored: np.ndarray) -> np.ndarray:
    """(H, W, 3) float64 light of (H, W) RGB9E5 or (H, W, 3 or 4) half floats."""
    if stored.dtype != np.uint32:
        return stored[..., :3].astype(np.float64)
    words = stored.astype(np.int64)
    return np.stack([words >> shift & 511 for shift in (0, 9, 18)], -1) * np.exp2((words >> 27) - 24.0)[..., None]


def shown(stored: np.ndarray, transfer: str) -> np.ndarray:
    """(H, W, 3) of a texture: uint8 sRGB codes of 8-bit days, else float32 radiance."""
    if stored.dtype == np.uint8:
        return stored[..., :3]
    light = light_of(stored)
    if transfer == "linear":
        return light.astype(np.float32)
    light = np.clip(light, 0.0, 1.0)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255.0 * curve), np.uint8)


def decoded(out: Path, day: Day) -> np.ndarray:
    """(T, H, W, 3) of an export."""
    hours = [float(hour) for hour in day.hours]
    if (out / "temporal.json").is_file():
        maps = read_maps(out)
        frames = np.stack([maps.decode(hour) for hour in hours])
        return np.rint(frames).astype(np.uint8) if day.transfer == "srgb8" else frames.astype(np.float32)
    stored = [read_ktx2(out / f"{name}.ktx2")[0] for name in frame_names(hours)]
    return np.stack([shown(one[..., 0] if one.dtype == np.uint32 else one, day.transfer) for one in stored])


def exported(archive: Path, arguments: tuple[str, ...], day: Day, folder: Path) -> Row:
    """A row of files."""
    out, small = folder / "out", folder / "small"
    run("export", archive, "-o", out, *arguments, "--overwrite")
    run("export", archive, "-o", small, *arguments, "--zstd", "--no-mips", "--overwrite")
    (entry,) = json.loads((out / "export.json").read_text("utf-8"))["lightmaps"]
    (packed,) = json.loads((small / "export.json").read_text("utf-8"))["lightmaps"]
    n = entry["n_layers"] if "frames" in arguments else 1

    def read_bytes(files: dict[str, int]) -> int:
        return sum(size for name, size in files.items() if name.endswith((".ktx2", ".bin")))

    texel, mips = n * entry["texel_bytes"], n * entry["texel_bytes_with_mips"]
    return Row(read_bytes(entry["files"]), read_bytes(packed["files"]), texel, mips, decoded(out, day))


def refreshed(path: Path, dtype: str, day: Day) -> Row:
    """A row of two frames that are decoded from the archive when the hour passes them."""

    def cpu_ms(archive: Archive, hour: float, keep: bool) -> float:
        start = time.process_time()
        archive.decode(hour, dtype=dtype, keep=keep)
        return 1e3 * (time.process_time() - start)

    with open_archive(path) as archive:
        frames = np.stack([shown(archive.decode(float(hour), dtype=dtype), day.transfer) for hour in day.hours])
        held = min(cpu_ms(archive, 1.6 * i, True) for i in range(REFRESHES))
    with open_archive(path) as archive:
        anew = min(cpu_ms(archive, 4.8 * i, False) for i in range(COLD_REFRESHES))
    texel = 2.0 * {"rgba8": 4, "rgb9e5": 4, "rgba16f": 8}[dtype]
    return Row(path.stat().st_size, None, texel, texel * MIPS, frames, f"{held:.1f} / {anew:.0f} ms")


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


def drawn_ms(page: Any, day: Day, arguments: tuple[str, ...]) -> list[float]:
    """Least milliseconds of drawing the export in `out`, texel by texel: frames blended, or maps, also by one row."""
    call = "async ([f, ...a]) => (await import('./webgl.mjs'))[f](...a)"
    size = [day.width, day.height, DRAWN]
    if "frames" in arguments:
        names = [f"out/{name}.ktx2" for name in frame_names([float(hour) for hour in day.hours[:2]])]
        return [min(page.evaluate(call, ["timeBlend", names, *size])[2:])]
    return [min(page.evaluate(call, ["time", "out", *size, one])[2:]) for one in (False, True)]


def read(data: Path) -> Day:
    """A folder of frames, or the only lightmap of a dataset."""
    if not is_dataset(data):
        return read_day(data)
    dataset = open_dataset(data)
    return dataset.read(dataset.entries[0])


def table(data: Path, with_time: bool, say: Callable[[str], object] = print) -> None:
    """Print the rows of one dataset."""
    day = read(data)
    is_8bit = day.transfer == "srgb8"
    originals = np.rint(day.radiance).astype(np.uint8) if is_8bit else np.asarray(day.radiance, np.float32)
    psnr_db = psnr_srgb_db if is_8bit else psnr_linear_db
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = folder / "scene.tod"
        one = ("--lightmap", day.name) if is_dataset(data) else ()
        run("compress", data, "-o", archive, "--target-psnr", PSNR_DB[day.transfer], *one)
        with open_archive(archive) as opened:
            frames = np.stack(
                [opened.decode(float(hour), dtype="uint8" if is_8bit else "float32") for hour in day.hours]
            )
        own_db, size = psnr_db(originals, frames, day.valid), archive.stat().st_size
        what = f"{data}, {day.width} x {day.height}, {len(day.hours)} hours"
        say(f"\n{what}; the archive: {size} bytes, {own_db:.2f} dB\n")
        say(f"{HEAD}\n|{'---|' * 10}")
        for title, arguments in ROWS[day.transfer].items():
            is_file = len(arguments) > 1
            row = exported(archive, arguments, day, folder) if is_file else refreshed(archive, arguments[0], day)
            border = border_score(originals, row.frames, day.valid)
            edges = "" if border is None else " / ".join(f"{db:.2f}" for db in border.psnr_db)
            text = f"| {title.format(n=len(day.hours))} | {row.disk} | {row.packed or ''} | {row.texel:.1f} "
            text += f"| {row.mips:.1f} "
            text += f"| {psnr_db(originals, row.frames, day.valid):.2f} | {edges} | {row.refresh} |"
            times: list[float] = []
            if with_time and is_file and "load" not in arguments:
                with browser_page(folder) as page:
                    times = drawn_ms(page, day, arguments)
            say(text + "".join(f" {one:.0f} ms |" for one in times) + " |" * (2 - len(times)))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--time", action="store_true", help="Also draw in Chromium.")
    args = parser.parse_args()
    if args.time and not NODE_MODULES.is_dir():
        parser.error("--time needs the packages that `make test-browser` installs")
    for data in args.data:
        table(data, args.time)


if __name__ == "__main__":
    main()
