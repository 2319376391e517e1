"""Installed by CMake, the library is found by find_package and by pkg-config; the example and the wrapper run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from todpack.decompressor import open_archive

from .build import NATIVE, ROOT, need_compiler

pytestmark = pytest.mark.thorough
GOLDEN = ROOT / "tests" / "golden"
USER = """
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(todpack 0.1 REQUIRED)
add_executable(user_shared {source})
target_link_libraries(user_shared todpack::todpack)
add_executable(user_static {source})
target_link_libraries(user_static todpack::todpack_static)
"""


def run(*command: object, **environment: str) -> str:
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert done.returncode == 0, f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the library is installed."""
    need_compiler()
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "-S", NATIVE, "-B", folder / "build")
    run("cmake", "--build", folder / "build", "-j2")
    run("cmake", "--install", folder / "build", "--prefix", folder / "prefix")
    return folder / "prefix"


def check_picture(program: Path, folder: Path, **environment: str) -> None:
    out = folder / "noon.ppm"
    run(program, GOLDEN / "daybasis-ans-1.2.tod", "12", out, "golden", **environment)
    with open_archive(GOLDEN / "daybasis-ans-1.2.tod") as archive, Image.open(out) as picture:
        np.testing.assert_array_equal(np.asarray(picture), archive.decode(12.0))
    out.unlink()


def test_find_package(prefix: Path, tmp_path: Path) -> None:
    source = ROOT / "examples" / "c" / "tod_frame.c"
    (tmp_path / "CMakeLists.txt").write_text(USER.format(source=source))
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path / "build")
    for name in ("user_shared", "user_static"):
        check_picture(tmp_path / "build" / name, tmp_path)


def test_pkg_config(prefix: Path, tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("needs pkg-config")
    (package,) = prefix.rglob("todpack.pc")
    flags = run("pkg-config", "--cflags", "--libs", "todpack", PKG_CONFIG_PATH=str(package.parent)).split()
    program = tmp_path / "tod_frame"
    run("cc", ROOT / "examples" / "c" / "tod_frame.c", *flags, "-o", program)
    check_picture(program, tmp_path, LD_LIBRARY_PATH=str(package.parents[1]))
    done = subprocess.run(
        [program, GOLDEN / "gridmlp-1.0.tod", "12", tmp_path / "x.ppm"],
        capture_output=True, text=True, check=False, env={"LD_LIBRARY_PATH": str(package.parents[1])},
    )  # fmt: skip
    assert done.returncode == 1 and not (tmp_path / "x.ppm").exists()
    assert done.stderr.endswith("gridmlp: unsupported family; this library decodes daybasis\n")


def test_only_the_interface_is_exported(prefix: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("needs nm")
    (library,) = (path for path in prefix.rglob("libtodpack.so") if path.exists())
    names = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
    declared = (NATIVE / "include" / "todpack.h").read_text()
    assert names and all(f"{name}(" in declared for name in names)


def test_cpp_wrapper(prefix: Path, tmp_path: Path) -> None:
    if shutil.which("c++") is None:
        pytest.skip("needs a C++ compiler")
    (library,) = (path for path in prefix.rglob("libtodpack.a") if path.exists())
    program, source = tmp_path / "wrapper", Path(__file__).with_name("wrapper.cpp")
    flags = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{prefix / 'include'}")
    run("c++", *flags, source, library, "-lzstd", "-lm", "-o", program)
    said = run(program, GOLDEN / "daybasis-ans-1.2.tod", "12.25", tmp_path / "frame")
    assert said.splitlines() == ["golden 24", "-3 time: expected hours in [0, 24), found 24"]
    with open_archive(GOLDEN / "daybasis-ans-1.2.tod") as archive:
        expected = archive.decode(12.25, dtype="float32")
    np.testing.assert_array_equal(np.fromfile(tmp_path / "frame", np.float32).reshape(expected.shape), expected)
