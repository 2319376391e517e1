"""Figures of documents are those of docs/benchmarks.json; README and its translation show the same commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPOSITORY
from todpack.cli import main
from todpack.eval.bench.document import bench_document
from todpack.eval.bench.figures import BEGIN, END, marked_text, readme_figures, with_figures, write_figures
from todpack.eval.bench.sets import bounds, decisions
from todpack.eval.errors import EvalError

READMES = {"en": "README.md", "zh": "README.zh.md"}


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text_of("docs/benchmarks.json"))
    return found


def test_the_page_of_benchmarks_is_the_files(result: dict[str, Any]) -> None:
    assert text_of("docs/benchmarks.md") == bench_document(result, bounds("rate"), decisions())


@pytest.mark.parametrize(("language", "name"), READMES.items())
def test_readmes_figures_are_the_files(language: str, name: str, result: dict[str, Any]) -> None:
    if "sample" not in result["rate"]["sets"]:
        pytest.skip("docs/benchmarks.json has no rates of the sample")
    text = text_of(name)
    assert with_figures(text, result, language) == text


def test_figures_stand_nowhere_else_in_readme() -> None:
    """Decibels, milliseconds and percent are measured, so they come from the file."""
    for name in READMES.values():
        text = text_of(name)
        outside = text[: text.index(BEGIN)] + text[text.index(END) :]
        assert re.findall(r"\d+(?:\.\d+)? ?(?:dB|ms|us|kB|%)", outside) == []


def test_both_readmes_show_the_same_commands() -> None:
    english, chinese = (text_of(name) for name in READMES.values())

    def blocks(text: str) -> list[str]:
        return re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)

    def spans(text: str) -> set[str]:
        prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        return set(re.findall(r"`((?:todpack|make|pip) [^`]*)`", prose))

    def links(text: str) -> list[str]:
        return [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("README")]

    assert blocks(english) == blocks(chinese) != []
    assert spans(english) == spans(chinese)
    assert links(english) == links(chinese)
    assert english.count("\n## ") == chinese.count("\n## ")


def test_marks_are_asked_for(result: dict[str, Any]) -> None:
    with pytest.raises(EvalError, match="once each"):
        with_figures("no marks", result, "en")
    with pytest.raises(EvalError, match="rates of the set sample"):
        readme_figures({}, "en")


def test_what_is_outside_of_the_marks_stays(result: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_bytes(f"# mine\r\n{BEGIN}\r\nold\r\n{END}\r\nafter\n".encode())
    write_figures(path, result)
    found = path.read_bytes().decode()
    assert found.startswith(f"# mine\r\n{BEGIN}\r\n") and found.endswith(f"\r\n{END}\r\nafter\n")
    assert found.count("\n") == found.count("\r\n") + 1
    swapped = f"{END}\nmine\n{BEGIN}\nmine too\n"
    path.write_text(swapped)
    with pytest.raises(EvalError, match="once each and in this order"):
        write_figures(path, result)
    assert path.read_text() == swapped


def test_a_readme_without_marks_is_told_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    for content, expected in ((b"no marks", "expected the lines"), (b"\xff", "cannot be read")):
        path.write_bytes(content)
        with pytest.raises(EvalError, match=rf"README\.md: {expected}"):
            marked_text(path)
    with pytest.raises(EvalError, match="expected a README, found none"):
        marked_text(tmp_path)


def test_a_readme_without_the_sample_is_told_before_the_work(
    tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n")
    words = ["eval", "bench", str(tiny_day), "--quick", "--readme", str(path), "--results", str(tmp_path / "a.json")]
    assert main(words) == 1
    assert capsys.readouterr().err == "todpack: error: README's figures need the rates of the set sample\n"
    assert not (tmp_path / "a.json").exists()
