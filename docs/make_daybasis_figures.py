"""Make the figures of docs/daybasis.md from a day, and print the numbers that the text quotes.

    python docs/make_daybasis_figures.py samples/courtyard --out docs

It writes
    OUT/daybasis_spectrum.png  variances of the components, and bits after each rotation
    OUT/daybasis_maps.png      the same details in the KLT's and in the rotated components
    OUT/daybasis_pyramid.png   charts, and where their samples go in the pyramid
    OUT/daybasis_regions.png   the rotation that each block has chosen
    OUT/daybasis_bits.png      what the bytes of an archive are spent on

Needs matplotlib: pip install 'todpack[pack,pictures]'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from PIL import Image

from todpack.decompressor.daybasis.entropy.contexts import N_SIGN_CLASSES
from todpack.decompressor.daybasis.entropy.tables import FREQUENCIES, SIGNS, Tables
from todpack.decompressor.daybasis.transform.charts import label_charts
from todpack.decompressor.daybasis.transform.pyramid import Pyramid, build_pyramid
from todpack.frames import Day, read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import RoundedTiles, encode_tiles
from todpack.packer.daybasis.entropy.class_fit import fit_tables, write_tables
from todpack.packer.daybasis.entropy.encode import emit
from todpack.packer.daybasis.entropy.symbols import mean_code, pairs, prepare_low_band, walk
from todpack.packer.daybasis.quantize import RD_WEIGHT, to_steps
from todpack.packer.daybasis.tiles import DayTiles, Tile
from todpack.packer.daybasis.transform.closed_form import TemporalTransform, find_transform, survey
from todpack.packer.daybasis.transform.components import CANDIDATES
from todpack.packer.daybasis.transform.forward import forward

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = 16.0
COLORS = 256  # of a picture
INK, FAINT, ACCENT, COOL = "#22262b", "#6b7078", "#d9480f", "#3b6fb6"
STYLE: dict[Any, Any] = {
    "font.size": 8, "font.family": "DejaVu Sans", "text.color": INK, "axes.edgecolor": "#c9ccd1",
    "axes.labelcolor": FAINT, "xtick.color": FAINT, "ytick.color": FAINT, "axes.titlesize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130,
}  # fmt: skip
Transforms = dict[str, TemporalTransform]


class CountingSink:
    """Takes an encoder's symbols and adds up the bits they cost under the tables: what ANS comes to within a byte."""

    def __init__(self, tables: Tables) -> None:
        self._chances = [p / 65536 for p in (*tables.significance, tables.signs)]
        self._weights = [FREQUENCIES[codes] for codes in (*tables.magnitudes, tables.low_tokens)]
        self.significance = self.signs = self.magnitudes = 0.0

    def bits(self, group: int, index: int, bits: np.ndarray) -> None:
        """Bits of a class."""
        chance, ones = float(self._chances[group][index]), int(bits.sum())
        cost = -ones * np.log2(chance) - (bits.size - ones) * np.log2(1 - chance)
        if group == SIGNS:
            self.signs += cost
        else:
            self.significance += cost

    def tokens(self, table: int, tokens: np.ndarray) -> None:
        """Tokens of a table; those of the low band count with the magnitudes."""
        weights = self._weights[table]
        self.magnitudes += float(-np.log2(weights[tokens] / weights.sum()).sum())

    def finish(self) -> bytes:
        """Nothing."""
        return b""


def costs(bands: list[Any], pyramid: Pyramid) -> dict[str, float]:
    """Bits of a tile by kind of symbol."""
    sites = pyramid.sites
    means = np.array([mean_code(q, s) for q, s in pairs(bands, sites)], np.int64).reshape(-1, len(bands[0]))
    low, phases = prepare_low_band(bands[0], sites[0]), walk(bands, sites, means)
    tables = fit_tables(phases, means, low)
    assert len(tables.signs) == N_SIGN_CLASSES
    sink = CountingSink(tables)
    raw = emit(phases, tables, low, sink)
    return {
        "significance": sink.significance,
        "magnitudes": sink.magnitudes + 8 * len(raw),
        "signs": sink.signs,
        "tables": 8.0 * len(write_tables(tables)),
    }


