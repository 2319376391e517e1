"""The console script `todpack`: one command line over the trainer, packer, decompressor, eval and submission packages.

Each package brings its own commands; they are imported when they are called, so that `todpack decompress` never loads
what training needs.
"""

from __future__ import annotations

import errno
import importlib
import logging
import os
import sys
from importlib.metadata import PackageNotFoundError, version

import click

COMMANDS = {
    "compress": ("packer.cli", "compress", "Folder of frames -> archive, in one go (train + pack)."),
    "train": ("trainer.cli", "train", "Train a model on a folder of frames -> run folder."),
    "pack": ("packer.cli", "pack", "Quantize and code a run folder -> archive."),
    "inspect": ("packer.cli", "inspect", "Show an archive's sections, sizes and parameters."),
    "decompress": ("packer.cli", "decompress", "Archive -> frames (PNG or NPY)."),
    "verify": ("packer.verify_command", "verify", "Say which sections and tiles of archives are damaged, if any."),
    "view": ("eval.view.command", "view", "Archive -> one HTML page that decodes it in the browser."),
    "export-latent": ("trainer.infer_command", "export_latent", "Siren checkpoint -> latent map and F2 for torch."),
    "infer": ("trainer.infer_command", "infer", "Checkpoint or export -> one frame, by torch."),
    "batch-infer": ("trainer.infer_command", "batch_infer", "Checkpoint or export -> frames of whole hours, by torch."),
    "eval": ("eval.cli", "cli", "Quality, size, latency, peers."),
    "search": ("eval.search.command", "search", "Many trainings over a space of options, sorted by what they gave."),
    "nerf": ("trainer.nerfs.command", "cli", "InfNeRF: an octree radiance field of the scene, with level of detail."),
    "tune": ("submission.contest.tune_cli", "tune_command", "Steps with which a contest dataset scores highest."),
    "submit": ("submission.cli", "submit", "Build a submission, or rehearse its grading."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in COMMANDS.items()])


def _version() -> str:
    try:
        return version("todpack")
    except PackageNotFoundError:
        return "unknown (not installed)"


EPILOG = """
\b
Examples:
  todpack compress samples/courtyard -o courtyard.tod --target-psnr 42
  todpack decompress courtyard.tod -o frames
  todpack eval score courtyard.tod --data samples/courtyard
  todpack submit build courtyard.tod -o submission_dir
"""


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="todpack")
def cli() -> None:
    """Compress a day of lightmaps into one small archive, and get any hour back almost for free."""


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments without the program's name; None takes the process's.

    Returns:
        0 done, 1 a typed error (one line on stderr), 2 wrong usage, 130 interrupted.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's waiting threads leave their cores to others
    from decompressor.errors import TodpackError
    from trainer.errors import TrainerError

    logging.basicConfig(level=logging.INFO, format="todpack: %(message)s", stream=sys.stderr)
    try:
        result = cli.main(args=sys.argv[1:] if argv is None else argv, prog_name="todpack", standalone_mode=False)
    except click.exceptions.Abort:
        sys.stderr.write("todpack: interrupted\n")
        return 130
    except KeyboardInterrupt:
        sys.stderr.write("todpack: interrupted\n")
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (TodpackError, TrainerError) as error:
        sys.stderr.write(f"todpack: error: {' '.join(str(error).split())}\n")
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:  # all else that can fail is reported where it is known what was tried
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write("todpack: error: standard output cannot be written: no space left\n")
        return 1
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
