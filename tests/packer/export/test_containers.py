"""KTX2 read by ktx-parse, DDS by Pillow: what was written is what others find."""

from __future__ import annotations

import io
import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from todpack.eval.exported import read_ktx2
from todpack.packer.export.blocks import decode_blocks, encode_blocks
from todpack.packer.export.dds import write_dds
from todpack.packer.export.ktx2 import write_ktx2
from todpack.packer.export.textures import (
    BC4,
    BC6H,
    BC7,
    BC7_SRGB,
    FORMATS,
    RGB9E5,
    RGBA8,
    RGBA16_SINT,
    RGBA16F,
    Texture,
    TextureFormat,
    level_size,
)

READ = """
import { read } from 'ktx-parse';
import { ZSTDDecoder } from 'zstddec';
import { readFileSync } from 'node:fs';
const zstd = new ZSTDDecoder();
await zstd.init();
for (const name of process.argv.slice(2)) {
  const file = read(new Uint8Array(readFileSync(name)));
  const levels = file.levels.map(({ levelData, uncompressedByteLength }) => Buffer.from(
    file.supercompressionScheme === 2 ? zstd.decode(levelData, uncompressedByteLength) : levelData).toString('hex'));
  const pairs = Object.fromEntries(Object.entries(file.keyValue).map(([key, value]) => [key, String(value)]));
  console.log(JSON.stringify({ ...file, levels, keyValue: pairs }));
}
"""
# of the Data Format Specification: color model, and (first bit, bits, channel and qualifiers, lower, upper) of samples
ONE, MINUS_ONE = 0x3F800000, 0xBF800000
RGBA = (0, 1, 2, 15)
MEANINGS: dict[TextureFormat, tuple[int, list[tuple[int, int, int, int, int]]]] = {
    RGBA8: (1, [(8 * i, 8, c, 0, 255) for i, c in enumerate(RGBA)]),
    RGBA16_SINT: (1, [(16 * i, 16, c | 0x40, 0xFFFFFFFF, 1) for i, c in enumerate(RGBA)]),
    RGBA16F: (1, [(16 * i, 16, c | 0xC0, MINUS_ONE, ONE) for i, c in enumerate(RGBA)]),
    RGB9E5: (1, [s for c in range(3) for s in ((9 * c, 9, c, 0, 8448), (27, 5, c | 0x20, 15, 31))]),
    BC4: (131, [(0, 64, 0, 0, 0xFFFFFFFF)]),
    BC6H: (133, [(0, 128, 0x80, 0, ONE)]),
    BC7: (134, [(0, 128, 0, 0, 0xFFFFFFFF)]),
    BC7_SRGB: (134, [(0, 128, 0, 0, 0xFFFFFFFF)]),
}


def some_texture(format: TextureFormat, width: int, height: int, n_layers: int, *, is_array: bool = True) -> Texture:
    """Noise bytes in all levels."""
    rng = np.random.default_rng(format.vk)
    n_levels = max(width, height).bit_length()
    sizes = [format.level_bytes(*level_size(width, height, level)) for level in range(n_levels)]
    return Texture(format, width, height, [[rng.bytes(size) for _ in range(n_layers)] for size in sizes], is_array)


