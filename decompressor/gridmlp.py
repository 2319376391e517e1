"""Stage 1 of the family `gridmlp`: stored grids and baseline -> latent maps. FORMAT.md "gridmlp"."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import coded_gridmlp, latent_maps
from .coded_gridmlp import CodedEntry, CodedGridMlpDecoder
from .counted_sections import CountedSections
from .daybasis.entry import tiles_of
from .errors import InvalidMetadataError
from .families import Family, one_tile
from .grid import TileGrid
from .json_fields import Fields
from .latent_maps import BaselineEntry, LatentGraphs, LatentMapDecoder, MlpEntry, read_baseline, read_mlp
from .lightmap_file import LightmapFile
from .metadata import LightmapEntry
from .working_set import WorkingSet

GRID_DTYPES = ("uint8", "uint16", "float32")
HASH_MERGES = ("mean", "learned")
HASH_PRIME = 2_147_483_647
HASH_FACTORS = ((1_640_531_513, 805_459_861), (1_103_515_245, 1_597_334_677))
MAX_LEVELS = 32
MAX_NODES = 1 << 16
MAX_CAPACITY = 1 << 24
MAX_PROBES = 1 << 16
CHOSEN_BYTES = 40  # of each node whose entry is stored, while that is read
STRIP_TEXELS = 1 << 14  # looked up at a time, so that many levels take little memory


@dataclass(frozen=True)
class HashEntry:
    """How the last levels hash: the field `hash`, checked.

    Attributes:
        top_levels: How many.
        capacity: M, entries of each.
        merge: "mean" or "learned".
        seed: Of the hash. Where nodes have one candidate it is for people and other tools: the graph has it.
        probes: Entries that a node may have; of several, section `index` says which.
    """

    top_levels: int
    capacity: int
    merge: str
    seed: int
    probes: int

    def first_entries(self, rows: int, columns: int) -> np.ndarray:
        """(rows, columns) int64 entry that each node of a level has by index 0."""
        if self.probes == self.capacity:
            return np.zeros((rows, columns), np.int64)
        a, b = HASH_FACTORS[0]
        mixed = (np.arange(rows)[:, None] * a + np.arange(columns) * b + self.seed) % HASH_PRIME
        first: np.ndarray = mixed * mixed % HASH_PRIME % self.capacity
        return first


@dataclass(frozen=True)
class EncoderEntry:
    """The BaselineEncoder's latents: the field `encoder`, checked; shape (channels, rows, columns)."""

    shape: tuple[int, int, int]
    scales: np.ndarray
    zero_points: np.ndarray


@dataclass(frozen=True)
class CoordinatesEntry:
    """How the place itself enters the network: the field `normalization.xy`, checked."""

    harmonics: int
    include_input: bool

    @property
    def n_inputs(self) -> int:
        """Channels of the latent map."""
        return 4 * self.harmonics + 2 * self.include_input


@dataclass(frozen=True)
class GridMlpEntry:
    """The family's fields for one lightmap, checked.

    Attributes:
        level_shapes: (rows, columns) per level.
        channels: Features per node, C.
        scales: (L, C) float32 widths of one quantization bin.
        zero_points: (L, C) float32 codes that stand for 0.
        baseline: None without residual mode.
        mlp: The network of `frame`.
        latents_graph: Section name.
        frame_graph: Section name.
        dtype: Type of the codes, "uint8", "uint16" or "float32".
        hashing: None where every level is dense.
        encoder: None where there is no BaselineEncoder.
        coordinates: None where the place enters by its features alone.
    """

    level_shapes: tuple[tuple[int, int], ...]
    channels: int
    scales: np.ndarray
    zero_points: np.ndarray
    baseline: BaselineEntry | None
    mlp: MlpEntry
    latents_graph: str
    frame_graph: str
    dtype: str
    hashing: HashEntry | None
    encoder: EncoderEntry | None
    coordinates: CoordinatesEntry | None

    @property
    def n_latents(self) -> int:
        """Channels of the latent map: features of every level, the encoder's, the place, then the baseline's RGB."""
        n_more = 0 if self.encoder is None else self.encoder.shape[0]
        n_more += 0 if self.coordinates is None else self.coordinates.n_inputs
        return self.channels * len(self.level_shapes) + n_more + (0 if self.baseline is None else 3)

    @property
    def n_chosen(self) -> int:
        """Nodes whose entries are stored."""
        if self.hashing is None or self.hashing.probes == 1:
            return 0
        return sum(rows * columns for rows, columns in self.level_shapes[-self.hashing.top_levels :])


def _level_shape(item: object, where: str) -> tuple[int, int]:
    if not isinstance(item, list) or len(item) != 2 or not all(type(n) is int and 0 < n <= MAX_NODES for n in item):
        raise InvalidMetadataError(f"{where}: expected [rows, columns] of each level, found {item!r:.40}")
    return int(item[0]), int(item[1])


