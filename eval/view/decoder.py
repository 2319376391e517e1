"""The decoder that a page carries: libtodpack as WebAssembly (js/), run by a worker."""

from __future__ import annotations

import re
from importlib.resources import files

from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.frame_graph import read_affine_frame
from todpack.decompressor.daybasis.standard_graph import makes_standard_matrix
from todpack.decompressor.graphs.wire import parse_model

from ..web.page import asset
from .payload import graph_section

JS = "todpack.js"  # the package of the npm module


def decoder_wasm() -> bytes:
    """The compiled library."""
    return files(JS).joinpath("todpack.wasm").read_bytes()


def decoder_script() -> str:
    """Text of a worker: the npm module as a script, and the acts that a page asks for.

    Browsers start no module worker from within a page that is a file.
    """
    module = files(JS).joinpath("todpack.js").read_text(encoding="utf-8")
    script = re.sub(r"^export ", "", module, flags=re.MULTILINE).replace("import.meta.url", "location.href")
    return script + "\n" + asset("view/worker.js")


def _is_standard(archive: Archive, index: int) -> bool:
    data = archive.container.read_bytes(graph_section(archive, index))
    graph = parse_model(data, archive.container.limits.graph_nodes)
    n_components = archive.metadata["lightmaps"][index]["model"]["n_components"]
    return read_affine_frame(graph, n_components) is not None and makes_standard_matrix(graph, archive.hours)


def decodes(archive: Archive) -> bool:
    """Whether libtodpack decodes all of an archive: of the family daybasis, with graphs that it need not run."""
    every = range(len(archive.lightmaps))
    return archive.model_type == "daybasis" and all(_is_standard(archive, index) for index in every)
