"""Small archives, correctly signed, each of which asks for as much memory or time as it can."""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import zstandard
from onnx import TensorProto, helper, numpy_helper

from tests.decompressor.forge import put_together, take_apart, with_text
from todpack.decompressor.bits import unzigzag
from todpack.decompressor.coded_gridmlp import more_columns
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.decompressor.sections import Section
from todpack.packer.adaptive_bits import pack_integers
from todpack.packer.archive_writer import ArchiveWriter
from todpack.packer.daybasis.entropy.encode import encode_bands
from todpack.packer.daybasis.graph import frame_graph
from todpack.packer.mask import encode_mask

MAX_BYTES = 1 << 16
Stored = tuple[str, np.ndarray, bool]
"""Name, array, whether it is compressed."""


RGB: dict[str, list[Any]] = {"rgb": [3, "h", "w"]}
Z: dict[str, list[Any]] = {"z": ["c", "h", "w"]}
MLP: dict[str, Any] = {
    "mlp": {"hidden": 1, "layers": 1, "dtype": "fp32"},
    "normalization": {"xy_range": [0, 1], "time": {"period_h": 24, "harmonics": 1}},
}


def _graph(
    nodes: list[Any], inputs: dict[str, list[Any]], outputs: dict[str, list[Any]], constants: dict[str, Any]
) -> np.ndarray:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    graph = helper.make_graph(
        nodes, "g", values,
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return np.frombuffer(model.SerializeToString(), np.uint8)


def _archive(model_type: str, lightmaps: list[dict[str, Any]], hours: list[float], stored: list[Stored]) -> bytes:
    metadata: dict[str, Any] = {"version": "1.0", "model_type": model_type, "transfer": "linear", "hours": hours}
    entries, blobs = [], []
    for name, array, packed in stored:
        planes = array.view(np.uint8).reshape(-1, array.itemsize).T.tobytes() if array.size else b""
        blobs.append(zstandard.compress(planes, 19) if packed else array.tobytes())
        entries.append(
            {"name": name, "codec": "zstd" if packed else "raw", "decoded_bytes": array.nbytes,
             "dtype": array.dtype.str.lstrip("<|"), "shape": list(array.shape)}
        )  # fmt: skip
    return put_together({**metadata, "lightmaps": lightmaps, "sections": entries}, blobs)


def _lightmap(name: str, height: int, width: int, model: dict[str, Any], mask: str | None = None) -> dict[str, Any]:
    entry = {"name": name, "height": height, "width": width, "valid_texels": height * width}
    return {**entry, "mask": mask, "model": model}


@cache
def _stream(height: int, width: int, k: int, value: int, entropy: str) -> np.ndarray:
    """One code everywhere."""
    sites = build_pyramid(np.ones((height, width), bool), 1).sites
    bands = [np.full((k, *sites[0].shape), value, np.int32)]
    details = tuple(np.full((k, *site.shape), value, np.int32) for site in sites[1])
    return np.frombuffer(encode_bands([bands[0], details], sites, entropy=entropy), np.uint8)


def daybasis(
    side: int, tile: int, k: int = 3, *, n_hours: int = 1, n_classes: int = 1, lightmaps: int = 1, grow: int = 0,
    value: int = 0, coded: tuple[int, int] | None = None, entropy: str = "zstd", hidden: int | None = None,
) -> bytes:  # fmt: skip
    """Flat lightmaps; the graph's values are doubled `grow` times. With `hidden`, coded maps of gridmlp."""
    n_columns = k if hidden is None else k + more_columns(hidden)
    n = 3 * n_columns + 3
    nodes = [helper.make_node("Slice", ["z", "a", "b", "a"], ["v0"])]
    nodes += [helper.make_node("Concat", [f"v{i}", f"v{i}"], [f"v{i + 1}"], axis=1) for i in range(grow)]
    nodes += [helper.make_node("Relu", ["v0"], ["rgb"]), helper.make_node("Relu", ["first"], ["affine"])]
    inputs = {"z": [k, "h", "w"], "time_h": [1], "first": [1, n], "steps": [3 * n_hours, n], "grid": [n]}
    stored: list[Stored] = [
        ("g", _graph(nodes, inputs, {**RGB, "affine": [1, n]}, {"a": np.array([0]), "b": np.array([3])}), True)
    ]
    model = {
        "n_components": k, "n_classes": n_classes, "q_step": 1, "centroids": [0, 0], "n_levels": 1, "tile": tile,
        "precision": 0, "exponents": [0] * (n_columns + 1), "gap_modes": "L" * n_hours, "entropy": entropy,
        "graphs": {"frame": "g"},
    }  # fmt: skip
    if hidden is not None:
        mlp = {"hidden": hidden, "layers": 1, "dtype": "fp16"}
        model = {"maps": model, "mlp": mlp, "graphs": model.pop("graphs")}
    stream = _stream(*(coded or (8, 8)), k, value, entropy)
    for index in range(lightmaps):
        stored.append((f"{index}/basis", np.zeros((n_columns + 1, 3, n_hours), "<u2"), True))
        if n_classes > 1:
            stored.append((f"{index}/turns", np.zeros((n_classes, k * (k - 1) // 2), "<u2"), True))
            stored.append((f"{index}/0/classes", np.zeros((-(-side // 16),) * 2, np.uint8), True))
        stored.append((f"{index}/0/coefficients", stream, True))
    entries = [_lightmap(str(index), side, side, model) for index in range(lightmaps)]
    family = "daybasis" if hidden is None else "gridmlp"
    return _archive(family, entries, [i / n_hours * 23 for i in range(n_hours)], stored)


def _add_in_adaptive_bits(writer: ArchiveWriter, name: str, stream: bytes, n: int) -> None:
    """Add a stream of coefficients as so many integers, most of them raw bits that nothing reads."""
    kind, n_model, n_symbols, n_raw = struct.unpack("<BIII", stream[:13])
    stream = struct.pack("<BIII", kind, n_model, n_symbols, n_raw + n - len(stream)) + stream[13:].ljust(n - 13, b"\0")
    packed = pack_integers(unzigzag(np.frombuffer(stream, np.uint8).astype(np.int64)))
    assert packed is not None
    section = Section(name, "adaptive", 0, len(packed), n, np.dtype("u1"), (n,), zlib.crc32(packed))
    writer.add_stored(name, section, packed)


def standard(
    side: int, k: int, stride: int, lightmaps: int = 1, value: int = 0, n_integers: int = 0, n_classes: int = 1,
    tile: int = 1 << 14, entropy: str = "ans",
) -> bytes:  # fmt: skip
    """Tiles of one code with the standard graph, which the native core decodes; every so many columns count."""
    valid = np.zeros((side, side), bool)
    valid[:, ::stride] = True
    sites = build_pyramid(valid[:tile, :tile], 1).sites
    bands = [np.where(site, np.full((k, *site.shape), value, np.int32), 0) for site in (sites[0], *sites[1])]
    stream = encode_bands([bands[0], tuple(bands[1:])], sites, entropy=entropy)
    writer = ArchiveWriter({"model_type": "daybasis", "transfer": "srgb8", "hours": [0.0]})
    writer.add_bytes("frame.onnx", frame_graph(k, np.zeros(1), "srgb8", "none", 0.0))
    writer.add_bytes("mask", encode_mask(valid))
    model = {
        "n_components": k, "n_classes": n_classes, "q_step": 1.0, "centroids": [0.0, 0.0], "n_levels": 1, "tile": tile,
        "precision": 8, "exponents": [0] * (k + 1), "gap_modes": "L", "entropy": entropy,
        "graphs": {"frame": "frame.onnx"},
    }  # fmt: skip
    size = {"height": side, "width": side, "valid_texels": int(valid.sum()), "mask": "mask", "model": model}
    writer.metadata["lightmaps"] = [{"name": f"a{index}", **size} for index in range(lightmaps)]
    for index in range(lightmaps):
        writer.add_integers(f"{index}/basis", np.zeros((k + 1, 3, 1), np.int64))
        if n_classes > 1:
            writer.add_integers(f"{index}/turns", np.ones((n_classes, k * (k - 1) // 2), np.int64))
        for number in range((side // min(side, tile)) ** 2):
            if n_integers:
                _add_in_adaptive_bits(writer, f"{index}/{number}/coefficients", stream, n_integers)
            else:
                writer.add_bytes(f"{index}/{number}/coefficients", stream)
            if n_classes > 1:
                blocks = np.zeros((-(-min(side, tile) // 16),) * 2, np.uint8)
                writer.add(f"{index}/{number}/classes", blocks)
    return writer.to_bytes()


def gridmlp(side: int, level: int, channels: int, *, baseline: bool = False, grow: int = 0, probes: int = 0) -> bytes:
    """A grid of zeros, or one of nodes that all take the first of so many entries, and a graph that spreads it."""
    n_latents = channels + (3 if baseline else 0)
    inputs: dict[str, list[Any]] = {"rows": ["h"], "columns": ["w"], "grid_0": [channels, level, level]}
    names = {"rows": np.array([1]), "c": np.zeros((n_latents, 1, 1), np.float32)}
    nodes = [helper.make_node("Unsqueeze", ["rows", "one"], ["r"]), helper.make_node("Add", ["r", "columns"], ["p"])]
    nodes.append(helper.make_node("Add", ["p", "c"], ["z"]))
    nodes += [helper.make_node("Concat", [f"w{i}" if i else "z"] * 2, [f"w{i + 1}"], axis=1) for i in range(grow)]
    if baseline:
        inputs["baseline"] = [3, "h", "w"]
    latents = _graph(nodes, inputs, Z, {"one": names["rows"], "c": names["c"]})
    frame = _graph(
        [helper.make_node("Gather", ["z", "i"], ["rgb"])], {"z": [n_latents, "h", "w"], "time_h": [1]}, RGB,
        {"i": np.zeros(3, np.int64)},
    )  # fmt: skip
    model = {
        "residual_mode": baseline, "levels": [[level, level]], "channels_per_level": channels,
        "hash": {"top_levels": 1, "capacity": probes, "seed": 0, "merge": "mean", "probes": probes} if probes else None,
        "quant": {"dtype": "uint8", "scales": [1] * channels, "zero_points": [0] * channels},
        "baseline": {"time_h": 12, "q_step": 1} if baseline else None, **MLP,
        "graphs": {"latents": "l", "frame": "f"},
    }  # fmt: skip
    stored: list[Stored] = [("l", latents, True), ("f", frame, True)]
    if probes:
        stored.append(("0/hash/0", np.zeros((channels, probes), np.uint8), True))
        stored.append(("0/index/0", np.zeros(((probes - 1).bit_length(), -(-level * level // 8)), np.uint8), True))
    else:
        stored.append(("0/grid/0", np.zeros((channels, level, level), np.uint8), True))
    if baseline:
        stored.append(("0/baseline", np.zeros(3 * side * side, "<u2"), True))
    return _archive("gridmlp", [_lightmap("a", side, side, model)], [0.0], stored)


def _frame_that_keeps(n_values: int, n_bytes: int) -> np.ndarray:
    """The latents, after a run has held so many values of so many bytes, one after another and then together."""
    rows = 512
    constants = {
        "u": np.arange(rows).reshape(-1, 1), "v": np.arange(n_bytes // 8 // rows).reshape(1, -1),
        "zero": np.zeros(1, np.float32), "s": np.array([0, 0]), "e": np.array([1, 1]), "one": np.array([1, 1, 1]),
    }  # fmt: skip
    nodes = [helper.make_node("Cast", ["time_h"], ["t"], to=TensorProto.INT64),
             helper.make_node("Add", ["u", "t"], ["ut"]), helper.make_node("Add", ["ut", "v"], ["b0"])]  # fmt: skip
    nodes += [helper.make_node("Mul", [f"b{i}", "ut"], [f"b{i + 1}"]) for i in range(n_values)]
    last = f"b{n_values}"
    for i in reversed(range(n_values)):
        nodes.append(helper.make_node("Add", [last, f"b{i}"], [f"s{i}"]))
        last = f"s{i}"
    nodes += [
        helper.make_node("Slice", [last, "s", "e"], ["cut"]), helper.make_node("Reshape", ["cut", "one"], ["q"]),
        helper.make_node("Cast", ["q"], ["f"], to=TensorProto.FLOAT), helper.make_node("Mul", ["f", "zero"], ["g"]),
        helper.make_node("Add", ["z", "g"], ["rgb"]),
    ]  # fmt: skip
    return _graph(nodes, {"z": [3, "h", "w"], "time_h": [1]}, RGB, constants)


def _frame_of_tiny_products(n: int) -> np.ndarray:
    """The latents, after so many products of one by one matrices for each of their values."""
    constants = {"c": np.zeros((n, 1, 1, 1), np.float32), "zero": np.array([0]), "one": np.array([1]),
                 "behind": np.array([4, 5])}  # fmt: skip
    nodes = [
        helper.make_node("Shape", ["z"], ["size"]), helper.make_node("Unsqueeze", ["z", "zero"], ["y"]),
        helper.make_node("Add", ["y", "c"], ["x"]), helper.make_node("Unsqueeze", ["x", "behind"], ["m"]),
        helper.make_node("MatMul", ["m", "m"], ["p"]), helper.make_node("Slice", ["p", "zero", "one", "zero"], ["q"]),
        helper.make_node("Reshape", ["q", "size"], ["rgb"]),
    ]  # fmt: skip
    return _graph(nodes, {"z": [3, "h", "w"], "time_h": [1]}, RGB, constants)


def _frame_of_one_node_of_many(n_inputs: int, n_transposes: int = 0) -> np.ndarray:
    """The first latents, and a node of so many inputs: transposes of the time, or the time dequantized."""
    nodes = [helper.make_node("Unsqueeze", ["time_h", "zero"], ["t0"])]
    nodes += [helper.make_node("Transpose", [f"t{i}"], [f"t{i + 1}"], perm=[1, 0]) for i in range(n_transposes)]
    inputs = [f"t{1 + i % n_transposes}" for i in range(n_inputs)] if n_transposes else ["d"] * n_inputs
    nodes += [
        helper.make_node("Cast", ["t0"], ["u"], to=TensorProto.UINT8),
        helper.make_node("DequantizeLinear", ["u", "scale", "origin"], ["d"]),
        helper.make_node("Min", inputs, ["m"]), helper.make_node("Reshape", ["m", "one"], ["q"]),
        helper.make_node("Gather", ["z", "i"], ["f"]), helper.make_node("Add", ["f", "q"], ["rgb"]),
    ]  # fmt: skip
    constants = {"zero": np.array([0]), "one": np.array([1]), "i": np.zeros(3, np.int64)}
    constants |= {"scale": np.array(1, np.float32), "origin": np.array(0, np.uint8)}
    return _graph(nodes, {"z": [3, "h", "w"], "time_h": [1]}, RGB, constants)


def _frame_of_casts(n: int) -> np.ndarray:
    """The first latents, beside so many casts of two megabytes that are new to the process each time."""
    nodes = [helper.make_node("Mul", ["u", "v"], ["p"]), helper.make_node("Gather", ["z", "i"], ["rgb"])]
    nodes += [helper.make_node("Cast", ["p"], [f"c{i}"], to=TensorProto.INT64) for i in range(n)]
    constants = {"u": np.ones((512, 1), np.float32), "v": np.ones((1, 448), np.float32), "i": np.zeros(3, np.int64)}
    return _graph(nodes, {"z": [3, "h", "w"], "time_h": [1]}, RGB, constants)


def _latents(dim: int, nodes: int) -> np.ndarray:
    """Maps that are the sum of row and column, whatever the grid."""
    return _graph(
        [helper.make_node("Unsqueeze", ["rows", "one"], ["r"]), helper.make_node("Add", ["r", "columns"], ["p"]),
         helper.make_node("Add", ["p", "c"], ["z"])],
        {"rows": ["h"], "columns": ["w"], "grid_0": [dim, nodes, nodes]}, Z,
        {"one": np.array([1]), "c": np.zeros((dim, 1, 1), np.float32)},
    )  # fmt: skip


def siren(
    side: int, nodes: int, dim: int, n_hours: int = 1, n_sines: int = 0, hidden: int = 1, width: int | None = None,
    frame: np.ndarray | None = None,
) -> bytes:  # fmt: skip
    """A latent map of zeros, and frames after so many sines; with more hidden units they are made in smaller parts."""
    graph = _latents(dim, nodes)
    sines = [helper.make_node("Gather", ["z", "i"], ["s0" if n_sines else "rgb"])]
    sines += [helper.make_node("Sin", [f"s{n}"], [f"s{n + 1}" if n + 1 < n_sines else "rgb"]) for n in range(n_sines)]
    if frame is None:
        frame = _graph(sines, {"z": [dim, "h", "w"], "time_h": [1]}, RGB, {"i": np.zeros(3, np.int64)})
    model = {
        "residual_mode": False, "storage": "latent", "latent_dim": dim, "f1": None, "baseline": None,
        "latent": {"rows": nodes, "columns": nodes, "bits": 8, "scales": [1] * dim, "zero_points": [0] * dim},
        **MLP, "mlp": {**MLP["mlp"], "hidden": hidden}, "graphs": {"latents": "l", "frame": "f"},
    }  # fmt: skip
    stored: list[Stored] = [("l", graph, True), ("f", frame, True)]
    stored.append(("0/latent", np.zeros(dim * nodes * nodes, "<u2"), True))
    return _archive(
        "siren", [_lightmap("a", side, width or side, model)], [24 * n / n_hours for n in range(n_hours)], stored
    )


def _with_outliers(data: bytes, n: int) -> bytes:
    """Every lightmap of a level names the same section of so many outliers."""
    metadata, blobs = take_apart(data)
    size, n_hours = metadata["lightmaps"][0], len(metadata["hours"])
    places = np.stack(np.unravel_index(np.arange(n), (n_hours, size["height"], size["width"])), axis=1)
    rows = np.concatenate([places, np.zeros((n, 3), np.int64)], axis=1).astype("<i4")
    planes = zstandard.compress(rows.view(np.uint8).reshape(-1, 4).T.tobytes(), 19)
    section = {"name": "o", "codec": "zstd", "decoded_bytes": rows.nbytes, "dtype": "i4", "shape": list(rows.shape)}
    for lightmap in metadata["lightmaps"]:
        lightmap["outliers"] = "o"
    more = {"version": "1.3", "requires": ["outliers"], "sections": [*metadata["sections"], section]}
    return put_together({**metadata, **more}, [*blobs, planes])


def _of_many_graphs(n: int, n_constants: int, n_nodes: int) -> bytes:
    """A level whose lightmaps all have graphs of their own, of constants that nothing takes, and nodes."""
    lightmaps, stored = list[dict[str, Any]](), list[Stored]()
    model = take_apart(siren(8, 16, 3))[0]["lightmaps"][0]["model"]
    for index in range(n):
        own = {**model, "graphs": {"latents": "l", "frame": f"{index}/f"}}
        lightmaps.append(_lightmap(f"a{index}", 8, 8, own))
        constants = {f"c{i}": np.full(1, index, np.float32) for i in range(n_constants)}
        nodes = [helper.make_node("Add", [f"t{i}" if i else "time_h", "c0"], [f"t{i + 1}"]) for i in range(n_nodes)]
        nodes.append(helper.make_node("Add", ["z", f"t{n_nodes}" if n_nodes else "time_h"], ["rgb"]))
        stored.append((f"{index}/f", _graph(nodes, {"z": [3, "h", "w"], "time_h": [1]}, RGB, constants), True))
        stored.append((f"{index}/latent", np.zeros(3 * 16 * 16, "<u2"), True))
    return _archive("siren", lightmaps, [0.0], [*stored, ("l", _latents(3, 16), True)])


def _level_bombs() -> Iterator[tuple[str, bytes]]:
    """What each lightmap of a level keeps."""
    for n in (10, 300):
        maps = daybasis(64, 64, n_hours=24, lightmaps=n, coded=(64, 64))
        yield f"{n} lightmaps with the same outliers", _with_outliers(maps, 65535)
    for n, k, n_hours in ((130, 16, 96), (5, 16, 2048), (450, 3, 96), (1, 50, 2048)):
        yield f"{n} temporal matrices of {k} x {n_hours}", daybasis(8, 8, k, n_hours=n_hours, lightmaps=n)
    for n, n_constants, n_nodes in ((20, 6000, 0), (16, 1, 500), (24, 3000, 250)):
        yield f"{n} graphs of {n_constants} constants and {n_nodes} nodes", _of_many_graphs(n, n_constants, n_nodes)


def _json_bombs() -> Iterator[tuple[str, bytes]]:
    for size, piece in itertools.product((200_000, 262_000, 4_000_000), (b"[],", b"{},", b'"",', b"1.5,", b'{"a":1},')):
        body = piece * (size // len(piece))
        yield f"json {piece!r} {size}", with_text(b'{"a":[' + body[:-1] + b"]}")
    yield "json deep", with_text(b"[" * 200_000)
    yield "json text", with_text(b'{"version":"' + b"x" * 200_000 + b'"}')


def _metadata_bombs() -> Iterator[tuple[str, bytes]]:
    """Whole archives whose metadata has an unknown field of as many values as it may, beside maps that take memory."""
    for side, piece in itertools.product((8, 512), ("[" * 13 + "]" * 13, "[[]]", '{"":0}')):
        metadata, stored = take_apart(daybasis(side, 512, coded=(side, side)))
        values = [json.loads(piece)] * (800_000 // (len(piece) + 2))
        yield f"daybasis {side} with {piece}", put_together({**metadata, "x": values}, stored)


def _section_bombs() -> Iterator[tuple[str, bytes]]:
    """All that a section may claim, several times."""
    for n, size in ((1, 2 << 20), (1, 16 << 20), (4, 512 << 10), (2, 1 << 20)):
        stored: list[Stored] = [(f"s{i}", np.zeros(size, np.uint8), True) for i in range(n)]
        yield f"sections {n} x {size}", _archive("daybasis", [], [0.0], stored)
    for shape in ([0, 1 << 22], [1 << 22, 0], [1 << 24, 0, 1]):
        metadata, blobs = take_apart(daybasis(64, 64, coded=(64, 64)))
        section = {"name": "empty", "codec": "adaptive", "decoded_bytes": 0, "dtype": "u1", "shape": shape}
        yield (
            f"daybasis with no integers of {shape}",
            put_together({**metadata, "sections": [*metadata["sections"], section]}, [*blobs, b""]),
        )
    metadata, blobs = take_apart(daybasis(13_000, 16, coded=(16, 16)))  # a tile alone of 660,000
    padding = {"name": "padding", "codec": "raw", "decoded_bytes": 60_000, "dtype": "u1", "shape": [60_000]}
    padded = {**metadata, "sections": [*metadata["sections"], padding]}
    yield "daybasis of hundreds of thousands of tiles", put_together(padded, [*blobs, bytes(60_000)])
    for side, k in ((300, 40), (300, 64), (512, 14)):
        yield f"standard {side} K {k} in adaptive bits", standard(side, k, 1, value=1, n_integers=800_000)


def _beyond_exact(data: bytes, bits: int) -> bytes:
    """An archive whose sums are not exact any more, which NumPy decodes in the place of the native core."""
    metadata, blobs = take_apart(data)
    del metadata["sha256"]
    metadata["requires"].remove("digest")
    for lightmap in metadata["lightmaps"]:
        lightmap["model"]["precision"] += bits
    return put_together(metadata, blobs)


def small_bombs() -> Iterator[tuple[str, bytes]]:
    """(what it is, bytes)."""
    sides = (128, 256, 400, 512, 600, 724, 900, 1024, 1400, 2048, 4096, 16384)
    for side, tile in itertools.product(sides, (64, 512, 16384)):
        yield f"daybasis {side} tile {tile}", daybasis(side, tile, coded=(min(side, tile, 512),) * 2)
    for k, side in itertools.product((3, 8, 24, 64), (64, 128, 200, 256, 300, 400)):
        yield f"daybasis {side} K {k}", daybasis(side, side, k, coded=(side, side))
    for entropy, value, side in itertools.product(("ans", "zstd"), (1, 40, 40_000), (128, 256, 400)):
        yield (
            f"daybasis {side} of {value} {entropy}",
            daybasis(side, side, value=value, coded=(side, side), entropy=entropy),
        )
    for side, k, stride in itertools.product((1024, 1100, 1312), (1, 5), (1, 2)):
        yield f"standard {side} K {k} stride {stride}", standard(side, k, stride)
    for side, k in ((512, 14), (512, 28), (256, 100)):
        yield f"standard {side} K {k} of ones", standard(side, k, 1, value=1)
    for k in (8, 12, 15):
        yield f"standard 1024 K {k} beyond exact sums", _beyond_exact(standard(1024, k, 1, value=9, tile=512), 16)
    for n_hours, k in ((64, 3), (256, 3), (1024, 3), (2048, 8)):
        yield f"daybasis {n_hours} hours", daybasis(8, 8, k, n_hours=n_hours)
    for n_classes, k in ((2, 64), (256, 16), (256, 32), (64, 64)):
        yield f"daybasis {n_classes} classes", daybasis(16, 16, k, n_classes=n_classes, coded=(16, 16))
    for k, tile in ((60, 128), (100, 64), (170, 64), (330, 64)):
        yield f"standard K {k} in tiles of {tile}, rotated", standard(256, k, 1, value=200, n_classes=2, tile=tile)
    for tile in (48, 85, 100):
        yield f"standard K 150 in tiles of {tile}", standard(6 * tile, 150, 1, value=9, tile=tile)
    for n, side in itertools.product((2, 4), (256, 400, 512)):
        yield f"daybasis {n} lightmaps {side}", daybasis(side, side, lightmaps=n, coded=(side, side))
    for grow, side in itertools.product((1, 2, 4, 8, 16), (64, 256)):
        yield f"daybasis doubling {grow} {side}", daybasis(side, side, grow=grow, coded=(side, side))
    for grow in (16, 18, 20, 22):
        yield f"daybasis doubling {grow} a texel", daybasis(1, 8, grow=grow, coded=(1, 1))
    for k, hidden, side in itertools.product((3, 24, 64), (0, 32), (64, 256, 400)):
        yield f"coded maps {side} K {k} {hidden}", daybasis(side, side, k, coded=(side, side), hidden=hidden)
    for n_hours in (24, 1024):
        yield f"coded maps {n_hours} hours", daybasis(64, 64, n_hours=n_hours, coded=(64, 64), hidden=32)
    yield "coded maps 64 classes", daybasis(16, 16, 64, n_classes=64, coded=(16, 16), hidden=8)
    for side, level, channels in itertools.product((64, 256, 512, 700, 1024, 4096), (2, 256, 700), (1, 4, 16)):
        yield f"gridmlp {side} {level} {channels}", gridmlp(side, level, channels)
    for level, channels in itertools.product((256, 700, 1024, 4096), (1, 16, 256)):
        yield f"gridmlp probes {level} {channels}", gridmlp(64, level, channels, probes=2)
    for level, channels in ((373, 100), (240, 240)):
        yield f"gridmlp probes {level} {channels} of 8 x 8", gridmlp(8, level, channels, probes=16)
    for side in (64, 256, 300, 400, 590):
        yield f"gridmlp baseline {side}", gridmlp(side, 2, 1, baseline=True)
        yield f"gridmlp doubling {side}", gridmlp(side, 2, 1, grow=4)
    for side, nodes, dim in itertools.product((64, 512, 1024), (16, 256, 500, 1000), (1, 4, 16)):
        yield f"siren {side} {nodes} {dim}", siren(side, nodes, dim)
    for kept in ((0, 30 << 20), (0, 15 << 20), (6, 3 << 20), (12, 2_000_000), (22, 990_000), (22, 250_000)):
        yield (
            f"siren that keeps {kept[0]} values of {kept[1]}",
            siren(256, 16, 3, hidden=100, frame=_frame_that_keeps(*kept)),
        )
    for products in (300, 4000):
        yield (
            f"siren of {products} tiny products",
            siren(8, 16, 3, hidden=1 << 13, frame=_frame_of_tiny_products(products)),
        )
    for many in ((20_000, 20), (8000, 120), (30_000, 400), (20_000, 0), (6000, 0)):
        yield f"siren of one node of {many[0]}, {many[1]}", siren(8, 16, 3, frame=_frame_of_one_node_of_many(*many))
    for casts in (12, 17, 24):
        yield f"siren of {casts} casts", siren(82, 16, 3, hidden=1 << 14, width=128, frame=_frame_of_casts(casts))
    yield "siren of many slow hours", siren(256, 16, 3, 2048, 14)
    yield "siren of many hours of a row", siren(1, 16, 3, 2048, width=65536)
    yield "siren of many slow texels", siren(1773, 16, 3, 1, 150, 16384)
    yield from _section_bombs()
    yield from _level_bombs()
    yield from _json_bombs()
    yield from _metadata_bombs()


def write_small_bombs(folder: Any) -> int:
    """Write those of at most MAX_BYTES into a folder, numbered; returns how many."""
    names = {}
    for name, data in small_bombs():
        if len(data) <= MAX_BYTES:
            (folder / f"{len(names):04d}.tod").write_bytes(data)
            names[f"{len(names):04d}.tod"] = name
    (folder / "names.json").write_text(json.dumps(names, indent=1))
    return len(names)
