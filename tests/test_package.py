"""What `pip install` puts into site-packages, and that the folders are one package."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("frames", "decompressor", "packer", "trainer", "eval", "submission", "js")


def test_every_folder_with_code_is_in_the_list() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    files = [file.relative_to(ROOT) for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")]
    tree = {".".join(("todpack", *file.parent.parts)) for file in files}
    assert set(table["packages"]) == {"todpack", *tree}
    assert table["package-dir"] == {"todpack": "todpack", **{f"todpack.{f}": f for f in FOLDERS}}


def test_every_package_has_its_init() -> None:
    folders = {file.parent for f in FOLDERS for file in (ROOT / f).rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.thorough
def test_wheel_holds_one_package_that_works(tmp_path: Path) -> None:
    """Built as `pip install .` builds it, unpacked where nothing else of the project is, and run there."""
    words = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {name.split("/")[0] for name in names} == {"todpack", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    kept = (".py", ".pyi", ".typed", ".toml", ".md", ".bin", ".html", ".css", ".js", ".glsl")
    listed = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {f"todpack/{name}" for name in listed.split() if name.endswith(kept)} <= set(names)
    program = (
        "import numpy, todpack\n"
        "assert todpack.__file__.startswith(__import__('sys').argv[1]), todpack.__file__\n"
        "frames = numpy.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), numpy.uint8)\n"
        "todpack.compress(frames, 'x.tod', target_psnr_db=42)\n"
        "with todpack.open_archive('x.tod') as archive:\n"
        "    assert archive.decode(6.0).shape == (16, 16, 3)\n"
    )
    site = tmp_path / "site"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    words = ["-c", program, str(site)]
    subprocess.run([sys.executable, *words], cwd=tmp_path, env=environment, check=True)
