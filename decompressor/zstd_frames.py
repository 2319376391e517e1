"""zstd frames from bytes that may be hostile: nothing is decoded beyond the size that was agreed on."""

from __future__ import annotations

from pathlib import Path

import zstandard

from .bits import EntropyError

DICTIONARY = Path(__file__).with_name("dictionary.bin").read_bytes()
"""What metadata and graphs usually look like, which frames of the codec `zstd-1` refer to. FORMAT.md "Dictionary"."""
MAGIC = b"\x28\xb5\x2f\xfd"
HAS_CHECKSUM, LEAST_WINDOW = 4, 0  # a frame's descriptor, and its window; RFC 8878
MIN_WINDOW_BYTES, MAX_WINDOW_BYTES = 1 << 20, 1 << 27


def _decompress(frame: bytes, n_bytes: int, form: int, dictionary: bytes = b"") -> bytes:
    """Decode a frame of so many bytes, with the largest window that so many bytes have use for."""
    content = zstandard.ZstdCompressionDict(dictionary, zstandard.DICT_TYPE_RAWCONTENT) if dictionary else None
    window = min(MAX_WINDOW_BYTES, max(MIN_WINDOW_BYTES, 1 << max(0, n_bytes - 1).bit_length()))
    decompressor = zstandard.ZstdDecompressor(content, max_window_size=window, format=form)
    out: bytes = decompressor.decompress(frame, max_output_size=max(1, n_bytes), allow_extra_data=False)
    if len(out) != n_bytes:
        raise EntropyError(f"expected {n_bytes} decoded bytes, found {len(out)}")
    stated = zstandard.get_frame_parameters(frame, form).window_size
    if stated > window:  # the library itself looks at it only where it decodes piece by piece
        raise EntropyError(f"expected a window of at most {window} bytes, found {stated}")
    return out


def _check_empty(frame: bytes) -> None:
    """zstandard looks at nothing behind a header that declares 0 bytes, but where the header does not say a size."""
    parameters = zstandard.get_frame_parameters(frame)
    if parameters.dict_id:
        raise EntropyError("expected a zstd frame without a dictionary, found one with")
    header = MAGIC + bytes((HAS_CHECKSUM * parameters.has_checksum, LEAST_WINDOW))
    same = header + frame[zstandard.frame_header_size(frame) :]
    _decompress(same, 0, zstandard.FORMAT_ZSTD1)
    decoder = zstandard.ZstdDecompressor().decompressobj()
    decoder.decompress(same)
    if decoder.unused_data:
        raise EntropyError(f"expected one zstd frame, found {len(decoder.unused_data)} bytes behind it")


def unzstd(frame: bytes, max_bytes: int, min_bytes: int = 0) -> bytes:
    """Decode one zstd frame that declares its size, `min_bytes` to `max_bytes`.

    Raises:
        EntropyError: it is not that.
    """
    try:
        # zstandard ignores max_output_size where the frame declares its size, so this comes first
        n_bytes = zstandard.frame_content_size(frame)
        if not min_bytes <= n_bytes <= max_bytes:
            sizes = f"{max_bytes}" if min_bytes == max_bytes else f"{min_bytes} to {max_bytes}"
            found = "one that does not say its size" if n_bytes < 0 else f"one of {n_bytes}"
            raise EntropyError(f"expected a zstd frame of {sizes} bytes, found {found}")
        out = _decompress(frame, n_bytes, zstandard.FORMAT_ZSTD1)
        if n_bytes == 0:
            _check_empty(frame)
        return out
    except zstandard.ZstdError as error:
        raise EntropyError(f"not a valid zstd frame: {error}") from error


def unzstd_magicless(frame: bytes, n_bytes: int, dictionary: bytes = b"") -> bytes:
    """Decode a frame without magic number and content size to exactly `n_bytes`.

    Args:
        frame: The frame.
        n_bytes: What it decodes to.
        dictionary: Raw content that it refers to.

    Raises:
        EntropyError: it is not that.
    """
    try:
        parameters = zstandard.get_frame_parameters(frame, zstandard.FORMAT_ZSTD1_MAGICLESS)
        if parameters.content_size != zstandard.CONTENTSIZE_UNKNOWN:
            raise EntropyError("expected a zstd frame that does not declare its size, found one that does")
        return _decompress(frame, n_bytes, zstandard.FORMAT_ZSTD1_MAGICLESS, dictionary)
    except zstandard.ZstdError as error:
        raise EntropyError(f"not a valid zstd frame: {error}") from error
