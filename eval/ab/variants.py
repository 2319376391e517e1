"""The variants of GridMLP that `todpack eval ab` compares, read from variants.toml."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ..trial import Options

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLAIN = "plain"


@dataclass(frozen=True)
class Variant:
    """One row of the table; the fields are those of variants.toml, its name that of the row and its folders."""

    name: str
    train: Options
    pack: Options
    run_of: str | None = None
    starts_from: str | None = None


_TABLES = tomllib.loads(Path(__file__).with_name("variants.toml").read_text(encoding="utf-8"))
VARIANTS = tuple(Variant(name, **fields) for name, fields in _TABLES.items())
