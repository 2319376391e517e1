"""What small files of daybasis take against what SECURITY.md promises: random models, as large as they may be.

    python -m tests.scale.tile_costs --seconds 60 [--seed 1] [--threads 1] [--callers 1] [--keep FOLDER]

makes models of random sizes (maps, hours, tiles, levels, rotations, masks, smoothing, curves, precision, lightmaps)
whose tiles are all the same, reads each, by several threads of the caller too where they are asked for, and prints
those that took most of the time and the memory that a file of their size may take.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.conftest import REPOSITORY
from tests.decompressor.forge import put_together, take_apart
from tests.decompressor.promise import cost_of, read
from todpack.decompressor.daybasis.entry import frame_seconds, numpy_seconds, tile_bytes
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.decompressor.decoders import choose_decoder
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import FEATURES
from todpack.packer.archive_writer import ArchiveWriter
from todpack.packer.daybasis.entropy.encode import encode_bands
from todpack.packer.daybasis.graph import frame_graph
from todpack.packer.daybasis.sections import Model, add_maps, add_tile
from todpack.packer.mask import encode_mask

WARM = REPOSITORY / "tests" / "golden" / "daybasis-ans-1.2.tod"
MOST_BYTES = 40 << 20  # of a tile
MOST_TOLD = 8  # by time, and by memory


def _valid(kind: str, side: int) -> np.ndarray:
    """(side, side) bool."""
    valid = np.ones((side, side), bool)
    if kind == "columns":
        valid[:, 1::2] = False
    elif kind == "board":
        valid[1::2, ::2] = valid[::2, 1::2] = False
    elif kind == "few":
        valid[:] = False
        valid[::9, ::11] = True
    elif kind == "noise":
        valid = np.random.default_rng(0).random((side, side)) < 0.5
        valid[0, 0] = True
    return valid


def _band(codes: str, k: int, site: np.ndarray) -> np.ndarray:
    """(K, h, w) int32 codes of one band."""
    band = np.zeros((k, *site.shape), np.int32)
    if codes == "noise":
        band[:] = np.random.default_rng(0).integers(-2, 3, band.shape)
    elif codes == "ones and one large":
        band[:] = 1
        band[:1, :, :1] = 400
    elif codes != "zeros":
        band[:] = int(codes)
    band[:, ~site] = 0
    return band


def _may_be_taken(about: dict[str, Any], k: int) -> bool:
    """Whether so many maps are about what a file of a kilobyte may have."""
    size = SimpleNamespace(height=about["side"], width=about["side"])
    entry = SimpleNamespace(
        n_components=k, n_columns=k, n_classes=about["classes"], n_levels=about["levels"], tile=about["tile"]
    )
    is_native = choose_decoder(None, "cpu") == "native"
    seconds = frame_seconds(size, entry, about["hours"], 0.0)  # type: ignore[arg-type]
    if not is_native or about["precision"] > 2:
        seconds += numpy_seconds(size, entry)  # type: ignore[arg-type]
    return seconds < 1.0 and tile_bytes(size, entry, is_native) < MOST_BYTES  # type: ignore[arg-type]


def drawn(pick: random.Random) -> dict[str, Any]:
    """What a model is made of."""
    tile = pick.choice((8, 16, 24, 40, 64, 85, 100, 128, 130, 200, 256, 300, 512))
    about = {
        "tile": tile,
        "side": pick.choice((min(tile, 256), tile * -(-256 // tile))),
        "hours": pick.choice((1, 1, 2, 24, 200, 2048)),
        "classes": pick.choice((1, 1, 2, 16, 256)),
        "levels": pick.choice((1, 3, 5, 12)),
        "entropy": pick.choice(("ans", "zstd")),
        "codes": pick.choice(("zeros", "1", "9", "-300", "200000", "noise", "ones and one large")),
        "mask": pick.choice(("all", "all", "columns", "board", "few", "noise")),
        "smoothing": pick.choice((False, True)),
        "curve": pick.choice(("none", "none", "square", "exp")),
        "exponent": pick.choice((-20, -8, 0)),
        "precision": pick.choice((2, 2, 2, 20)),  # of many steps sums are not exact, and NumPy decodes
        "lightmaps": pick.choice((1, 1, 1, 1, 1, 1, 3, 30)),
    }
    taken = [k for k in range(1, 1025) if _may_be_taken(about, k)]
    return {**about, "k": taken[-1] if taken and pick.random() < 0.7 else pick.randint(1, max(1, len(taken)))}


def archive_of(about: dict[str, Any]) -> bytes:
    """The file."""
    k, tile, side, n_hours = about["k"], about["tile"], about["side"], about["hours"]
    own = min(tile, side)
    valid = _valid(about["mask"], own)
    sites = build_pyramid(valid, about["levels"]).sites
    bands = [_band(about["codes"], k, sites[0])]
    bands += [tuple(_band(about["codes"], k, site) for site in level) for level in sites[1:]]  # type: ignore[misc]
    stream = encode_bands(bands, sites, entropy=about["entropy"])
    hours = np.arange(n_hours) * 24 / n_hours
    rng = np.random.default_rng(0)
    model = Model(
        rng.integers(-1, 2, (n_hours, 3, k + 1)), np.full(k + 1, about["exponent"]),
        np.ones((about["classes"], k * (k - 1) // 2), np.int64), about["precision"], (0.0, 0.0),
        Smoothing(4.0, (0.25, 0.25)) if about["smoothing"] else None, "C" * n_hours, 1.0, tile, about["levels"],
        about["entropy"], k,
    )  # fmt: skip
    transfer = "srgb8" if about["curve"] == "none" else "linear"
    writer = ArchiveWriter({"model_type": "daybasis", "transfer": transfer, "hours": hours.tolist()})
    writer.add_bytes("0/mask", encode_mask(np.tile(valid, (side // own, side // own))), lead=True)
    fields = add_maps(writer, model)
    writer.add_bytes("0/frame.onnx", frame_graph(k, hours, transfer, about["curve"], 0.01), lead=True)
    fields["graphs"] = {"frame": "0/frame.onnx"}
    if about["curve"] != "none":
        fields["curve"] = about["curve"]
    n_valid = int(valid.sum()) * (side // own) ** 2
    lightmap = {"name": "a", "height": side, "width": side, "valid_texels": n_valid, "mask": "0/mask", "model": fields}
    writer.metadata["lightmaps"] = [lightmap]
    features = [name for name in FEATURES if name in fields or name in lightmap]
    if features:
        writer.metadata["requires"] = features
    blocks = rng.integers(0, about["classes"], (-(-own // 16),) * 2).astype(np.uint8)
    for number in range((side // own) ** 2):
        add_tile(writer, number, stream, blocks if about["classes"] > 1 else None)
    data = writer.to_bytes()
    return data if about["lightmaps"] == 1 else _repeated(data, about["lightmaps"])


def _repeated(data: bytes, n: int) -> bytes:
    """A level of so many lightmaps that are all the same."""
    metadata, stored = take_apart(data)
    metadata.pop("sha256", None)
    metadata["requires"] = [name for name in metadata.get("requires", ()) if name != "digest"]
    sections, blobs = list[dict[str, Any]](), list[bytes]()
    for index in range(n):
        for section, blob in zip(metadata["sections"], stored, strict=True):
            own = section["name"].partition("/")[2]
            if index == 0 or own not in ("mask", "frame.onnx"):  # which all of them share
                sections.append({**section, "name": f"{index}/{own}"})
                blobs.append(blob)
    (lightmap,) = metadata["lightmaps"]
    lightmaps = [{**lightmap, "name": f"a{index}"} for index in range(n)]
    return put_together({**metadata, "lightmaps": lightmaps, "sections": sections}, blobs)


def _share_of_callers(path: Path, callers: int, threads: int) -> float:
    """Of the memory, in a process of its own; of a file that is refused, none."""
    words = [sys.executable, "-m", "tests.decompressor.callers", str(WARM), str(path), str(callers), str(threads)]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--callers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder for the files that take most")
    args = parser.parse_args()
    pick, until = random.Random(args.seed), time.monotonic() + args.seconds
    assert read(WARM)[0] == "decoded"
    found: list[tuple[float, float, dict[str, Any], dict[str, Any], bytes]] = []
    n, outcomes = 0, dict[str, int]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tod"
        while time.monotonic() < until:
            about, n = drawn(pick), n + 1
            data = archive_of(about)
            path.write_bytes(data)
            cost = cost_of(path, args.threads)
            outcome = cost["outcome"].split(":")[0]
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            time_share = cost["read_seconds"] / DEFAULT_LIMITS.seconds_for(len(data))
            memory_share = cost["n_bytes"] / DEFAULT_LIMITS.memory_for(len(data))
            if args.callers > 1:
                memory_share = max(memory_share, _share_of_callers(path, args.callers, args.threads))
            found.append((time_share, memory_share, about, cost, data))
            kept = [sorted(found, key=lambda one: -one[by])[:MOST_TOLD] for by in (0, 1)]
            found = kept[0] + [one for one in kept[1] if not any(one is other for other in kept[0])]
    print(f"{n} models: {outcomes}")
    for by, what in enumerate(("time", "memory")):
        print(f"most {what}:")
        for rank, one in enumerate(sorted(found, key=lambda one: -one[by])[:MOST_TOLD]):
            _, _, about, cost, data = one
            print(
                f"  {one[by]:.2f} of {cost['size']} bytes, counted {cost['counted_seconds']} s, {cost['outcome']}",
                about,
            )
            if args.keep:
                (args.keep / f"{what}-{rank}.tod").write_bytes(data)


if __name__ == "__main__":
    main()
