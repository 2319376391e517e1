"""The one direction of imports, and what decoding, packing, bundling and scoring must do without."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from todpack.decompressor.daybasis import native
from todpack.packer.daybasis.native import kernels

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("frames", "decompressor", "packer", "trainer", "eval", "submission", "todpack")
DECODER_PACKAGES = {"numpy", "onnxruntime", "zstandard"}
# docs/architecture.md "Layers": what a folder may import beside itself. Always down, and only the command line may
# name everything.
MAY_IMPORT = {
    "decompressor": (),
    "frames": ("decompressor",),
    "packer": ("decompressor", "frames"),
    "trainer": ("decompressor", "frames", "packer", "eval"),
    "eval": ("decompressor", "frames", "packer"),
    "submission": ("decompressor", "frames", "packer", "eval"),
}


def imports_of(file: Path) -> Iterator[str]:
    """Every module a file imports anywhere in it, ours as `folder.module`; names of `from` imports count as modules."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("todpack.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(file.relative_to(ROOT).parts[: -node.level]) + "." if node.level else ""
            module = f"{package}{node.module or ''}".removeprefix("todpack.").rstrip(".")
            yield from (f"{module}.{alias.name}".removeprefix("todpack.") for alias in node.names)


def within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == p or module.startswith(f"{p}.") for p in packages)


def files_of(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert len(files) > 3
    return files


@pytest.mark.parametrize("folder", MAY_IMPORT)
@pytest.mark.thorough
def test_one_direction(folder: str) -> None:
    allowed = (folder, *MAY_IMPORT[folder])
    wrong = [
        f"{file.relative_to(ROOT)}: {module}"
        for file in files_of(folder)
        for module in imports_of(file)
        if within(module, FOLDERS) and not within(module, allowed)
    ]
    assert wrong == []


def test_the_table_of_layers_is_the_same() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\| ?([\w, ]*?) ?\|$", text, re.MULTILINE)
    told = {folder: set(filter(None, allowed.split(", "))) for folder, allowed in rows}
    assert told == {**{folder: set(allowed) for folder, allowed in MAY_IMPORT.items()}, "todpack": {"all"}}


def test_variables_of_the_environment_are_documented() -> None:
    """docs/architecture.md "What is global" has them all, but those that a rehearsal takes away from its child."""
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    used = {
        name
        for folder in FOLDERS
        for file in files_of(folder)
        if file != ROOT / "submission/environment.py"
        for name in re.findall(
            r'environ\b[^"\n]*"([A-Z_]+)"|^(?:[A-Z]+_)?VARIABLES? = (.*)$', file.read_text("utf-8"), re.M
        )
        for name in re.findall(r"[A-Z]+_[A-Z_]+", " ".join(name))
    }
    assert len(used) > 8
    assert sorted(name for name in used if f"`{name}" not in text) == []


def test_decompressor_needs_three_packages() -> None:
    """And constriction, for archives that are coded by it, and OpenEXR, where such files are asked for."""
    found = {m.split(".")[0] for file in files_of("decompressor") for m in imports_of(file)}
    assert found - set(sys.stdlib_module_names) - {"decompressor", "constriction", "OpenEXR"} == DECODER_PACKAGES


@pytest.mark.parametrize("folder", ["decompressor", "frames", "packer", "submission"])
def test_no_file_names_torch(folder: str) -> None:
    """But for what contest submissions are made of."""
    files = [f for f in sorted((ROOT / folder).rglob("*.py")) if f.parent != ROOT / "submission/contest/shipped"]
    wrong = [str(f) for f in files if any(within(m, ("torch",)) for m in imports_of(f))]
    assert wrong == []


def run_fresh(program: str, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


THROUGH_COMMAND = """
import sys
from todpack.cli import main
forbidden, *arguments = sys.argv[1:]
assert main(arguments) == 0
loaded = set(forbidden.split(",")) & set(sys.modules)
assert not loaded, loaded
"""


def test_packing_loads_no_torch(tiny_run: Path, tmp_path: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,lpips", "pack", tiny_run, "-o", tmp_path / "a.tod")


def test_training_daybasis_loads_no_torch(tiny_day: Path, tmp_path: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,lpips", "train", tiny_day, "-o", tmp_path / "run", "--q-step", "20")


@pytest.mark.skipif(kernels is None, reason="the encoder's kernels were not built")
@pytest.mark.thorough
def test_compressing_loads_neither_torch_nor_scipy(tiny_day: Path, tmp_path: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,lpips,scipy", "compress", tiny_day, "-o", tmp_path / "a.tod")


def test_decompressing_loads_neither_torch_nor_onnx(tiny_archive: Path, tmp_path: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,onnx,scipy", "decompress", tiny_archive, "-o", tmp_path, "--hours", "0")


@pytest.mark.skipif(native.kernels() is None, reason="the native core was not built")
def test_native_decoding_loads_no_other_decoder(tmp_path: Path) -> None:
    """The first frame of a fresh process waits for what it loads."""
    others = ["daybasis.decoder", "daybasis.entropy.contexts", "daybasis.temporal.matrix", "gridmlp", "siren"]
    forbidden = ",".join(["onnxruntime", "constriction", "_hashlib", *(f"todpack.decompressor.{m}" for m in others)])
    program = THROUGH_COMMAND.replace("todpack.cli", "todpack.decompressor.cli")
    archive = ROOT / "tests/golden/daybasis-ans-1.2.tod"
    run_fresh(program, forbidden, archive, "-o", tmp_path, "--hours", "0", "--decoder", "native")


def test_bundling_loads_neither_torch_nor_onnx(tiny_archive: Path, tmp_path: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,onnx,scipy", "submit", "build", tiny_archive, "-o", tmp_path / "bundle")


def test_scoring_without_lpips_loads_no_torch(tiny_archive: Path, tiny_day: Path) -> None:
    run_fresh(THROUGH_COMMAND, "torch,lpips", "eval", "score", tiny_archive, "--data", tiny_day, "--no-lpips")


def test_reading_a_day_loads_no_torch(tiny_day: Path) -> None:
    run_fresh(
        "import sys; from todpack.frames import read_day; read_day(sys.argv[1]); assert 'torch' not in "
        "sys.modules and 'scipy' not in sys.modules",
        tiny_day,
    )


def test_decompressor_alone_on_the_path(tiny_archive: Path, tmp_path: Path) -> None:
    """Copied out of the repository and run isolated, with every package of ours but itself blocked."""
    import shutil

    shutil.copytree(ROOT / "decompressor", tmp_path / "decompressor")
    program = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "ours = ('todpack', 'frames', 'packer', 'trainer', 'eval', 'submission')\n"
        "blocked = (*ours, 'torch', 'onnx', 'scipy', 'click', 'constriction', 'OpenEXR')\n"
        "for name in blocked:\n"
        "    sys.modules[name] = None\n"
        "import decompressor\n"
        "assert decompressor.__file__.startswith(sys.argv[1]), decompressor.__file__\n"
        "with decompressor.open_archive(sys.argv[2]) as archive:\n"
        "    assert archive.decode(12.0).shape == (64, 72, 3)\n"
        "assert all(sys.modules[name] is None for name in blocked)\n"
    )
    run_fresh(program, tmp_path, tiny_archive)
