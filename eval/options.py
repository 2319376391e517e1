"""What the eval commands share on the command line."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.pool import MOST_THREADS

if TYPE_CHECKING:
    from todpack.frames import Day, ReadOptions

    from .measures.perceptual import Lpips, LpipsAbsent

Function = Callable[..., Any]
log = logging.getLogger("todpack.eval")
CONTEXT = {
    "token_normalize_func": lambda token: token.replace("_", "-"),
    "help_option_names": ["-h", "--help"],
    "show_default": True,
}
PATH = click.Path(path_type=Path)
COUNT = click.IntRange(min=1)
SAMPLE = Path("samples", "courtyard")


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def command(name: str, short_help: str, *example_lines: str, more: str = "") -> Callable[[Function], click.Command]:
    """A command with the conventions of all of them; its help ends with examples, and what else there is to say."""
    return click.command(name, short_help=short_help, epilog=examples(*example_lines) + more, context_settings=CONTEXT)


def finite(_context: click.Context, _parameter: click.Parameter, value: float | None) -> float | None:
    """A number, which click's range does not ask for: NaN passes any."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"expected a finite number, found {value}")
    return value


def _numbers(_context: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in value.split(",")) if value else ()
    except ValueError as error:
        raise click.BadParameter(f"expected numbers separated by commas, such as 12,16, found {value!r}") from error
    if not all(map(math.isfinite, values)):
        raise click.BadParameter(f"expected finite numbers, found {value!r}")
    return values


def numbers(name: str, parameter: str, default: Sequence[float], help: str) -> Callable[[Function], Function]:
    """An option of numbers separated by commas; `""` is none of them."""
    text = ",".join(f"{number:g}" for number in default)
    return click.option(name, parameter, callback=_numbers, default=text, show_default=bool(default), help=help)


crf = functools.partial(numbers, "--crf", "crfs", help='Rate factors of x265; "" leaves it out.')
distance = functools.partial(numbers, "--distance", "distances", help='Distances of JPEG XL; "" leaves it out.')
archive = click.argument("archive", type=PATH)
frames = click.argument("data_path", metavar="INPUT", type=PATH)
data = click.option("--data", "data_path", metavar="INPUT", type=PATH, required=True, help="The original frames.")
of_level = click.option("--lightmap", help="Which one of a level, such as L_Courtyard_0.")
lightmap = click.option("--lightmap", help="Which one of a level and of its dataset, such as L_Courtyard_0.")
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object; null for what is absent.")
overwrite = click.option("--overwrite", is_flag=True, help="Replace files that todpack did not write.")
json_out = click.option("--json-out", type=PATH, metavar="FILE", help="Also write every figure to FILE (JSON).")


def threads(default: int | None, help: str = "Decoder threads.") -> Callable[[Function], Function]:
    """`--threads`."""
    return click.option("--threads", type=click.IntRange(1, MOST_THREADS), default=default, help=help)


@dataclass(frozen=True)
class LpipsChoice:
    """What the command line says of LPIPS: weights that are named, or that it is left out."""

    weights: Path | None
    is_off: bool

    def load(self) -> Lpips | LpipsAbsent:
        """LPIPS as chosen; a warning where it is absent.

        Raises:
            EvalError: Weights were named and cannot be used.
        """
        from .errors import EvalError
        from .measures.perceptual import LpipsAbsent, load_lpips

        if self.is_off:
            return LpipsAbsent("switched off by --no-lpips")
        measure = load_lpips(self.weights)
        if isinstance(measure, LpipsAbsent):
            if self.weights is not None and not self.weights.is_file():
                raise EvalError(measure.reason)
            click.echo(f"todpack: warning: LPIPS is absent: {measure.reason}", err=True)
        return measure


def lpips(function: Function) -> Function:
    """`--lpips-weights` and `--no-lpips`, which the command takes as one `LpipsChoice`, `lpips`."""

    @click.option("--lpips-weights", type=PATH, help="AlexNet weights; else LPIPS_ALEXNET, else torch hub's cache.")
    @click.option("--no-lpips", is_flag=True, help="Leave LPIPS out; torch is not loaded then.")
    @functools.wraps(function)
    def with_choice(lpips_weights: Path | None, no_lpips: bool, **values: Any) -> Any:
        return function(lpips=LpipsChoice(lpips_weights, no_lpips), **values)

    return with_choice


def sample_frames() -> Path:
    """The repository's sample, for a command that was given no frames.

    Raises:
        EvalError: The command does not run in the repository.
    """
    from .errors import EvalError

    if not SAMPLE.is_dir():
        raise EvalError(f"expected a folder of frames, found none named, nor the repository's {SAMPLE} here")
    return SAMPLE


def warn(line: str) -> None:
    """Say on stderr what is unusual about the input."""
    log.warning(line)


def read_frames(path: Path, reading: ReadOptions, lightmap: str | None = None) -> Day:
    """Read a day, and say what is unusual about it.

    Raises:
        DataError: The frames cannot be read.
    """
    from todpack.frames import read_day

    day = read_day(path, lightmap=lightmap, **vars(reading))
    for line in day.warnings:
        warn(line)
    return day


def prepare_output(path: Path) -> None:
    """Make the folder of an output and refuse a place that cannot be written, before the long work.

    Raises:
        OutputError: A folder or device is there, or the folder cannot be made or written.
    """
    from todpack.decompressor.files import check_output, make_folder

    make_folder(path.parent)
    check_output(path)
