"""A digest of the code that makes a result, so that results of other code are not taken for its own."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from .machine import package_version

ROOT = Path(__file__).parents[1]
SOURCES = tuple(
    f"{package}/**/*{suffix}"
    for package in ("frames", "decompressor", "packer", "trainer")
    for suffix in (".py", ".toml", ".so", ".pyd", ".bin")
)
"""Of the code that makes and reads archives, and trains models."""
MEASURES = ("eval/measures/*.py", "eval/archive.py")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _meaning(source: bytes) -> str:
    """The syntax tree without docstrings, as text: comments and layout do not count."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def code_digest(patterns: Iterable[str], distributions: Iterable[str] = (), root: Path = ROOT) -> str:
    """SHA-256 of source files, whatever their comments and docstrings say, in hexadecimal.

    Args:
        patterns: Of files below `root`, as `Path.glob` has them; Python counts by its syntax, others by their bytes.
        distributions: Packages whose versions count too.
        root: Folder that holds the packages' folders.

    Returns:
        64 digits. They differ between versions of Python, which write trees differently.
    """
    digest = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        data = path.read_bytes()
        content = _meaning(data).encode() if path.suffix == ".py" else data
        digest.update(b"\0".join([path.relative_to(root).as_posix().encode(), content, b""]))
    for name in distributions:
        digest.update(f"{name} {package_version(name)}\0".encode())
    return digest.hexdigest()
