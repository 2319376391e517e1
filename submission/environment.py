"""A clean place to run a submission in: child processes and virtual environments without a trace of this repository."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .errors import SubmissionError

DROPPED_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "LPIPS_ALEXNET", "TODPACK_DECODER")
TIMEOUT_S = 3600


def clean_variables() -> dict[str, str]:
    """The process's environment without what would leak this repository or its virtual environment."""
    variables = {k: v for k, v in os.environ.items() if k not in DROPPED_VARIABLES}
    return {**variables, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def interpreter(python: Path) -> Path:
    """An interpreter that the user names, by a name of the PATH or a path, as one that runs from any folder.

    Raises:
        SubmissionError: there is none that can be run.
    """
    found = shutil.which(python)
    if found is None:
        raise SubmissionError(f"{python}: expected a Python interpreter, found none that can be run")
    return Path(os.path.abspath(found))  # not resolved: a link is what makes a virtual environment


def last_line(said: str) -> str:
    """What a process said is wrong: pip's first error, else the last line."""
    lines = [line for line in said.splitlines() if line.strip()]
    return ([line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no output"])[0]


def _end_group(process: subprocess.Popen[str]) -> None:
    """End a process that leads a session, and all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def run_clean(command: list[str], what: str, cwd: Path | None = None, temporary: Path | None = None) -> None:
    """Run a child process to its end; what it has started ends with it.

    Args:
        command: Its words.
        what: Its name in messages.
        cwd: Where it runs; None is here.
        temporary: Folder for its temporary files; None is the system's.

    Raises:
        SubmissionError: it cannot be run, takes more than an hour, or fails.
    """
    variables = clean_variables() | ({} if temporary is None else {"TMPDIR": str(temporary)})
    try:
        with subprocess.Popen(
            command, cwd=cwd, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="backslashreplace", start_new_session=True,
        ) as process:  # fmt: skip
            try:
                out, err = process.communicate(timeout=TIMEOUT_S)
            finally:
                _end_group(process)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SubmissionError(f"{what}: cannot be run: {error}") from error
    if process.returncode != 0:
        said = last_line(err or out)
        raise SubmissionError(f"{what}: expected exit code 0, found {process.returncode}: {said}")


def make_environment(folder: Path, requirements: Path) -> Path:
    """Create a virtual environment with nothing but `requirements.txt`.

    Args:
        folder: Where to.
        requirements: The bundle's requirements.

    Returns:
        Its Python interpreter.

    Raises:
        SubmissionError: it cannot be created, or a requirement cannot be installed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [str(python), "-I", "-m", "pip", "install", "--quiet", "-r", str(requirements)]
    try:
        run_clean([sys.executable, "-I", "-m", "venv", str(folder)], "new virtual environment", temporary=folder.parent)
        run_clean(install, "pip install -r requirements.txt", temporary=folder.parent)
    except SubmissionError as error:
        hint = "without a package index, name an interpreter by --python"
        raise SubmissionError(f"{error}; {hint}") from error
    return python
