"""The page of one lightmap: front-end files and data in one HTML text."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from todpack.decompressor import open_archive
from todpack.decompressor.archive import Archive

from ..errors import EvalError
from ..measures.metrics import bits_per_texel
from ..report.pictures import white_of
from ..web.page import asset, embedded_json, filled_page
from .payload import PackedMaps, encode_blob, graph_section, pack_maps
from .program import frame_program

SCRIPTS = (
    "view/data.js", "view/program.js", "view/shader.js", "view/renderer.js", "view/plot.js", "web/view_state.js",
    "view/main.js",
)  # fmt: skip
SHADERS = ("decode", "display")
MAX_SIDE = 4096  # what WebGL2 devices can be counted on for
MAX_LATENT_BYTES = 1 << 29


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


def build_page(path: Path, lightmap: str = "0") -> tuple[str, PackedMaps]:
    """Make the page.

    Args:
        path: The archive.
        lightmap: Which of its lightmaps, by name or position.

    Returns:
        The HTML text, and the maps that it carries.

    Raises:
        TodpackError: not a readable archive, no such lightmap, too large for a page, or a graph that cannot be shown.
    """
    with open_archive(path, provider="cpu") as archive:
        shown = archive.choose(lightmap)
        index = archive.lightmaps.index(shown)
        if max(shown.height, shown.width) > MAX_SIDE:
            raise EvalError(f"{path}: a page shows sides up to {MAX_SIDE}, found {shown.width} x {shown.height} texels")
        shown.prepare()  # whatever `verify` refuses is refused here
        maps = shown.latents()
        if maps.nbytes > MAX_LATENT_BYTES:
            raise EvalError(f"{path}: latent maps of {maps.nbytes} bytes are more than a page can hold")
        section = graph_section(archive, index)
        graph, where = archive.container.read_bytes(section), f"{path}: section {section}"
        program = frame_program(graph, shown.frame_inputs(), len(maps), where)
        packed = pack_maps(archive, index)
        description = _description(archive, index, packed) | {
            "program": {"time": program.time_steps, "texel": program.texel_steps, "result": program.result},
            "constants": [[name, list(values.shape)] for name, values in program.constants.items()],
        }
        blob = encode_blob(shown, packed, program.constants)
    page = filled_page(
        "view/viewer.html",
        title=html.escape(f"{shown.name} - todpack"),
        description=embedded_json(description),
        blob=blob,
        shaders=embedded_json({name: asset(f"view/{name}.glsl") for name in SHADERS}),
        styles=("web/base.css", "view/viewer.css"),
        scripts=SCRIPTS,
    )
    return page, packed
