"""metadata.json in adaptive bits: of one day in 8-bit codes nearly all of it can be told. FORMAT.md "Packed metadata".

The walk goes through the fields once, for an encoder, which has their values, and for a decoder, which finds them.
"""

from __future__ import annotations

import json
import math
from typing import Any

from .adaptive_bits import AdaptiveCoder, AdaptiveDecoder, Integers, Model
from .bits import EntropyError
from .container import PACKED
from .sections import CODECS

FEATURE = "packed"
REQUIRED = ("dictionary", "digest", "adaptive", FEATURE)
WIDE_TYPES, ITEM_BYTES = ("u2", "i4"), {"u1": 1, "u2": 2, "i4": 4}
MOST_BYTES = (1 << 31) - 1
HOURS_PER_DAY, MOST_SIDE, MOST_COUNT, MOST_TILES, MOST_NAME = 24, 1 << 20, 1 << 12, 1 << 10, 1 << 8
MOST_DECIMALS, BLOCK, WHOLE_TILE = 9, 16, 512
LEAST_DECIMAL = 1e-4  # libraries write smaller ones in different ways
HOUR, HEIGHT, WIDTH, INVALID, TILE, LEVELS, CLASSES, COMPONENTS, PRECISION = range(9)
CENTROID, DECIMALS, DIGITS, WEIGHT, NAME, EXPONENT, CODEC, STORED, DECODED = range(9, 18)
"""Classes of integers, by what they are."""


def decimal(digits: int, decimals: int) -> float:
    """digits / 10^decimals as its text has it."""
    return float(f"{digits}e-{decimals}")


