"""FORMAT.md and the code say the same."""

from __future__ import annotations

import re
from pathlib import Path

from todpack import decompressor
from todpack.decompressor import gridmlp, mask, metadata, sections, siren
from todpack.decompressor.container import HEADER, HEADER_CRC_BYTES, HEADER_FIELDS, MAGIC, MAJOR, MINOR
from todpack.decompressor.daybasis import entry
from todpack.decompressor.daybasis.transform import rotations as regions
from todpack.decompressor.graphs import check as onnx_check

TEXT = (Path(decompressor.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")


def tables(heading: str) -> list[list[list[str]]]:
    """The tables of a section: rows of cells, without the header rows."""
    body = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", body + "\n", re.M):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines()]
        found.append(rows[2:])
    return found


def names(heading: str, index: int = 0) -> tuple[str, ...]:
    return tuple(row[0] for row in tables(heading)[index])


def test_header_table_is_the_code() -> None:
    rows = [(name, code, int(size)) for name, code, size, _ in tables("Header")[0]]
    assert tuple(rows) == HEADER_FIELDS
    assert sum(size for _, _, size in rows) == HEADER.size == 32
    assert HEADER_CRC_BYTES == 28
    assert tables("Header")[0][0][3].strip("`") == MAGIC.hex(" ").upper()


def test_version_in_the_title() -> None:
    assert TEXT.splitlines()[0] == f"# The todpack archive, version {MAJOR}.{MINOR}"


def test_metadata_tables_are_the_code() -> None:
    assert names("Metadata", 0) == metadata.ARCHIVE_FIELDS
    assert names("Metadata", 1) == metadata.LIGHTMAP_FIELDS
    cells = {row[0]: row[1] for row in tables("Metadata")[0]}
    for model_type in metadata.MODEL_TYPES:
        assert f"`{model_type}`" in cells["model_type"]
    for transfer in metadata.TRANSFERS:
        assert f"`{transfer}`" in cells["transfer"]


def test_section_table_is_the_code() -> None:
    assert names("Sections") == sections.SECTION_FIELDS
    cells = {row[0]: row[1] for row in tables("Sections")[0]}
    assert tuple(re.findall(r"`(\w+)`", cells["dtype"])) == tuple(sections.DTYPES)
    assert tuple(re.findall(r"`(\w+)`: ", cells["codec"])) == sections.CODECS
    assert str(sections.MAX_DIMENSIONS) in cells["shape"]


def test_operator_table_is_the_code() -> None:
    assert set(tables("Graphs")[0][0][0].split()) == onnx_check.ALLOWED_OPERATORS
    assert f"operator set {onnx_check.OPSET}" in TEXT


def test_gridmlp_table_is_the_code() -> None:
    assert names("gridmlp", 0) == gridmlp.MODEL_FIELDS
    cells = {row[0]: row[1] for row in tables("gridmlp")[0]}
    for dtype in gridmlp.GRID_DTYPES:
        assert f"`{dtype}`" in cells["quant"]
    for name in (*gridmlp.HASH_FIELDS, *gridmlp.HASH_MERGES):
        assert f"`{name}`" in cells["hash"]
    for name in gridmlp.ENCODER_FIELDS:
        assert f"`{name}`" in cells["encoder"]
    hashing = TEXT.split("### Hash levels")[1].split("\n## ")[0]
    for number in (gridmlp.HASH_PRIME, *(factor for pair in gridmlp.HASH_FACTORS for factor in pair)):
        assert str(number) in hashing


def test_siren_table_is_the_code() -> None:
    assert names("siren", 0) == siren.MODEL_FIELDS
    cells = {row[0]: row[1] for row in tables("siren")[0]}
    assert tuple(re.findall(r"`(\w+)`:", cells["storage"])) == siren.STORAGES
    for name in siren.LATENT_FIELDS:
        assert f"`{name}`" in cells["latent"]
    for name in (*siren.F1_FIELDS, *siren.F1_DTYPES):
        assert f"`{name}`" in cells["f1"]


def test_daybasis_table_is_the_code() -> None:
    assert names("daybasis", 0) == entry.MODEL_FIELDS
    cells = {row[0]: row[1] for row in tables("daybasis")[0]}
    assert tuple(re.findall(r"`(\w+)`", cells["gap_modes"])) == (entry.LINEAR, entry.CUBIC)
    assert tuple(re.findall(r"`(\w+)`", cells["entropy"])) == entry.ENTROPY_CODERS
    assert f"blocks of {regions.BLOCK} x {regions.BLOCK}".replace("blocks", "each block") in str(tables("daybasis")[1])


def test_mask_kinds_are_the_code() -> None:
    body = TEXT.split("\n## Mask\n")[1].split("\n## ")[0]
    assert f"Kind {mask.PACKED}: one bit per texel" in body
    assert f"Kind {mask.ROWS}: corner runs" in body
    assert f"Kind {mask.COLUMNS}: the same for the transposed mask" in body
