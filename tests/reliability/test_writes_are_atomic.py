"""No file of the packages opens an output by itself: `decompressor.files.write_atomic` does."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("decompressor", "packer", "trainer", "eval", "submission")
WRITERS = {
    "write_text",
    "write_bytes",
    "touch",
    "savetxt",
    "tofile",
    "imwrite",
    "copyfile",
    "copy",
    "copy2",
    "copytree",
}
INTO_A_FILE = {"save", "savez", "savez_compressed", "savefig", "dump"}  # of NumPy, Pillow, torch, matplotlib, json
STREAMS = {"file", "stored", "stream", "buffer"}
ALLOWED = {
    ("decompressor/files.py", 'staging.open("wb")'): "the one place",
    ("decompressor/plain_text.py", "os.devnull"): "nothing is written",
    ("eval/peers/libaom.py", 'open(source, "wb")'): "in a temporary folder",
    ("eval/peers/ours.py", "np.save"): "into a temporary folder",
    ("eval/peers/ours.py", "Image.fromarray"): "into a temporary folder",
    ("eval/peers/ours.py", "path.write_bytes"): "into a temporary folder",
    ("eval/peers/ours.py", "HOURS_FILE"): "into a temporary folder",
    ("eval/process.py", 'open(log, "a", encoding="utf-8", errors='): "a log, which grows",
    ("packer/export/profiles.py", "write_bytes"): "into a folder in the making",
    ("submission/build.py", "shutil.copyfile"): "into a folder in the making",
    ("submission/folder.py", "shutil.copyfile"): "into a folder in the making",
    ("submission/build.py", "write_text"): "into a folder in the making",
    ("submission/check.py", "shutil.copytree"): "into a temporary folder",
    ("trainer/run_folder.py", "shutil.copytree"): "into a folder in the making",
    ("trainer/run_folder.py", "shutil.copy2"): "into a folder in the making",
    ("submission/contest/build.py", "shutil.copyfile"): "into a folder in the making",
    ("submission/contest/build.py", "write_text"): "into a folder in the making",
    ("submission/contest/build.py", "write_bytes"): "into a folder in the making",
    ("submission/contest/check.py", 'open("w+", encoding="utf-8", errors='): "in a temporary folder",
    ("submission/contest/check.py", "shutil.copytree"): "into a temporary folder",
    ("submission/contest/check.py", "np.save"): "into a temporary folder",
    ("submission/contest/rate_points.py", "write_bytes"): "into a temporary folder",
    ("trainer/neural/fit.py", "self.save(BEST_NAME)"): "by the one place",
    ("trainer/run_folder.py", "touch"): "an empty mark",
}


def _mode(call: ast.Call, position: int) -> str:
    nodes = [k.value for k in call.keywords if k.arg == "mode"] or call.args[position : position + 1]
    return str(nodes[0].value) if nodes and isinstance(nodes[0], ast.Constant) else ""


def _is_stream(node: ast.expr | None) -> bool:
    """Whether a writer's target is an open file or a buffer, by its name."""
    return isinstance(node, ast.Name) and node.id in STREAMS


def writes(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls that write a file of which they are given the path."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name == "open" and ast.unparse(function) == "av.open":
            is_write = "w" in _mode(call, 1) and not _is_stream(call.args[0])
        elif name == "open":
            is_method = isinstance(function, ast.Attribute) and ast.unparse(function.value) not in ("io", "os")
            is_write = bool(set(_mode(call, 0 if is_method else 1)) & set("wax+"))
        elif name in WRITERS and isinstance(function, ast.Attribute):
            is_write = not name.startswith("copy") or ast.unparse(function.value) == "shutil"
        elif name in INTO_A_FILE and isinstance(function, ast.Attribute):
            target = call.args[1:2] if name == "dump" or ast.unparse(function).startswith("torch") else call.args[:1]
            is_write = bool(target) and not _is_stream(target[0])
        else:
            is_write = False
        if is_write:
            yield call


def test_the_scan_finds_writes() -> None:
    bad = """
open(path, "w")
open(path, mode="ab")
Path(x).open("xb")
path.write_text("")
np.savez(folder / "a.npz", a=a)
np.save(path, a)
torch.save(state, folder / "x")
Image.fromarray(a).save(str(path), "PNG")
json.dump(value, open(path, "w"))
array.tofile(path)
shutil.copy(a, b)
av.open("x.mp4", "w")
"""
    good = """
open(path)
path.open("rb")
Image.open(path)
np.save(file, array)
torch.save(state, buffer)
image.save(stored, "PNG")
av.open(stored, "w", format="mp4")
state.copy()
json.dumps(value)
"""
    assert len(list(writes(ast.parse(bad)))) == 13  # the dump and its open
    assert list(writes(ast.parse(good))) == []


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.thorough
def test_only_one_place_writes(package: str) -> None:
    files = [file for file in sorted((ROOT / package).rglob("*.py")) if "shipped" not in file.parts]
    assert len(files) > 10
    wrong = []
    for file in files:
        name = file.relative_to(ROOT).as_posix()
        for call in writes(ast.parse(file.read_text(encoding="utf-8"))):
            text = ast.unparse(call).replace("'", '"')
            if not any(name == path and part in text for path, part in ALLOWED):
                wrong.append(f"{name}:{call.lineno}: {text[:100]}")
    assert wrong == []
