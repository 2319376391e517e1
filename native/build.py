#!/usr/bin/env python3
"""Build the decoder's native core from its source: `python native/build.py`; the variable CC names the compiler.

It goes into the folder `decompressor` beside this one. An installation by pip builds it by itself (setup.py); this is
for a bundle that was made on another platform.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

SOURCES = ("src/*.c", "python/_native.c")
HEADERS = ("include/*.h", "src/*.h")
STABLE_ABI = (3, 11)  # the first that has the buffer protocol
# no fused multiply-add: results are the same bits on every machine
UNIX_FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]


def main() -> int:
    """Build; exit code 0 where the library is there."""
    here, is_stable = Path(__file__).resolve().parent, sys.version_info >= STABLE_ABI
    suffix = "abi3" if is_stable else sys.implementation.cache_tag
    library = here.parent / "decompressor" / f"_native.{suffix}.so"
    compiler = shlex.split(os.environ.get("CC") or "cc")
    shared = ["-shared", "-fPIC", "-s"] if sys.platform != "darwin" else ["-bundle", "-undefined", "dynamic_lookup"]
    limited = [f"-DPy_LIMITED_API=0x03{STABLE_ABI[1]:02X}0000"] if is_stable else []
    sources = [str(path) for pattern in SOURCES for path in sorted(here.glob(pattern))]
    folders = (here / "include", here / "src", sysconfig.get_path("include"))
    command = [
        *compiler,
        *UNIX_FLAGS,
        *shared,
        *limited,
        *(f"-I{folder}" for folder in folders),
        *sources,
        "-o",
        str(library),
        "-lm",
    ]
    try:
        done = subprocess.run(command, check=False)
    except OSError as error:
        print(f"build.py: {compiler[0]}: {error.strerror}", file=sys.stderr)
        return 1
    if done.returncode == 0:
        print(library)
    return min(done.returncode, 1)


if __name__ == "__main__":
    sys.exit(main())