def _hash_entry(fields: Fields, n_levels: int) -> HashEntry:
    top_levels, capacity = fields.integer("top_levels", 1, n_levels), fields.integer("capacity", 1, MAX_CAPACITY)
    most = min(capacity, MAX_PROBES)
    probes = 1 if fields.is_absent("probes") else fields.integer("probes", min(2, most), most)
    return HashEntry(
        top_levels=top_levels,
        capacity=capacity,
        merge=fields.choice("merge", HASH_MERGES if probes == 1 else HASH_MERGES[:1]),
        seed=fields.integer("seed", 0, (1 << 31) - 1),
        probes=probes,
    )


def _encoder_entry(fields: Fields) -> EncoderEntry:
    shape = fields.integers("shape", 3, 3)
    if not all(1 <= n <= MAX_NODES for n in shape) or shape[0] > 4096:
        raise InvalidMetadataError(f"{fields.where}.shape: expected [channels, rows, columns], found {shape}")
    scales, zero_points = fields.singles("scales", shape[0]), fields.singles("zero_points", shape[0])
    return EncoderEntry((shape[0], shape[1], shape[2]), scales, zero_points)


def _coordinates_entry(fields: Fields) -> CoordinatesEntry:
    return CoordinatesEntry(fields.integer("harmonics", 0, 1 << 10), fields.boolean("include_input"))


def read_entry(lightmap: LightmapEntry, n_hours: int) -> GridMlpEntry | CodedEntry:
    """Check the fields of `model` for this family.

    Raises:
        InvalidMetadataError: a field is missing, of a wrong type or out of range.
    """
    model = lightmap.model
    if not model.is_absent(coded_gridmlp.FIELD):
        return coded_gridmlp.read_entry(model, n_hours)
    shapes = tuple(_level_shape(item, f"{model.where}.levels") for item in model.items("levels", 1, MAX_LEVELS))
    channels = model.integer("channels_per_level", 1, 4096)
    hashing = None if model.is_null("hash") else _hash_entry(model.child("hash"), len(shapes))
    quant, graphs, normalization = model.child("quant"), model.child("graphs"), model.child("normalization")
    return GridMlpEntry(
        level_shapes=shapes,
        channels=channels,
        scales=quant.singles("scales", len(shapes) * channels).reshape(-1, channels),
        zero_points=quant.singles("zero_points", len(shapes) * channels).reshape(-1, channels),
        baseline=read_baseline(model),
        mlp=read_mlp(model),
        latents_graph=graphs.text("latents"),
        frame_graph=graphs.text("frame"),
        dtype=quant.choice("dtype", GRID_DTYPES),
        hashing=hashing,
        encoder=_encoder_entry(model.child("encoder")) if not model.is_absent("encoder") else None,
        coordinates=None if normalization.is_absent("xy") else _coordinates_entry(normalization.child("xy")),
    )


def _values(
    sections: CountedSections, name: str, shape: tuple[int, ...], dtype: str, scale: np.ndarray, zero: np.ndarray
) -> np.ndarray:
    """Dequantized float32 values (C, ...) of a section of codes.

    Raises:
        ArchiveError: the section is missing, damaged, or of another shape or type.
    """
    codes = sections.read_array(name)
    is_float = dtype == "float32"
    if codes.shape != shape or codes.dtype.kind != ("f" if is_float else "u"):
        kind = "float32 values" if is_float else "unsigned codes"
        problem = f"expected {kind} of shape {list(shape)}, found {codes.dtype} {list(codes.shape)}"
        raise sections.invalid(name, problem)
    per_channel = (-1, *(1,) * (len(shape) - 1))
    with np.errstate(over="ignore", invalid="ignore"):  # absurd scales give absurd frames, but no warnings
        values: np.ndarray = (codes.astype(np.float32) - zero.reshape(per_channel)) * scale.reshape(per_channel)
    return values


