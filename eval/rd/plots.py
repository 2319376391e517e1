"""The sweeps as pictures, PNG and SVG."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from todpack.decompressor.errors import needs
from todpack.decompressor.files import write_atomic
from todpack.decompressor.frame_files import SOFTWARE

from ..colors import codec_color

INK, FAINT = "#22262b", "#6b7078"
KINDS = ("png", "svg")
QUALITIES = (("psnr_db", "PSNR, dB"), ("ssim", "SSIM"), ("lpips", "LPIPS (lower is better)"))
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": "#c9ccd1",
    "svg.hashsalt": "todpack",  # same input, same file
}

Curve = dict[str, Any]


def write_plots(curves: list[Curve], out: Path) -> list[Path]:
    """Draw all that there are figures for.

    Args:
        curves: Of `run_sweeps`, with those of peers; points without a measure are left out of its plot.
        out: Folder.

    Returns:
        The files.

    Raises:
        MissingPackageError: matplotlib is missing.
    """
    with needs("compare", "a plot"):
        import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    paths: list[Path] = []
    with pyplot.rc_context(_STYLE):
        for name, (draw, *what) in _plots().items():
            figure, axes = pyplot.subplots(figsize=(6.2, 4.2))
            if draw(axes, curves, *what):
                figure.tight_layout()
                paths += _save(figure, out, name)
            pyplot.close(figure)
    return paths


def plot_files(out: Path) -> list[Path]:
    """What `write_plots` writes where there are figures for all plots."""
    return [path for name in _plots() for path in _files(out, name)]


def _plots() -> dict[str, tuple[Any, ...]]:
    """What draws each plot, by the name of its files, and of what."""
    plots: dict[str, tuple[Any, ...]] = {
        f"rd_{name}": (
            _curves,
            "bytes",
            name,
            "kB for the whole day (log)",
            label,
            f"Size and {label.split(',')[0].split(' ')[0]}",
        )
        for name, label in QUALITIES
    }
    plots["latency"] = (_curves, "frame_ms", "psnr_db", "ms per frame (log)", "PSNR, dB", "Time of a frame and PSNR")
    return {**plots, "per_hour": (_hours,), "bpt_by_section": (_budget,)}


def _files(out: Path, name: str) -> list[Path]:
    return [out / f"{name}.{kind}" for kind in KINDS]


def _put(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _save(figure: Any, out: Path, name: str) -> list[Path]:
    paths = _files(out, name)
    for path, kind in zip(paths, KINDS, strict=True):
        stored = io.BytesIO()
        written_by = {"Date": None, "Creator": SOFTWARE} if kind == "svg" else {"Software": SOFTWARE}
        figure.savefig(stored, format=kind, dpi=160, metadata=written_by)
        write_atomic(path, partial(_put, stored.getvalue()))
    return paths


def _plain(axes: Any, x: str, y: str) -> None:
    axes.grid(True, color="#eceef0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(which="both", colors=FAINT, length=0)
    axes.set_xlabel(x, color=FAINT)
    axes.set_ylabel(y, color=FAINT)


def _curves(axes: Any, curves: list[Curve], x: str, y: str, x_label: str, y_label: str, title: str) -> bool:
    """One measure over another, with deviations; whether there is anything to see."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    factor, drawn = 1e-3 if x == "bytes" else 1.0, False
    for curve in curves:
        found = [p for p in curve["points"] if p.get(x) is not None and p.get(y) is not None]
        if not found:
            continue
        found.sort(key=lambda point: float(point[x]["mean"]))
        points, labels = [(p[x], p[y]) for p in found], [str(p["setting"]).split()[-1] for p in found]
        spreads = [
            [factor * (at["deviation"] or 0.0) for at, _ in points],
            [value["deviation"] or 0.0 for _, value in points],
        ]
        axes.errorbar(
            [factor * at["mean"] for at, _ in points],
            [value["mean"] for _, value in points],
            xerr=spreads[0] if any(spreads[0]) else None,
            yerr=spreads[1] if any(spreads[1]) else None,
            color=codec_color(curve["name"]),
            marker="o",
            markersize=4,
            linewidth=1.6 if x == "bytes" else 0,
            elinewidth=1,
            capsize=2,
            label=curve["name"],
        )
        if x != "bytes":  # single points: each says what it is
            for (at, value), point in zip(points, labels, strict=True):
                axes.annotate(
                    point,
                    (factor * at["mean"], value["mean"]),
                    (4, 4),
                    textcoords="offset points",
                    fontsize=7,
                    color=FAINT,
                )
        drawn = True
    if drawn:
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        _plain(axes, x_label, y_label)
        axes.legend(frameon=False)
    return drawn


def _middle(curve: Curve) -> dict[str, Any]:
    point: dict[str, Any] = curve["points"][len(curve["points"]) // 2]
    return point


def _hours(axes: Any, curves: list[Curve]) -> bool:
    """PSNR over the day, of the middle point of each curve."""
    for curve in curves:
        point = _middle(curve)
        pairs = [(h["hour"], h.get("psnr_srgb_db", h.get("psnr_linear_db"))) for h in point.get("per_hour") or []]
        pairs = [(hour, value) for hour, value in pairs if value is not None]
        if pairs:
            label = f"{curve['name']}, {point['setting']}"
            axes.plot(
                *zip(*pairs, strict=True), color=codec_color(curve["name"]), marker="o", markersize=3, label=label
            )
    if not axes.lines:
        return False
    axes.set_title("PSNR over the day", loc="left", fontsize=10, fontweight="bold")
    _plain(axes, "hour", "PSNR, dB")
    axes.set_xticks(range(0, 25, 3))
    axes.legend(frameon=False)
    return True


def _budget(axes: Any, curves: list[Curve]) -> bool:
    """Where the bits go, a bar for the middle point of each curve."""
    from matplotlib import colormaps
    from matplotlib.patches import Patch
    from matplotlib.transforms import ScaledTranslation

    shown = [(curve["name"], _middle(curve)) for curve in curves if "budget" in _middle(curve)]
    if not shown:
        return False
    axes.figure.set_size_inches(6.6, 1.4 + 0.55 * len(shown))
    sizes: dict[str, float] = {}
    for _, point in shown:
        for kind, size in point["budget"].items():
            sizes[kind] = sizes.get(kind, 0) + size
    kinds = sorted(sizes, key=lambda kind: -sizes[kind])  # the order of the stacks and of the legend
    color = {kind: colormaps["tab20"](i % 20) for i, kind in enumerate(kinds)}
    axes.set_title("Where the bits go", loc="left", fontsize=10, fontweight="bold")
    for row, (_, point) in enumerate(shown):
        scale, left = point["bpt"]["mean"] / sum(point["budget"].values()), 0.0
        for kind in kinds:
            size = point["budget"].get(kind, 0)
            axes.barh(row, size * scale, left=left, color=color[kind], height=0.6)
            left += size * scale
    axes.set_yticks(range(len(shown)), [f"{name}\n{point['setting']}" for name, point in shown])
    axes.invert_yaxis()
    _plain(axes, "bits per valid texel and hour", "")
    inches = axes.figure.dpi_scale_trans
    axes.legend(
        [Patch(color=color[kind]) for kind in kinds],
        kinds,
        frameon=False,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.4, 0),
        bbox_transform=axes.transAxes + ScaledTranslation(0, -0.4, inches),  # under the axis and its label
        borderaxespad=0,
        fontsize=8,
    )
    return True
