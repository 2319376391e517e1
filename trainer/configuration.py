"""Checks that the configurations of several families share, and their presets."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from importlib import resources
from typing import Any, TypeVar

from todpack.packer.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Config = TypeVar("Config")


def require(fits: bool, name: str, expected: str, found: object) -> None:
    """Refuse a field that does not fit, by the name of its option.

    Raises:
        ConfigError: it does not.
    """
    if not fits:
        raise ConfigError(f"--{name.replace('_', '-')}: expected {expected}, found {found}")


def require_integers(config: object, ranges: Iterable[tuple[str, int, int]]) -> None:
    """Refuse fields that are no integers within (name, lowest, highest).

    Raises:
        ConfigError: one is not.
    """
    for name, low, high in ranges:
        value = getattr(config, name)
        require(type(value) is int and low <= value <= high, name, f"an integer in {low}..{high}", value)


def from_fields(kind: type[Config], fields: dict[str, Any]) -> Config:
    """A configuration dataclass from plain JSON or TOML values.

    Raises:
        ConfigError: an unknown key or a value out of range.
    """
    known = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ConfigError(f"configuration: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    try:
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"configuration: {error}") from error


def load_preset(family: str, name: str, presets: tuple[str, ...]) -> dict[str, Any]:
    """Fields of a family's preset `name` that differ from the defaults.

    Raises:
        ConfigError: no such preset.
    """
    if name not in presets:
        raise ConfigError(f"--preset: expected one of {', '.join(presets)}, found {name}")
    text = resources.files("todpack.trainer.presets").joinpath(f"{family}_{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
