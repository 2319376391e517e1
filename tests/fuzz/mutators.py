"""Changes that get past the checksums: archives are taken apart, changed inside and signed again."""

from __future__ import annotations

import json
import random
from binascii import crc32
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import zstandard

from tests.decompressor.forge import decoded_section, put_together, take_apart, with_text
from tests.fuzz.doors import joined
from todpack.submission.plain_bits.header import CHECKSUM_BYTES, HEADER

Mutator = Callable[[bytes, random.Random], bytes]
NUMBERS = (
    0,
    1,
    -1,
    2,
    7,
    8,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    1 << 19,
    1 << 20,
    (1 << 31) - 1,
    1 << 31,
    1 << 53,
)
VALUES: tuple[Any, ...] = (
    *NUMBERS, 0.5, -0.25, 1e-300, 1e300, None, True, "", "L", "C", "x" * 300, [], {}, [[]], [1, 2], {"a": 1},
)  # fmt: skip
OPERATORS = (
    "Add", "Cast", "Clip", "Concat", "Cos", "DequantizeLinear", "Div", "Exp", "Floor", "Gather", "Gemm", "Less",
    "MatMul", "Min", "Mod", "Mul", "Relu", "Reshape", "Round", "Shape", "Sin", "Slice", "Sub", "Transpose",
    "Unsqueeze", "Expand", "Tile", "ConstantOfShape", "Loop", "If",
)  # fmt: skip


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few changes of plain bytes."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = rng.choice((0, 1, 2, 127, 128, 254, 255, rng.randrange(256)))
        elif kind == 2:
            out[at:at] = rng.randbytes(rng.choice((1, 1, 2, 4, 16)))
        elif kind == 3:
            del out[at : at + rng.choice((1, 1, 2, 4, 32, 200))]
        elif kind == 4:
            other = rng.randrange(len(out) + 1)
            out[at:at] = out[other : other + rng.choice((1, 4, 16, 64))]
        elif kind == 5:
            width = rng.choice((2, 4, 8))
            out[at : at + width] = (rng.choice(NUMBERS) & (1 << 8 * width) - 1).to_bytes(width, "little")
        else:
            other = rng.randrange(len(out) + 1)
            size = rng.choice((1, 4, 16, 64))
            out[at : at + size] = out[other : other + size]
    return bytes(out)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all values in a JSON tree."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [p for key, child in children for p in _places(child, (*path, key))]


def mutate_tree(tree: Any, rng: random.Random) -> Any:
    """Change, remove or copy one value of a JSON tree, in place."""
    places = _places(tree)
    if not places:
        return tree
    *parents, key = rng.choice(places)
    holder = tree
    for step in parents:
        holder = holder[step]
    kind, value = rng.randrange(6), holder[key]
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(key, json.loads(json.dumps(value)))
    elif kind == 2 and type(value) in (int, float):
        holder[key] = value + rng.choice((-1, 1, 8, -value, value, 0.5))
    elif kind == 3 and isinstance(value, str):
        holder[key] = mutate_bytes(value.encode(), rng).decode("utf-8", "replace")
    elif kind == 4:
        *others, last = rng.choice(places)
        source = tree
        for step in others:
            source = source[step] if isinstance(source, dict | list) and not isinstance(source, str) else source
        try:
            holder[key] = json.loads(json.dumps(source[last]))
        except (KeyError, IndexError, TypeError):
            holder[key] = rng.choice(VALUES)
    else:
        holder[key] = rng.choice(VALUES)
    return tree


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """metadata.json: most of the time it stays JSON."""
    if rng.random() < 0.2:
        return mutate_bytes(data, rng)
    try:
        tree = json.loads(data)
        for _ in range(rng.choice((1, 1, 2, 3))):
            tree = mutate_tree(tree, rng)
        return json.dumps(tree).encode()
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)


def _decoded(entry: dict[str, Any], stored: bytes) -> bytes:
    """A section's items in C order."""
    plain = stored if entry["codec"] == "raw" else decoded_section(entry, stored)
    width = int(entry["dtype"][1:])
    return np.frombuffer(plain, np.uint8).reshape(width, -1).T.tobytes() if entry["codec"] != "raw" else plain


