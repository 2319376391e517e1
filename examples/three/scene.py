"""The scene of the example: axis-aligned boxes, a chart of the lightmap for each face, and a glTF file of it all."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from itertools import product

import numpy as np

SIZE = 256
"""Texels of a side of the lightmap."""
DENSITY = 8.4
"""Texels of a meter."""
GAP = 2
"""Texels between charts."""
MATERIALS = {
    "ground": (0.58, 0.55, 0.50),
    "plaster": (0.82, 0.79, 0.73),
    "brick": (0.70, 0.30, 0.20),
    "teal": (0.16, 0.48, 0.50),
    "wood": (0.52, 0.36, 0.22),
    "stone": (0.62, 0.62, 0.64),
}
"""Linear base colors."""
BOXES = [
    # material, least corner, largest corner, in meters, y up
    ("ground", (-7.0, -0.4, -6.0), (7.0, 0.0, 6.0)),
    ("plaster", (-7.0, 0.0, -6.0), (7.0, 3.6, -5.6)),  # the wall behind
    ("brick", (-7.0, 0.0, -5.6), (-6.6, 2.8, 3.0)),  # the wall at the left
    ("teal", (5.2, 0.0, -5.6), (7.0, 2.2, -2.6)),  # a shed
    ("stone", (5.0, 2.2, -5.6), (7.0, 2.4, -2.4)),
    *(("stone", (x, 0.0, -3.0), (x + 0.4, 2.6, -2.6)) for x in (-5.4, -3.0, -0.6, 1.8)),  # an arcade
    ("plaster", (-5.8, 2.6, -3.2), (2.6, 3.0, -2.4)),
    *(("wood", (x, 3.0, -5.6), (x + 0.3, 3.2, -2.4)) for x in (-5.4, -4.2, -3.0, -1.8, -0.6, 0.6, 1.8)),
    ("wood", (-2.6, 0.7, 0.6), (-0.4, 0.8, 1.8)),  # a table
    *(("wood", (x, 0.0, z), (x + 0.12, 0.7, z + 0.12)) for x, z in product((-2.5, -0.62), (0.7, 1.58))),
    ("brick", (2.2, 0.0, 1.2), (4.6, 0.4, 3.6)),  # steps and a monument
    ("brick", (2.6, 0.4, 1.6), (4.2, 0.8, 3.2)),
    ("plaster", (3.1, 0.8, 2.1), (3.7, 3.2, 2.7)),
    ("stone", (-5.6, 0.0, 2.2), (-4.4, 1.0, 3.4)),
]
LAMPS = [((-4.2, 2.2, -4.2), (6.0, 3.4, 1.5)), ((0.4, 2.2, -4.2), (6.0, 3.4, 1.5)), ((4.6, 1.8, -1.9), (4.0, 2.6, 1.4))]
"""Places, and radiant intensities of red, green and blue."""


@dataclass(frozen=True)
class Chart:
    """A face and its rectangle of texels.

    Attributes:
        box: Number of its box.
        axis: Along which its normal points.
        sign: 1 or -1: which way.
        corner: (3,) where its first texel lies.
        sides: Two vectors (3,), along columns and along rows, to the last texels.
        place: Row and column of the first texel.
        shape: Rows and columns.
    """

    box: int
    axis: int
    sign: int
    corner: np.ndarray
    sides: tuple[np.ndarray, np.ndarray]
    place: tuple[int, int]
    shape: tuple[int, int]

    @property
    def normal(self) -> np.ndarray:
        """(3,) outward."""
        return np.eye(3)[self.axis] * self.sign


def _faces() -> list[tuple[int, int, int]]:
    """(box, axis, sign) of the faces that can be seen: none that lies on the ground or under it."""
    found = product(range(len(BOXES)), range(3), (-1, 1))
    return [(box, axis, sign) for box, axis, sign in found if not (axis == 1 and sign < 0 and BOXES[box][1][1] <= 0.0)]


def charts() -> list[Chart]:
    """All charts, packed by shelves, the highest first."""
    sized = []
    for box, axis, sign in _faces():
        low, high = np.array(BOXES[box][1]), np.array(BOXES[box][2])
        across, down = [other for other in range(3) if other != axis]
        columns, rows = (max(3, round(float(high[side] - low[side]) * DENSITY)) for side in (across, down))
        sides = np.eye(3)[across] * (high - low)[across], np.eye(3)[down] * (high - low)[down]
        corner = low.copy()
        corner[axis] = (high if sign > 0 else low)[axis]
        if columns < rows:
            columns, rows, sides = rows, columns, (sides[1], sides[0])
        sized.append((rows, columns, box, axis, sign, corner, sides))
    made, row, column, shelf = [], 1, 1, 0
    for rows, columns, box, axis, sign, corner, sides in sorted(sized, key=lambda one: (-one[0], -one[1], one[2:5])):
        if column + columns + 1 > SIZE:
            row, column, shelf = row + shelf + GAP, 1, 0
        shelf = max(shelf, rows)
        assert row + rows + 1 <= SIZE, "the charts do not fit: lower DENSITY"
        made.append(Chart(box, axis, sign, corner, sides, (row, column), (rows, columns)))
        column += columns + GAP
    return made


def _corners(chart: Chart) -> tuple[np.ndarray, np.ndarray]:
    """(4, 3) places and (4, 2) lightmap coordinates, which end in the centers of the outermost texels."""
    steps = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    (row, column), (rows, columns) = chart.place, chart.shape
    places = [chart.corner + a * chart.sides[0] + b * chart.sides[1] for a, b in steps]
    uv = [((column + 0.5 + a * (columns - 1)) / SIZE, (row + 0.5 + b * (rows - 1)) / SIZE) for a, b in steps]
    return np.array(places), np.array(uv)


def write_glb(found: list[Chart]) -> bytes:
    """The bytes of a binary glTF file: one mesh, a primitive for each material.

    Source: Khronos, "glTF 2.0 Specification".
    """
    blob, views, accessors, primitives = bytearray(), [], [], []

    def add(values: np.ndarray, kind: str, component: int, target: int, *, bounded: bool = False) -> int:
        data = np.ascontiguousarray(values).tobytes()
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data), "target": target})
        blob.extend(data + b"\0" * (-len(data) % 4))
        accessor = {"bufferView": len(views) - 1, "componentType": component, "count": len(values), "type": kind}
        if bounded:
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        accessors.append(accessor)
        return len(accessors) - 1

    for number, material in enumerate(MATERIALS):
        own = [chart for chart in found if BOXES[chart.box][0] == material]
        places, uvs = zip(*map(_corners, own), strict=True)
        triangles = []
        for first, chart in enumerate(own):
            turns = np.dot(np.cross(*chart.sides), chart.normal) > 0
            order = (0, 1, 2, 0, 2, 3) if turns else (0, 2, 1, 0, 3, 2)
            triangles += [4 * first + corner for corner in order]
        attributes = {
            "POSITION": add(np.concatenate(places).astype("<f4"), "VEC3", 5126, 34962, bounded=True),
            "NORMAL": add(np.repeat([chart.normal for chart in own], 4, 0).astype("<f4"), "VEC3", 5126, 34962),
            "TEXCOORD_0": add(np.concatenate(uvs).astype("<f4"), "VEC2", 5126, 34962),
            "TEXCOORD_1": add(np.concatenate(uvs).astype("<f4"), "VEC2", 5126, 34962),
        }
        indices = add(np.array(triangles, "<u2"), "SCALAR", 5123, 34963)
        primitives.append({"attributes": attributes, "indices": indices, "material": number})
    document = {
        "asset": {"version": "2.0", "generator": "todpack examples/three"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "yard", "mesh": 0}],
        "meshes": [{"name": "yard", "primitives": primitives}],
        "materials": [
            {"name": name, "pbrMetallicRoughness": {"baseColorFactor": [*color, 1.0], "metallicFactor": 0.0}}
            for name, color in MATERIALS.items()
        ],
        "buffers": [{"byteLength": len(blob)}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    parts = [struct.pack("<II", len(text), 0x4E4F534A), text, struct.pack("<II", len(blob), 0x004E4942), bytes(blob)]
    size = 12 + sum(map(len, parts))
    return b"".join([struct.pack("<4sII", b"glTF", 2, size), *parts])
