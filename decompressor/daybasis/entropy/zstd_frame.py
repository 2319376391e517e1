"""zstd frames from bytes that may be hostile."""

import numpy as np
import numpy.typing as npt
import zstandard

from .symbols import EntropyError

MIN_WINDOW_BYTES = 1 << 20


def _window(n_bytes: int) -> int:
    """Largest window that a frame of so many decoded bytes has use for; the decoder takes that much memory."""
    return max(MIN_WINDOW_BYTES, 1 << (n_bytes - 1).bit_length())


def unzstd(data: bytes, max_bytes: int) -> bytes:
    """Decompress one zstd frame that declares its size, at most max_bytes; anything else is an EntropyError."""
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= max_bytes:
            raise EntropyError(f"zstd frame of {size} bytes, at most {max_bytes} expected")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_window(size))
        out = decompressor.decompress(data, max_output_size=max_bytes, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise EntropyError(f"zstd: {error}") from error
    if len(out) != size:
        raise EntropyError(f"zstd frame holds {len(out)} bytes and declares {size}")
    return out


def unzstd_piece(piece: bytes, length: int) -> npt.NDArray[np.uint8]:
    """Decompress a frame without magic number and content size to length bytes; length bytes are taken as they are."""
    if len(piece) == length:
        return np.frombuffer(piece, np.uint8)
    magicless = zstandard.FORMAT_ZSTD1_MAGICLESS
    try:
        if zstandard.get_frame_parameters(piece, magicless).content_size != zstandard.CONTENTSIZE_UNKNOWN:
            raise EntropyError("zstd piece declares its size")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_window(length), format=magicless)
        out = decompressor.decompress(piece, max_output_size=max(1, length))
    except zstandard.ZstdError as error:
        raise EntropyError(f"zstd: {error}") from error
    if len(out) != length:
        raise EntropyError(f"zstd piece holds {len(out)} bytes, not {length}")
    return np.frombuffer(out, np.uint8)
