"""What goes beside a submission in the contest's layout: a zip, a checklist, and a page of facts for the presentation.

All of it is made of the folder and of report.json, which the rehearsal writes beside it; a rehearsal makes it anew, but
for pages that the team has changed since.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from PIL import Image

from todpack.decompressor.files import write_text
from todpack.decompressor.frame_files import preview
from todpack.decompressor.grid import ceil_div
from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.signatures import MARKDOWN
from todpack.eval.measures.contest import ratio_percent
from todpack.eval.tables import Part, Table, document, figure

from ..folder import write_zip
from ..plain_bits.header import Header
from ..plain_bits.lightmap import times_of
from ..plain_bits.opened import PlainFile

CHECKLIST, FACTS_MD, FACTS_HTML = "checklist.md", "facts.md", "facts.html"
REPORT_NAME = "report.json"
SHOWN_HOURS = (6.0, 12.0, 18.1)
SHOWN_SIDE = 256
WHITE_PERCENT = 99.0
SEAL = "<!-- as todpack wrote it: {} -->\n"
"""Last line of a page, with the SHA-256 of what is above."""
DONE, OPEN, TEAM = "done", "open", "left to the team"
METHOD = [
    "Light adds up, so the day of a texel, 26 times RGB, lies near a space of few dimensions: the eigenvectors of its "
    "covariance (KLT), rotated so that shadows gather in few maps, give K maps and one 3 x K matrix for each time.",
    "Each map is a wavelet pyramid that never reaches across the border of a chart; its integers are rounded for rate "
    "and distortion, and stored as plain bits: fields, bitmaps and Rice codes, without any compression library.",
    "A time is one product of its matrix and the maps, and a pointwise curve; between the stored times the matrix is "
    "interpolated. One texel is one column of the maps: random access at any place costs the same.",
]
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border-bottom:1px solid #ccc;padding:.2rem .8rem;text-align:left}"
    "img{image-rendering:pixelated;margin-right:.5rem}figure{margin:1rem 0}"
)


def beside(folder: Path, name: str) -> Path:
    """A file of the handout: FOLDER.NAME."""
    return folder.with_name(f"{folder.name}.{name}")


def handout_files(folder: Path) -> list[Path]:
    """What `write_handout` writes."""
    return [beside(folder, name) for name in ("zip", CHECKLIST, FACTS_MD, FACTS_HTML)]


def _sealed(text: str) -> str:
    return text + SEAL.format(hashlib.sha256(text.encode()).hexdigest())


def _is_changed(page: Path) -> bool:
    """Whether somebody has written into a page since."""
    try:
        text = page.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return page.exists()
    return _sealed("".join(text.splitlines(keepends=True)[:-1])) != text


def write_handout(folder: Path, report: dict[str, Any] | None = None, *, place: Path | None = None) -> list[Path]:
    """Write zip, checklist and facts beside a submission; pages that were kept as the team has changed them.

    Args:
        folder: The submission.
        report: Of its rehearsal; None takes report.json beside the folder, if it is of these parameters.
        place: Where the folder will be, while it is in the making.

    Raises:
        OutputError: one cannot be written.
    """
    place = folder if place is None else place
    files = sorted(path for path in (folder / "Parameters").iterdir() if path.is_file())
    sizes = {unquote(path.stem): path.stat().st_size for path in files}
    shapes = {unquote(path.stem): _shape(path) for path in files}
    n_bytes, n_texels = sum(sizes.values()), sum(height * width for height, width in shapes.values())
    known = _report_beside(place, folder) if report is None else report
    archive = beside(place, "zip")
    shipped = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    write_zip(folder, [path.as_posix() for path in shipped if "__pycache__" not in path.parts], archive)
    largest = max(files, key=lambda path: shapes[unquote(path.stem)][0] * shapes[unquote(path.stem)][1])
    pictures = _pictures(largest)

    def texts(known: dict[str, Any] | None) -> dict[str, str]:
        facts = _facts(sizes, shapes, n_bytes, ratio_percent(n_bytes, n_texels), known)
        return {
            CHECKLIST: _markdown("Checklist", _checklist(folder, place, len(files), n_bytes, archive, known)),
            FACTS_MD: _markdown("Lightmaps over the day: facts", facts),
            FACTS_HTML: _html("Lightmaps over the day: facts", facts, unquote(largest.stem), pictures),
        }

    try:
        written = texts(known)
    except (LookupError, TypeError, ValueError, AttributeError):
        if report is not None:
            raise
        written = texts(None)  # what lies beside is no report of ours
    pages = {beside(place, name): text for name, text in written.items()}
    kept = [page for page in pages if page.is_file() and _is_changed(page)]
    for page, text in pages.items():
        if page not in kept:
            write_text(page, _sealed(text))
    return kept


def foreign_parameters(folder: Path) -> list[str]:
    """What lies beside the parameters and is none of ours, one line each."""
    found = []
    for path in sorted((folder / "Parameters").rglob("*")):
        if path.is_file():
            try:
                _shape(path)
            except ValueError as error:
                found.append(f"{path.relative_to(folder)}: {error}")
    return found


def _shape(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        header = Header.unpack(file.read())
    return header.height, header.width


def parameters_digest(folder: Path) -> str:
    """SHA-256 over the names and the content of everything in `Parameters/`."""
    state = hashlib.sha256()
    for path in sorted(path for path in (folder / "Parameters").rglob("*") if path.is_file()):
        state.update(json.dumps([path.relative_to(folder).as_posix(), path.stat().st_size]).encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def _report_beside(place: Path, folder: Path) -> dict[str, Any] | None:
    try:
        report = read_shallow(place.parent / REPORT_NAME)
    except (OSError, ValueError):
        return None
    if not isinstance(report, dict) or "measures" not in report:
        return None
    return report if report.get("parameters") == parameters_digest(folder) else None


def _checklist(
    folder: Path, place: Path, n_lightmaps: int, n_bytes: int, archive: Path, report: dict[str, Any] | None
) -> list[Part]:
    requirements = (folder / "requirements.txt").read_text("utf-8").splitlines()
    packages = [line for line in requirements if line.strip() and not line.startswith("#")]
    if report is None:
        rehearsed = OPEN, f"todpack submit check --layout contest {place.name} --data DATASET"
    elif report["passed"]:
        rehearsed = DONE, f"passed on {report['device']}"
    else:
        rehearsed = OPEN, f"{len(report['faults'])} fault(s): {report['faults'][0]}"
    on_gpu = DONE if report is not None and report["device"] != "cpu" else OPEN
    rows = [
        ("Interface.py with get(lightmap_config, device)", DONE, "reconstruct, get_result, random_test"),
        ("Parameters/ holds every byte that is read", DONE, f"{n_lightmaps} lightmap(s), {n_bytes} bytes"),
        ("no general-purpose compressor over them", DONE, "plain bits: FORMAT.md beside their reader"),
        ("requirements.txt names additional packages only", DONE, ", ".join(packages) or "none"),
        ("the grader's Test.py", DONE, "copied over by the grader; the folder needs none"),
        ("rehearsed as the grader does it", *rehearsed),
        ("measured on a GPU as the grader's", on_gpu, "--device cuda"),
        ("one file to hand in", DONE, f"{archive.name}, {archive.stat().st_size} bytes"),
        ("engine integration", TEAM, "todpack export gives textures and shaders: docs/engines.md"),
        ("presentation", TEAM, f"{beside(place, FACTS_HTML).name} has the figures"),
        ("names of the team, contact, license", TEAM, ""),
    ]
    return [Table("What the contest asks for:", ("what", "state", "where"), rows)]


def _facts(
    sizes: dict[str, int],
    shapes: dict[str, tuple[int, int]],
    n_bytes: int,
    ratio: float,
    report: dict[str, Any] | None,
) -> list[Part]:
    n_texels = sum(height * width for height, width in shapes.values())
    rows = [
        ("lightmaps", str(len(sizes))),
        ("texels", f"{n_texels}"),
        ("bytes of parameters", f"{n_bytes}"),
        ("compression ratio, of 24 hours of float32 RGB", f"{ratio:.3f} %, 1 : {100 / ratio:.0f}"),
    ]
    if report is None:
        rows.append(("quality, time, score", "not measured yet: todpack submit check --layout contest"))
    else:
        measures, points = report["measures"], report["points"]
        for name, title, digits, unit in (
            ("psnr_db", "PSNR", 2, " dB"),
            ("ssim", "SSIM", 5, ""),
            ("lpips", "LPIPS", 5, ""),
            ("time_s", "time of all frames", 2, " s"),
        ):
            given = f"; {points[name]:.1f} of 100 points" if points[name] is not None else ""
            rows.append((title, figure(measures[name], digits, unit) + given))
        rows += [
            ("score", f"{report['score']:.3f} of {report['reachable']:g} that this can measure"),
            ("a frame, median", f"{report['frame_ms_median']:.2f} ms on {report['device']} ({report['cpu']})"),
            ("one texel at one time", f"{max(report['access_us']):.0f} us, wherever it lies"),
        ]
    largest = sorted(sizes, key=lambda name: -sizes[name])[:10]
    per_lightmap = report["per_lightmap"] if report is not None else {}
    lightmaps = [
        (
            name,
            f"{shapes[name][1]} x {shapes[name][0]}",
            str(sizes[name]),
            figure(per_lightmap.get(name, {}).get("psnr_db"), 2, " dB", "not measured"),
        )
        for name in largest
    ]
    more = f", the {len(largest)} largest of {len(sizes)}" if len(sizes) > len(largest) else ""
    return [
        Table("Figures:", ("what", "measured"), rows),
        Table(f"Lightmaps{more}:", ("lightmap", "size", "bytes", "PSNR"), lightmaps),
        "How it works:",
        METHOD,
    ]


def _markdown(title: str, parts: Sequence[Part]) -> str:
    """A page; names of lightmaps, which are others' text, are no markup."""
    parts = [
        replace(part, rows=[[html.escape(cell, quote=False).replace("|", "\\|") for cell in row] for row in part.rows])
        if isinstance(part, Table)
        else part
        for part in parts
    ]
    return "\n".join([f"# {title}", "", MARKDOWN, "", *document(parts)]).rstrip() + "\n"