def by_level(bands: list[Any], pyramid: Pyramid) -> list[float]:
    """Bits of the low band, then of each level, coarse to fine: what leaving out all finer ones saves."""
    totals = []
    for kept in range(len(bands)):
        cut = [bands[0], *(b if i <= kept else tuple(np.zeros_like(x) for x in b) for i, b in enumerate(bands) if i)]
        totals.append(sum(bits for name, bits in costs(cut, pyramid).items() if name != "tables"))
    return [totals[0], *np.diff(totals)]


def transforms(tiles: DayTiles) -> Transforms:
    """The plain KLT, with the sparse rotation, and with regional rotations."""
    return {
        "KLT": find_transform(tiles, DayBasisConfig(rotate=False, max_classes=1), STEP),
        "sparse rotation": find_transform(tiles, DayBasisConfig(max_classes=1), STEP),
        "regional rotations": find_transform(tiles, DayBasisConfig(), STEP),
    }


def rounded(tiles: DayTiles, transform: TemporalTransform) -> list[Any]:
    """Codes of the only tile."""
    return RoundedTiles(tiles, transform, STEP, RD_WEIGHT)[0]


def draw_spectrum(tiles: DayTiles, found: Transforms, out: Path) -> None:
    """Variances of all components beside the share that is kept; bits of the codes under the three transforms."""
    from matplotlib import pyplot

    variances, vectors = (part[..., ::-1] for part in np.linalg.eigh(survey(tiles).covariance))
    kept = np.abs(vectors.T @ found["KLT"].basis.matrix).max(1) > 0.9
    share = variances[kept].sum() / variances.sum()
    figure, (left, right) = pyplot.subplots(1, 2, layout="constrained", figsize=(7, 2.5), width_ratios=(1.6, 1))
    numbers = np.arange(1, len(variances) + 1)
    left.semilogy(numbers, np.maximum(variances, 1e-6), ".", color=FAINT, markersize=4)
    left.semilogy(numbers[kept], variances[kept], ".", color=ACCENT, markersize=6)
    left.axhline(STEP**2 / CANDIDATES, color=COOL, linewidth=1)
    left.text(len(variances), STEP**2 / CANDIDATES * 1.3, f"q_step² / {CANDIDATES:.0f}", color=COOL, ha="right")
    left.set(xlabel="component", ylabel="variance, codes²", ylim=(1e-2, None))
    left.set_title(
        f"{kept.sum()} of {len(variances)} components are kept: {100 * share:.2f} % of the variance", loc="left"
    )
    kilobytes, error = {}, {}
    pyramid = tiles[0].pyramid
    assert pyramid is not None
    for name, transform in found.items():
        kilobytes[name] = sum(costs(rounded(tiles, transform), pyramid).values()) / 8000
        error[name] = encode_tiles(tiles, transform, STEP, DayBasisPackOptions()).psnr_db
    right.barh(list(kilobytes), list(kilobytes.values()), color=[FAINT, COOL, ACCENT], height=0.6)
    for i, name in enumerate(kilobytes):
        right.text(kilobytes[name] - 2, i, f"{kilobytes[name]:.0f} kB, {error[name]:.1f} dB", color="white", ha="right",
                   va="center")  # fmt: skip
        print(f"{name}: {1000 * kilobytes[name]:.0f} bytes of coefficients, {error[name]:.2f} dB")
    right.invert_yaxis()
    right.set_xticks([])
    right.spines["bottom"].set_visible(False)
    right.set_title("coefficients at one step", loc="left")
    print(f"K = {kept.sum()} of {len(variances)}, {100 * share:.3f} % of the variance")
    _save(figure, out)


