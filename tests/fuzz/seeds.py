"""Where the fuzzers start: the golden archives, and the parts of them that each target takes."""

from __future__ import annotations

import json
import struct
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import zstandard

from tests.contest_data import radiance_day
from tests.decompressor.forge import HEADER, HEADER_BYTES, take_apart
from tests.fuzz.doors import joined
from tests.fuzz.targets import N_MAPS, stream_sites
from tests.fuzz.tiny import tiny_archives
from tests.packer.micro_run import write_micro_run
from todpack.decompressor import open_archive
from todpack.decompressor.container import PACKED, Container
from todpack.decompressor.daybasis.entropy.header import split_stream
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.packer.adaptive_bits import pack_integers
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.entropy.encode import encode_bands
from todpack.packer.mask import encode_mask
from todpack.submission.contest.write_lightmap import plain_bits_of
from todpack.submission.manifest import make_manifest

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


def _stored_metadata(archive: bytes) -> bytes:
    _, _, _, size, *_ = struct.unpack(HEADER, archive[:HEADER_BYTES])
    return archive[HEADER_BYTES:][:size]


def _as_tables(stream: bytes) -> bytes:
    """A stream as the tables target takes it."""
    is_wide, is_plain, model, symbols, raw = split_stream(stream, N_MAPS, 3 * (len(stream_sites()) - 1))
    return struct.pack("<BHH", is_wide | is_plain << 1, len(model), len(symbols)) + model + symbols + raw


def _raw_lightmap() -> bytes:
    """A small linear lightmap in plain bits."""
    config = DayBasisConfig(q_step=40.0, tile=16, n_levels=2, max_classes=2, reweight=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "day.tod"
        path.write_bytes(
            encode_day(radiance_day(20, 24), config, DayBasisPackOptions(entropy="zstd")).writer.to_bytes()
        )
        with open_archive(path, provider="cpu", threads=1) as archive:
            return plain_bits_of(archive, 0)


SPACE_JSON = b'{"family":["daybasis","gridmlp"],"train":{"q-step":{"low":4,"high":40,"log":true},"seed":[1,2]}}'
SPACE_TOML = b"""sampler = "random"
trials = 5
[train]
q-step = { low = 4.0, high = 40.0 }
transfer = ["gamma", "log"]
[score]
psnr_db = 1.0
bpt = -6.0
"""


def _contest_config() -> bytes:
    """Of one lightmap at three times."""
    names = {key: [f"L_{key}.bin"] for key in ("0", "590", "1200")}
    entry = {
        "id": 0, "level": "L", "lightmaps": names, "masks": names, "parts": 1,
        "resolution": {"width": 48, "height": 56},
    }  # fmt: skip
    return json.dumps({"lightmap_count": 1, "lightmap_list": [entry]}).encode()


def _manifest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.tod").write_bytes(b"")
        return json.dumps(make_manifest(Path(folder), "a.tod", "0.1.0")).encode()


def _run_folders() -> list[bytes]:
    """With a baseline and without."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for residual in (True, False):
            run = write_micro_run(Path(folder) / str(residual), residual=residual)
            made.append(joined((run / "config.json").read_bytes(), (run / "arrays.npz").read_bytes()))
    return made


@lru_cache(maxsize=1)
def seeds() -> dict[str, list[bytes]]:
    """Seeds by target."""
    golden = [path.read_bytes() for path in sorted(GOLDEN.glob("*.tod"))]
    neural = [path.read_bytes() for path in sorted(GOLDEN.glob("*.tod")) if not path.name.startswith("daybasis")]
    tiny = tiny_archives()
    archives = golden + tiny
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
        "packed": [text for text in map(_stored_metadata, archives) if text.startswith(PACKED)],
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
        **dict.fromkeys(("inspect", "report", "decompress", "export"), archives),
        **dict.fromkeys(("view", "region", "threads"), tiny + neural),
        "decoders": tiny,
        "encode": [bytes([6, 5, 1, 0, 0, 12, 0, 2]), bytes([3, 6, 0, 1, 7, 40, 0, 1]) + bytes(range(1, 60))],
        "run_folder": _run_folders(),
        "manifest": [_manifest()],
        "contest_config": [_contest_config()],
        "space": [SPACE_JSON, SPACE_TOML],
    }


def cases(target: str) -> list[Path]:
    """Inputs that were findings once."""
    return sorted((CASES / target).glob("*"))
