"""The public surface of `todpack`: what is exported, what it loads, and that the documents' examples run."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import todpack
from tests.conftest import REPOSITORY, SAMPLE, make_day, write_day
from todpack.frames import Day

DOCUMENTS = ("docs/api.md",)


def test_all_is_what_is_exported() -> None:
    tree = ast.parse(Path(todpack.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.asname or alias.name for node in guarded.body for alias in node.names}  # type: ignore[attr-defined]
    assert set(todpack.__all__) == typed | {"__version__"}
    assert dir(todpack) == todpack.__all__ == sorted(todpack.__all__)
    for name in todpack.__all__:
        assert getattr(todpack, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'decompress'"):
        _ = todpack.decompress


def test_errors_have_one_root_and_all_are_there() -> None:
    errors = {n for n in todpack.__all__ if inspect.isclass(v := getattr(todpack, n)) and issubclass(v, Exception)}
    assert all(issubclass(getattr(todpack, name), todpack.TodpackError) for name in errors)
    folders = ("frames", "decompressor", "packer", "trainer", "eval", "submission")
    files = [REPOSITORY / folder / "errors.py" for folder in folders]
    defined = {
        node.name
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    assert errors == defined


@pytest.mark.thorough
@pytest.mark.parametrize("document", DOCUMENTS)
def test_examples_of_documents(document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "courtyard").symlink_to(SAMPLE)
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(str(REPOSITORY / document), module_relative=False)
    assert tried > 10 and not failed


def test_importing_and_decoding_load_nothing_heavy(tiny_archive: Path) -> None:
    program = (
        "import sys, todpack\n"
        "loaded = [name for name in ('numpy', 'onnxruntime', 'click') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
        "with todpack.open_archive(sys.argv[1]) as archive:\n"
        "    archive.decode(12.0)\n"
        "loaded = [name for name in ('scipy', 'onnx', 'torch', 'click') if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tiny_archive)], check=True)


def test_a_plain_install_names_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "sys.modules['threadpoolctl'] = None\n"
        "import numpy, todpack\n"
        "try:\n"
        "    todpack.compress(numpy.zeros((2, 4, 4, 3), 'u1'), 'x.tod')\n"
        "except todpack.MissingPackageError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "compress needs threadpoolctl: pip install 'todpack[pack]'\n"


def test_an_array_with_its_mask_and_hours(tmp_path: Path) -> None:
    frames, valid = make_day(24, 32, 6)
    hours = [0.0, 5.9, 6.0, 12.0, 18.0, 18.1]
    seen = []
    report = todpack.compress(
        frames, tmp_path / "x.tod", q_step=4, hours=hours, valid=valid, progress=lambda *stage: seen.append(stage)
    )
    assert report.size_bytes == (tmp_path / "x.tod").stat().st_size
    assert ("code", 1, 1) in seen
    with todpack.open_archive(tmp_path / "x.tod") as archive:
        assert archive.hours.tolist() == hours
        assert np.array_equal(archive.lightmaps[0].valid, valid)
        decoded = np.stack([archive.decode(t) for t in hours])
    error = (decoded.astype(float) - frames)[:, valid]
    assert report.psnr_db == pytest.approx(10 * np.log10(255**2 / (error**2).mean()), abs=1e-9)


def test_radiance_is_linear(tmp_path: Path) -> None:
    frames, _ = make_day(24, 32, 4)
    report = todpack.compress((frames / 64.0).astype(np.float32), tmp_path / "x.tod", target_psnr_db=45)
    assert report.psnr_db is not None and report.psnr_db >= 45
    with todpack.open_archive(tmp_path / "x.tod") as archive:
        assert archive.metadata["transfer"] == "linear"


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"source": np.zeros((24, 8, 8), np.uint8)}, todpack.DataError, r"shape \(T, H, W, 3\)"),
        ({"source": np.zeros((24, 8, 8, 3))}, todpack.DataError, "uint8 sRGB codes or float32"),
        ({"hours": [3, 2]}, todpack.DataError, "hours: expected 2 ascending hours"),
        ({"hours": [0, 24]}, todpack.DataError, "hours: expected 2 ascending hours"),
        ({"hours": [1, 1 + 1e-9]}, todpack.DataError, "hours: expected 2 ascending hours"),
        ({"hours": [1, 24 - 1e-9]}, todpack.DataError, "hours: expected 2 ascending hours"),
        ({"valid": np.ones((3, 3), bool)}, todpack.DataError, "valid: expected a bool array"),
        ({"valid": np.zeros((8, 8), bool)}, todpack.DataError, "with a valid texel"),
        ({"source": np.full((2, 8, 8, 3), -1, np.float32)}, todpack.DataError, "radiance >= 0"),
        ({"q_step": 4, "target_psnr_db": 40}, todpack.PackError, "--q-step: expected a step or a target"),
        ({"refine": "much"}, todpack.PackError, "refine: expected one of"),
        ({"transfer": "log"}, todpack.PackError, "--transfer: an option of linear radiance"),
        ({"entropy": "lzma"}, todpack.ConfigError, "--entropy: expected one of"),
        ({"source": "nowhere"}, todpack.DataError, "nowhere: expected a folder"),
        ({"lightmap": "L_0"}, todpack.DataError, "no lightmap"),
        ({"source": None}, todpack.RequestError, "source: expected a path, an array or a Day, found None"),
        ({"out": None}, todpack.RequestError, "out: expected a path, found None"),
        ({"source": "day", "encoding": None}, todpack.RequestError, "encoding: expected a name, found None"),
        ({"source": "day", "valid": "\0"}, todpack.RequestError, "mask: expected a path, alpha or none, found"),
        ({"source": 3}, todpack.RequestError, "source: expected a path, an array or a Day, found 3"),
        ({"out": 3}, todpack.RequestError, "out: expected a path, found 3"),
        ({"q_step": "much"}, todpack.RequestError, "q_step: expected a number, found much"),
        ({"target_psnr_db": [42]}, todpack.RequestError, r"target_psnr_db: expected a number, found \[42\]"),
        ({"target_size_bytes": "3000"}, todpack.RequestError, "target_size_bytes: expected a whole number, found 3000"),
        ({"jobs": 1.5}, todpack.RequestError, "jobs: expected a whole number, found 1.5"),
        ({"engine": "nosuch"}, todpack.RequestError, "engine: expected local or ray, found nosuch"),
        ({"refine": True}, todpack.RequestError, "refine: expected none, fast or full, found True"),
        ({"config": {}}, todpack.RequestError, r"config: expected a DayBasisConfig, found \{\}"),
        ({"options": 0}, todpack.RequestError, "options: expected DayBasisPackOptions, found 0"),
        ({"entropy": 1}, todpack.RequestError, "entropy: expected a name, found 1"),
        ({"progress": 3}, todpack.RequestError, "progress: expected a function, found 3"),
        ({"on_warning": "print"}, todpack.RequestError, "on_warning: expected a function, found print"),
        ({"hours": 0}, todpack.DataError, "hours: expected a list of numbers, found 0"),
        ({"hours": b"x"}, todpack.DataError, "hours: expected a list of numbers, found b'x'"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict[str, object], error: type[Exception], words: str) -> None:
    usual: dict[str, object] = {"source": np.zeros((2, 8, 8, 3), np.uint8), "out": tmp_path / "x.tod"}
    with pytest.raises(error, match=words):
        todpack.compress(**{**usual, **arguments})  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_only_our_own_is_replaced(tmp_path: Path) -> None:
    frames, _ = make_day(8, 8, 2)
    source = write_day(tmp_path / "day", frames, None)
    notes = tmp_path / "notes.tod"
    notes.write_text("mine")
    with pytest.raises(todpack.OutputError, match="was not written by todpack; replace it by overwrite=True"):
        todpack.compress(source, notes, refine="none")
    first = next(source.glob("*.png"))
    with pytest.raises(todpack.OutputError, match="expected an output that is not among the inputs"):
        todpack.compress(source, first, refine="none", overwrite=True)
    assert notes.read_text() == "mine"
    for overwrite in (True, False):
        todpack.compress(source, notes, refine="none", overwrite=overwrite)
    with todpack.open_archive(notes) as archive:
        assert archive.decode(0.0).shape == (8, 8, 3)


def test_paths_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(todpack.RequestError, match="path: expected that of an archive, found None"):
        todpack.verify(None)  # type: ignore[arg-type]
    assert todpack.verify("x" * 5000).faults
    for arguments in ((None, "day"), ("a.tod", None)):
        with pytest.raises(todpack.RequestError, match="expected a path, found None"):
            todpack.score(*arguments)  # type: ignore[arg-type]
    with pytest.raises(todpack.OutputError, match="cannot be written: File name too long"):
        todpack.compress(np.zeros((2, 8, 8, 3), np.uint8), tmp_path / ("x" * 300 + ".tod"))
    frames, _ = make_day(8, 8, 2)
    source = write_day(tmp_path / "day", frames, None)
    with pytest.raises(todpack.DataError, match="x: expected a mask"):
        todpack.read_day(source, mask="x" * 5000)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"radiance": np.full((3, 8, 8, 3), np.nan, np.float32)}, "radiance: 0 h: expected values of 0 to 255, found"),
        ({"radiance": np.full((3, 8, 8, 3), 256, np.float32)}, "radiance: 0 h: expected values of 0 to 255, found"),
        ({"radiance": np.full((3, 8, 8, 3), -1, np.float32), "transfer": "linear"}, "expected values of 0 to 3.40282e"),
        (
            {"radiance": np.zeros((3, 8, 8, 3))},
            "radiance: expected float32 of srgb8 or linear, found float64 of 'srgb8'",
        ),
        ({"radiance": np.zeros((1, 8, 8, 3), np.float32)}, "radiance: expected an array of shape"),
        ({"transfer": "log"}, "radiance: expected float32 of srgb8 or linear, found float32 of 'log'"),
        ({"hours": np.array([0.0, np.nan, 2.0])}, "hours: expected 3 ascending hours"),
        ({"hours": np.array([0.0, 1.0])}, "hours: expected 3 ascending hours"),
        ({"valid": np.ones((8, 8), np.uint8)}, "valid: expected a bool array"),
        ({"valid": np.ones((9, 8), bool)}, "valid: expected a bool array"),
    ],
)
def test_days_that_were_put_together_are_checked(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    frames, valid = make_day(8, 8, 3)
    day = Day(frames.astype(np.float32), valid, np.arange(3.0), "srgb8", "day")
    assert todpack.compress(day, tmp_path / "a.tod").size_bytes
    with pytest.raises(todpack.DataError, match=re.escape(words)):
        todpack.compress(dataclasses.replace(day, **changes), tmp_path / "b.tod")
    assert not (tmp_path / "b.tod").exists()
