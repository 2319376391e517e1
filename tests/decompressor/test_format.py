"""FORMAT.md and the code say the same."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from todpack import decompressor
from todpack.decompressor import daybasis, gridmlp, mask, packed_mask, sections, siren
from todpack.decompressor import metadata as metadata_module
from todpack.decompressor.container import HEADER, HEADER_CRC_BYTES, HEADER_FIELDS, MAGIC, MAJOR, MINOR, Container
from todpack.decompressor.daybasis import entry
from todpack.decompressor.daybasis.temporal import ramps
from todpack.decompressor.daybasis.transform import rotations
from todpack.decompressor.families import MODULES, find_family
from todpack.decompressor.graphs import check as onnx_check
from todpack.decompressor.limits import DEFAULT_LIMITS

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

FOLDER = Path(decompressor.__file__).parent
TEXT = (FOLDER / "FORMAT.md").read_text(encoding="utf-8")


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


def test_overview_names_what_is_there() -> None:
    headings = set(re.findall(r"^#+ (.+)$", TEXT, re.M))
    for rows, folder in zip(tables("Overview"), (FOLDER, FOLDER / "daybasis"), strict=True):
        for *_, specified, code in rows:
            assert set(re.findall(r'"([^"]+)"', specified)) <= headings, specified
            assert [name for name in re.findall(r"`([^`]+)`", code) if not (folder / name).is_file()] == []


def test_the_page_of_the_codec_names_every_file() -> None:
    page = daybasis.__doc__ or ""
    files = [path.relative_to(FOLDER / "daybasis") for path in (FOLDER / "daybasis").rglob("*.py")]
    assert [str(path) for path in files if path.stem != "__init__" and path.name not in page] == []


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_docstrings_name_headings(path: Path) -> None:
    headings = set(re.findall(r"^#+ (.+)$", TEXT, re.M))
    named = re.findall(r'FORMAT\.md\s+"([^"]+)"', path.read_text(encoding="utf-8"))
    assert set(named) <= headings


def test_header_table_is_the_code() -> None:
    rows = [(name, code, int(size)) for name, code, size, _ in tables("Header")[0]]
    assert tuple(rows) == HEADER_FIELDS
    assert sum(size for _, _, size in rows) == HEADER.size == 32
    assert HEADER_CRC_BYTES == 28
    assert tables("Header")[0][0][3].strip("`") == MAGIC.hex(" ").upper()


def test_version_in_the_title() -> None:
    assert TEXT.splitlines()[0] == f"# The todpack archive, version {MAJOR}.{MINOR}"


class Noted(dict[str, Any]):
    """A JSON object that notes its fields: those it holds, and those that a reader asks for; by the object's path."""

    def __init__(self, fields: dict[str, Any], path: str, notes: dict[str, set[str]]) -> None:
        super().__init__({name: noted(value, f"{path}.{name}", notes) for name, value in fields.items()})
        self.names = notes.setdefault(path, set())
        self.names.update(fields)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def noted(value: Any, path: str, notes: dict[str, set[str]]) -> Any:
    if isinstance(value, dict):
        return Noted(value, path, notes)
    return [noted(item, f"{path}[]", notes) for item in value] if isinstance(value, list) else value


@cache
def fields_of(model_type: str) -> dict[str, set[str]]:
    """Fields of each object of metadata.json: what the reader asks for, and what golden archives hold."""
    notes: dict[str, set[str]] = {}
    for path in sorted(GOLDEN.glob(f"{model_type}-*.tod")):
        with Container(path, DEFAULT_LIMITS) as container:
            metadata, n_bytes = Noted(container.metadata, "", notes), container.file_bytes
            start = n_bytes - sum(section.stored_bytes for section in container.sections.values())
            sections.read_section_table(metadata, path, start, n_bytes, n_bytes, DEFAULT_LIMITS)
            archive = metadata_module.read_archive_entry(metadata, path, container.version, DEFAULT_LIMITS)
            for lightmap in archive.lightmaps:
                find_family(model_type).read(lightmap, len(archive.hours))
    return notes


