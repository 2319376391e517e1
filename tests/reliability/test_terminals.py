"""Text of files reaches terminals escaped and cut, and commands work without standard streams."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from todpack.cli import main
from todpack.decompressor.errors import OutputError, TodpackError
from todpack.decompressor.plain_text import MAX_LINE, PlainText, one_line, printable, shown
from todpack.decompressor.signatures import ZIP_COMMENT
from todpack.eval.errors import EvalError
from todpack.eval.process import run_todpack
from todpack.eval.tables import columns

ARCHIVE = REPOSITORY / "tests" / "golden" / "daybasis-zstd-1.0.tod"
DEEP = 5000


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain: 12 x 3", "plain: 12 x 3"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("two\nlines", "two\nlines"),
        ("\r\x08\x9b", r"\r\x08\x9b"),
        ("\ud800 \u202e", r"\ud800 \u202e"),
        ("Äpfel 光", "Äpfel 光"),
    ],
)
def test_printable(text: str, plain: str) -> None:
    assert printable(text) == plain
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("n", [MAX_LINE, MAX_LINE + 1, 5000, 1_000_000])
def test_a_long_line_loses_its_middle(n: int) -> None:
    line = one_line("a" * (n - 3) + "end")
    assert len(line) == MAX_LINE
    assert line.endswith("end")
    assert str(TodpackError("\x1b" * n)).isprintable()


def test_names_start_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("a\ntodpack: error: b\t\x1b") == r"a\ntodpack: error: b\t\x1b"
    assert columns(["name"], [["a\nb"]]) == ["name", r"a\nb"]
    forged = tmp_path / "a\ntodpack: whole"
    shutil.copyfile(ARCHIVE, forged)
    for words in (["verify"], ["inspect"]):
        assert main([*words, str(forged)]) == 0
        assert "todpack: whole" not in capsys.readouterr().out.splitlines()
    for words in (["decompress", str(ARCHIVE), "-o", str(forged)], ["compress", "nowhere", "-o", f"{forged}.tod"]):
        assert main(words) == 1
        assert "expected the path of an output without line ends" in capsys.readouterr().err


LOGS = "import logging, sys; from todpack.decompressor.plain_text import log_to_stderr; log_to_stderr(); "
LOGS += "logging.warning('%s: odd', sys.argv[1])"


def test_a_logged_name_starts_no_line() -> None:
    words = [sys.executable, "-c", LOGS, "a\ntodpack: error: b"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == "todpack: a\\ntodpack: error: b: odd\n"


def test_a_trial_logs_a_path_of_any_bytes(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="todpack verify: "):
        run_todpack(["verify", str(tmp_path / "bad\udcff.tod")], log=tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text("utf-8").startswith("$ todpack verify ")


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"^{tmp_path}: cannot be written: Is a directory$"):
        run_todpack(["verify", "nothing.tod"], log=tmp_path)


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="signal masks")
def test_a_worker_hears_no_ctrl_c_from_its_first_moment() -> None:
    """Nor the first one, which starts multiprocessing's tracker on its way."""
    done = subprocess.run([sys.executable, "-c", FIRST_WORKER], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "True"


FIRST_WORKER = """import multiprocessing, signal
from todpack.packer.dataset.workers import quiet_children
with quiet_children():
    process = multiprocessing.get_context("spawn").Process(target=print)
    process.start()
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
process.kill()
process.join()
"""


def test_a_stream_of_few_characters() -> None:
    raw = io.BytesIO()
    stream = PlainText(io.TextIOWrapper(raw, "ascii"))
    stream.write("Ä \x1b[2J\n")
    stream.flush()
    assert raw.getvalue() == b"\\xc4 \\x1b[2J\n"


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors in a shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("words", "code"), [(["verify", str(ARCHIVE)], 0), (["verify", "gone.tod"], 1), (["inspect", str(ARCHIVE)], 0)]
)
@pytest.mark.thorough
def test_commands_work_without_standard_streams(closed: str, words: list[str], code: int, tmp_path: Path) -> None:
    command = " ".join(["exec", sys.executable, "-m", "todpack", *words, closed])
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def refused(words: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "todpack", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("todpack: error: ")
    assert line.isprintable()
    return line


@pytest.mark.thorough
def test_deep_json_and_toml(tmp_path: Path) -> None:
    """Of run folders, search spaces, contest datasets and manifests: one line."""
    deep = '{"lightmap_list":' * DEEP + "1" + "}" * DEEP
    run, space, toml, dataset, bundle = (tmp_path / n for n in ("run", "space.json", "space.toml", "dataset", "bundle"))
    for folder in (run, dataset, bundle):
        folder.mkdir()
    (run / "config.json").write_text(deep)
    (dataset / "config.json").write_text(deep)
    (bundle / "manifest.json").write_text(deep)
    space.write_text(deep)
    toml.write_text("a = " + "[" * DEEP + "]" * DEEP)
    sample = str(REPOSITORY / "samples" / "courtyard")
    for words in (
        ["pack", str(run), "-o", str(tmp_path / "a.tod")],
        ["search", str(space), "--data", sample, "-o", str(tmp_path / "out")],
        ["search", str(toml), "--data", sample, "-o", str(tmp_path / "out")],
        ["compress", str(dataset), "-o", str(tmp_path / "a.tod")],
        ["submit", "check", str(bundle), "--data", sample],
    ):
        assert "nested deeper than 16 levels" in refused(words)


@pytest.mark.thorough
def test_arrays_that_are_cut_off(tmp_path: Path) -> None:
    from tests.packer.micro_run import write_micro_run

    run = write_micro_run(tmp_path / "run")
    whole = (run / "arrays.npz").read_bytes()
    for n in (0, 10, len(whole) // 2, len(whole) - len(ZIP_COMMENT) - 1):
        (run / "arrays.npz").write_bytes(whole[:n])
        assert "not a readable NPZ file" in refused(["pack", str(run), "-o", str(tmp_path / "a.tod")])
