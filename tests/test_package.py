"""What `pip install` puts into site-packages, and that the folders are one package."""

from __future__ import annotations

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("frames", "decompressor", "packer", "trainer", "eval", "submission")


def test_every_folder_with_code_is_in_the_list() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    files = [file.relative_to(ROOT) for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    tree = {".".join(("todpack", *file.parent.parts)) for file in files}
    assert set(table["packages"]) == {"todpack", *tree}
    assert table["package-dir"] == {"todpack": "todpack", **{f"todpack.{f}": f for f in FOLDERS}}


def test_every_package_has_its_init() -> None:
    folders = {file.parent for f in FOLDERS for file in (ROOT / f).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []
