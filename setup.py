"""The optional native core of decoder and encoder: built where there is a C compiler. The rest is in pyproject.toml."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

CORE: dict[str, Any] = runpy.run_path("native/build.py")  # which builds it from a bundle's source
STABLE_ABI, UNIX_FLAGS = CORE["STABLE_ABI"], CORE["UNIX_FLAGS"]
IS_STABLE = sys.version_info >= STABLE_ABI
DECODER = sorted(str(path) for path in Path("native/src").glob("*.c"))
ENCODER = sorted(str(path) for path in Path("native/encoder").glob("*.c"))
MICROSOFT_FLAGS = ["/std:c11", "/O2", "/fp:precise"]


class BuildNative(build_ext):
    """Flags by compiler."""

    def build_extension(self, ext: Extension) -> None:
        ext.extra_compile_args = MICROSOFT_FLAGS if self.compiler.compiler_type == "msvc" else UNIX_FLAGS
        super().build_extension(ext)


class BuildPython(build_py):
    """With the core's source, which `todpack submit build` puts into bundles."""

    def run(self) -> None:
        super().run()
        for pattern in ("build.py", *CORE["SOURCES"], *CORE["HEADERS"]):
            for file in () if self.editable_mode else sorted(Path("native").glob(pattern)):
                target = Path(self.build_lib, "todpack", file)
                self.mkpath(str(target.parent))
                self.copy_file(str(file), str(target))


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
        extension(
            "todpack.packer._native", [*DECODER, *ENCODER, "native/python/_encoder.c", "native/python/_descent.c"]
        ),
    ],
    cmdclass={"build_ext": BuildNative, "build_py": BuildPython},
    options={"bdist_wheel": {"py_limited_api": f"cp3{STABLE_ABI[1]}"}} if IS_STABLE else {},
)
