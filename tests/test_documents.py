"""Documents say what is there: links, paths, names in the code, commands, Python; and nothing points elsewhere."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import click
import numpy as np
import pytest

from tests.conftest import REPOSITORY, make_day, write_day
from todpack.cli import command_group
from todpack.decompressor.cli import main as decompress

FOLDERS = ("todpack", "frames", "decompressor", "packer", "trainer", "eval", "submission", "docs", "tests")
DOCUMENTS = sorted(REPOSITORY.glob("*.md")) + [
    path for folder in (*FOLDERS, "samples") for path in sorted((REPOSITORY / folder).rglob("*.md"))
]
CODE = [path for folder in FOLDERS for path in sorted((REPOSITORY / folder).rglob("*.py"))]
ELSEWHERE = re.compile(r"\.\./shared|\b(?:DESIGN|HPRC|HOUSE|STYLE)\.md|/work/|/tmp/")
RECORDS = {"docs/benchmarks.md"}  # written by a run, and names where that run's data lay
PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w./-]+\.(?:py|md|toml|json|js))(?::([\w.]+))?")


def named(document: Path) -> str:
    return str(document.relative_to(REPOSITORY))


def numbered(path: Path) -> Iterator[tuple[str, str]]:
    """(file:number, text) of every line."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        yield f"{named(path)}:{number}", line


def test_nothing_points_out_of_the_repository() -> None:
    """Tests may look for material beside the repository, and skip where there is none."""
    files = [*DOCUMENTS, *CODE, REPOSITORY / "Makefile", REPOSITORY / "pyproject.toml"]
    wrong = [
        f"{place}: {found[0]}"
        for path in files
        if named(path) not in RECORDS and not named(path).startswith("tests/")
        for place, line in numbered(path)
        if (found := ELSEWHERE.search(line))
    ]
    assert len(files) > 300 and wrong == []


