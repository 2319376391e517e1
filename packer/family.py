"""A model family on the command line: what it adds to `todpack pack`, or to `todpack train`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import click
from click.core import ParameterSource

from .errors import ConfigError


@dataclass(frozen=True)
class Family:
    """One family of a command.

    Attributes:
        name: As `--family` and config.json have it.
        options: Its options; several families may have one of the same name, which then is the command's once.
        run: What the command does for it: `pack(run, out, values)`, or `train(read, out_dir, values)`.
    """

    name: str
    options: Sequence[click.Option]
    run: Callable[..., None]


def add_options(command: click.Command, families: Sequence[Family]) -> click.Command:
    """Give a command the options of all families; the help says whose they are."""
    declared: dict[str, click.Option] = {}
    told: dict[str, dict[str, list[str]]] = {}  # option, its help, the families that say so
    for family in families:
        for option in family.options:
            assert option.name is not None
            declared.setdefault(option.name, option)
            told.setdefault(option.name, {}).setdefault(option.help or "", []).append(family.name)
    for name, option in declared.items():
        option.help = "; ".join(f"{', '.join(owners)}: {said}" for said, owners in told[name].items())
    command.params += declared.values()
    return command


def refuse_foreign(context: click.Context, families: Mapping[str, Family], chosen: str, where: str) -> None:
    """Refuse options that are given, but are only those of other families.

    Args:
        context: Of the command.
        families: By name.
        chosen: The one that runs.
        where: What says that it is the one, for the message.

    Raises:
        ConfigError: names one, and whose it is.
    """
    for name in sorted(context.params):
        owners = [one.name for one in families.values() if any(option.name == name for option in one.options)]
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if is_given and owners and chosen not in owners:
            said = f"an option of family {' or '.join(owners)}, found {where}"
            raise ConfigError(f"--{name.replace('_', '-')}: {said}")
