"""The C# binding under Mono: frames by their digests, a refresh of two frames around the day, errors as exceptions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .binding import Library
from .build import ROOT

pytestmark = pytest.mark.thorough
BINDING = ROOT / "bindings" / "csharp"
GOLDEN = ROOT / "tests" / "golden"
EXPECTED_END = (
    "refreshes 34",
    "-3 time: expected hours in [0, 24), found 24",
    "region",
    "-3 target: expected room for 2 rows of 6 bytes, found 11 bytes",
    "held",
    "released",
    "-32 expected a todpack archive, found other content",
)


def test_under_mono(library: Library, tmp_path: Path) -> None:
    compiler, runtime = (shutil.which(name) for name in ("mcs", "mono"))
    if not compiler or not runtime:
        pytest.skip("needs Mono (Debian's mono-mcs and mono-runtime)")
    program = tmp_path / "program.exe"
    sources = [str(BINDING / "Runtime" / "Todpack.cs"), str(Path(__file__).with_name("Program.cs"))]
    command = [compiler, "-langversion:7", "-warnaserror", f"-out:{program}", *sources]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [runtime, str(program), str(GOLDEN / "daybasis-ans-1.0.tod")],
        capture_output=True, text=True, check=False, env={**os.environ, "LD_LIBRARY_PATH": str(library.path.parent)},
    )  # fmt: skip
    digests = json.loads((GOLDEN / "daybasis-ans-1.0.json").read_text())
    assert done.returncode == 0, done.stderr
    assert tuple(done.stdout.splitlines()) == ("golden 45 37 24 Srgb8", *digests.values(), *EXPECTED_END)


def test_package_is_one_of_unity() -> None:
    package = json.loads((BINDING / "package.json").read_text())
    assert {"name", "version", "displayName", "unity"} <= set(package)
    header = (ROOT / "native" / "include" / "todpack.h").read_text()
    version = [header.split(f"TODPACK_VERSION_{part} ")[1].split()[0] for part in ("MAJOR", "MINOR", "PATCH")]
    assert package["version"] == ".".join(version)
    assert json.loads((BINDING / "Runtime" / "todpack.asmdef").read_text())["name"] == "todpack"
