"""Make the README's pictures from a bench and an archive.

    make bench-rate
    todpack compress samples/courtyard -o out/picture.tod --q-step 16
    python docs/make_pictures.py docs/benchmarks.json --archive out/picture.tod --data samples/courtyard --out docs

It writes
    OUT/rate_distortion.png               PSNR against bytes, one panel per set: ours, x265, libaom, JPEG XL
    OUT/original_reconstruction_error.png original, decoded and error at three hours; invalid texels are black

Needs matplotlib: pip install todpack[pictures]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from todpack.decompressor import open_archive
from todpack.eval.colors import codec_color
from todpack.eval.measures.frames import as_codes
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.eval.peers.ours import REFINED
from todpack.frames import read_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = {  # codec: label, line width; ours is drawn last and on top
    "jpegxl": ("JPEG XL", 1.3),
    "x265": ("x265", 1.3),
    "libaom": ("libaom", 1.3),
    REFINED: ("todpack", 2.0),
}
DRAWN = ("sample", "courtyard", "psmc_cat", "hrpc_example_17")  # those of them that the file has
INK, FAINT = "#22262b", "#6b7078"
HOURS = (6.0, 12.0, 18.0)
ERROR_CODES = 32  # that the brightest color stands for
GAP, MARGIN, LABEL = 8, 12, 26  # px


def rate_distortion(sets: dict[str, Any], out: Path) -> None:
    """One panel per set, two in a row: PSNR over kilobytes (log), with the axes and colors of `todpack eval rd`.

    Args:
        sets: `sets` of the part `rate` in docs/benchmarks.json, those that are drawn.
        out: PNG to write, 1400 px wide.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style: dict[Any, Any] = {
        "font.size": 8,
        "font.family": "DejaVu Sans",
        "text.color": INK,
        "axes.edgecolor": "#c9ccd1",
    }
    rows = -(-len(sets) // 2)
    with pyplot.rc_context(style):
        figure, panels = pyplot.subplots(rows, 2, figsize=(7.0, 2.7 * rows), dpi=200, squeeze=False)
        for axes in panels.flat[len(sets) :]:
            axes.set_visible(False)
        for axes, (name, found) in zip(panels.flat, sets.items(), strict=False):
            _panel(axes, name, found)
        panels[0][0].legend(frameon=False, loc="lower right", fontsize=7.5)
        figure.tight_layout(pad=0.8, w_pad=2.0)
        figure.savefig(out)
        pyplot.close(figure)


def _panel(axes: Axes, name: str, found: dict[str, Any]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = min(found["levels_db"]) - 1.5, max(found["levels_db"]) + 1.5
    kilobytes: list[float] = []
    for codec, (label, width) in CURVES.items():
        points = sorted(
            (point["psnr_db"], point["bytes"] / 1000)
            for point in found["points"]
            if point["name"] == codec and point["psnr_db"] is not None
        )
        if not points:
            continue
        db, sizes = np.array(points).T
        axes.plot(
            sizes,
            db,
            color=codec_color(codec),
            linewidth=width,
            marker="o",
            markersize=3.2,
            markeredgewidth=0,
            label=label,
        )
        kilobytes += [float(np.exp(np.interp(edge, db, np.log(sizes)))) for edge in np.clip((low, high), db[0], db[-1])]
    axes.set_xscale("log")
    axes.set_ylim(low, high)
    if kilobytes:
        axes.set_xlim(min(kilobytes) / 1.2, max(kilobytes) * 1.2)
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.grid(True, color="#eceef0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=FAINT, length=0)
    axes.set_xlabel("kB for the whole day (log)", color=FAINT)
    axes.set_ylabel("PSNR, dB", color=FAINT)
    title = f"{name}: {found['kind']}, {found['width']} × {found['height']} × {found['frames']}"
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")


def original_reconstruction_error(archive_path: Path, data_path: Path, out: Path) -> None:
    """Rows: hours; columns: original, decoded, error of the worst channel in colors, at one pixel a texel.

    Args:
        archive_path: Archive of one 8-bit lightmap.
        data_path: Its original frames.
        out: PNG to write.
    """
    from matplotlib import colormaps

    day = read_day(data_path)
    if day.transfer != "srgb8":
        raise click.ClickException(f"{data_path}: expected 8-bit sRGB frames, found {day.transfer} radiance")
    height, width = day.height, day.width
    left = MARGIN + 40
    size = (left + 3 * width + 2 * GAP + MARGIN, MARGIN + LABEL + len(HOURS) * (height + GAP) - GAP + MARGIN)
    page = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(15)
    with open_archive(archive_path) as archive:
        for i, time_h in enumerate(HOURS):
            original = as_codes(day.radiance[day.frame_at(time_h)])
            decoded = archive.decode(float(day.hours[day.frame_at(time_h)]), dtype="uint8")
            error = np.abs(original.astype(np.int16) - decoded.astype(np.int16)).max(axis=-1, keepdims=True)
            top = MARGIN + LABEL + i * (height + GAP)
            pen.text((MARGIN, top + height / 2), f"{time_h:.0f} h", INK, font, anchor="lm")
            heat = colormaps["inferno"](np.minimum(error[..., 0] / ERROR_CODES, 1.0), bytes=True)[..., :3]
            for column, picture in enumerate((original, decoded, heat)):
                shown = Image.fromarray(np.where(day.valid[..., None], picture, 0).astype(np.uint8))
                page.paste(shown, (left + column * (width + GAP), top))
        frames = np.stack([archive.decode(float(time_h), dtype="uint8") for time_h in day.hours])
    psnr_db = psnr_srgb_db(as_codes(day.radiance), frames, day.valid)
    kilobytes = archive_path.stat().st_size / 1000
    titles = (
        "original",
        f"decoded, {kilobytes:.0f} kB for {day.n_frames} hours, {psnr_db:.1f} dB",
        f"error, black 0 to yellow {ERROR_CODES} codes",
    )
    for column, title in enumerate(titles):
        pen.text((left + column * (width + GAP), MARGIN + LABEL - 8), title, INK, font, anchor="ls")
    page.save(out, optimize=True)


@click.command()
@click.argument("bench_json", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--archive", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="NAME.tod")
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="Its original frames.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="docs", show_default=True)
def main(bench_json: Path, archive: Path, data: Path, out: Path) -> None:
    """Draw the sets of BENCH_JSON, and the frames of an archive, into PNG files in OUT."""
    sets = json.loads(bench_json.read_text()).get("rate", {}).get("sets", {})
    drawn = {name: sets[name] for name in DRAWN if name in sets} or dict(list(sets.items())[:4])
    if not drawn:
        raise click.ClickException("the file has no rates: run `make bench-rate`")
    out.mkdir(parents=True, exist_ok=True)
    rate_distortion(drawn, out / "rate_distortion.png")
    original_reconstruction_error(archive, data, out / "original_reconstruction_error.png")


if __name__ == "__main__":
    main()
