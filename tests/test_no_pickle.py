"""Nothing that is read can run code: no pickles, no eval, no shells; seen in the source of all packages."""

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
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
}
DEFAULT_IS_SAFE = {"np.load", "numpy.load"}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a call's function, or an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = dotted(node.value)
        return f"{head}.{node.attr}" if head else ""
    return ""


def keyword(call: ast.Call, name: str) -> object:
    """Value of a keyword that is a constant; None where it is not there, Ellipsis where it is computed."""
    for item in call.keywords:
        if item.arg == name:
            return item.value.value if isinstance(item.value, ast.Constant) else ...
    return None


def faults_of_call(call: ast.Call) -> str | None:
    name = dotted(call.func)
    if name in FORBIDDEN_CALLS:
        return f"{name}()"
    if name in SHELLS or keyword(call, "shell") not in (None, False):
        return f"{name}: a shell"
    if name in LOADERS:
        argument, wanted = LOADERS[name]
        found = keyword(call, argument)
        if found is not wanted and not (found is None and name in DEFAULT_IS_SAFE):
            return f"{name} without {argument}={wanted}"
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
    named = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and dotted(node.value) == "pickle"]
    return len(uses) == len(named) > 0 and all(node.attr == "UnpicklingError" for node in named)


def faults(text: str) -> list[str]:
    found = []
    tree = ast.parse(text)
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [
                alias.name for alias in node.names if alias.name != "pickle" or not only_names_pickles_error(tree)
            ]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        found += [f"imports {m}" for m in modules if m.split(".")[0] in FORBIDDEN_MODULES]
        if isinstance(node, ast.Call) and (fault := faults_of_call(node)):
            found.append(f"line {node.lineno}: {fault}")
    return found


def test_all_sources() -> None:
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 200
    wrong = {str(file.relative_to(ROOT)): faults(file.read_text(encoding="utf-8")) for file in files}
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle", "import pickle; pickle.loads(x)", "from pickle import loads",
        "import marshal", "import shelve", "import joblib.hashing",
        "eval('1')", "exec(text)", "__import__(name)", "torch.load(path)", "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)", "np.load(path, allow_pickle=True)", "numpy.load(p, allow_pickle=flag)",
        "yaml.load(text)", "subprocess.run(line, shell=True)", "os.system(line)", "zipped.extractall(folder)",
        "np.save(path, x, allow_pickle=True)", "shutil.unpack_archive(path)",
    ],
)  # fmt: skip
def test_what_it_looks_for_is_found(text: str) -> None:
    assert len(faults(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["torch.load(path, weights_only=True)", "np.load(path)", "np.load(p, allow_pickle=False)", "model.eval()",
     "subprocess.run([program], check=False)", "re.compile(pattern)",
     "import pickle\ntry:\n    f()\nexcept pickle.UnpicklingError:\n    pass"],
)  # fmt: skip
def test_what_is_fine_is_not(text: str) -> None:
    assert faults(text) == []
