"""The optional native core: built where there is a C compiler, else left out. All the rest is in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

STABLE_ABI = (3, 11)  # the first that has the buffer protocol
IS_STABLE = sys.version_info >= STABLE_ABI
SOURCES = sorted(str(path) for path in Path("native").glob("*/*.c") if path.parent.name in ("src", "python"))
# no fused multiply-add: results are the same bits on every machine
UNIX_FLAGS = ["-std=c11", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
MICROSOFT_FLAGS = ["/std:c11", "/O2", "/fp:precise"]


class BuildNative(build_ext):
    """Flags by compiler."""

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = MICROSOFT_FLAGS if self.compiler.compiler_type == "msvc" else UNIX_FLAGS
        super().build_extension(ext)


setup(
    ext_modules=[
        Extension(
            "todpack.decompressor._native",
            SOURCES,
            include_dirs=["native/include", "native/src"],
            depends=sorted(str(path) for folder in ("include", "src") for path in Path("native", folder).glob("*.h")),
            define_macros=[("Py_LIMITED_API", f"0x03{STABLE_ABI[1]:02X}0000")] if IS_STABLE else [],
            py_limited_api=IS_STABLE,
            optional=True,
        )
    ],
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": f"cp3{STABLE_ABI[1]}"}} if IS_STABLE else {},
)
