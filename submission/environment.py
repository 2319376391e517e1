"""A clean place to run a submission in: a new virtual environment, and no trace of this repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .errors import SubmissionError

DROPPED_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONSTARTUP", "LPIPS_ALEXNET")
INSTALL_TIMEOUT_S = 1800


def clean_variables() -> dict[str, str]:
    """The process's environment without what would leak this repository or its virtual environment."""
    variables = {k: v for k, v in os.environ.items() if k not in DROPPED_VARIABLES}
    return {**variables, "PYTHONNOUSERSITE": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, env=clean_variables(), capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SubmissionError(f"{what}: {error}") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no output"]
        raise SubmissionError(f"{what}: failed: {errors[0]}; without a package index, name an interpreter by --python")


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
    _run([sys.executable, "-m", "venv", str(folder)], "new virtual environment")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run([str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)], "pip install -r requirements.txt")
    return python
