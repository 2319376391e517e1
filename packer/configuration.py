"""Configurations: dataclasses whose fields say once what the default is, what is allowed, and what it is for.

    @dataclass(frozen=True)
    class SketchConfig:
        epochs: int = option(150, 1, 1_000_000, help="Passes over the samples.")
        lr: float = option(1e-4, 0.0, 1.0, ends="(]", help="Learning rate.")
        merge: str = option("mean", choices=("mean", "learned"), help="How nodes share entries.")

        def __post_init__(self) -> None:
            check(self)

`click_options` makes the options of a command of the same fields.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from .errors import ConfigError

Config = TypeVar("Config")


def option(
    default: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    ends: str = "[]",
    choices: tuple[Any, ...] = (),
    of: type | None = None,
    flag: str | None = None,
    help: str,
) -> Any:
    """A field of a configuration.

    Args:
        default: Its default; None allows None.
        low: Least number allowed; of a tuple, for each of its numbers.
        high: Largest number allowed.
        ends: "[" or "(" where `low` is allowed or not, and "]" or ")" likewise for `high`.
        choices: The values allowed, instead of a range.
        of: Type of the value, or of a tuple's values, where the default does not tell.
        flag: Its option on the command line, and others that do the same; None is `--` and the name, "" has none.
        help: What it is for, as `--help` shows it.
    """
    values = default if isinstance(default, tuple) else (default,)
    kind = of or type(values[0])
    rules = {"low": low, "high": high, "ends": ends, "choices": choices, "kind": kind, "flag": flag, "help": help}
    return dataclasses.field(default=default, metadata=rules)


def with_default(kind: type, name: str, default: Any) -> Any:
    """A field of another configuration, with a default of its own."""
    spec = next(spec for spec in dataclasses.fields(kind) if spec.name == name)
    return dataclasses.field(default=default, metadata=spec.metadata)


def option_name(spec: dataclasses.Field[Any]) -> str:
    """What a user types to set a field; its own name where there is no option."""
    flag = spec.metadata["flag"]
    return spec.name if flag == "" else (flag or f"--{spec.name.replace('_', '-')}").split()[0]


def require(fits: bool, name: str, expected: str, found: object) -> None:
    """Refuse an option.

    Args:
        fits: Whether its value is allowed.
        name: As the user types it.
        expected: What is allowed.
        found: Its value.

    Raises:
        ConfigError: it is not.
    """
    if not fits:
        raise ConfigError(f"{name}: expected {expected}, found {found}")


def check(config: Any) -> None:
    """Refuse a configuration with a value that its field does not allow.

    Raises:
        ConfigError: says which option, what was expected and what was found.
    """
    for spec in dataclasses.fields(config):
        if spec.metadata:
            _check(spec, getattr(config, spec.name))


def _check(spec: dataclasses.Field[Any], value: Any) -> None:
    rules, is_tuple = spec.metadata, isinstance(spec.default, tuple)
    if value is None and spec.default is None:
        return
    values = value if is_tuple and isinstance(value, tuple) else (value,)
    fits = is_tuple == isinstance(value, tuple) and all(_fits(rules, one) for one in values)
    require(fits, option_name(spec), _allowed(rules, is_tuple), _found(rules, value))


def _fits(rules: Any, value: Any) -> bool:
    if rules["choices"]:
        return value in rules["choices"] and isinstance(value, rules["kind"])
    if rules["kind"] is bool or isinstance(value, bool):
        return rules["kind"] is type(value)
    if not isinstance(value, (int, float) if rules["kind"] is float else rules["kind"]):
        return False
    if rules["kind"] is str:
        return True
    above = rules["low"] < value if rules["ends"][0] == "(" else rules["low"] <= value
    below = value < rules["high"] if rules["ends"][1] == ")" else value <= rules["high"]
    return above and below and math.isfinite(value)


def _found(rules: Any, value: Any) -> str:
    if isinstance(value, float) and rules["kind"] is float:
        return f"{value:g}"
    return repr(value) if isinstance(value, str) and rules["kind"] is not str else str(value)


def _allowed(rules: Any, plural: bool) -> str:
    low, high, ends = rules["low"], rules["high"], rules["ends"]
    if rules["choices"]:
        return f"one of {', '.join(map(str, rules['choices']))}"
    if rules["kind"] is bool:
        return "true or false"
    if rules["kind"] is str:
        return "text"
    if rules["kind"] is int:
        return f"{'integers' if plural else 'an integer'} in {low}..{high}"
    return f"{'numbers' if plural else 'a number'} in {ends[0]}{low:g}, {high:g}{ends[1]}"


def from_json(kind: type[Config], fields: Any, where: str = "configuration") -> Config:
    """A configuration from plain JSON or TOML values.

    Args:
        kind: Its dataclass.
        fields: Values by name; those left out keep their defaults. Arrays become tuples.
        where: Where they come from, for messages.

    Raises:
        ConfigError: an unknown name, or a value that is not allowed.
    """
    if not isinstance(fields, dict):
        raise ConfigError(f"{where}: expected an object of options, found {type(fields).__name__}")
    known = {spec.name for spec in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(fields) - known)
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})


def to_json(config: Any) -> dict[str, Any]:
    """A configuration as plain JSON values: the inverse of `from_json`."""
    values = dataclasses.asdict(config)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def option_values(kind: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a configuration from the options of a command, see `click_options`; those not given are left out."""
    names = {spec.name: _parameter(spec) for spec in dataclasses.fields(kind) if spec.metadata}
    return {name: given[parameter] for name, parameter in names.items() if given.get(parameter) is not None}


