"""The sweeps as pictures, PNG and SVG."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from todpack.decompressor.files import write_atomic

from ..errors import EvalError

COLORS = ("#d9480f", "#3b6fb6", "#2f9e44", "#9c36b5", "#868e96", "#e8a600", "#0c8599")
INK, FAINT = "#22262b", "#6b7078"
KINDS = ("png", "svg")
QUALITIES = (("psnr_db", "PSNR, dB"), ("ssim", "SSIM"), ("lpips", "LPIPS (lower is better)"))
_STYLE = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": "#c9ccd1",
    "svg.hashsalt": "todpack",  # same input, same file
}


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise EvalError("the plots need the package matplotlib (pip install todpack[compare])") from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _plain(axes: Any, x: str, y: str) -> None:
    axes.grid(True, color="#eceef0", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=FAINT, length=0)
    axes.set_xlabel(x, color=FAINT)
    axes.set_ylabel(y, color=FAINT)


def _series(curve: dict[str, Any], x: str, y: str, x_factor: float = 1.0) -> list[tuple[float, float, float, float]]:
    """x, y and their deviations, in order of x; points that lack one are left out."""
    points = [point for point in curve["points"] if point.get(x) is not None and point.get(y) is not None]
    found = [
        (
            point[x]["mean"] * x_factor,
            point[y]["mean"],
            point[x]["deviation"] * x_factor,
            point[y]["deviation"],
        )
        for point in points
    ]
    return sorted(found)


def _draw(axes: Any, curves: list[dict[str, Any]], x: str, y: str, x_factor: float, line: bool) -> bool:
    drawn = False
    for i, curve in enumerate(curves):
        series = _series(curve, x, y, x_factor)
        if not series:
            continue
        xs, ys, x_spread, y_spread = zip(*series, strict=True)
        axes.errorbar(
            xs,
            ys,
            xerr=x_spread if any(x_spread) else None,
            yerr=y_spread if any(y_spread) else None,
            color=COLORS[i % len(COLORS)],
            marker="o",
            markersize=4,
            linewidth=1.6 if line else 0,
            elinewidth=1,
            capsize=2,
            label=curve["name"],
        )
        drawn = True
    return drawn


def _put(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def _save(figure: Any, pyplot: Any, out: Path, name: str) -> list[Path]:
    figure.tight_layout()
    paths = []
    for kind in KINDS:
        stored = io.BytesIO()
        figure.savefig(stored, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
        path = out / f"{name}.{kind}"
        write_atomic(path, partial(_put, stored.getvalue()))
        paths.append(path)
    pyplot.close(figure)
    return paths


def _single(curves: list[dict[str, Any]], out: Path, name: str, x: str, y: str, labels: tuple[str, str]) -> list[Path]:
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(6.2, 4.2))
    drawn = _draw(axes, curves, x, y, 1e-3 if x == "bytes" else 1.0, line=x == "bytes")
    if not drawn:
        pyplot.close(figure)
        return []
    axes.set_xscale("log")
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _plain(axes, *labels)
    axes.legend(frameon=False)
    return _save(figure, pyplot, out, name)


def write_plots(curves: list[dict[str, Any]], out: Path) -> list[Path]:
    """Draw all that there are figures for.

    Args:
        curves: Of `run_sweeps`, with those of peers; points without a measure are left out of its plot.
        out: Folder.

    Returns:
        The files.

    Raises:
        EvalError: matplotlib is missing.
    """
    pyplot = _pyplot()
    paths: list[Path] = []
    with pyplot.rc_context(_STYLE):
        for measure, label in QUALITIES:
            paths += _single(curves, out, f"rd_{measure}", "bytes", measure, ("kB for the whole day", label))
        paths += _single(curves, out, "latency", "frame_ms", "psnr_db", ("ms per frame", "PSNR, dB"))
        paths += _hours(curves, out) + _budget(curves, out)
    return paths


def _middle(curve: dict[str, Any]) -> dict[str, Any]:
    point: dict[str, Any] = curve["points"][len(curve["points"]) // 2]
    return point


def _hours(curves: list[dict[str, Any]], out: Path) -> list[Path]:
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(6.2, 4.2))
    for i, curve in enumerate(curves):
        per_hour = _middle(curve).get("per_hour") or []
        pairs = [(h["hour"], h.get("psnr_srgb_db", h.get("psnr_linear_db"))) for h in per_hour]
        pairs = [(hour, value) for hour, value in pairs if value is not None]
        if pairs:
            label = f"{curve['name']}, {_middle(curve)['setting']}"
            axes.plot(*zip(*pairs, strict=True), color=COLORS[i % len(COLORS)], marker="o", markersize=3, label=label)
    if not axes.lines:
        pyplot.close(figure)
        return []
    _plain(axes, "hour", "PSNR, dB")
    axes.set_xticks(range(0, 25, 3))
    axes.legend(frameon=False)
    return _save(figure, pyplot, out, "per_hour")


def _budget(curves: list[dict[str, Any]], out: Path) -> list[Path]:
    pyplot = _pyplot()
    shown = [curve for curve in curves if "budget" in _middle(curve)]
    if not shown:
        return []
    figure, axes = pyplot.subplots(figsize=(6.6, 1.4 + 0.55 * len(shown)))
    kinds = sorted({kind for curve in shown for kind in _middle(curve)["budget"]})
    for row, curve in enumerate(shown):
        point, left = _middle(curve), 0.0
        scale = point["bpt"]["mean"] / sum(point["budget"].values())
        for kind, size in sorted(point["budget"].items(), key=lambda item: -item[1]):
            color = pyplot.get_cmap("tab20")(kinds.index(kind) % 20)
            axes.barh(row, size * scale, left=left, color=color, height=0.6)
            left += size * scale
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=pyplot.get_cmap("tab20")(i % 20)) for i in range(len(kinds))]
    axes.set_yticks(range(len(shown)), [f"{curve['name']}\n{_middle(curve)['setting']}" for curve in shown])
    axes.invert_yaxis()
    _plain(axes, "bits per valid texel and hour", "")
    from matplotlib.transforms import ScaledTranslation

    below = axes.transAxes + ScaledTranslation(0, -0.4, figure.dpi_scale_trans)  # inches: under the axis and its label
    axes.legend(
        handles,
        kinds,
        frameon=False,
        ncols=3,
        loc="upper center",
        bbox_to_anchor=(0.4, 0),
        bbox_transform=below,
        borderaxespad=0,
        fontsize=8,
    )
    return _save(figure, pyplot, out, "bpt_by_section")
