"""Open an archive, find its lightmaps, close it."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .cached import cached_property
from .container import Container
from .counted_sections import CountedSections
from .decoders import choose_decoder
from .errors import LimitExceededError, RequestError
from .families import find_family
from .given import given_integer, given_kind, repr_of
from .graphs.runtime import Runtime, default_workers
from .graphs.session import choose_provider
from .lightmap import Lightmap, Region
from .lightmap_file import GUTTERS, LightmapFile
from .limits import DEFAULT_LIMITS, Limits
from .mask import Mask
from .memory import MemoryAccount
from .metadata import LightmapEntry, read_archive_entry
from .outliers import Outliers
from .plain_text import plain_name
from .pool import MOST_THREADS, Pool
from .tile_cache import TileCache
from .time_account import TimeAccount
from .working_set import check_texels, reserve


class Options(NamedTuple):
    """Arguments of `open_archive`, with the decoder that was chosen."""

    threads: int | None
    provider: str
    limits: Limits
    any_size: bool
    gutter: str
    decoder: str
    cache_bytes: int | None


class Archive:
    """An open archive; see `open_archive`. A context manager. It works on in forked processes, and can be pickled.

    Attributes:
        lightmaps: In file order.
        metadata: `metadata.json`, parsed.
        file_bytes: Size of the file.
        decoder: "native", "onnx" or "reference": what decodes daybasis.
        memory: What decoding may still take.
    """

    def __init__(self, container: Container, options: Options) -> None:
        self._container = container
        self._opened_by: tuple[Any, ...] | None = None
        entry = read_archive_entry(container.metadata, container.path, container.version, container.limits)
        self.model_type, self.decoder, self.threads = entry.model_type, options.decoder, options.threads or 0
        self._provider = options.provider
        family = find_family(entry.model_type)
        n_hours, path = len(entry.hours), container.path
        models = [family.read(item, n_hours) for item in entry.lightmaps]
        n_bytes, limits = container.counted_bytes, container.limits
        check_texels(sum(item.height * item.width for item in entry.lightmaps), n_bytes, limits, str(path))
        memory = self.memory = MemoryAccount(n_bytes, limits)
        memory.take(container.metadata_memory, f"{path}: metadata.json")
        pairs = list(zip(entry.lightmaps, models, strict=True))
        needs = [family.memory(item, model, n_hours, self.decoder) for item, model in pairs]
        section_bytes = [section.decoded_bytes for section in container.sections.values()]
        # each lightmap keeps its own outliers, though several may name one section
        outliers = (container.sections.get(item.outliers or "") for item in entry.lightmaps)
        memory.take(sum(section.decoded_bytes for section in outliers if section), f"{path}: outliers")
        workers = default_workers(self.threads)
        try:
            at_once = reserve(memory, needs, section_bytes, workers, str(path))
        except LimitExceededError as error:
            if self.model_type != "daybasis" or self.decoder == "native":
                raise
            raise LimitExceededError(f"{error}; the native core takes half of it, --limits 3 allows it") from error
        self._pool = Pool(workers)
        most = limits.latent_bytes if options.cache_bytes is None else min(options.cache_bytes, limits.latent_bytes)
        tiles = self._tiles = TileCache[Any](lambda: min(most, memory.left))
        runtime = self._runtime = Runtime(options.provider, memory, self._pool, at_once, options.decoder, tiles)

        def file_of(item: LightmapEntry) -> LightmapFile:
            sections = CountedSections(container, TimeAccount(container.counted_bytes, container.limits))
            mask = Mask(sections, item, runtime.reading)
            outliers = Outliers(sections, entry, item, runtime.reading)
            return LightmapFile(sections, entry, item, mask, outliers, runtime, options.gutter)

        self.lightmaps = tuple(Lightmap(family, file_of(item), model) for item, model in pairs)

    @property
    def provider(self) -> str:
        """ "cpu" or "cuda", what graphs run on where they are run."""
        return choose_provider(self._provider)

    @property
    def runs_on(self) -> str:
        """What makes frames: "native", "reference" (NumPy), or the provider of graphs."""
        by_graph = self.decoder == "onnx" or self.model_type != "daybasis"
        return self.provider if by_graph else self.decoder

    @property
    def held_bytes(self) -> int:
        """Memory of the tiles that are held decoded."""
        return self._tiles.held_bytes

    @property
    def container(self) -> Container:
        """The file's sections."""
        return self._container

    @property
    def metadata(self) -> dict[str, Any]:
        """`metadata.json`, parsed."""
        return self._container.metadata

    @property
    def file_bytes(self) -> int:
        """Size of the file, bytes."""
        return self._container.file_bytes

    def lightmap_bytes(self, index: int) -> int:
        """Stored bytes of one lightmap: the file where it is the only one, else its own sections.

        A section that several lightmaps share counts for the one it is stored with.

        Args:
            index: Position; negative ones count from the end.

        Raises:
            RequestError: there is no such lightmap.
        """
        self.find(index)
        index %= len(self.lightmaps)
        return self.file_bytes if len(self.lightmaps) == 1 else self._own_bytes[str(index)]

    @cached_property
    def _own_bytes(self) -> Counter[str]:
        """Stored bytes of the sections of each lightmap, by its position."""
        own = Counter[str]()
        for section in self._container.sections.values():
            own[section.name.partition("/")[0]] += section.stored_bytes
        return own

    @property
    def hours(self) -> np.ndarray:
        """(T,) float64 stored times."""
        return self.lightmaps[0].hours

    def find(self, lightmap: int | str) -> Lightmap:
        """A lightmap by position, or by name, that of its folder too.

        Raises:
            RequestError: there is none.
        """
        n = len(self.lightmaps)
        if type(lightmap) is int and -n <= lightmap < n:  # for texels, whose cost is that of such calls
            return self.lightmaps[lightmap]
        if isinstance(lightmap, str):
            for name in (lightmap, plain_name(lightmap)):
                for item in self.lightmaps:
                    if item.name == name:
                        return item
        names = ", ".join(item.name for item in self.lightmaps[:5])
        expected = f"lightmap: expected 0..{n - 1} or one of {names}"
        if not isinstance(lightmap, str) and -n <= (number := given_integer(lightmap, expected)) < n:
            return self.lightmaps[number]
        raise RequestError(f"{expected}, found {lightmap!r}")

    def choose(self, text: str) -> Lightmap:
        """A lightmap by what a user typed: its name, or else its position.

        Raises:
            RequestError: there is none.
        """
        is_number = isinstance(text, str) and re.fullmatch("0|[1-9][0-9]{0,8}", text) is not None
        is_position = is_number and all(item.name != text for item in self.lightmaps)
        return self.find(int(text) if is_position else text)

    def decode(
        self,
        time_h: float,
        region: Region | tuple[int, int, int, int] | None = None,
        *,
        lightmap: int | str = 0,
        dtype: str = "uint8",
        keep: bool = True,
    ) -> np.ndarray:
        """`Lightmap.decode` of one lightmap."""
        return self.find(lightmap).decode(time_h, region, dtype, keep=keep)

    def texel(self, y: int, x: int, time_h: float, *, lightmap: int | str = 0, dtype: str = "uint8") -> np.ndarray:
        """`Lightmap.texel` of one lightmap."""
        return self.find(lightmap).texel(y, x, time_h, dtype)

    def prepare(self) -> None:
        """`Lightmap.prepare` of every lightmap, several at a time."""
        at_once = None if self._runtime.tiles_at_once == self._pool.workers else 1  # tiles of one lightmap, or of all
        self._pool.map(Lightmap.prepare, self.lightmaps, at_once)

    def __reduce__(self) -> tuple[Callable[..., Archive], tuple[Any, ...]]:
        """Pickled as its path and options: another process opens the file anew.

        Raises:
            RequestError: it was not opened by a path.
        """
        if self._opened_by is None:
            raise RequestError(f"{self._container.path}: expected one that was opened by its path, to send it on")
        return _open_again, self._opened_by

    def close(self) -> None:
        """Close the file. Lightmaps that are prepared can still be decoded."""
        self._container.close()
        self._runtime.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_archive(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    threads: int | None = None,
    provider: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
    any_size: bool = False,
    gutter: str = "dilate",
    decoder: str | None = None,
    cache_bytes: int | None = None,
) -> Archive:
    """Open an archive: header and metadata are read and checked, sections when they are needed.

    Args:
        source: Path of the `.tod` file, or the open file (such as io.BytesIO), which is closed with the archive.
        threads: Threads for decoding, and tiles at once, whoever asks for them; None takes what the machine has.
        provider: Of graphs: "auto" (CUDA where it is really there, else CPU), "cpu" or "cuda".
        limits: Caps on what the file may ask for.
        any_size: Also open a file that was cut off; sections that it lacks raise an error when they are needed.
        gutter: What texels outside the mask are: "dilate", the nearest valid texel of their tile within 16 texels, so
            that lookups across a chart's border find no seam (family daybasis; others decode what their network has
            there); "mean", the mean color of the hour; "black".
        decoder: Of daybasis: "native" (the C core), "onnx" (NumPy, and onnxruntime for frames), "reference" (NumPy), or
            "auto", native where it was built; None takes the environment's TODPACK_DECODER, or else "auto". All give
            the same bytes at stored hours.
        cache_bytes: Room for decoded tiles of all lightmaps; None takes what the limits allow. The last tile stays.

    Raises:
        ArchiveError: not an archive, damaged, of an unknown version, or over the limits.
        RequestError: threads, provider, limits, gutter, decoder or cache_bytes is not possible.
    """
    expected = f"threads: expected 1..{MOST_THREADS}"
    if threads is not None and not 1 <= (threads := given_integer(threads, expected)) <= MOST_THREADS:
        raise RequestError(f"{expected}, found {threads}")
    for name, value in (("gutter", gutter), ("provider", provider), ("decoder", decoder)):
        given_kind(value, str, f"{name}: expected a name")
    if gutter not in GUTTERS:
        raise RequestError(f"gutter: expected one of {', '.join(GUTTERS)}, found {gutter}")
    if cache_bytes is not None and (cache_bytes := given_integer(cache_bytes, "cache_bytes: expected 0 or more")) < 0:
        raise RequestError(f"cache_bytes: expected 0 or more, found {cache_bytes}")
    if not isinstance(limits, Limits):
        raise RequestError(f"limits: expected Limits, found {repr_of(limits):.80}")
    if provider != "auto":  # else it is looked for when a graph is run, which may be never
        choose_provider(provider)
    options = Options(threads, provider, limits, any_size, gutter, choose_decoder(decoder, provider), cache_bytes)
    container = Container(source, limits, any_size=any_size)
    try:
        archive = Archive(container, options)
    except BaseException:
        container.close()
        raise
    if isinstance(source, str | os.PathLike):
        archive._opened_by = os.path.abspath(os.fsdecode(source)), options
    return archive


def _open_again(path: str, options: Options) -> Archive:
    return open_archive(path, **options._asdict())
