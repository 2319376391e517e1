"""The page: front-end files and data in one HTML text.

An archive of daybasis is carried as it is, with the decoder as WebAssembly that a worker runs. Of other families, and
of daybasis with a graph of its own, the page carries the latent maps of one lightmap and its graph, which WebGL2 runs.
"""

from __future__ import annotations

import base64
import gzip
import html
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive
from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.family import standard_decoder
from todpack.decompressor.outliers import without

from ..errors import EvalError
from ..measures.metrics import bits_per_texel
from ..report.pictures import white_of
from ..web.page import asset, embedded_json, filled_page
from .decoder import decoder_script, decoder_wasm, decodes
from .payload import PackedMaps, encode_blob, graph_section, pack_maps
from .program import frame_program

SHOWING = ("view/carried.js", "view/display.js", "view/plot.js", "web/view_state.js", "view/archive_source.js")
GRAPH_DECODING = ("view/data.js", "view/program.js", "view/shader.js", "view/map_decoder.js", "view/graph_source.js")
STARTING = ("view/viewer.js", "view/main.js")
MAX_SIDE = 4096  # what WebGL2 devices can be counted on for
MAX_LATENT_BYTES = 1 << 29
MAX_ARCHIVE_BYTES = 1 << 28  # browsers hold strings of up to 2^29 letters
_GZIP_LEVEL = 9


@dataclass(frozen=True)
class Page:
    """The page and what it carries.

    Attributes:
        text: HTML.
        carries: In words, for the user.
        packed: The latent maps, where it carries those instead of the archive.
    """

    text: str
    carries: str
    packed: PackedMaps | None = None


def _description(archive: Archive, index: int, packed: PackedMaps) -> dict[str, Any]:
    lightmap = archive.lightmaps[index]
    frames = (lightmap.decode(float(time_h), dtype="float32") for time_h in lightmap.hours)
    return {
        "name": lightmap.name,
        "file": archive.container.path.name,
        "family": archive.model_type,
        "height": lightmap.height,
        "width": lightmap.width,
        "hours": lightmap.hours.tolist(),
        "transfer": lightmap.transfer,
        "channels": len(packed.values),
        "maps": packed.kind,
        "white": None if lightmap.transfer == "srgb8" else white_of(frames, lightmap.valid),  # at exposure 0
        "scale": packed.scale.tolist(),
        "offset": packed.offset.tolist(),
        "archive_bytes": archive.file_bytes,
        "lightmaps": len(archive.lightmaps),
        "valid_texels": lightmap.n_valid,
        "bpt": bits_per_texel(archive.file_bytes, sum(m.n_valid for m in archive.lightmaps), len(lightmap.hours)),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@cache
def _packed_wasm() -> str:
    return _base64(gzip.compress(decoder_wasm(), _GZIP_LEVEL, mtime=0))


def _element(name: str, kind: str, text: str, coding: str = "") -> str:
    return f'<script type="{kind}" id="{name}"{coding}>{text}</script>'


def _filled(
    title: str, carried: dict[str, Any], data: list[str], shaders: tuple[str, ...], scripts: tuple[str, ...]
) -> str:
    return filled_page(
        "view/viewer.html",
        title=html.escape(f"{title} - todpack"),
        carried=embedded_json(carried),
        data="\n".join(data),
        decoder=embedded_json(decoder_script()),
        wasm=_packed_wasm(),
        shaders=embedded_json({name: asset(f"view/{name}.glsl") for name in shaders}),
        styles=("web/base.css", "view/viewer.css"),
        scripts=scripts,
    )


def _archive_page(archive: Archive, index: int) -> Page:
    path = archive.container.path
    if archive.file_bytes > MAX_ARCHIVE_BYTES:
        raise EvalError(
            f"{path}: a page carries archives of up to {MAX_ARCHIVE_BYTES} bytes, found {archive.file_bytes}"
        )
    carried = {"archive": True, "file": path.name, "lightmap": index}
    data = [_element("archive", "text/plain", _base64(path.read_bytes()))]
    text = _filled(archive.lightmaps[index].name, carried, data, ("display",), SHOWING + STARTING)
    return Page(text, f"the archive of {archive.file_bytes} bytes")


def _maps_page(archive: Archive, index: int) -> Page:
    path, shown = archive.container.path, archive.lightmaps[index]
    standard = standard_decoder(shown.decoder)
    if standard is not None and not standard.has_exact_sums():
        raise EvalError(
            f"{path}: lightmap {shown.name}: expected numbers whose sums are exact in float32, as a browser adds them "
            "up, found larger ones"
        )
    maps = shown.latents()
    if maps.nbytes > MAX_LATENT_BYTES:
        raise EvalError(f"{path}: latent maps of {maps.nbytes} bytes are more than a page can hold")
    for time_h in shown.hours:
        shown.decode(float(time_h), dtype="float32")  # what the decoder refuses of the graph's results is refused here
    section = graph_section(archive, index)
    graph, where = archive.container.read_bytes(section), f"{path}: section {section}"
    program = frame_program(graph, shown.frame_inputs(), len(maps), where)
    packed = pack_maps(archive, index)
    description = _description(archive, index, packed) | {
        "program": {"time": program.time_steps, "texel": program.texel_steps, "result": program.result},
        "constants": [[name, list(values.shape)] for name, values in program.constants.items()],
    }
    blob = encode_blob(shown, packed, program.constants)
    data = [
        _element("description", "application/json", embedded_json(description)),
        _element("blob", "text/plain", blob, ' data-coding="gzip"'),
    ]
    scripts = SHOWING + GRAPH_DECODING + STARTING
    text = _filled(shown.name, {"archive": False}, data, ("decode", "display"), scripts)
    kind = "float32"
    if packed.kind == "uint16":
        kind = f"uint16, values within {packed.error_codes:.2f} codes before rounding"
    return Page(text, f"{len(packed.values)} latent maps as {kind}{without(shown.n_outliers)}", packed)


def build_page(path: Path, lightmap: str | None = None) -> Page:
    """Make the page.

    Args:
        path: The archive.
        lightmap: Which of its lightmaps is shown first, by name or position; None is the first.

    Raises:
        TodpackError: not a readable archive, no such lightmap, too large for a page, or a graph that cannot be shown.
    """
    with open_archive(path, provider="cpu") as archive:
        shown = archive.lightmaps[0] if lightmap is None else archive.choose(lightmap)
        if max(shown.height, shown.width) > MAX_SIDE:
            raise EvalError(f"{path}: a page shows sides up to {MAX_SIDE}, found {shown.width} x {shown.height} texels")
        archive.container.verify()  # whatever `verify` refuses is refused here
        shown.prepare()
        index = archive.lightmaps.index(shown)
        make = _archive_page if decodes(archive) else _maps_page
        return make(archive, index)