class MetadataWalk:
    """Codes the fields in order.

    Args:
        coder: Encoder or decoder.
        told: metadata.json, parsed, for an encoder; a decoder has none.
    """

    def __init__(self, coder: AdaptiveCoder, told: dict[str, Any] | None = None) -> None:
        self._coder, self._integers = coder, Integers()
        self._letters, self._gaps = [Model() for _ in range(128)], [Model() for _ in range(3)]
        self._has = [Model() for _ in range(3)]
        self._told: Any = told

    def _count(self, kind: int, value: int, least: int, most: int) -> int:
        """An integer from `least` to `most`."""
        found = least + self._integers.integer(self._coder, kind, None, value - least)
        if found > most:
            raise EntropyError(f"packed metadata: expected numbers up to {most}, found {found}")
        return found

    def _signed(self, kind: int, value: int, sign: int = 0) -> int:
        return self._integers.integer(self._coder, kind, sign, value)

    def _raw(self, n_bits: int, value: int) -> int:
        found = 0
        for place in range(n_bits - 1, -1, -1):
            found = found << 1 | self._coder.bit(None, value >> place & 1)
        return found

    def _flag(self, model: int, value: bool) -> bool:
        return bool(self._coder.bit(self._has[model], value))

    def _decimal(self, value: float) -> float:
        """A number of few decimal digits."""
        decimals = len(str(float(value)).partition(".")[2])
        decimals = self._count(DECIMALS, decimals, 1, MOST_DECIMALS)
        found = decimal(self._count(DIGITS, round(value * 10**decimals), 0, MOST_BYTES), decimals)
        if 0.0 < found < LEAST_DECIMAL:
            raise EntropyError(f"packed metadata: expected decimals from {LEAST_DECIMAL} on or 0, found {found}")
        return found

    def _name(self, name: str) -> str:
        count, letters = self._count(NAME, len(name), 1, MOST_NAME), []
        for at in range(count):
            node, letter = 1, ord(name[at]) if name else 0
            for place in range(6, -1, -1):
                node = node << 1 | self._coder.bit(self._letters[node], letter >> place & 1)
            if not 32 <= node - 128 < 127 or chr(node - 128) in '"\\':
                raise EntropyError("packed metadata: expected a name of plain letters")
            letters.append(chr(node - 128))
        return "".join(letters)

    def _exponents(self, count: int, told: list[int]) -> list[int]:
        """Each by the one before."""
        out, change = list[int](), 0
        for k in range(count):
            before = out[-1] if out else 0
            change = self._signed(EXPONENT, told[k] - before if told else 0, 1 + (change > 0) + 2 * (change < 0))
            out.append(before + change)
        return out

    def _gap_modes(self, count: int, told: str) -> str:
        letters, before = list[str](), 0
        for i in range(count):
            bit = self._coder.bit(self._gaps[before], told[i] == "C" if told else 0)
            letters.append("C" if bit else "L")
            before = 1 + bit
        return "".join(letters)

    def _model(self, n_hours: int, told: dict[str, Any]) -> dict[str, Any]:
        centroids, weights = told.get("centroids", (0, 0)), told.get("smoothing", {}).get("weights", (0, 0))
        n_components = self._count(COMPONENTS, told.get("n_components", 1), 1, MOST_COUNT)
        fields: dict[str, Any] = {
            "n_components": n_components,
            "n_classes": self._count(CLASSES, told.get("n_classes", 1), 1, 256),
            "n_levels": self._count(LEVELS, told.get("n_levels", 1), 1, 12),
            "tile": WHOLE_TILE,
            "centroids": [self._signed(CENTROID, round(32 * value)) / 32 for value in centroids],
            "entropy": "ans",
            "graphs": {"frame": "0/frame.onnx"},
        }
        if self._flag(0, told.get("tile", WHOLE_TILE) != WHOLE_TILE):
            fields["tile"] = self._count(TILE, told.get("tile", 1), 1, MOST_SIDE)
        fields["precision"] = self._signed(PRECISION, told.get("precision", 0))
        fields["q_step"] = self._decimal(told.get("q_step", 0.0))
        if self._flag(1, "smoothing" in told):
            bound = self._decimal(told.get("smoothing", {}).get("bound", 0.0))
            found = [self._count(WEIGHT, round(64 * value), 0, 16) / 64 for value in weights]
            fields["smoothing"] = {"bound": bound, "weights": found}
        fields["exponents"] = self._exponents(n_components + 1, told.get("exponents", []))
        fields["gap_modes"] = self._gap_modes(n_hours, told.get("gap_modes", ""))
        return fields

    def _section(self, name: str, shape: list[int] | None, is_wide: bool, at: int, told: dict[str, Any]) -> Any:
        """An entry of the table; without a shape it is a list of bytes."""
        codec = CODECS[self._count(CODEC, CODECS.index(told.get("codec", "raw")), 0, len(CODECS) - 1)]
        is_told = codec == "standard"
        stored = 0 if is_told else self._count(STORED, told.get("stored_bytes", 0), 0, MOST_BYTES)
        dtype = WIDE_TYPES[self._coder.bit(self._has[2], told.get("dtype") == "i4")] if is_wide else "u1"
        sides = shape or [
            stored if codec == "raw" else self._count(DECODED, told.get("decoded_bytes", 0), 0, MOST_BYTES)
        ]
        decoded = ITEM_BYTES[dtype] * math.prod(sides)
        crc32 = 0 if is_told else self._raw(32, told.get("crc32", 0))
        entry = {"name": name, "codec": codec, "offset": at, "stored_bytes": stored, "decoded_bytes": decoded}
        return {**entry, "dtype": dtype, "shape": sides, "crc32": crc32}

    def _sections(self, n_hours: int, lightmap: dict[str, Any], told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        model, height, width = lightmap["model"], lightmap["height"], lightmap["width"]
        n_components, n_classes, side = model["n_components"], model["n_classes"], model["tile"]
        wanted: list[tuple[str, list[int] | None, bool]] = [("0/basis", [n_components + 1, 3, n_hours], True)]
        if lightmap["mask"] is not None:
            wanted.insert(0, ("0/mask", None, False))
        if n_classes > 1:
            wanted.append(("0/turns", [n_classes, n_components * (n_components - 1) // 2], True))
        wanted.append(("0/frame.onnx", None, False))
        places = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
        for number, (y, x) in enumerate(places):
            wanted.append((f"0/{number}/coefficients", None, False))
            if n_classes > 1:
                blocks = [-(-min(side, height - y) // BLOCK), -(-min(side, width - x) // BLOCK)]
                wanted.append((f"0/{number}/classes", blocks, False))
        out, at = list[dict[str, Any]](), 0
        for index, (name, shape, is_wide) in enumerate(wanted):
            out.append(self._section(name, shape, is_wide, at, told[index] if told else {}))
            at += out[-1]["stored_bytes"]
        return out

    def walk(self) -> dict[str, Any]:
        """Code all fields; returns them."""
        told = self._told or {}
        lightmap = told.get("lightmaps", [{}])[0]
        hours = told.get("hours", [0.0, 1.0])
        step = self._count(HOUR, round(hours[1]), 1, HOURS_PER_DAY // 2)
        hours = [float(hour) for hour in range(0, HOURS_PER_DAY, step)]
        height = self._count(HEIGHT, lightmap.get("height", 1), 1, MOST_SIDE)
        width = height + self._signed(WIDTH, lightmap.get("width", 1) - lightmap.get("height", 1))
        if not 1 <= width <= MOST_SIDE:
            raise EntropyError(f"packed metadata: expected a width up to {MOST_SIDE}, found {width}")
        n_invalid = self._count(INVALID, height * width - lightmap.get("valid_texels", 0), 0, height * width - 1)
        name = self._name(lightmap.get("name", ""))
        model = self._model(len(hours), lightmap.get("model", {}))
        if -(-height // model["tile"]) * -(-width // model["tile"]) > MOST_TILES:
            raise EntropyError(f"packed metadata: expected up to {MOST_TILES} tiles, found more")
        fields = {"height": height, "width": width, "valid_texels": height * width - n_invalid, "name": name}
        own = {**fields, "mask": "0/mask" if n_invalid else None, "model": model}
        sections = self._sections(len(hours), own, told.get("sections", []))
        digest = self._raw(256, int(told.get("sha256", "0"), 16))
        return {
            "hours": hours,
            "lightmaps": [own],
            "model_type": "daybasis",
            "requires": [*(["smoothing"] if "smoothing" in model else []), *REQUIRED],
            "sections": sections,
            "sha256": f"{digest:064x}",
            "transfer": "srgb8",
            "version": "1.4",
        }


def canonical(metadata: dict[str, Any]) -> bytes:
    """metadata.json as an archive has it: keys sorted, no spaces."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("utf-8")


def unpack_metadata(data: bytes) -> bytes:
    """metadata.json of packed metadata.

    Raises:
        EntropyError: a number is out of range.
    """
    return canonical(MetadataWalk(AdaptiveDecoder(data[len(PACKED) :])).walk())