@cache
def headings(document: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """The anchors that a web view gives the headings."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings(document)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    for place, line in numbered(document):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (document.parent / name).resolve() if name else document
            assert path.exists() and path.is_relative_to(REPOSITORY), f"{place}: {target}"
            assert not anchor or anchor in anchors(path), f"{place}: {target}"


@cache
def definitions(path: Path) -> set[str]:
    """Names that a module defines: functions, classes, variables, methods as Class.method."""
    found: set[str] = set()

    def take(body: list[ast.stmt], within: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(within + node.name)
            if isinstance(node, ast.ClassDef):
                take(node.body, f"{within}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(
                node, ast.AnnAssign) else []  # fmt: skip
            found.update(within + t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name))

    take(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


@pytest.mark.parametrize("path", [*DOCUMENTS, *(p for p in CODE if "tests" not in p.parts)], ids=named)
def test_files_and_names_that_are_told_of_exist(path: Path) -> None:
    """`folder/file.py`, and `folder/file.py:name`, which documents use to say where a step is."""
    for place, line in numbered(path):
        for file, name in PATH.findall(line):
            assert (REPOSITORY / file).exists(), f"{place}: {file}"
            if name and file.endswith(".py"):
                assert name.rstrip(".") in definitions(REPOSITORY / file), f"{place}: {file}:{name}"


def test_sections_that_are_cited_exist() -> None:
    """`docs/contest.md "Measures"` in documents, docstrings and comments; FORMAT.md is decompressor/FORMAT.md."""
    cited = [
        (f"{named(path)}: {name} {section}", document, section)
        for path in [*DOCUMENTS, *(p for p in CODE if named(p) != "tests/test_documents.py")]
        for name, section in re.findall(r'\b([\w/]+\.md)`?\s+"([^"\n]+)"', path.read_text(encoding="utf-8"))
        if (document := REPOSITORY / ("decompressor/FORMAT.md" if name == "FORMAT.md" else name)).exists()
    ]
    assert len(cited) > 30
    assert [place for place, document, section in cited if section not in headings(document)] == []


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.thorough
def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a folder `frames`, of which the README speaks throughout."""
    frames, valid = make_day(66, 256, 6)
    write_day(tmp_path / "frames", frames, valid)
    monkeypatch.chdir(tmp_path)
    programs = blocks(REPOSITORY / "README.md", "python")
    assert programs
    for program in programs:
        exec(compile(program, "README.md", "exec"), {"np": np})


def test_python_of_the_other_documents_imports_what_there_is() -> None:
    programs = [(d, text) for d in DOCUMENTS for text in blocks(d, "python") if not text.startswith(">>>")]
    assert len(programs) > 1
    for document, text in programs:
        for node in ast.walk(compile(text, named(document), "exec", ast.PyCF_ONLY_AST)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module or "")
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == [], named(document)


def commands(document: Path) -> Iterator[tuple[str, list[str]]]:
    """(file:line, words) of every `todpack ...` in a fence, an indented block or backticks."""
    text = document.read_text(encoding="utf-8")
    shown = re.compile(r"^```\w*\n(.*?)^```|^( {4}\S[^\n]*)$|`([^`]+)`", re.MULTILINE | re.DOTALL)
    for match in shown.finditer(text):
        place = f"{named(document)}:{text.count(chr(10), 0, match.start()) + 1}"
        lines = (match[1] or match[2] or re.sub(r"\s+", " ", match[3])).splitlines()
        for command in (one for line in lines for one in re.split(r"&&|\||; ", line)):
            if found := re.match(r"\s*(?:\$ )?todpack (.*)", command):
                yield place, shlex.split(found[1], comments=True)


@cache
def programs() -> click.Group:
    return command_group()


def known_options(words: list[str]) -> tuple[str, set[str]]:
    """The command that words begin with, and every option of it and of its groups."""
    command: click.Command = programs()
    options, names = {"--help", "-h", "--version"}, []
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        if found is None:
            break
        command, names = found, [*names, word]
        options |= {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    if names == ["decompress"]:  # hands all of its arguments to the decoder, which does without click
        with redirect_stdout(StringIO()) as text:
            assert decompress(["--help"]) == 0
        options |= set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", text.getvalue()))
    return " ".join(names), options


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if named(d) not in RECORDS], ids=named)
def test_commands_know_the_options_shown(document: Path) -> None:
    for place, words in commands(document):
        command, options = known_options(words)
        if words and re.fullmatch(r"[a-z][a-z-]*", words[0]):
            assert command, f"{place}: no command todpack {words[0]}"
        for word in words:
            if re.match(r"--?[a-z]", word):
                option = word.partition("=")[0]
                assert option in options, f"{place}: todpack {command} knows no {option}"


def test_targets_of_make_exist() -> None:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))
    for document in DOCUMENTS:
        for place, line in numbered(document):
            for code in re.findall(r"`(make [^`]*)`", line) + re.findall(r"^(make .*)$", line):
                named_targets = re.findall(r"^make ([a-z][a-z-]*)", code)
                assert set(named_targets) <= targets, f"{place}: {code}"


def test_extras_that_are_named_exist() -> None:
    """`pip install 'todpack[pack]'` in documents and messages, `.[pack]` for a clone."""
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"^(\w+) = \[", text.partition("[project.optional-dependencies]")[2], re.MULTILINE))
    told = [
        (place, extra)
        for path in [*DOCUMENTS, *CODE, REPOSITORY / "Makefile"]
        for place, line in numbered(path)
        for group in re.findall(r"(?:todpack|'\.)\[([a-z,]+)\]", line)
        for extra in group.split(",")
    ]
    assert len(told) > 20
    assert [place for place, extra in told if extra not in extras] == []


@pytest.mark.thorough
def test_spelling_is_american() -> None:
    british = re.compile(
        r"[n]eighbour|[c]olour|[b]ehaviour|(?:quant|optim|minim|serial|initial)is[aei]|\b[g]rey\b", re.I
    )
    files = [*DOCUMENTS, *CODE]
    assert len(files) > 300
    assert [place for p in files for place, line in numbered(p) if british.search(line)] == []
