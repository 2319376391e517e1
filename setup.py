"""The optional native core of decoder and encoder: built where there is a C compiler. The rest is in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

STABLE_ABI = (3, 11)  # the first that has the buffer protocol
IS_STABLE = sys.version_info >= STABLE_ABI
DECODER = sorted(str(path) for path in Path("native/src").glob("*.c"))
ENCODER = sorted(str(path) for path in Path("native/encoder").glob("*.c"))
# no fused multiply-add: results are the same bits on every machine
UNIX_FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
MICROSOFT_FLAGS = ["/std:c11", "/O2", "/fp:precise"]


class BuildNative(build_ext):
    """Flags by compiler."""

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = MICROSOFT_FLAGS if self.compiler.compiler_type == "msvc" else UNIX_FLAGS
        super().build_extension(ext)


def extension(name: str, sources: list[str]) -> Extension:
    """A module in C, left out where it cannot be built."""
    return Extension(
        name,
        sources,
        include_dirs=["native/include", "native/src", "native/encoder"],
        depends=sorted(str(path) for path in Path("native").glob("*/*.h")),
        define_macros=[("Py_LIMITED_API", f"0x03{STABLE_ABI[1]:02X}0000")] if IS_STABLE else [],
        py_limited_api=IS_STABLE,
        optional=True,
    )


setup(
    ext_modules=[
        extension("todpack.decompressor._native", [*DECODER, "native/python/_native.c"]),
        extension("todpack.packer._native", [*DECODER, *ENCODER, "native/python/_encoder.c"]),
    ],
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": f"cp3{STABLE_ABI[1]}"}} if IS_STABLE else {},
)
