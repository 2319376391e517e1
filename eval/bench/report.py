"""The figures of a result as tables: for a terminal as each set is done, and for docs/benchmarks.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..peers.libaom import LIBAOM
from ..peers.ours import DAYBASIS, REFINED
from ..peers.video import X265
from ..tables import Part, Table, figure
from .rate import ANCHORS

TITLES = {REFINED: "todpack", DAYBASIS: "todpack, closed form", X265.name: "x265", LIBAOM.name: "libaom"}
"""How codecs are called in tables; the others by their names."""
KINDS = ("baked", "photographed", "smooth", "tiny")
_SHOWN = (REFINED, DAYBASIS, X265.name, LIBAOM.name)

Sets = Mapping[str, Mapping[str, Any]]


def title(name: str) -> str:
    """A codec's name in tables."""
    return TITLES.get(name, name)


def ratio_of(found: Mapping[str, Any], ours: str, anchor: str, key: str = "ratios") -> float | None:
    """Mean ratio of one set, None where it was not measured."""
    value = found["compared"][key].get(ours, {}).get(anchor)
    return None if value is None else float(value)


def geometric_mean(values: Sequence[float | None]) -> float | None:
    """Of the values that are there; None without any."""
    known = [value for value in values if value is not None]
    return math.exp(math.fsum(map(math.log, known)) / len(known)) if known else None


def eight_bit(sets: Sets) -> dict[str, Mapping[str, Any]]:
    """Sets of codes."""
    return {name: found for name, found in sets.items() if found["transfer"] == "srgb8"}


def _verdict(value: float | None, bound: float | None) -> str:
    if bound is None or value is None:
        return ""
    return f"{'met' if value <= bound else 'missed'}: <= {bound:g}"


def ratio_table(sets: Sets, targets: Mapping[str, Mapping[str, float]]) -> Table:
    """Ours over x265 and libaom at equal PSNR, set by set, then geometric means."""
    codes = eight_bit(sets)
    body: list[tuple[str, ...]] = []

    def cell(found: Mapping[str, Any], ours: str, anchor: str, key: str = "ratios") -> str:
        return figure(ratio_of(found, ours, anchor, key), 3, absent="-")

    columns = [(ours, anchor) for anchor in ANCHORS for ours in (REFINED, DAYBASIS)]
    for name, found in codes.items():
        bounds = [
            f"{title(anchor)} {verdict}"
            for anchor in ANCHORS
            if (verdict := _verdict(ratio_of(found, REFINED, anchor), targets.get(name, {}).get(anchor)))
        ]
        levels = ", ".join(f"{level:.2f}" for level in found["levels_db"])
        cells = [cell(found, *column) for column in columns]
        bare = cell(found, REFINED, X265.name, "ratios_without_mask")
        body.append((name, found["kind"], levels, *cells, bare, "; ".join(bounds)))

    def mean_row(text: str, some: Sequence[Mapping[str, Any]]) -> None:
        means = [geometric_mean([ratio_of(found, *column) for found in some]) for column in columns]
        bare = geometric_mean([ratio_of(found, REFINED, X265.name, "ratios_without_mask") for found in some])
        cells = [figure(mean, 3, absent="-") for mean in (*means, bare)]
        bound = targets.get("geometric mean", {}).get(X265.name) if text == "all" else None
        body.append((f"geometric mean, {text}", "", "", *cells, _verdict(means[0], bound)))

    if len(codes) > 1:
        for kind in KINDS:
            some = [found for found in codes.values() if found["kind"] == kind]
            if len(some) > 1:
                mean_row(kind, some)
        mean_row("not tuned on", [found for found in codes.values() if not found["tuned"]])
        mean_row("all", list(codes.values()))
    head = ("set", "kind", "at dB", *(f"{title(o)} / {title(a)}" for o, a in columns), "without mask / x265", "target")
    return Table("Bytes over those of the peer at equal PSNR, mean over three PSNRs:", head, body, "lll")


def parts_table(sets: Sets) -> Table:
    """Where the refined codec's bytes are at the highest and the lowest level."""
    shown = ("coefficients", "basis", "turns", "mask", "header and metadata")
    body = []
    for name, found in sets.items():
        levels = found["levels_db"]
        for index in (levels.index(max(levels)), levels.index(min(levels))):
            parts = found["compared"].get("parts", [{}] * len(levels))[index]
            if parts:
                total = sum(parts.values())
                cells = [f"{100 * parts.get(kind, 0) / total:.1f} %" for kind in shown]
                rest = total - sum(parts.get(kind, 0) for kind in shown)
                body.append((name, f"{levels[index]:.2f}", str(total), *cells, f"{100 * rest / total:.1f} %"))
    return Table("Where the bytes of todpack are:", ("set", "dB", "bytes", *shown, "other"), body)


