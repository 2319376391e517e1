"""Write a tile's coefficients by the chosen coder."""

from __future__ import annotations

from typing import Any

from todpack.decompressor.daybasis.entropy.symbols import EntropyError
from todpack.decompressor.daybasis.entry import ENTROPY_CODERS

from ..errors import PackError
from .entropy import encode_bands


def encode_coefficients(codes: Any, sites: Any, entropy: str) -> bytes:
    """Code the bands of one tile.

    Args:
        codes: Bands, coarse to fine, see decompressor/daybasis/entropy.py.
        sites: Where coefficients are coded.
        entropy: "ans" (needs the package constriction, here and in the decoder) or "zstd".

    Raises:
        PackError: unknown coder, or its package is not installed.
    """
    if entropy not in ENTROPY_CODERS:
        raise PackError(f"--entropy: expected one of {', '.join(ENTROPY_CODERS)}, found {entropy}")
    try:
        return encode_bands(codes, sites, entropy=entropy)
    except EntropyError as error:
        raise PackError(f"--q-step: too small for the coder ({error}); choose a larger one") from error
    except ModuleNotFoundError as error:
        raise PackError(f"--entropy ans needs {error.name}: pip install {error.name}, or use --entropy zstd") from error
