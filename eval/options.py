"""What the eval commands share on the command line."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .measures.perceptual import Lpips, LpipsAbsent

CONTEXT = {
    "token_normalize_func": lambda token: token.replace("_", "-"),
    "help_option_names": ["-h", "--help"],
    "show_default": True,
}
PATH = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)


def numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...]:
    """Numbers separated by commas."""
    try:
        found = tuple(float(part) for part in value.split(",")) if value else ()
    except ValueError as error:
        raise click.BadParameter(f"expected numbers separated by commas, such as 12,16, found {value!r}") from error
    if not all(abs(number) < float("inf") for number in found):
        raise click.BadParameter(f"expected finite numbers, found {value!r}")
    return found


def finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """A number, which click's range does not ask for: NaN passes any."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"expected a finite number, found {value}")
    return value


def warn(line: str) -> None:
    """Say on stderr what is unusual about the input."""
    click.echo(f"todpack: {line}", err=True)


def prepare_output(path: Path) -> None:
    """Make the folder of an output and refuse a place that cannot be written, before the long work.

    Raises:
        OutputError: a folder or device is there, or the folder cannot be made or written.
    """
    from todpack.decompressor.files import check_output, make_folder

    make_folder(path.parent)
    check_output(path)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[..., None]]:
    """A progress bar on stderr; yields its setter (done, in all, what), which is silent where stderr is no terminal."""
    try:
        from tqdm import tqdm
    except ImportError:  # progress is a comfort: without its package the command still runs
        yield lambda _done, _in_all, _what="": None
        return
    with tqdm(desc=label, disable=not sys.stderr.isatty(), leave=False, file=sys.stderr) as bar:

        def advance(done: int, in_all: int, what: str = "") -> None:
            bar.total = in_all
            bar.set_postfix_str(what, refresh=False)
            bar.update(done - bar.n)

        yield advance


def chosen_lpips(weights: Path | None, switched_off: bool) -> Lpips | LpipsAbsent:
    """LPIPS as the options say; a warning where it is absent.

    Raises:
        EvalError: `weights` was named and cannot be used.
    """
    from .errors import EvalError
    from .measures.perceptual import LpipsAbsent, load_lpips

    if switched_off:
        return LpipsAbsent("switched off by --no-lpips")
    lpips = load_lpips(weights)
    if isinstance(lpips, LpipsAbsent):
        if weights is not None and not weights.is_file():
            raise EvalError(lpips.reason)
        click.echo(f"todpack: warning: LPIPS is absent: {lpips.reason}", err=True)
    return lpips
