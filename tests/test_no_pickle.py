"""Nothing that is read can run code: no pickles, programs, eval or shells; seen in the source of all packages."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("todpack", "frames", "trainer", "packer", "decompressor", "submission", "eval", "docs")
FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
SHELLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput"}
LOADERS = {
    "torch.load": ("weights_only", True),
    "numpy.load": ("allow_pickle", False),
    "numpy.lib.format.read_array": ("allow_pickle", False),
}
DEFAULT_IS_SAFE = {"numpy.load", "numpy.lib.format.read_array"}
READ_PROGRAMS = (
    "torch.jit.load", "torch.jit.freeze", "torch.package.", "torch.hub.", "torch.export.load", "torch._export.",
    "torch.classes.load_library", "torch.ops.load_library", "torch.utils.cpp_extension.", "torch._inductor.",
    "onnx.load", "onnx.load_model", "onnx.hub.", "runpy.", "code.",
    "importlib.util.spec_from_file_location", "importlib.machinery.",
    "ctypes.cdll.", "ctypes.util.", "zipimport.", "imp.", "tensorflow.", "keras.", "webbrowser.",
)  # fmt: skip
"""What reads a program, not numbers: calls of these names, or of names that begin so where they end in a dot."""
RUN_GRAPHS = "InferenceSession"
CHECKED = {"decompressor/graphs/session.py"}
"""The one place where graphs of files are made ready to run, after they were checked."""
RUN_OWN_MODULES = {"todpack/child.py"}
"""The one place where modules are run, those of this package."""
COMPUTED_NAMES = {
    "decompressor/__init__.py", "decompressor/families.py", "decompressor/graphs/session.py", "todpack/__init__.py",
    "eval/peers/peer.py", "eval/peers/own.py",
}  # fmt: skip
"""Modules and libraries whose names are constants of the same file, but not of the call; own.py: the user's --peer."""


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What each name of a file that comes from an import stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """`a.b.c` of a call's function by the names that modules have at home, or an empty string."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        head = dotted(node.value, names)
        return f"{head}.{node.attr}" if head else ""
    return ""


def is_fixed(call: ast.Call) -> bool:
    """Whether a call's first argument is a constant, or begins with one that stays inside of this package."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
        return str(first.values[0].value).startswith((".", "todpack."))
    return isinstance(first, ast.Constant)


def keyword(call: ast.Call, name: str) -> object:
    """Value of a keyword that is a constant; None where it is not there, Ellipsis where it is computed."""
    for item in call.keywords:
        if item.arg == name:
            return item.value.value if isinstance(item.value, ast.Constant) else ...
    return None


def faults_of_call(call: ast.Call, names: dict[str, str], where: str) -> str | None:
    name = dotted(call.func, names)
    if name in FORBIDDEN_CALLS:
        return f"{name}()"
    if name in SHELLS or keyword(call, "shell") not in (None, False):
        return f"{name}: a shell"
    if name in LOADERS:
        argument, wanted = LOADERS[name]
        found = keyword(call, argument)
        if found is not wanted and not (found is None and name in DEFAULT_IS_SAFE):
            return f"{name} without {argument}={wanted}"
    if any(name == one or (one.endswith(".") and name.startswith(one)) for one in READ_PROGRAMS) and not (
        name == "runpy.run_module" and where in RUN_OWN_MODULES
    ):
        return f"{name}: reads a program"
    if name.endswith(RUN_GRAPHS) and where not in CHECKED:
        return f"{name}: a graph that is not checked first"
    if name in ("importlib.import_module", "ctypes.CDLL") and not is_fixed(call) and where not in COMPUTED_NAMES:
        return f"{name} of a name that is computed"
    if name.endswith(("save", "savez", "savez_compressed")) and keyword(call, "allow_pickle") not in (None, False):
        return f"{name} with allow_pickle"
    if name in ("yaml.load", "yaml.unsafe_load", "yaml.full_load"):
        return name
    if name in ("tarfile.open", "shutil.unpack_archive") or name.endswith((".extractall", ".extract")):
        return f"{name}: unpacks an archive"
    return None


def only_names_pickles_error(tree: ast.Module) -> bool:
    """Whether `pickle` is there for `except pickle.UnpicklingError` alone: torch's safe loader raises it."""
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "pickle"]
    named = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and dotted(node.value, {}) == "pickle"]
    return len(uses) == len(named) > 0 and all(node.attr == "UnpicklingError" for node in named)


def faults(text: str, where: str = "") -> list[str]:
    found = []
    tree = ast.parse(text)
    names = imported_names(tree)
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [
                alias.name for alias in node.names if alias.name != "pickle" or not only_names_pickles_error(tree)
            ]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        found += [f"imports {m}" for m in modules if m.split(".")[0] in FORBIDDEN_MODULES]
        if isinstance(node, ast.Call) and (fault := faults_of_call(node, names, where)):
            found.append(f"line {node.lineno}: {fault}")
    return found


@pytest.mark.thorough
def test_all_sources() -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    names = [file.relative_to(ROOT).as_posix() for file in files]
    wrong = {name: faults(file.read_text(encoding="utf-8"), name) for name, file in zip(names, files, strict=True)}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "import pickle; pickle.loads(x)", "from pickle import loads",
        "import marshal", "import shelve", "import joblib.hashing",
        "eval('1')", "exec(text)", "__import__(name)", "torch.load(path)", "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)", "numpy.load(p, allow_pickle=flag)",
        "import numpy as np; np.load(path, allow_pickle=True)", "from torch import load; load(path)",
        "import numpy as n; n.lib.format.read_array(file, allow_pickle=True)",
        "torch.jit.load(path)", "from torch import jit; jit.load(path)", "from torch.jit import load as f; f(path)",
        "torch.hub.load(name)", "torch.package.PackageImporter(path)", "onnx.load(path)", "runpy.run_path(path)",
        "import onnxruntime as ort; ort.InferenceSession(model)", "importlib.import_module(name)",
        "ctypes.CDLL(path)", "importlib.import_module(f'{name}.x')",
        "yaml.load(text)", "subprocess.run(line, shell=True)", "os.system(line)", "zipped.extractall(folder)",
        "np.save(path, x, allow_pickle=True)", "shutil.unpack_archive(path)",
    ],
)  # fmt: skip
def test_what_it_looks_for_is_found(text: str) -> None:
    assert len(faults(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["torch.load(path, weights_only=True)", "np.load(path)", "importlib.import_module('ray')", "ctypes.CDLL(None)",
     "importlib.import_module(f'todpack.trainer.{family}.train')", "importlib.import_module(f'.{name}', __package__)",
     "np.load(p, allow_pickle=False)", "model.eval()",
     "subprocess.run([program], check=False)", "re.compile(pattern)",
     "import pickle\ntry:\n    f()\nexcept pickle.UnpicklingError:\n    pass"],
)  # fmt: skip
def test_what_is_fine_is_not(text: str) -> None:
    assert faults(text) == []
