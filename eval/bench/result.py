"""The one file of all figures: what a run measured replaces what the file had of the same sets, the rest stays."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from todpack.decompressor.files import write_text
from todpack.decompressor.json_fields import read_shallow

from ..errors import EvalError
from .sets import OWN, BenchSet

PARTS = ("rate", "speed", "families")
SECTION = ("measured", "sets")
Result = dict[str, Any]
"""For each of PARTS: `measured` by set (`machine`, `commit`, `command`, `folder`) and `sets` by name (see
`rate_of_set`, `speed_of_set`, `bench_families`); `definitions` of the peers and `versions` of their programs."""


def read_result(path: Path) -> Result:
    """The file, or an empty result where there is none.

    Raises:
        EvalError: It is no such file.
    """
    if not path.exists():
        return {}
    try:
        stored = read_shallow(path)
    except (OSError, ValueError) as error:
        raise EvalError(f"{path}: expected results of a bench in JSON: {error}") from error
    if not _is_result(stored):
        raise EvalError(f"{path}: expected results of a bench, found something else")
    result: Result = stored
    return result


def _is_result(stored: Any) -> bool:
    if not isinstance(stored, dict) or not set(stored) <= {*PARTS, "definitions"}:
        return False
    parts = [stored[part] for part in PARTS if part in stored]
    return all(isinstance(part, dict) and all(isinstance(part.get(n), dict) for n in SECTION) for part in parts)


def commit() -> str:
    """The commit that the code is of, with "+" where it was changed since; empty outside of a repository."""

    def said(*words: str) -> str:
        folder = Path(__file__).parent
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True, check=False, cwd=folder)
        except OSError:
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    short = said("rev-parse", "--short=7", "HEAD")
    return short and short + ("+" if said("status", "--porcelain", "--untracked-files=no") else "")


def add(result: Result, part: str, name: str, found: Any, measured: dict[str, Any]) -> None:
    """Put a set's figures of one part into a result."""
    section = result.setdefault(part, {"measured": {}, "sets": {}})
    section["sets"][name], section["measured"][name] = found, measured


def folder_of(one: BenchSet) -> str | None:
    """Where a set lies that goes by its folder's name; None of a known one."""
    return str(one.path.resolve()) if one.kind == OWN else None


def refuse_other_folders(path: Path | None, result: Result, chosen: Iterable[BenchSet]) -> None:
    """Refuse sets whose names stand for other folders in a result.

    Raises:
        EvalError: one does.
    """
    for one in chosen:
        for part in result.values():
            about = part.get("measured", {}).get(one.name)
            other = about.get("folder") if isinstance(about, dict) else None
            if other not in (None, folder_of(one)):
                raise EvalError(
                    f"{path}: expected figures of {one.path} under the name {one.name}, found those of {other}; name "
                    "another file by --results"
                )


def write_result(path: Path, result: Result) -> None:
    """Write the file."""
    write_text(path, json.dumps(result, indent=1, allow_nan=False, sort_keys=False) + "\n")
