"""Presets: configurations by name, as TOML of the fields that differ from the defaults."""

from __future__ import annotations

import sys
from importlib import resources
from typing import Any

from todpack.packer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_preset(family: str, name: str) -> dict[str, Any]:
    """Fields of a family's preset.

    Raises:
        ConfigError: no such preset.
    """
    folder, prefix = resources.files(__name__), f"{family}_"
    names = [file.name for file in folder.iterdir() if file.name.startswith(prefix)]
    presets = sorted(name.removeprefix(prefix).removesuffix(".toml") for name in names)
    if name not in presets:
        raise ConfigError(f"--preset: expected one of {', '.join(presets)}, found {name}")
    return tomllib.loads(folder.joinpath(f"{prefix}{name}.toml").read_text(encoding="utf-8"))


def defaults_of(family: str, preset: str) -> dict[str, str]:
    """What the help says of the defaults of a family's fields, see `click_options`; presets change the same fields."""
    return dict.fromkeys(load_preset(family, preset), "from the preset")
