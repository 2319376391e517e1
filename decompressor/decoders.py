"""Which of the three decoders of the family `daybasis` an archive is opened with; other families run their graphs.

native: the C core, where it was built, and its own frames where the archive's graph is the standard one.
onnx: NumPy up to the maps, onnxruntime for frames.
reference: NumPy for both, where the graph is the standard one.

All give the same bytes at stored hours. FORMAT.md "Decoding".
"""

from __future__ import annotations

import os

from .daybasis import native
from .errors import RequestError

DECODERS = ("auto", "native", "onnx", "reference")
VARIABLE = "TODPACK_DECODER"


def choose_decoder(decoder: str | None, provider: str) -> str:
    """Resolve "auto" to "native" where it is there and no GPU is asked for, else "onnx".

    Args:
        decoder: Of DECODERS; None takes the environment's TODPACK_DECODER, or else "auto".
        provider: What was asked for: "auto", "cpu" or "cuda".

    Raises:
        RequestError: an unknown name, or "native" where it was not built.
    """
    named = "decoder" if decoder is not None else VARIABLE
    wanted = decoder if decoder is not None else os.environ.get(VARIABLE) or "auto"
    if wanted not in DECODERS:
        raise RequestError(f"{named}: expected one of {', '.join(DECODERS)}, found {wanted!r:.40}")
    if wanted == "native" and not native.IS_THERE:
        raise RequestError(f"{named}: expected the native core for 'native', found that it was not built; use 'auto'")
    if wanted != "auto":
        return wanted
    return "native" if native.IS_THERE and provider != "cuda" else "onnx"
