"""The examples of every --help are commands that there are, with options and names that they take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from todpack.cli import command_group
from todpack.eval.peers.run import all_peers, chosen_peers
from todpack.eval.rd.sweep import chosen_sweeps


def commands(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)


def examples() -> list[str]:
    group = command_group()
    texts = [group.epilog or "", *(command.epilog or "" for _, command in commands(group))]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return sorted({line for line in lines if line.startswith("todpack ")})


EXAMPLES = examples()


def test_all_commands_have_examples() -> None:
    assert len(EXAMPLES) > 80


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_command(example: str) -> None:
    """Its words are parsed as the command does it, which is not run."""
    words = shlex.split(re.split(r"\s\|\s", example)[0], comments=True)[1:]
    command: click.Command = command_group()
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, words = command.resolve_command(context, words)
        assert found is not None
        command = found
    command.make_context("todpack", words, parent=context)
    for option, take in (
        ("--peers", lambda names: chosen_peers(all_peers([20], [1]), names)),
        ("--sweeps", chosen_sweeps),
    ):
        if option in words:
            take(words[words.index(option) + 1].split(","))
