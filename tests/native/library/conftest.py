"""The library, built once for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .binding import Library
from .build import SOURCES, compile_c, need_compiler


@pytest.fixture(scope="session", autouse=True)
def not_with_sanitizers_preloaded() -> None:
    """Compilers and Mono would run with them too; native/tests/library.sh has sanitized builds of its own."""
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("the library has sanitized builds of its own")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The shared library."""
    need_compiler()
    out = Path(tmp_path_factory.mktemp("library")) / "libtodpack.so"
    arguments = ["-shared", "-fPIC", "-fvisibility=hidden", "-DTODPACK_BUILDS_SHARED", *SOURCES, "-lzstd", "-lm"]
    return Library(compile_c(arguments, out))