def parsed_by_npm(files: list[bytes], folder: Path, node_modules: Path) -> list[dict[str, Any]]:
    (folder / "node_modules").symlink_to(node_modules)
    (folder / "read.mjs").write_text(READ, "utf-8")
    for number, content in enumerate(files):
        (folder / f"{number}.ktx2").write_bytes(content)
    names = [f"{number}.ktx2" for number in range(len(files))]
    done = subprocess.run(["node", "read.mjs", *names], cwd=folder, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.browser
def test_ktx_parse_finds_everything(tmp_path: Path, node_modules: Path) -> None:
    textures = [some_texture(format, 24, 20, 3) for format in FORMATS]
    textures.append(some_texture(RGBA8, 5, 7, 1, is_array=False))
    for zstd in (False, True):
        folder = tmp_path / f"zstd_{zstd}"
        folder.mkdir()
        files = parsed_by_npm([write_ktx2(texture, zstd) for texture in textures], folder, node_modules)
        for texture, found in zip(textures, files, strict=True):
            format = texture.format
            assert (found["vkFormat"], found["typeSize"]) == (format.vk, format.type_size)
            assert (found["pixelWidth"], found["pixelHeight"], found["pixelDepth"]) == (
                texture.width,
                texture.height,
                0,
            )
            assert found["layerCount"] == (texture.n_layers if texture.is_array else 0)
            assert (found["faceCount"], found["supercompressionScheme"]) == (1, 2 if zstd else 0)
            assert [bytes.fromhex(level) for level in found["levels"]] == [b"".join(x) for x in texture.levels]
            assert found["keyValue"] == {"KTXorientation": "rd", "KTXwriter": "todpack"}
            (block,) = found["dataFormatDescriptor"]
            model, samples = MEANINGS[format]
            assert (block["colorModel"], block["colorPrimaries"]) == (model, 1)
            assert block["transferFunction"] == (2 if format == BC7_SRGB else 1)
            assert block["texelBlockDimension"] == [format.block_side - 1] * 2 + [0, 0]
            assert block["bytesPlane"] == [format.block_bytes] + [0] * 7
            assert [
                (s["bitOffset"], s["bitLength"] + 1, s["channelType"], s["sampleLower"] % 2**32, s["sampleUpper"])
                for s in block["samples"]
            ] == samples


def test_levels_are_aligned_and_smallest_first() -> None:
    for texture in (some_texture(BC7, 24, 20, 3), some_texture(RGBA16F, 5, 7, 1, is_array=False)):
        content = write_ktx2(texture)
        places = [struct.unpack_from("<3Q", content, 80 + 24 * n) for n in range(len(texture.levels))]
        assert all(first % texture.format.block_bytes == 0 for first, _, _ in places)
        assert [first for first, _, _ in places] == sorted((first for first, _, _ in places), reverse=True)
        assert len(content) == places[0][0] + places[0][1]


@pytest.mark.parametrize("zstd", [False, True])
def test_our_reader_of_measurements_agrees(tmp_path: Path, zstd: bool) -> None:
    rng = np.random.default_rng(0)
    layers = [rng.integers(0, 256, (8, 12, 3)).astype(np.uint8) for _ in range(2)]
    stored = [encode_blocks(layer, BC7) for layer in layers]
    path = tmp_path / "a.ktx2"
    path.write_bytes(write_ktx2(Texture(BC7, 12, 8, [stored]), zstd))
    expected = np.stack([decode_blocks(one, BC7, 8, 12) for one in stored])
    assert np.array_equal(read_ktx2(path), expected)
    assert np.abs(expected[..., :3].astype(int) - np.stack(layers)).mean() < 40


@pytest.mark.parametrize("format", [RGBA8, BC4, BC7, BC7_SRGB, BC6H])
def test_pillow_reads_dds(format: TextureFormat) -> None:
    ramp = np.add.outer(np.arange(16), 8 * np.arange(24)).astype(np.uint8)
    if format == BC4:
        stored, expected = encode_blocks(ramp, BC4), ramp
    elif format == BC6H:
        light = np.dstack([ramp, ramp, ramp]) / 255.0
        stored, expected = encode_blocks(light, BC6H), np.dstack([ramp] * 3)
    else:
        rgb = np.dstack([ramp, 255 - ramp, ramp // 2])
        expected = np.dstack([rgb, np.full(ramp.shape, 255, np.uint8)])
        stored = expected.tobytes() if format == RGBA8 else encode_blocks(rgb, format)
    image = Image.open(io.BytesIO(write_dds(Texture(format, 24, 16, [[stored]], is_array=False))))
    found = np.asarray(image)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (0 if format == RGBA8 else 6)


def test_dds_arrays_hold_layer_after_layer() -> None:
    """The fields that Direct3D reads, of Microsoft's DDS_HEADER and DDS_HEADER_DXT10."""
    texture = some_texture(BC7, 24, 20, 3)
    content = write_dds(texture)
    magic, size, flags, height, width, linear, _, mips = struct.unpack_from("<4s7I", content)
    assert (magic, size, height, width, linear, mips) == (b"DDS ", 124, 20, 24, 6 * 5 * 16, 5)
    assert flags == 0x1 | 0x2 | 0x4 | 0x1000 | 0x20000 | 0x80000
    assert struct.unpack_from("<2I4s", content, 76) == (32, 4, b"DX10")
    assert struct.unpack_from("<I", content, 108) == (0x1000 | 0x8 | 0x400000,)
    assert struct.unpack_from("<5I", content, 128) == (98, 3, 0, 3, 0)
    assert content[148:] == b"".join(level[layer] for layer in range(3) for level in texture.levels)


def test_the_parser_s_lock_file_names_no_registry() -> None:
    """Packages come from whatever registry npm is set to; the file holds their hashes."""
    folder = Path(__file__).resolve().parents[2] / "browser"
    lock = json.loads((folder / "package-lock.json").read_text("utf-8"))
    packages = [entry for name, entry in lock["packages"].items() if name]
    assert len(packages) >= 2
    assert all("integrity" in entry and "resolved" not in entry for entry in packages)
