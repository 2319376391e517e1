"""Make the README's pictures from a bench and an archive.

    todpack eval bench --json-out out/bench.json
    todpack compress samples/courtyard -o out/picture.tod --q-step 16
    python docs/make_pictures.py out/bench.json --archive out/picture.tod --data samples/courtyard --out docs

It writes
    OUT/rate_distortion.png               bytes against PSNR, one panel per dataset: ours, x265, JPEG XL
    OUT/original_reconstruction_error.png original, decoded and 8 x error at three hours; invalid texels are black

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
from todpack.eval.measures.frames import as_codes
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import read_day

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVES = {  # codec: label, color, line width; ours is drawn last and on top
    "jpegxl": ("JPEG XL", "#9a9da3", 1.3),
    "x265": ("x265 veryslow", "#3b6fb6", 1.3),
    "daybasis": ("todpack", "#d9480f", 2.0),
    "daybasis --refine fast": ("refined", "#8f2d05", 2.0),
}
INK, FAINT = "#22262b", "#6b7078"
SHOWN_DB = (39.0, 47.5)  # the range that the curves share
HOURS = (6.0, 12.0, 18.0)
ERROR_GAIN = 8
GAP, MARGIN, LABEL = 8, 12, 26  # px


def rate_distortion(datasets: list[dict[str, Any]], out: Path) -> None:
    """One panel per dataset: kilobytes (log) over dB, each curve labeled at its end.

    Args:
        datasets: `datasets` of the JSON that `todpack eval bench` writes.
        out: PNG to write, 1400 x 560 px for two datasets.
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
    with pyplot.rc_context(style):
        figure, panels = pyplot.subplots(
            1, len(datasets), figsize=(3.5 * max(len(datasets), 1.2), 2.8), dpi=200, squeeze=False
        )
        for axes, dataset in zip(panels[0], datasets, strict=True):
            _panel(axes, dataset)
        panels[0][0].set_ylabel("kB for the whole day (log)", color=FAINT)
        figure.tight_layout(pad=0.8, w_pad=2.0)
        figure.savefig(out)
        pyplot.close(figure)


def _panel(axes: Axes, dataset: dict[str, Any]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = SHOWN_DB
    sizes: list[float] = []
    for codec, (label, color, width) in CURVES.items():
        points = sorted(
            (p["psnr_srgb_db"], p["bytes"] / 1000)
            for p in dataset["points"]
            if p["name"] == codec and p["psnr_srgb_db"] is not None
        )
        if not points:
            continue
        db, kilobytes = np.array(points).T
        axes.plot(db, kilobytes, color=color, linewidth=width, marker="o", markersize=3.2, markeredgewidth=0)
        at = np.clip((low + high) / 2 + 0.6, db[0], db[-1])
        size = float(np.exp(np.interp(at, db, np.log(kilobytes))))
        ours, below = codec.startswith("daybasis"), codec.endswith("fast")
        axes.annotate(
            label,
            (at, size),
            xytext=(3, -7) if below else (-3, 4),
            textcoords="offset points",
            ha="left" if below else "right",
            va="top" if below else "bottom",
            color=color,
            fontweight="bold" if ours else "normal",
        )
        sizes += [float(np.exp(np.interp(edge, db, np.log(kilobytes)))) for edge in np.clip((low, high), db[0], db[-1])]
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    if sizes:
        axes.set_ylim(min(sizes) / 1.3, max(sizes) * 1.25)
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
    axes.grid(True, color="#eceef0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=FAINT, length=0)
    axes.set_xlabel("PSNR over valid texels, dB", color=FAINT)
    axes.set_title(
        f"{dataset['width']} × {dataset['height']} texels, {dataset['frames']} hours",
        loc="left",
        fontsize=9,
        fontweight="bold",
    )


def original_reconstruction_error(archive_path: Path, data_path: Path, out: Path) -> None:
    """Rows: hours; columns: original, decoded, 8 x absolute error of the worst channel, at one pixel a texel.

    Args:
        archive_path: Archive of one 8-bit lightmap.
        data_path: Its original frames.
        out: PNG to write.
    """
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
            for column, picture in enumerate(
                (original, decoded, np.minimum(error.repeat(3, -1) * ERROR_GAIN, 255).astype(np.uint8))
            ):
                shown = Image.fromarray(np.where(day.valid[..., None], picture, 0).astype(np.uint8))
                page.paste(shown, (left + column * (width + GAP), top))
        frames = np.stack([archive.decode(float(time_h), dtype="uint8") for time_h in day.hours])
    psnr_db = psnr_srgb_db(as_codes(day.radiance), frames, day.valid)
    kilobytes = archive_path.stat().st_size / 1000
    titles = (
        "original",
        f"decoded, {kilobytes:.0f} kB for {day.n_frames} hours, {psnr_db:.1f} dB",
        f"error x {ERROR_GAIN}, largest channel",
    )
    for column, title in enumerate(titles):
        pen.text((left + column * (width + GAP), MARGIN + LABEL - 8), title, INK, font, anchor="ls")
    page.save(out, optimize=True)


@click.command()
@click.argument("bench_json", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--archive", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="NAME.tod")
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="Its original frames.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="docs", show_default=True)
def main(bench_json: tuple[Path, ...], archive: Path, data: Path, out: Path) -> None:
    """Draw the datasets of BENCH_JSON (one or more) and the frames of an archive into PNG files in OUT."""
    datasets = [dataset for path in bench_json for dataset in json.loads(path.read_text())["datasets"]]
    if not datasets:
        raise click.ClickException("the bench has no dataset: run `todpack eval bench --json-out FILE`")
    out.mkdir(parents=True, exist_ok=True)
    rate_distortion(datasets, out / "rate_distortion.png")
    original_reconstruction_error(archive, data, out / "original_reconstruction_error.png")


if __name__ == "__main__":
    main()