def _mutate_section(metadata: dict[str, Any], stored: list[bytes], rng: random.Random) -> None:
    """Change one section's decoded bytes, now stored raw; its entry fits again, most of the time with its old shape."""
    at = rng.randrange(len(stored))
    entry = metadata["sections"][at]
    plain = _decoded(entry, stored[at])
    if entry["name"].endswith(".onnx"):
        changed = mutate_graph(plain, rng)
    elif rng.random() < 0.7 and plain:  # of the same size, so that shapes still fit
        changed = mutate_bytes(plain, rng)[: len(plain)].ljust(len(plain), b"\0")
    else:
        changed = mutate_bytes(plain, rng)
    width = int(entry["dtype"][1:])
    changed = changed[: len(changed) - len(changed) % width]
    if len(changed) != len(plain):
        entry["shape"] = [len(changed) // width]
    if rng.random() < 0.2:
        planes = np.frombuffer(changed, np.uint8).reshape(-1, width).T.tobytes()
        entry["codec"], stored[at] = "zstd", zstandard.compress(planes, 1)
    else:
        entry["codec"], stored[at] = "raw", changed
    entry["decoded_bytes"] = len(changed)


def mutate_archive(data: bytes, rng: random.Random) -> bytes:
    """An archive that is signed again: what is inside of its sections and its metadata changes."""
    kind = rng.random()
    if kind < 0.05:
        return mutate_bytes(data, rng)
    try:
        metadata, stored = take_apart(data)
        if kind < 0.65:
            for _ in range(rng.choice((1, 1, 2))):
                _mutate_section(metadata, stored, rng)
            return put_together(metadata, stored)
        if kind < 0.75:
            text = mutate_bytes(json.dumps(metadata).encode(), rng)
            return with_text(text, b"".join(stored), minor=rng.randrange(4))
        changed = rng.choice((1, 1, 2, 3))

        def spoil(tree: dict[str, Any]) -> None:
            for _ in range(changed):
                mutate_tree(tree, rng)

        return put_together(metadata, stored, spoil)
    except Exception:  # what was mutated before may be no archive any more
        return mutate_bytes(data, rng)


def _add_integers(model: onnx.ModelProto, source: str, rng: random.Random) -> None:
    """A detour through integers: some value, times or divided by a number, as a new output."""
    number = rng.choice((0, 1, -1, 3, -(1 << 63), 1 << 40))
    tag = f"i{len(model.graph.node)}"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([number]), f"{tag}_number"))
    model.graph.node.append(onnx.helper.make_node("Cast", [source], [f"{tag}_in"], to=onnx.TensorProto.INT64))
    operator = rng.choice(("Div", "Mod", "Mul", "Min", "Sub", "Gather"))
    inputs = [f"{tag}_in", f"{tag}_number"] if rng.random() < 0.7 else [f"{tag}_number", f"{tag}_in"]
    model.graph.node.append(onnx.helper.make_node(operator, inputs, [f"{tag}_out"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info(f"{tag}_out", onnx.TensorProto.INT64, None))


def _mutate_node(model: onnx.ModelProto, rng: random.Random) -> None:
    graph = model.graph
    node = rng.choice(graph.node)
    names = [n.output[0] for n in graph.node if n.output] + [t.name for t in graph.initializer]
    names += [value.name for value in graph.input]
    kind = rng.randrange(8)
    if kind == 7:
        _add_integers(model, rng.choice(names), rng)
    elif kind == 0:
        node.op_type = rng.choice(OPERATORS)
    elif kind == 1 and node.input:
        node.input[rng.randrange(len(node.input))] = rng.choice(names)
    elif kind == 2:
        node.input.append(rng.choice(names))
    elif kind == 3 and node.attribute:
        attribute = rng.choice(node.attribute)
        if attribute.ints:
            attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice((-2, -1, 0, 1, 2, 3, 1 << 40))
        else:
            attribute.i = rng.choice((-2, -1, 0, 1, 2, 3, 9, 1 << 40))
    elif kind == 4:
        graph.node.remove(node)
    elif kind == 5:
        other = graph.node.add()
        other.CopyFrom(node)
        if other.output:
            other.output[0] += "_again"
    else:
        out = graph.output.add()
        out.CopyFrom(rng.choice(graph.output))
        out.name = rng.choice(names)


def _mutate_tensor(model: onnx.ModelProto, rng: random.Random) -> None:
    tensor = rng.choice(model.graph.initializer)
    kind = rng.randrange(4)
    if kind == 0 and tensor.raw_data:
        tensor.raw_data = mutate_bytes(tensor.raw_data, rng)[: len(tensor.raw_data)].ljust(len(tensor.raw_data), b"\0")
    elif kind == 1 and len(tensor.raw_data) == 8:
        tensor.raw_data = rng.choice((-2, -1, 0, 1, 2, 3, 34, 1 << 20, 1 << 40)).to_bytes(8, "little", signed=True)
    elif kind == 2 and tensor.dims:
        tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice((0, 1, 2, 3, 1 << 20, 1 << 62))
    else:
        tensor.data_type = rng.randrange(13)


def _mutate_model(model: onnx.ModelProto, rng: random.Random) -> None:
    kind = rng.randrange(8)
    if kind < 4 and model.graph.node:
        _mutate_node(model, rng)
    elif kind < 7 and model.graph.initializer:
        _mutate_tensor(model, rng)
    elif model.graph.input:
        dims = rng.choice(model.graph.input).type.tensor_type.shape.dim
        if dims:
            rng.choice(dims).dim_value = rng.choice((0, 1, 2, 34, 1 << 40))


def mutate_graph(data: bytes, rng: random.Random) -> bytes:
    """An ONNX model: most of the time it stays one."""
    if rng.random() < 0.2:
        return mutate_bytes(data, rng)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # protobuf's own class differs between its implementations
        return mutate_bytes(data, rng)
    try:
        for _ in range(rng.choice((1, 1, 2, 3))):
            _mutate_model(model, rng)
        return bytes(model.SerializeToString())
    except (ValueError, TypeError):  # a name that is no text any more
        return mutate_bytes(data, rng)


def mutate_space(data: bytes, rng: random.Random) -> bytes:
    """A search space: JSON as a tree, TOML as text."""
    return mutate_json(data, rng) if data.startswith(b"{") else mutate_bytes(data, rng)


def mutate_run_folder(data: bytes, rng: random.Random) -> bytes:
    """config.json as a tree, or the arrays as bytes."""
    size = int.from_bytes(data[:4], "little")
    config, arrays = data[4 : 4 + size], data[4 + size :]
    if rng.random() < 0.6:
        return joined(mutate_json(config, rng), arrays)
    return joined(config, mutate_bytes(arrays, rng))


def mutate_raw(data: bytes, rng: random.Random) -> bytes:
    """A file of plain bits whose checksum fits again, most of the time."""
    changed = mutate_bytes(data, rng)
    head, content = changed[: HEADER.size], changed[HEADER.size + CHECKSUM_BYTES :]
    if rng.random() < 0.1:
        return changed
    return head + crc32(content, crc32(head)).to_bytes(CHECKSUM_BYTES, "little") + content


MUTATORS: dict[str, Mutator] = {
    "metadata": mutate_json,
    "graph": mutate_graph,
    "archive": mutate_archive,
    "verify": mutate_archive,
    "level": mutate_archive,
    "container": mutate_archive,
    **dict.fromkeys(("view", "inspect", "report", "decompress", "export"), mutate_archive),
    **dict.fromkeys(("region", "threads", "decoders"), mutate_archive),
    **dict.fromkeys(("manifest", "contest_config"), mutate_json),
    "raw": mutate_raw,
    "space": mutate_space,
    "run_folder": mutate_run_folder,
}
"""Of a target; others take `mutate_bytes`."""
