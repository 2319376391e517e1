"""The C interface in ctypes: native/include/todpack.h."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from todpack.decompressor.pixels import FORMATS

GUTTERS = ("dilate", "mean", "black")
ERROR_BYTES = 256
LIMIT_FIELDS = (
    "metadata_bytes", "metadata_expansion", "free_metadata_bytes", "sections", "section_bytes", "section_expansion",
    "free_expansion_bytes", "free_decoded_bytes", "texels", "free_memory_bytes", "memory_per_byte", "free_held_bytes",
    "held_per_byte",
)  # fmt: skip
ALLOCATE = c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_size_t)
RELEASE = c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_size_t)
READ = c.CFUNCTYPE(c.c_size_t, c.c_void_p, c.c_uint64, c.c_void_p, c.c_size_t)


class Error(c.Structure):
    """TodError."""

    _fields_ = (("status", c.c_int), ("text", c.c_char * ERROR_BYTES))


class Allocator(c.Structure):
    """TodAllocator."""

    _fields_ = (("allocate", c.c_void_p), ("release", c.c_void_p), ("context", c.c_void_p))


class Limits(c.Structure):
    """TodLimits."""

    _fields_ = (*((name, c.c_uint64) for name in LIMIT_FIELDS), ("free_seconds", c.c_double), ("per_byte", c.c_double))


class Options(c.Structure):
    """TodOptions."""

    _fields_ = (
        ("version", c.c_uint32),
        ("gutters", c.c_int),
        ("held", Allocator),
        ("scratch", Allocator),
        ("limits", Limits),
    )


class Reader(c.Structure):
    """TodReader."""

    _fields_ = (("read", READ), ("context", c.c_void_p), ("n_bytes", c.c_uint64))


class ArchiveInfo(c.Structure):
    """TodArchiveInfo."""

    _fields_ = (
        ("major", c.c_int32),
        ("minor", c.c_int32),
        ("n_lightmaps", c.c_int32),
        ("transfer", c.c_int),
        ("n_hours", c.c_int32),
        ("hours", c.POINTER(c.c_double)),
    )


class LightmapInfo(c.Structure):
    """TodLightmapInfo."""

    _fields_ = (
        ("name", c.c_char_p),
        ("height", c.c_int32),
        ("width", c.c_int32),
        ("n_valid", c.c_int32),
        ("n_maps", c.c_int32),
        ("tile", c.c_int32),
    )


class Region(c.Structure):
    """TodRegion."""

    _fields_ = (("y0", c.c_int32), ("y1", c.c_int32), ("x0", c.c_int32), ("x1", c.c_int32))


class Target(c.Structure):
    """TodTarget."""

    _fields_ = (("pixels", c.c_void_p), ("stride", c.c_size_t), ("n_bytes", c.c_size_t), ("format", c.c_int))


class LibraryError(Exception):
    """A status that is not TOD_OK, and its line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Archive:
    """An open archive of the library."""

    def __init__(self, library: Library, handle: c.c_void_p, keep: object) -> None:
        self._library, self._handle, self._keep = library, handle, keep

    @property
    def info(self) -> ArchiveInfo:
        """TodArchiveInfo."""
        return c.cast(self._library.c.tod_archive(self._handle), c.POINTER(ArchiveInfo)).contents

    def lightmap(self, index: int) -> LightmapInfo:
        """TodLightmapInfo."""
        return c.cast(self._library.c.tod_lightmap(self._handle, index), c.POINTER(LightmapInfo)).contents

    def find(self, name: str | None) -> int:
        """Index of a lightmap, -1 for none."""
        given = None if name is None else name.encode()
        return int(self._library.c.tod_find_lightmap(self._handle, given))

    def decode(
        self,
        times: float | Sequence[float],
        region: tuple[int, int, int, int] | None = None,
        dtype: str = "uint8",
        lightmap: int = 0,
    ) -> np.ndarray:
        """A frame, or a stack of frames for several times, as `todpack`'s arrays are."""
        info, pixels = self.lightmap(lightmap), FORMATS[dtype]
        y0, y1, x0, x1 = region or (0, info.height, 0, info.width)
        several = [times] if isinstance(times, float | int) else list(times)
        frames = [pixels.empty(max(0, y1 - y0), max(0, x1 - x0)) for _ in several]
        targets = (Target * len(frames))(*(Target(f.ctypes.data, 0, f.nbytes, pixels.number) for f in frames))
        hours = (c.c_double * len(several))(*several)
        window = c.byref(Region(*region)) if region else None
        self._call(self._library.c.tod_decode_times, lightmap, hours, len(several), window, targets)
        return frames[0] if isinstance(times, float | int) else np.stack(frames)

    def texel(self, y: int, x: int, time_h: float, lightmap: int = 0) -> np.ndarray:
        """(3,) float32."""
        rgb = np.empty(3, np.float32)
        self._call(self._library.c.tod_texel, lightmap, c.c_double(time_h), y, x, c.c_void_p(rgb.ctypes.data))
        return rgb

    def valid(self, lightmap: int = 0) -> np.ndarray:
        """(H, W) bool."""
        info = self.lightmap(lightmap)
        valid = np.empty((info.height, info.width), np.uint8)
        self._call(self._library.c.tod_valid, lightmap, None, c.c_void_p(valid.ctypes.data), c.c_size_t(info.width))
        return valid.astype(bool)

    def prepare(self, lightmap: int = 0, region: tuple[int, int, int, int] | None = None) -> None:
        """Hold the maps of a lightmap."""
        self._call(self._library.c.tod_prepare, lightmap, c.byref(Region(*region)) if region else None)

    def release(self, lightmap: int = 0) -> None:
        """Give them back."""
        self._library.c.tod_release(self._handle, lightmap)

    @property
    def held_bytes(self) -> int:
        """tod_held_bytes."""
        return int(self._library.c.tod_held_bytes(self._handle))

    def close(self) -> None:
        """tod_close."""
        self._library.c.tod_close(c.byref(self._handle))

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        error = Error()
        if function(self._handle, *arguments, c.byref(error)):
            raise LibraryError(error.status, error.text.decode())

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Library:
    """The shared library."""

    def __init__(self, path: Path) -> None:
        self.path, self.c = path, c.CDLL(str(path))
        self.c.tod_archive.restype = self.c.tod_lightmap.restype = c.c_void_p
        self.c.tod_held_bytes.restype = c.c_uint64
        self.c.tod_status_text.restype = c.c_char_p
        self.c.tod_version.restype = c.c_uint32

    def options(self, **values: object) -> Options:
        """The defaults, some of them replaced; `limits` by a dictionary."""
        options = Options()
        self.c.tod_default_options_of(c.byref(options), self.c.tod_version())
        for name, value in values.items():
            if name == "gutter":
                options.gutters = GUTTERS.index(str(value))
            elif name == "limits" and isinstance(value, dict):
                for limit, number in value.items():
                    setattr(options.limits, limit, number)
            else:
                setattr(options, name, value)
        return options

    def open(self, data: bytes, options: Options | None = None) -> Archive:
        """tod_open."""
        handle, error = c.c_void_p(), Error()
        given = c.byref(options) if options is not None else None
        if self.c.tod_open(data, c.c_size_t(len(data)), given, c.byref(handle), c.byref(error)):
            assert handle.value is None
            raise LibraryError(error.status, error.text.decode())
        return Archive(self, handle, (data, options))

    def open_reader(self, read: Callable[[int, int], bytes], n_bytes: int, options: Options | None = None) -> Archive:
        """tod_open_reader; `read` takes an offset and a size."""

        def copy(_: object, offset: int, to: int, n: int) -> int:
            data = read(offset, n)
            c.memmove(to, data, len(data))
            return len(data)

        callback = READ(copy)
        reader, handle, error = Reader(callback, None, n_bytes), c.c_void_p(), Error()
        given = c.byref(options) if options is not None else None
        if self.c.tod_open_reader(c.byref(reader), given, c.byref(handle), c.byref(error)):
            raise LibraryError(error.status, error.text.decode())
        return Archive(self, handle, (callback, options))
