"""The decoder that a page carries: libtodpack as WebAssembly (js/), run by a worker."""

from __future__ import annotations

import re
from importlib.resources import files

from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.family import standard_decoder

from ..web.page import asset

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


def decodes(archive: Archive) -> bool:
    """Whether libtodpack decodes all of an archive: standard graphs of the family daybasis, sums that are exact."""
    decoders = [standard_decoder(lightmap.decoder) for lightmap in archive.lightmaps]
    return all(one is not None and one.has_exact_sums() for one in decoders)
