"""The console script `todpack`: one command line over the trainer, packer, decompressor, eval and submission packages.

Each package brings its own commands; they are imported when they are called, so that `todpack decompress` never loads
what training needs.
"""

from __future__ import annotations

import _thread
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


INTERRUPTED, TERMINATED = 130, 143
AGAIN_S = 0.02  # between looks whether an import is over

COMMANDS = {
    "compress": ("compress_command", "compress", "Folder of frames -> archive, in one go (train + pack)."),
    "train": ("trainer.cli", "train", "Train a model on a folder of frames -> run folder."),
    "pack": ("packer.cli", "pack", "Quantize and code a run folder -> archive."),
    "inspect": ("packer.cli", "inspect", "Show an archive's sections, sizes and parameters."),
    "decompress": ("packer.cli", "decompress", "Archive -> frames (PNG or NPY)."),
    "verify": (
        "packer.verify_command",
        "verify",
        "Say which sections and tiles of archives are damaged, if any.",
    ),
    "view": ("eval.view.command", "view", "Archive -> one HTML page that decodes it in the browser."),
    "export": (
        "export_command",
        "export",
        "Archive -> textures, buffers and shaders that engines take; run -> its parts.",
    ),
    "export-latent": (
        "trainer.infer_command",
        "export_latent",
        "Siren checkpoint -> latent map and F2 for torch.",
    ),
    "infer": ("trainer.infer_command", "infer", "Checkpoint or export -> one frame, by torch."),
    "batch-infer": (
        "trainer.infer_command",
        "batch_infer",
        "Checkpoint or export -> frames of whole hours, by torch.",
    ),
    "eval": ("eval.cli", "cli", "Quality, size, latency, peers."),
    "search": (
        "eval.search.command",
        "search",
        "Many trainings over a space of options, sorted by what they gave.",
    ),
    "nerf": (
        "trainer.nerfs.command",
        "cli",
        "InfNeRF: an octree radiance field of the scene, with level of detail.",
    ),
    "tune": (
        "submission.contest.tune_cli",
        "tune_command",
        "Steps with which a contest dataset scores highest.",
    ),
    "submit": ("submission.cli", "submit", "Build a submission, or rehearse its grading."),
}


EPILOG = """
\b
Examples:
  todpack compress samples/courtyard -o courtyard.tod --target-psnr 42
  todpack decompress courtyard.tod -o frames
  todpack eval score courtyard.tod --data samples/courtyard
  todpack submit build courtyard.tod -o submission_dir
"""


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a closed terminal: everything ends as by Ctrl-C, workers and temporary files with it."""


def _interrupt_later(number: int) -> None:
    time.sleep(AGAIN_S)
    _thread.interrupt_main(number)  # type: ignore[arg-type]


def _interrupt(number: int, frame: FrameType | None) -> None:
    """A signal: as usual, but not in the middle of an import, which would swallow it or turn it into another error."""
    import signal

    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _thread.start_new_thread(_interrupt_later, (number,))
            return
        frame = frame.f_back
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


@contextmanager
def _interruptible() -> Iterator[None]:
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])


def command_group() -> click.Group:
    """The commands of `todpack`; each is imported when it is called."""
    import importlib

    import click

    import todpack

    from .arguments import normalize, prepare
    from .spellings import COMMANDS as OTHER_NAMES

    class LazyGroup(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            return list(COMMANDS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in COMMANDS:
                return None
            module, attribute, _ = COMMANDS[cmd_name]
            command: click.Command = getattr(importlib.import_module(f"todpack.{module}"), attribute)
            prepare(command)
            return command

        def resolve_command(
            self, ctx: click.Context, args: list[str]
        ) -> tuple[str | None, click.Command | None, list[str]]:
            found = normalize(args[0])
            found = OTHER_NAMES.get(found, found)
            if found not in COMMANDS and not found.startswith("-"):
                import difflib

                near = difflib.get_close_matches(found, COMMANDS, n=1)
                ctx.fail(f"No such command {args[0]!r}.{f' Did you mean {near[0]!r}?' if near else ''}")
            return super().resolve_command(ctx, [found, *args[1:]])

        def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])

    settings = {"help_option_names": ["-h", "--help"], "token_normalize_func": normalize}

    def say_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
        if not asked or ctx.resilient_parsing:
            return
        from todpack.decompressor.daybasis import native

        core = native.kernels()
        click.echo(f"todpack, version {todpack.__version__} ({f'native core: {core}' if core else 'no native core'})")
        ctx.exit()

    @click.group(cls=LazyGroup, epilog=EPILOG, context_settings=settings)
    @click.option(
        "--version", is_flag=True, expose_value=False, is_eager=True, callback=say_version, help="Show it and exit."
    )
    def cli() -> None:
        """Compress a day of lightmaps into one small archive, and get any hour back almost for free."""

    return cli


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None takes the process's.

    Returns:
        0 done, 1 a typed error (one line on stderr), 2 wrong usage, 130 interrupted, 143 terminated.
    """
    try:
        with _interruptible():
            from todpack.decompressor.plain_text import plain_streams

            with plain_streams():
                return _run(sys.argv[1:] if argv is None else argv)
    except (KeyboardInterrupt, Exception) as error:
        stop = _interruption_in(error)
        if stop is None:
            raise
        if argv is None:  # the process ends: a second Ctrl-C changes nothing, and nothing more is said
            import signal

            signal.signal(signal.SIGINT, signal.SIG_IGN)
            sys.unraisablehook = lambda _: None
        is_terminated = isinstance(stop, Terminated)
        sys.stderr.write(f"todpack: {'terminated' if is_terminated else 'interrupted'}\n")
        return TERMINATED if is_terminated else INTERRUPTED


def _interruption_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interruption that an error is, or led to, such as a lock that a signal has left nobody to release."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def _run(argv: list[str]) -> int:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's waiting threads leave their cores to others
    import click

    from todpack.decompressor.errors import TodpackError, missing_package
    from todpack.decompressor.plain_text import log_to_stderr

    log_to_stderr()
    try:
        group = command_group()
        # not group.main, which answers Ctrl-C by an empty line
        with group.make_context("todpack", list(argv)) as context:
            result = group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TodpackError as error:
        return _failed(str(error))
    except MemoryError:
        return _failed("not enough memory")
    except OverflowError as error:  # of a whole number of hundreds of digits
        return _failed(f"a number is too large: {error}")
    except ModuleNotFoundError as error:
        return _failed(f"{argv[0]} needs {missing_package(error)}")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _failed(_system_error(error))
    return result if isinstance(result, int) else 0


def _failed(message: str) -> int:
    from todpack.decompressor.plain_text import one_line

    sys.stderr.write(f"todpack: error: {one_line(message)}\n")
    return 1


def _system_error(error: OSError) -> str:
    """What the system refused, and where."""
    reason, at = error.strerror or str(error), error.__traceback__
    while at is not None:
        if at.tb_frame.f_globals.get("__name__") == "click.utils":  # its echo
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return f"standard output cannot be written: {reason}"
        at = at.tb_next
    if isinstance(error, shutil.Error) and isinstance(error.args[0], list):  # of a tree: one entry for each file
        _, place, reason = error.args[0][0]
        return f"{place}: cannot be written: {reason}"
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    try:
        os.getcwd()
    except OSError:
        return f"the current folder: {reason}"
    return reason