def click_options(kind: type, defaults: Mapping[str, str] | None = None) -> list[click.Option]:
    """The options of a command that set the fields of a configuration; the value of one that is not given is None.

    Args:
        kind: The configuration's dataclass.
        defaults: What the help says of the default of some fields, where it is not their own.
    """
    specs = [spec for spec in dataclasses.fields(kind) if spec.metadata and spec.metadata["flag"] != ""]
    return [_click_option(spec, (defaults or {}).get(spec.name)) for spec in specs]


def _parameter(spec: dataclasses.Field[Any]) -> str:
    """Name of the value that its option gives."""
    return option_name(spec).removeprefix("--").replace("-", "_")


def _click_option(spec: dataclasses.Field[Any], said: str | None) -> click.Option:
    rules, flag = spec.metadata, option_name(spec)
    default = said or _shown(spec.default, flag)
    described = rules["help"] if default is None else f"{rules['help']}  [default: {default}]"
    if rules["kind"] is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    kind = click.Choice(rules["choices"]) if rules["choices"] and rules["kind"] is str else rules["kind"]
    declared = [flag, *(rules["flag"] or "").split()[1:], _parameter(spec)]
    if isinstance(spec.default, tuple):
        return click.Option(declared, callback=_split(rules["kind"]), metavar="NUMBERS", help=described)
    return click.Option(declared, type=kind, default=None, help=described)


def _split(kind: type) -> Callable[[click.Context, click.Parameter, str | None], tuple[Any, ...] | None]:
    """Callback that takes numbers apart which are separated by commas."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[Any, ...] | None:
        try:
            return None if value is None else tuple(kind(one) for one in value.split(","))
        except ValueError as error:
            said = f"expected numbers separated by commas, such as 16,32, found {value!r}"
            raise click.BadParameter(said) from error

    return callback


def _shown(default: Any, flag: str) -> str | None:
    """A default as the help shows it; None where there is nothing to say."""
    if isinstance(default, bool):
        return flag.removeprefix("--") if default else None
    if isinstance(default, tuple):
        return ",".join(f"{one:g}" for one in default) or None
    return f"{default:g}" if isinstance(default, float) else None if default is None else str(default)
