"""Where the fuzzers start: the golden archives, and the parts of them that each target takes."""

from __future__ import annotations

import json
import struct
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import zstandard

from tests.contest_data import KEYS, make_radiance
from tests.decompressor.forge import take_apart
from tests.fuzz.targets import N_MAPS, stream_sites
from todpack.decompressor.container import Container
from todpack.decompressor.daybasis.entropy.header import split_stream
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import read_archive_entry
from todpack.frames import Day
from todpack.packer.adaptive_bits import pack_integers
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.entropy.encode import encode_bands
from todpack.packer.mask import encode_mask
from todpack.submission.contest.write_lightmap import plain_bits_of

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
CASES = Path(__file__).resolve().parent / "cases"


def _streams() -> list[bytes]:
    """Streams of the stream target's tile: sparse, dense and wide codes, both coders."""
    rng = np.random.default_rng(0)
    sites, out = stream_sites(), []

    def fill(site: np.ndarray, density: float, peak: int) -> np.ndarray:
        shape = (N_MAPS, *site.shape)
        codes: np.ndarray = (rng.random(shape) < density) * rng.integers(-peak, peak + 1, shape) * site
        return codes.astype(np.int32)

    for density, peak in ((0.1, 3), (0.9, 40), (0.3, 100_000)):
        bands = [
            fill(sites[0], 1.0, peak), *(tuple(fill(site, density, peak) for site in level) for level in sites[1:])
        ]  # fmt: skip
        out += [encode_bands(bands, sites, entropy=entropy) for entropy in ("ans", "zstd")]
    return out


def _as_tables(stream: bytes) -> bytes:
    """A stream as the tables target takes it."""
    is_wide, is_plain, model, symbols, raw = split_stream(stream, N_MAPS, 3 * (len(stream_sites()) - 1))
    return struct.pack("<BHH", is_wide | is_plain << 1, len(model), len(symbols)) + model + symbols + raw


def _raw_lightmap() -> bytes:
    """A small linear lightmap in plain bits."""
    radiance, valid = make_radiance(20, 24)
    day = Day(radiance, valid, np.array([int(key) / 100 for key in KEYS]), "linear", "day")
    config = DayBasisConfig(q_step=40.0, tile=16, n_levels=2, max_classes=2, reweight=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.tod"
        path.write_bytes(encode_day(day, config, DayBasisPackOptions(entropy="zstd")).writer.to_bytes())
        with Container(path, DEFAULT_LIMITS) as container:
            archive = read_archive_entry(container.metadata, path, container.version, DEFAULT_LIMITS)
            return plain_bits_of(container, archive, archive.lightmaps[0])


@lru_cache(maxsize=1)
def seeds() -> dict[str, list[bytes]]:
    """Seeds by target."""
    archives = [path.read_bytes() for path in sorted(GOLDEN.glob("*.tod"))]
    texts = [json.dumps(take_apart(data)[0]).encode() for data in archives]
    graphs, masks = [], []
    for path in sorted(GOLDEN.glob("*.tod")):
        with Container(path, DEFAULT_LIMITS) as container:
            graphs += [container.read_bytes(name) for name in container.sections if name.endswith("frame.onnx")]
            masks.append(bytes([36, 44]) + container.read_bytes("0/mask"))
    packed = bytes([6, 8, 2]) + bytes(range(8))
    streams = _streams()
    magicless = zstandard.ZstdCompressionParameters(format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False)
    piece = zstandard.ZstdCompressor(compression_params=magicless).compress(bytes(range(200)) * 3)
    rng = np.random.default_rng(1)
    return {
        "container": archives,
        "metadata": texts,
        "stream": streams,
        "tables": [_as_tables(stream) for stream in streams],
        "zstd": [zstandard.compress(bytes(range(100))), (600).to_bytes(2, "little") + piece],
        "mask": [
            *masks[:2],
            packed,
            bytes([6, 8]) + encode_mask(rng.random((7, 9)) < 0.5),
            bytes([6, 8, 1]) + masks[0][3:],
        ],
        "planes": [bytes([20, 30]) + rng.integers(0, 64, 21 * 31).astype("<u2").tobytes()],
        "adaptive": [bytes([2, 3, 5]) + (pack_integers(rng.integers(-9, 9, (2, 3, 5))) or b""), *streams[:2]],
        "graph": graphs,
        "archive": archives,
        "verify": archives,
        "level": archives,
        "raw": [_raw_lightmap()],
    }


def cases(target: str) -> list[Path]:
    """Inputs that were findings once."""
    return sorted((CASES / target).glob("*"))
