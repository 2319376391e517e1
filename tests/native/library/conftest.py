"""The library, built once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from .binding import Library
from .build import SOURCES, compile_c, need_compiler


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The shared library."""
    need_compiler()
    out = Path(tmp_path_factory.mktemp("library")) / "libtodpack.so"
    arguments = ["-shared", "-fPIC", "-fvisibility=hidden", "-DTODPACK_BUILDS_SHARED", *SOURCES, "-lzstd", "-lm"]
    return Library(compile_c(arguments, out))