def _entries(sections: CountedSections, name: str, hashing: HashEntry, shape: tuple[int, int]) -> np.ndarray:
    """(rows, columns) entry of each node, by the stored indices.

    Raises:
        ArchiveError: the section is missing, damaged, or of another shape or type.
    """
    n_nodes, n_bits = shape[0] * shape[1], (hashing.probes - 1).bit_length()
    planes = sections.read_array(name)
    if planes.shape != (n_bits, -(-n_nodes // 8)) or planes.dtype != np.dtype("<u1"):
        raise sections.invalid(name, f"expected u1 of shape ({n_bits}, {-(-n_nodes // 8)})")
    indices = np.zeros(n_nodes, np.int32)
    for plane in planes:
        indices += indices
        indices += np.unpackbits(plane, count=n_nodes)
    if int(indices.max()) >= hashing.probes:
        raise sections.invalid(name, f"expected indices under {hashing.probes}, found {int(indices.max())}")
    entries: np.ndarray = (hashing.first_entries(*shape) + indices.reshape(shape)) % hashing.capacity
    return entries


def _stored_inputs(sections: CountedSections, index: int, entry: GridMlpEntry) -> dict[str, np.ndarray]:
    """The inputs of `latents` that do not depend on the texels: grids, hash tables, merges, the encoder's latents."""
    feeds: dict[str, np.ndarray] = {}
    n_dense = len(entry.level_shapes) - (0 if entry.hashing is None else entry.hashing.top_levels)
    for level, level_shape in enumerate(entry.level_shapes):
        quant = entry.dtype, entry.scales[level], entry.zero_points[level]
        if level < n_dense or entry.hashing is None:
            shape = (entry.channels, *level_shape)
            feeds[f"grid_{level}"] = _values(sections, f"{index}/grid/{level}", shape, *quant)
            continue
        table = (entry.channels, entry.hashing.capacity)
        values = _values(sections, f"{index}/hash/{level}", table, *quant)
        if entry.hashing.probes > 1:  # a dense grid for the graph
            entries = _entries(sections, f"{index}/index/{level}", entry.hashing, level_shape)
            feeds[f"grid_{level}"] = np.take(values, entries, axis=1)  # in order: a runtime copies what is not
            continue
        feeds[f"grid_{level}"] = values
        if entry.hashing.merge == "learned":
            name = f"{index}/merge/{level}"
            merge = sections.read_array(name)
            if merge.shape != (entry.channels, 2 * entry.channels) or merge.dtype != np.dtype("<f4"):
                raise sections.invalid(name, "expected f4 of shape (C, 2C)")
            feeds[f"merge_{level}"] = merge
    if entry.encoder is not None:
        encoder = entry.encoder
        quant = "uint8", encoder.scales, encoder.zero_points
        feeds["encoder"] = _values(sections, f"{index}/encoder", encoder.shape, *quant)
    return feeds


class GridMlpDecoder(LatentMapDecoder):
    """Decodes one lightmap from its grids."""

    def __init__(self, file: LightmapFile, entry: GridMlpEntry) -> None:
        graphs = LatentGraphs(entry.latents_graph, entry.frame_graph, entry.n_latents, entry.mlp.hidden, STRIP_TEXELS)
        super().__init__(file, graphs, entry.baseline)
        self._entry = entry

    def stored_inputs(self) -> dict[str, np.ndarray]:
        """Grids, hash tables, merges, the encoder's latents."""
        return _stored_inputs(self._file.sections, self._file.entry.index, self._entry)


def open_decoder(file: LightmapFile, entry: GridMlpEntry | CodedEntry) -> GridMlpDecoder | CodedGridMlpDecoder:
    """The decoder of grids, or of coded maps."""
    return CodedGridMlpDecoder(file, entry) if isinstance(entry, CodedEntry) else GridMlpDecoder(file, entry)


def tiles(lightmap: LightmapEntry, entry: GridMlpEntry | CodedEntry) -> TileGrid:
    """What decodes on its own."""
    return tiles_of(lightmap, entry.maps) if isinstance(entry, CodedEntry) else one_tile(lightmap, entry)


def working_set(lightmap: LightmapEntry, entry: GridMlpEntry | CodedEntry, n_hours: int, _decoder: str) -> WorkingSet:
    """What decoding needs, an estimate."""
    if isinstance(entry, CodedEntry):
        return coded_gridmlp.working_set(lightmap, entry, n_hours)
    one = latent_maps.working_set(lightmap, entry.n_latents, entry.baseline is not None)
    return replace(one, kept=one.kept + (CHOSEN_BYTES + 4 * entry.channels) * entry.n_chosen)


def describe(entry: GridMlpEntry | CodedEntry) -> list[str]:
    """The fields of `model`, for people."""
    if isinstance(entry, CodedEntry):
        return coded_gridmlp.describe(entry)
    sizes, hashing = [rows * columns for rows, columns in entry.level_shapes], entry.hashing
    if hashing is not None:
        sizes[-hashing.top_levels :] = [hashing.capacity] * hashing.top_levels
    levels = ", ".join(f"{rows} x {columns}" for rows, columns in entry.level_shapes)
    lines = [
        f"  grids: {levels} nodes x {entry.channels} channels = {sum(sizes) * entry.channels} parameters in "
        f"{entry.dtype}, bin widths {entry.scales.min():.2e} .. {entry.scales.max():.2e}",
        entry.mlp.describe("MLP"),
    ]
    if hashing is not None:
        lines.append(
            f"  hash: the last {hashing.top_levels} levels in tables of {hashing.capacity} entries, "
            f"merge {hashing.merge}, seed {hashing.seed}"
            + (f", the best of {hashing.probes} for each node" if hashing.probes > 1 else "")
        )
    if entry.encoder is not None:
        lines.append(f"  encoder: latents of the baseline, {' x '.join(str(n) for n in entry.encoder.shape)}")
    if entry.coordinates is not None:
        place = " and the place itself" if entry.coordinates.include_input else ""
        lines.append(f"  coordinates: {entry.coordinates.harmonics} harmonics of the place{place}")
    return lines + ([] if entry.baseline is None else [entry.baseline.describe()])


FAMILY = Family(
    read=read_entry,
    tiles=tiles,
    memory=working_set,
    open=open_decoder,
    describe=describe,
)