def _pictures(path: Path) -> list[tuple[float, bytes]]:
    """PNG of the lightmap at SHOWN_HOURS, in one exposure."""
    lightmap = PlainFile(path)
    height, width = lightmap.header.height, lightmap.header.width
    step = ceil_div(max(height, width), SHOWN_SIDE)
    shown = np.zeros((lightmap.header.n_maps, ceil_div(height, step), ceil_div(width, step)), np.float32)
    for place, maps in lightmap.tiles():  # one at a time, of a lightmap of any size
        top, left = ceil_div(place.rows.start, step), ceil_div(place.columns.start, step)
        part = maps[:, top * step - place.rows.start :: step, left * step - place.columns.start :: step]
        shown[:, top : top + part.shape[1], left : left + part.shape[2]] = part
    times = times_of(lightmap)
    frames = {hour: times.radiance(shown, hour) for hour in SHOWN_HOURS}
    white = max(float(np.percentile(frame, WHITE_PERCENT)) for frame in frames.values())
    exposure = -float(np.log2(white)) if white > 0.0 else 0.0
    pictures = []
    for hour, frame in frames.items():
        file = io.BytesIO()
        Image.fromarray(preview(frame, exposure)).save(file, "PNG")
        pictures.append((hour, file.getvalue()))
    return pictures


def _html(title: str, parts: Sequence[Part], lightmap: str, pictures: Sequence[tuple[float, bytes]]) -> str:
    lines = [f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>"]
    lines += ['<meta name="generator" content="todpack">', f"<h1>{title}</h1>", "<figure>"]
    for hour, data in pictures:
        lines.append(f'<img alt="{hour:g} h" src="data:image/png;base64,{base64.b64encode(data).decode()}">')
    hours = ", ".join(f"{hour:g}" for hour, _ in pictures)
    lines.append(f"<figcaption>{html.escape(lightmap)}, decoded at {hours} h, one exposure</figcaption></figure>")
    for part in parts:
        if isinstance(part, Table):
            lines.append(f"<h2>{html.escape(part.caption.rstrip(':'))}</h2><table>")
            for tag, row in (("th", part.head), *(("td", row) for row in part.rows)):
                lines.append("<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>")
            lines.append("</table>")
        elif isinstance(part, str):
            lines.append(f"<h2>{html.escape(part.rstrip(':'))}</h2>")
        else:
            lines += ["<ol>", *(f"<li>{html.escape(line)}</li>" for line in part), "</ol>"]
    return "\n".join([*lines, "</html>"]) + "\n"
