"""docs/benchmarks.md from the result file alone, so that its figures are the file's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from todpack.decompressor.signatures import MARKDOWN

from ..machine import machine_line
from ..tables import Part, Table, document, plain_markdown
from .report import (
    bd_rate_table,
    bytes_table,
    eight_bit,
    families_table,
    hdr_table,
    parts_table,
    quality_table,
    ratio_table,
    speed_table,
)
from .result import PARTS, SECTION

INTRODUCTION = """\
Written by `make bench` from `docs/benchmarks.json`, which holds every point; do not edit.

Sets are the repository's samples and those of a folder that is named (`make bench SETS=FOLDER`). Codecs are compared at
the PSNRs that the closed form of commit 621388b reached at `q_step` 9, 16 and 24 on each set, so that figures of
different days compare; bytes between measured points are log-linear. BD-rates are over the shared range.

How it is fair, and where it is not:

- Bytes of ours are whole files. Peers are counted as raw streams: HEVC in Annex B without the encoder's text, AV1 as
  OBUs, JPEG XL as codestreams; AVIF and WebP have no form without a container. A decoder of theirs needs the mask
  beside, which is not counted: *without mask* is ours by the same count.
- PSNR is over valid texels. Invalid texels are coded by the peers as the set has them: bakes are filled outward,
  photographs dark. Filling photographs by our own rule made x265's streams 7 to 14 % larger, so they were left alone.
- *border dB* is the PSNR of lookups half a texel over the charts' borders, against the gutter that the codec was to
  give: the original's for peers, our rule's for ours.
- Videos have one key frame, constant quality, a slow preset, and are tuned for PSNR as ours is. VVC is absent: no
  encoder that keeps 4:4:4 was at hand. SVT-AV1 has no 4:4:4.
- Constants of ours were chosen on some of the sets (column *tuned*); *not tuned on* is the mean over the others. The
  courtyard's passes share one noise pattern over its night hours, which favors codecs that use time; harbor's do not.
- Processor times count all threads and processes and hardly depend on load; peers' are those of the run that filled the
  cache. Times of ours under *Speed* are wall times.
"""


def _notes(result: Mapping[str, Any], part: str) -> list[str]:
    """Machine, date, versions and commit of the sets of a part, one line for each that differs."""
    lines: dict[str, list[str]] = {}
    for name, measured in result[part]["measured"].items():
        where = f"commit {measured['commit']}, " if measured["commit"] else ""
        lines.setdefault(f"{where}{machine_line(measured['machine'])}", []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in lines.items()]


def _plainly_named(result: Mapping[str, Any]) -> dict[str, Any]:
    """The same with names of sets as Markdown may have them."""
    return {
        part: {section: {plain_markdown(name): one for name, one in value[section].items()} for section in SECTION}
        if part in PARTS
        else value
        for part, value in result.items()
    }


def bench_document(
    result: Mapping[str, Any], targets: Mapping[str, Mapping[str, float]], decided: Mapping[str, str]
) -> str:
    """The whole document.

    Args:
        result: The result file.
        targets: Upper bounds by set.
        decided: What decided between the codecs on a set, by name.
    """
    result = _plainly_named(result)
    lines = ["# Benchmarks", "", MARKDOWN, "", *INTRODUCTION.splitlines(), ""]
    parts: list[Part]
    if "rate" in result:
        sets = result["rate"]["sets"]
        rows = [
            (
                name,
                found["kind"],
                f"{found['width']} x {found['height']} x {found['frames']}",
                f"{100 * found['valid_texels'] / (found['width'] * found['height']):.0f} %",
                "yes" if found["tuned"] else "no",
            )
            for name, found in sets.items()
        ]
        parts = [
            Table("Sets:", ("set", "kind", "texels and hours", "valid", "tuned"), rows),
            ratio_table(sets, targets),
            bd_rate_table(sets),
            bytes_table(sets),
        ]
        if len(eight_bit(sets)) < len(sets):
            parts.append(hdr_table(sets, targets))
        table = parts_table(sets)
        parts += [table] if table.rows else []
        texts = [f"{name}: {text}" for name, text in decided.items() if name in sets]
        parts += ["What decided it, as far as these figures tell:", texts] if texts else []
        lines += ["## Bytes", "", *document(parts), *document([_notes(result, "rate")])]
        lines += ["## Every codec", ""]
        lines += document([quality_table(name, found) for name, found in eight_bit(sets).items()])
        absent = {f"{peer} absent: {why}" for found in sets.values() for peer, why in found["absent"].items()}
        absent |= {f"LPIPS absent: {found['lpips_absent']}" for found in sets.values() if found["lpips_absent"]}
        definitions = [f"{name}: {text}" for name, text in result.get("definitions", {}).items()]
        lines += document([[*sorted(absent), *definitions]])
    if "speed" in result:
        sets = result["speed"]["sets"]
        lines += ["## Speed", "", *document([speed_table(name, found) for name, found in sets.items()])]
        lines += document([_notes(result, "speed")])
    if "families" in result:
        sets = result["families"]["sets"]
        lines += ["## Families", "", *document([families_table(name, rows) for name, rows in sets.items()])]
        lines += document([_notes(result, "families")])
    return "\n".join(lines).rstrip() + "\n"