@pytest.mark.parametrize("model_type", MODULES)
def test_tables_of_fields_are_what_is_read_and_written(model_type: str) -> None:
    fields, model = fields_of(model_type), ".lightmaps[].model"
    assert fields[""] | {"sha256"} == set(names("Metadata", 0))
    assert fields[".lightmaps[]"] == set(names("Metadata", 1))
    assert fields[".sections[]"] == set(names("Sections"))
    assert fields[model] == set(names(model_type))
    cells = {row[0]: row[1] for row in tables(model_type)[0]}
    for path in fields:
        if path.startswith(f"{model}."):
            field = path.removeprefix(f"{model}.").split(".")[0]
            assert [name for name in fields[path] if not re.search(rf"\b{name}\b", cells[field])] == [], field


def test_dictionary_is_the_one_that_is_specified() -> None:
    data = (Path(decompressor.__file__).parent / "dictionary.bin").read_bytes()
    chapter = TEXT.split("## Dictionary")[1].split("\n## ")[0]
    assert f"the {len(data)} bytes" in chapter
    assert hashlib.sha256(data).hexdigest() in chapter


def test_choices_in_the_tables_are_the_codes() -> None:
    cells = {row[0]: row[1] for row in tables("Metadata")[0]}
    assert tuple(re.findall(r"`(\w+)`", cells["model_type"])) == metadata_module.MODEL_TYPES == tuple(MODULES)
    assert tuple(re.findall(r"`(\w+)`:", cells["transfer"])) == metadata_module.TRANSFERS
    assert tuple(re.findall(r"`(\w+)`", cells["requires"])) == metadata_module.FEATURES
    cells = {row[0]: row[1] for row in tables("Sections")[0]}
    assert tuple(re.findall(r"`(\w+)`", cells["dtype"])) == tuple(sections.DTYPES)
    assert tuple(re.findall(r"`([\w-]+)`[:,]", cells["codec"])) == sections.CODECS
    assert str(sections.MAX_DIMENSIONS) in cells["shape"]
    cells = {row[0]: row[1] for row in tables("daybasis")[0]}
    assert tuple(re.findall(r"`(\w+)`", cells["gap_modes"])) == (ramps.LINEAR, ramps.CUBIC)
    assert tuple(re.findall(r"`(\w+)`", cells["entropy"])) == entry.ENTROPY_CODERS
    assert tuple(re.findall(r"`(\w+)`", cells["curve"])) == entry.CURVES
    assert f"each block of {rotations.BLOCK} x {rotations.BLOCK}" in str(tables("daybasis")[1])
    cells = {row[0]: row[1] for row in tables("gridmlp")[0]}
    for name in (*gridmlp.GRID_DTYPES, *gridmlp.HASH_MERGES):
        assert f"`{name}`" in cells["quant"] + cells["hash"]
    hashing = TEXT.split("### Hash levels")[1].split("\n## ")[0]
    for number in (gridmlp.HASH_PRIME, *(factor for pair in gridmlp.HASH_FACTORS for factor in pair)):
        assert str(number) in hashing
    cells = {row[0]: row[1] for row in tables("siren")[0]}
    assert tuple(re.findall(r"`(\w+)`:", cells["storage"])) == siren.STORAGES
    for name in siren.F1_DTYPES:
        assert f"`{name}`" in cells["f1"]


def test_operator_table_is_the_code() -> None:
    assert set(tables("Graphs")[0][0][0].split()) == onnx_check.ALLOWED_OPERATORS
    assert f"operator set {onnx_check.OPSET}" in TEXT


def test_mask_kinds_are_the_code() -> None:
    body = TEXT.split("\n## Mask\n")[1].split("\n## ")[0]
    assert f"Kind {mask.PACKED}: one bit per texel" in body
    assert f"Kind {mask.ROWS}: corner runs" in body
    assert f"Kind {mask.ADAPTIVE}, since 1.3" in body
    assert f"at most {packed_mask.MOST_TEXELS} texels" in TEXT
    assert f"Kind {mask.COLUMNS}: the same for the transposed mask" in body
