"""What holds for the arguments of every command: paths, outputs, switches; `prepare` teaches it to a command.

- Both spellings of names: `--data_dir` is `--data-dir`, `batch_infer` is `batch-infer` (`normalize`).
- The original recipe's spellings are known (`spellings`).
- A switch may be given a value: `--amp True`, `--residual_mode=0`.
- A path is neither empty nor `-`.
- An output is neither an input nor another output, its path has no line ends, and its name says what it is
  (`SUFFIXES`). A file is only replaced by `--overwrite`, unless todpack wrote it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from todpack.decompressor.files import check_outputs, check_suffix

from .spellings import BARE, as_here

FOLDER = "out_dir"
SUFFIXES = {"image": ".png", "json_out": ".json", "docs": ".md", "video": ".mp4", "report": ".json"}
"""Parameters that name a file to write, and how its name ends."""
OUTPUTS = frozenset((FOLDER, "out", *SUFFIXES))
"""Parameters that name what a command writes, FOLDER a folder and the others files; every other path is an input."""
INPUT_TEXTS = ("mask", "hours")
"""Parameters that may name a file, or be something else."""
TRUTH = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def normalize(token: str) -> str:
    """The one spelling of a command, an option or a choice."""
    return token.replace("_", "-")


class NamedPath(click.Path):
    """A path that names something.

    An empty one would stand for the current folder: where a variable of a script is empty, that is never meant.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what names nothing."""
        if value == "":
            self.fail("expected a path, found an empty one", param, ctx)
        if value == "-":
            from todpack.decompressor.errors import OutputError

            name = max(param.opts, key=len) if isinstance(param, click.Option) else "a path"
            raise OutputError(f"{name}: expected a path, found -; standard input and output are not supported")
        return super().convert(value, param, ctx)


def _paths(value: object) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _paths(one)


def check_paths(values: Mapping[str, Any]) -> None:
    """Refuse outputs that are inputs or each other, and such as would replace a file that todpack did not write.

    Args:
        values: Of a command's parameters, by name; with `overwrite` files are replaced.

    Raises:
        OutputError: see above.
    """
    files = [path for name in sorted(OUTPUTS - {FOLDER}) for path in _paths(values.get(name))]
    inputs = [path for name, value in values.items() if name not in OUTPUTS for path in _paths(value)]
    texts = [text for name in INPUT_TEXTS if isinstance(text := values.get(name), str)]
    inputs += [Path(text) for text in texts if os.path.exists(text)]
    check_outputs(files, inputs, overwrite=bool(values.get("overwrite")), folders=_paths(values.get(FOLDER)))
    for name, suffix in SUFFIXES.items():
        for path in _paths(values.get(name)):
            check_suffix(path, suffix)


def _switch_values(command: click.Command, words: list[str]) -> list[str]:
    """Words in which `--name True`, `--name=0` and the like of a switch became `--name`, `--no-name` or nothing."""
    switches = {
        name: parameter
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.is_bool_flag
        for name in parameter.opts
        if name.startswith("--")
    }
    found: list[str] = []
    rest = iter(range(len(words)))
    for number in rest:
        word = words[number]
        if word == "--":
            return found + words[number:]
        name, has_value, value = word.partition("=")
        switch = switches.get(normalize(name)) if name.startswith("--") else None
        following = words[number + 1].lower() if number + 1 < len(words) else ""
        if switch is not None and has_value and value.lower() in TRUTH:
            is_on = TRUTH[value.lower()]
        elif switch is not None and not has_value and following in ("true", "false"):
            is_on = TRUTH[following]
            next(rest)
        else:
            found.append(word)
            continue
        if is_on:
            found.append(normalize(name))
        else:
            found += switch.secondary_opts[:1]
    return found


def _here(command: click.Command, words: list[str]) -> list[str]:
    """The recipe's spellings as ours."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    names = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    choices = {
        str(choice)
        for option in options
        if isinstance(option.type, click.Choice) and set(option.opts) & set(BARE)
        for choice in option.type.choices
    }
    return as_here(words, names, choices)


def _guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(run)
    def guarded(*args: Any, **values: Any) -> Any:
        context = click.get_current_context()
        check_paths({**context.params, **context.meta.get(__name__, {})})
        return run(*args, **values)

    return guarded


def _keep_overwrite(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    context.meta[__name__] = {"overwrite": value}


def prepare(command: click.Command) -> None:
    """Teach a command, or those of a group, what this module's docstring says; once is enough."""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            prepare(one)
        return
    if getattr(command, "todpack_prepared", False):
        return
    command.todpack_prepared = True  # type: ignore[attr-defined]
    for parameter in command.params:
        if type(parameter.type) is click.Path:
            parameter.type = NamedPath(path_type=parameter.type.type)
    names = {parameter.name for parameter in command.params}
    if names & (OUTPUTS - {FOLDER}) and "overwrite" not in names:
        described = "Replace a file that todpack did not write."
        option = click.Option(
            ["--overwrite"], is_flag=True, expose_value=False, callback=_keep_overwrite, help=described
        )
        command.params.append(option)
    if command.callback is not None:
        command.callback = _guarded(command.callback)
    parse: Callable[[click.Context, list[str]], list[str]] = command.parse_args

    def parse_args(ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.ignore_unknown_options:  # the arguments are another program's
            return parse(ctx, args)
        return parse(ctx, _switch_values(command, _here(command, args)))

    command.parse_args = parse_args  # type: ignore[method-assign]