def bd_rate_table(sets: Sets) -> Table:
    """BD-rates of ours and the best of the others against x265 and libaom."""
    body = []
    for name, found in eight_bit(sets).items():
        rates = found["compared"]["bd_rate_percent"]
        cells = []
        for anchor in ANCHORS:
            for codec in (REFINED, DAYBASIS, X265.name, LIBAOM.name):
                if codec != anchor and not (anchor == LIBAOM.name and codec == X265.name):
                    rate = rates.get(anchor, {}).get(codec)
                    cells.append("-" if rate is None else f"{rate:+.1f} %")
        body.append((name, *cells))
    head = ("set", "todpack / x265", "closed form / x265", "libaom / x265", "todpack / libaom", "closed form / libaom")
    return Table("BD-rate: bytes beyond the anchor's at equal PSNR over the shared range:", head, body)


def bytes_table(sets: Sets) -> Table:
    """Bytes at each level, beside those of the reference."""
    body = []
    for name, found in eight_bit(sets).items():
        sizes = found["compared"]["bytes"]
        reference = found["reference_bytes"] or [None] * len(found["levels_db"])
        for index, level in enumerate(found["levels_db"]):
            cells = [figure(sizes[codec][index] if codec in sizes else None, 0, absent="-") for codec in _SHOWN]
            body.append((name, f"{level:.2f}", figure(reference[index], 0, absent="-"), *cells))
    head = ("set", "dB", "closed form of 621388b", *map(title, _SHOWN))
    return Table("Bytes at equal PSNR:", head, body)


def hdr_table(sets: Sets, targets: Mapping[str, Mapping[str, float]]) -> Table:
    """Radiance: bytes at 55 dB as a share of the raw ones, beside BC6H."""
    body = []
    for name, found in sets.items():
        if found["transfer"] == "srgb8":
            continue
        level = max(found["levels_db"])
        index = found["levels_db"].index(level)
        sizes, cells = found["compared"]["bytes"], []
        share = None
        for codec in (REFINED, DAYBASIS):
            size = sizes[codec][index] if codec in sizes else None
            part = None if size is None else 100 * size / found["raw_bytes"]
            share = part if codec == REFINED else share
            cells += [figure(size, 0, absent="-"), figure(part, 2, " %", absent="-")]
        blocks = [point for point in found["points"] if point["name"] == "bc6h"]
        cells += [str(blocks[0]["bytes"]), f"{blocks[0]['psnr_db']:.2f}"] if blocks else ["-", "-"]
        bound = targets.get(name, {}).get("raw_percent")
        body.append((name, f"{level:g}", *cells, _verdict(share, bound)))
    head = ("set", "dB", "todpack", "of raw", "closed form", "of raw", "BC6H", "at dB", "target")
    return Table("Radiance (linear float32): bytes at 55 dB, the contest's measure:", head, body)


def quality_table(name: str, found: Mapping[str, Any]) -> Table:
    """Every codec of one set at the middle PSNR: what it costs, and what else it keeps."""
    middle = found["compared"]["middle"]
    access = found["random_access"]
    body = [
        (
            title(codec),
            figure(of["bytes"], 0, absent="-"),
            figure(of["ssim"], 4, absent="-"),
            figure(of["lpips"], 4, absent="-"),
            figure(of["border_db"], 1, absent="-"),
            figure(of["encode_cpu_s"], 1, absent="-"),
            figure(of["decode_cpu_ms_per_frame"], 2, absent="-"),
            access.get(codec, ""),
        )
        for codec, of in middle.items()
        if of["bytes"] is not None
    ]
    head = ("codec", "bytes", "SSIM", "LPIPS", "border dB", "encode CPU s", "decode CPU ms/frame", "random access")
    return Table(f"{name} at {found['compared']['middle_db']:.2f} dB:", head, body)


def speed_table(name: str, found: Mapping[str, Any]) -> Table:
    """Times and memory of one set against their targets."""
    body = []
    for row in found["rows"]:
        value = row["value"]
        digits = 3 if value is None or value < 1 else 2 if value < 100 else 0
        bound = "" if row["target"] is None else f"<= {row['target']:g}"
        body.append((row["measure"], figure(value, digits, absent="-"), bound, row["verdict"], row["note"]))
    return Table(f"{name}, archive of q_step {found['q_step']:g}:", ("measure", "", "target", "", "how"), body, "lrrll")


def families_table(name: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Trained families at their defaults."""
    digits = {"archive_bytes": 0, "psnr_db": 2, "open_ms": 0, "frame_ms": 1, "train_s": 0}
    body = [(row["family"], *(f"{row[key]:.{n}f}" for key, n in digits.items())) for row in rows]
    head = ("family", "bytes", "PSNR dB", "open ms", "frame ms", "training s")
    return Table(f"Families at their defaults: {name}", head, body)


def set_tables(part: str, name: str, found: Any, targets: Mapping[str, Mapping[str, float]]) -> list[Part]:
    """What a terminal shows of one set."""
    if part == "speed":
        return [speed_table(name, found)]
    if part == "families":
        return [families_table(name, found)]
    one = {name: found}
    absent = [f"{peer} absent: {why}" for peer, why in found["absent"].items()]
    if found["transfer"] != "srgb8":
        return [hdr_table(one, targets), absent] if absent else [hdr_table(one, targets)]
    tables: list[Part] = [ratio_table(one, targets), bd_rate_table(one), bytes_table(one), quality_table(name, found)]
    return [*tables, absent] if absent else tables