def draw_maps(tile: Tile, found: Transforms, out: Path) -> None:
    """The finest details of a part of the tile, in the components that cost most, before and after the rotation."""
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(2, 8, layout="constrained", figsize=(7, 2.2))
    assert tile.pyramid is not None
    height, width = tile.pyramid.sites[-1][2].shape  # of hh, the smallest of the finest bands
    part = slice(height // 2, height), slice(0, width * 9 // 16)  # of the sample: the courtyard's floor
    for axes, name, label in zip(rows, ("KLT", "sparse rotation"), ("KLT", "rotated"), strict=True):
        steps = to_steps(forward(tile.maps(found[name].basis), tile.pyramid), tile.pyramid, STEP)
        lh, hl = (band[(slice(None), *part)] for band in steps[-1][:2])  # horizontal and vertical edges
        size = np.hypot(lh, hl)
        order = np.argsort(-np.log1p(4 * size**2).sum((1, 2)))[: len(axes)]
        for panel, k in zip(axes, order, strict=True):
            site = tile.pyramid.sites[-1][0][part]
            panel.imshow(np.where(site, np.clip(size[k], 0, 4), np.nan), cmap="magma", vmin=0, vmax=4)
            _bare(panel)
        axes[0].set_ylabel(label, color=INK)
    _save(figure, out)


def draw_pyramid(tile: Tile, transform: TemporalTransform, out: Path) -> None:
    """The charts; two levels of the pyramid of their labels; and the coefficients of one map in the same places."""
    from matplotlib import pyplot

    n_levels = 2
    pyramid = build_pyramid(tile.valid, n_levels)
    labels = label_charts(tile.valid)
    print(f"{len(np.unique(labels[tile.valid]))} charts, {100 * tile.valid.mean():.0f} % of the texels valid")
    steps = to_steps(forward(tile.maps(transform.basis)[:1], pyramid), pyramid, STEP)
    colors = np.random.default_rng(3).permutation(np.unique(labels)).astype(float)
    shade = np.interp(labels, np.unique(labels), np.linspace(0.05, 1, len(colors))[np.argsort(colors)])
    figure, panels = pyplot.subplots(1, 3, layout="constrained", figsize=(7, 2.5))
    panels[0].imshow(np.where(tile.valid, shade, np.nan), cmap="turbo", interpolation="nearest")
    panels[0].set_title("charts of the mask", loc="left")
    sites = [(pyramid.sites[0],), *pyramid.sites[1:]]
    panels[1].imshow(_nested([tuple(np.where(s, 1.0, np.nan) for s in level) for level in sites]), cmap="Greys", vmin=0,
                     vmax=2)  # fmt: skip
    panels[1].set_title(f"sites, {n_levels} of 5 levels", loc="left")
    sizes = [(steps[0] / 8,), *steps[1:]]  # the low band is that much larger
    shown = [
        tuple(np.where(site, np.abs(band[0]), np.nan) for site, band in zip(*level, strict=True))
        for level in zip(sites, sizes, strict=True)
    ]
    panels[2].imshow(np.clip(_nested(shown), 0, 4), cmap="magma", vmin=0, vmax=4)
    panels[2].set_title("the first map's coefficients", loc="left")
    for panel in panels:
        _bare(panel)
    _save(figure, out)


def _nested(bands: list[Any]) -> np.ndarray:
    """Low band and details of each level in the four quarters of an image: lh below, hl beside."""
    image = bands[0][0]
    for lh, hl, hh in bands[1:]:
        image = np.concatenate([np.concatenate([image, hl], 1), np.concatenate([lh, hh], 1)], 0)
    return image


def draw_regions(day: Day, transform: TemporalTransform, out: Path) -> None:
    """Frames at two hours, and the class of every block that has valid texels."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, layout="constrained", figsize=(7, 2.5))
    for panel, hour in zip(panels, (9.0, 15.0), strict=False):
        frame = day.radiance[day.frame_at(hour)] / 255
        panel.imshow(np.where(day.valid[..., None], frame, 1.0))
        panel.set_title(f"{hour:.0f} h", loc="left")
    classes = transform.classes[0].astype(float).repeat(16, 0).repeat(16, 1)[: day.height, : day.width]
    n_classes = len(transform.skew_codes)
    panels[2].imshow(np.where(day.valid, classes, np.nan), cmap="tab20", vmin=0, vmax=19, interpolation="nearest")
    panels[2].set_title(f"{n_classes} rotations, by blocks of 16", loc="left")
    for panel in panels:
        _bare(panel)
    _save(figure, out)


def draw_bits(tiles: DayTiles, transform: TemporalTransform, out: Path) -> None:
    """Bytes by kind of symbol, by level, and of everything beside the coefficients."""
    from matplotlib import pyplot

    pyramid = tiles[0].pyramid
    assert pyramid is not None
    codes = rounded(tiles, transform)
    kinds = {name: bits / 8 for name, bits in costs(codes, pyramid).items()}
    levels = [bits / 8 for bits in by_level(codes, pyramid)]
    encoded = encode_tiles(tiles, transform, STEP, DayBasisPackOptions())
    sections = encoded.writer.reopened(lambda archive: archive.metadata["sections"])
    stored = {section["name"].removeprefix("0/"): section["stored_bytes"] for section in sections}
    names = {"basis": "basis", "rotations": "turns", "blocks": "0/classes", "graph": "frame.onnx", "mask": "mask"}
    sides = {title: stored.get(name, 0) for title, name in names.items()}
    sides["metadata"] = encoded.size_bytes - sum(stored.values())
    nonzero = sum(int((b != 0).sum()) for level in codes[1:] for b in level)
    n_codes = codes[0].shape[0] * sum(int(s.sum()) for level in pyramid.sites[1:] for s in level)
    print(f"archive {encoded.size_bytes} bytes, {encoded.psnr_db:.2f} dB; {stored['0/coefficients']} of coefficients")
    print(f"{100 * nonzero / n_codes:.1f} % of {n_codes} detail codes are not 0")
    bands = dict(zip(["low band", *(f"level {i}" for i in range(1, len(levels)))], levels, strict=True))
    total = sum(kinds.values())
    for table in (kinds, bands, sides):
        print({name: f"{size:.0f} ({100 * size / total:.1f} %)" for name, size in table.items()})
    figure, panels = pyplot.subplots(1, 3, layout="constrained", figsize=(7, 2.2))
    for panel, title, table, color in (
        (panels[0], "coefficients, by symbol", kinds, ACCENT),
        (panels[1], "coefficients, by band", bands, COOL),
        (panels[2], "the rest", sides, FAINT),
    ):
        panel.barh(list(table), list(table.values()), color=color, height=0.65)
        most = max(table.values())
        for i, size in enumerate(table.values()):
            panel.text(size + most * 0.02, i, f"{size / 1000:.1f}", va="center", color=INK, fontsize=7)
        panel.set_xlim(0, most * 1.2)
        panel.invert_yaxis()
        panel.set_xticks([])
        panel.spines["bottom"].set_visible(False)
        panel.set_title(f"{title}, kB", loc="left", fontsize=8)
    _save(figure, out)


def _bare(panel: Axes) -> None:
    panel.set_xticks([])
    panel.set_yticks([])
    panel.set_facecolor("#eceef0")
    for spine in panel.spines.values():
        spine.set_visible(False)


def _save(figure: Any, out: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(out, bbox_inches="tight", pad_inches=0.06)
    pyplot.close(figure)
    with Image.open(out) as drawn:
        drawn.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(out, optimize=True)


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default="docs", show_default=True)
def main(data: Path, out: Path) -> None:
    """Draw the figures of DATA, 8-bit frames of at most one tile, into OUT."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    day = read_day(data)
    config = DayBasisConfig(q_step=STEP)
    tiles = DayTiles(day, config.tile, config.n_levels)
    if len(tiles) != 1 or day.transfer != "srgb8":
        raise click.ClickException(f"{data}: expected 8-bit frames of at most {config.tile} texels a side")
    out.mkdir(parents=True, exist_ok=True)
    found = transforms(tiles)
    with pyplot.rc_context(STYLE):
        draw_spectrum(tiles, found, out / "daybasis_spectrum.png")
        draw_maps(tiles[0], found, out / "daybasis_maps.png")
        draw_pyramid(tiles[0], found["sparse rotation"], out / "daybasis_pyramid.png")
        draw_regions(day, found["regional rotations"], out / "daybasis_regions.png")
        draw_bits(tiles, found["regional rotations"], out / "daybasis_bits.png")


if __name__ == "__main__":
    main()
