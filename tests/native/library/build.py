"""Build libtodpack and programs that use it, with the compilers that are there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NATIVE = ROOT / "native"
FLAGS = ("-std=c11", "-O2", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Werror")
INCLUDES = (f"-I{NATIVE / 'include'}", f"-I{NATIVE / 'src'}")
SOURCES = tuple(str(path) for folder in ("src", "archive") for path in sorted((NATIVE / folder).glob("*.c")))


def need_compiler(compiler: str = "cc") -> None:
    """Skip the test where there is no compiler, or no zstd to link with."""
    if shutil.which(compiler) is None:
        pytest.skip(f"needs the compiler {compiler}")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "zstd.c"
        source.write_text("#include <zstd.h>\nint main(void) { return ZSTD_versionNumber() == 0; }\n")
        command = [compiler, str(source), "-lzstd", "-o", str(source.with_suffix(".out"))]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("needs zstd's headers and library (libzstd-dev)")


def compile_c(arguments: list[str], out: Path, compiler: str = "cc") -> Path:
    """Run a compiler; its messages are the test's failure."""
    command = [compiler, *FLAGS, *INCLUDES, *arguments, "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return out
