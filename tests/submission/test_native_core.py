"""A bundle holds the native core: source, and the library of this platform; it decodes alike with and without."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import todpack
from todpack.decompressor.daybasis import native
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.submission.build import build
from todpack.submission.check import Rehearsal, check

PYTHON = Path(sys.executable)
built = pytest.mark.skipif(not native.IS_THERE, reason="the native core was not built")


@pytest.fixture(scope="module")
def good(tiny_day: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native")
    todpack.compress(tiny_day, folder / "day.tod", q_step=24)
    return build(folder / "day.tod", folder / "bundle").folder


@pytest.fixture
def bundle(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "bundle"))


def rehearse(bundle: Path, day: Path) -> Rehearsal:
    return check(bundle, day, lpips=LpipsAbsent("not asked for"), python=PYTHON, threads=1)


def decode(bundle: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ["-I", "decompress.py", "day.tod", "-o", "frames", "--hours", "12", "--overwrite", *more]
    return subprocess.run([str(PYTHON), *words], cwd=bundle, capture_output=True, text=True, check=False)


@built
def test_it_holds_source_and_library(good: Path) -> None:
    source = Path(native.__file__).resolve().parents[2] / "native"
    shipped = {path.relative_to(good / "native") for path in (good / "native").rglob("*") if path.is_file()}
    assert {path.relative_to(source) for path in (source / "src").iterdir()} < shipped
    assert {Path("build.py"), Path("python/_native.c")} < shipped
    assert native.LIBRARY is not None
    assert (good / "decompressor" / native.LIBRARY.name).read_bytes() == native.LIBRARY.read_bytes()
    assert "decompressor/_native" in (good / "README.md").read_text()


@built
@pytest.mark.thorough
def test_rehearsed_with_and_without(bundle: Path, tiny_day: Path) -> None:
    result = rehearse(bundle, tiny_day)
    assert result.faults == []
    assert result.process_without_core_s is not None
    frames = bundle / "decompressor/frame.py"
    frames.write_text(frames.read_text().replace("np.clip(rgb, 0.0, 255.0)", "np.clip(rgb, 9.0, 255.0)"))
    sums = bundle / "decompressor/daybasis/decoder.py"
    sums.write_text(sums.read_text().replace("as_rgb8 and self._known.has_codes", "False"))
    faults = rehearse(bundle, tiny_day).faults
    assert "frames: expected the same without the native core, found others" in faults
    sums.write_text("raise RuntimeError('NumPy alone')")
    faults = rehearse(bundle, tiny_day).faults
    assert [fault for fault in faults if fault.startswith("without the native core: decompress.py: expected exit code")]


@built
@pytest.mark.thorough
def test_built_from_the_source_of_a_bundle(bundle: Path) -> None:
    for library in (bundle / "decompressor").glob("_native*"):
        library.unlink()
    assert decode(bundle, "--decoder", "native").returncode == 1
    assert decode(bundle).returncode == 0
    plain = (bundle / "frames/tod_12.png").read_bytes()
    made = subprocess.run([str(PYTHON), "native/build.py"], cwd=bundle, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert decode(bundle, "--decoder", "native").returncode == 0
    assert (bundle / "frames/tod_12.png").read_bytes() == plain


def test_the_compiler_is_not_there(bundle: Path) -> None:
    words = [str(PYTHON), "native/build.py"]
    done = subprocess.run(words, cwd=bundle, capture_output=True, text=True, env={"CC": "no-such-cc"}, check=False)
    assert (done.returncode, done.stderr) == (1, "build.py: no-such-cc: No such file or directory\n")
