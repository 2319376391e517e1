"""The decoder that a page carries: libtodpack as WebAssembly (js/), run by a worker."""

from __future__ import annotations

import re
from importlib.resources import files

from todpack.decompressor.archive import Archive
from todpack.decompressor.daybasis.decoder import DayBasisDecoder
from todpack.decompressor.daybasis.native_decoder import NativeDecoder
from todpack.decompressor.lightmap import Lightmap

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


def standard_decoder(lightmap: Lightmap) -> NativeDecoder | DayBasisDecoder | None:
    """The lightmap's decoder, where it is of the family daybasis with the standard graph."""
    decoder = lightmap.decoder
    if isinstance(decoder, NativeDecoder | DayBasisDecoder) and decoder.frame is not None:
        return decoder
    return None


def decodes(archive: Archive) -> bool:
    """Whether libtodpack decodes all of an archive: standard graphs of the family daybasis, sums that are exact."""
    decoders = map(standard_decoder, archive.lightmaps)
    return all(one is not None and one.has_exact_sums() for one in decoders)
