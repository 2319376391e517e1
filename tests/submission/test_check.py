"""The rehearsal passes a good bundle and tells a grader's objections to a bad one."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import make_day, write_day
from tests.packer.micro_run import write_micro_run
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.decompressor.files import write_json
from todpack.eval.archive import score
from todpack.eval.measures.perceptual import LpipsAbsent
from todpack.frames import ReadOptions
from todpack.packer.gridmlp.pack import pack_run
from todpack.submission.build import build
from todpack.submission.check import Rehearsal, check
from todpack.submission.decoded_frames import _by_hour

PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def good(tiny_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tiny_archive, tmp_path_factory.mktemp("good") / "bundle").folder


@pytest.fixture
def bundle(good: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    shutil.copytree(good, tmp_path / "bundle")
    return tmp_path / "bundle"


def list_again(bundle: Path) -> None:
    """Make the manifest true again after a change."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    for name in list(manifest["files"]):
        if not (bundle / name).is_file():
            del manifest["files"][name]
            continue
        data = (bundle / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def rehearse(bundle: Path, day: Path) -> Rehearsal:
    return check(bundle, day, lpips=LpipsAbsent("not asked for"), python=PYTHON, threads=1)


def command(bundle: Path, day: Path, *more: str) -> int:
    return main(
        ["submit", "check", str(bundle), "--data", str(day), "--python", str(PYTHON), "--no-lpips", *more]
    )  # fmt: skip


def report_of(bundle: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((bundle.parent / "report.json").read_text())
    return report


@pytest.mark.thorough
def test_good_bundle_passes(
    bundle: Path, tiny_day: Path, tiny_archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(p.name for p in bundle.rglob("*"))
    assert command(bundle, tiny_day) == 0
    assert "PASSED" in capsys.readouterr().out
    report = report_of(bundle)
    assert report["passed"] is True
    assert report["faults"] == []
    assert report["archive_bytes"] == tiny_archive.stat().st_size
    assert report["lpips"] is None
    assert report["process_s"] > 0.0
    assert report["frame_ms_median"] > 0.0
    # the score is of the decoded frames: worked out again from the originals
    originals = [np.asarray(Image.open(tiny_day / f"tod_{t:02d}.png"), float) for t in range(24)]
    with open_archive(tiny_archive, provider="cpu") as archive:
        valid = archive.lightmaps[0].valid
        squares = [np.square(archive.decode(float(t)) - originals[t])[valid] for t in range(24)]
    assert report["psnr_srgb_db"] == pytest.approx(10 * np.log10(255**2 / np.mean(squares)), abs=1e-3)
    assert sorted(p.name for p in bundle.rglob("*")) == before  # the bundle itself is left as it was


@pytest.mark.thorough
def test_json_report_on_stdout(good: Path, tiny_day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(good, tiny_day, "--json", "--report", str(tmp_path / "mine.json")) == 0
    written = json.loads((tmp_path / "mine.json").read_text())
    assert {"written_by": "todpack", **json.loads(capsys.readouterr().out)} == written


@pytest.mark.thorough
def test_changed_file_fails(bundle: Path, tiny_day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frames are right all the same; the manifest tells on it."""
    (bundle / "README.md").write_text("other words")
    assert command(bundle, tiny_day) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    assert "README.md: changed since it was built" in captured.err
    assert report_of(bundle)["passed"] is False


@pytest.mark.thorough
def test_archive_of_another_size_fails(bundle: Path, tiny_day: Path, tmp_path: Path) -> None:
    pack_run(write_micro_run(tmp_path / "run", hours=tuple(map(float, range(24)))), bundle / "tiny.tod")
    list_again(bundle)
    (fault,) = rehearse(bundle, tiny_day).faults
    assert fault == "tod_00.png: expected RGB of 72 x 64, found RGB of 8 x 8"


@pytest.mark.thorough
def test_missing_hours_fail(bundle: Path, tiny_day: Path, tmp_path: Path) -> None:
    pack_run(write_micro_run(tmp_path / "run", height=64, width=72), bundle / "tiny.tod")
    list_again(bundle)
    assert rehearse(bundle, tiny_day).faults == ["expected 24 frames, found 2"]


@pytest.mark.thorough
def test_wrong_frame_fails(bundle: Path, tiny_day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A decompressor that writes one frame wrongly."""
    script = bundle / "decompress.py"
    script.write_text(
        script.read_text().replace(
            "    sys.exit(main())",
            "    code = main()\n"
            "    from PIL import Image\n"
            "    file = Path(sys.argv[sys.argv.index('-o') + 1]) / 'tod_05.png'\n"
            "    Image.open(file).rotate(180).save(file)\n"
            "    sys.exit(code)",
        )
    )
    list_again(bundle)
    assert command(bundle, tiny_day) == 1
    assert "hour 5: only " in capsys.readouterr().err
    report = report_of(bundle)
    assert report["passed"] is False
    assert len(report["faults"]) == 1
    assert report["psnr_srgb_db"] > 0.0


@pytest.mark.thorough
def test_archive_of_another_day_fails(bundle: Path, tiny_day: Path, tmp_path: Path) -> None:
    """It decodes consistently, and its frames are noise: a grader would see it at once."""
    options = {"height": 64, "width": 72, "hours": tuple(map(float, range(24))), "masked": False}
    pack_run(write_micro_run(tmp_path / "run", **options), bundle / "tiny.tod")
    list_again(bundle)
    assert command(bundle, tiny_day) == 1
    report = report_of(bundle)
    (fault,) = report["faults"]
    assert re.search(
        "mean squared error .* far over .* of one flat color; expected an archive of these originals", fault
    )
    assert report["passed"] is False
    assert report["psnr_srgb_db"] < 10.0


@pytest.mark.parametrize("name", ["tiny.tod", "decompress.py", "decompressor/archive.py", "README.md"])
@pytest.mark.thorough
def test_missing_file_fails(bundle: Path, tiny_day: Path, name: str) -> None:
    (bundle / name).unlink()
    assert command(bundle, tiny_day) == 1
    report = report_of(bundle)
    assert report["passed"] is False
    assert f"{name}: missing" in report["faults"]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("raise RuntimeError('out of luck')", "expected exit code 0, found 1: RuntimeError: out of luck"),
        ("sys.exit(3)", "expected exit code 0, found 3: no output"),
        ("sys.exit(0)", "decompress.py: expected it to write its timings, found FileNotFoundError"),
        ("import trainer", "ModuleNotFoundError"),
    ],
)
def test_broken_script_fails(bundle: Path, tiny_day: Path, statement: str, words: str) -> None:
    script = bundle / "decompress.py"
    # this interpreter has the repository installed for editing; a grader's has not
    hide = "sys.meta_path[:] = [m for m in sys.meta_path if 'editable' not in repr(m)]"
    script.write_text(f"import sys\n{hide}\n{statement}\n{script.read_text()}")
    list_again(bundle)
    assert command(bundle, tiny_day) == 1
    assert any(words in fault for fault in report_of(bundle)["faults"])


@pytest.mark.parametrize("name", ["../secret.tod", "/etc/passwd"])
def test_manifest_that_points_outside(bundle: Path, tiny_day: Path, name: str) -> None:
    """Paths out of the bundle are a fault or refused; nothing out there is read as the archive."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = manifest["files"].pop("tiny.tod")
    manifest["archive"] = name
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert command(bundle, tiny_day) == 1


DECOMPRESS = """import json, os, sys
from pathlib import Path
out, timings = Path(sys.argv[3]), Path(sys.argv[5])
out.mkdir()
{}
"""


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("timings.write_text('{\"frame_ms\": {}}')", "decompress.py: expected it to write the times of its frames"),
        ('timings.write_text(\'{"frame_ms": {"a": [NaN]}}\')', "decompress.py: expected it to write the times"),
        ("os.mkfifo(timings)", "decompress.py: expected it to write its timings, found"),
        ("os.write(2, b'no \\xff'); sys.exit(1)", r"decompress.py: expected exit code 0, found 1: no \xff"),
        (
            'timings.write_text(\'{"frame_ms": {"a": [1]}}\')\n'
            "for n in range(24): (out / f'{n:02}.png').write_text('x')",
            "00.png: expected RGB of 72 x 64, found a file that is no PNG (UnidentifiedImageError)",
        ),
        (
            "timings.write_text('{\"frame_ms\": {\"a\": [1]}}')\nfor n in range(24): os.mkfifo(out / f'{n:02}.png')",
            "00.png: expected RGB of 72 x 64, found no file",
        ),
    ],
    ids=range(6),
)
def test_a_program_that_misbehaves_is_a_fault(
    bundle: Path, tiny_day: Path, capsys: pytest.CaptureFixture[str], body: str, fault: str
) -> None:
    report = bundle.parent / "report.json"
    write_json(report, {"passed": True})
    (bundle / "decompress.py").write_text(DECOMPRESS.format(body))
    list_again(bundle)
    assert command(bundle, tiny_day) == 1
    captured = capsys.readouterr()
    assert "FAILED" in captured.out
    (found,) = json.loads(report.read_text())["faults"]
    assert found.startswith(fault)


def test_frames_are_taken_by_their_hours() -> None:
    names = ["tod_05.png", "tod_05.90.png", "tod_06.png", "tod_18.png", "tod_18.10.png"]
    assert [file.name for file in sorted(map(Path, sorted(names)), key=_by_hour)] == names
    assert sorted(names) != names


def test_originals_of_other_times_are_not_compared(good: Path, tiny_day: Path, tmp_path: Path) -> None:
    shutil.copytree(good, tmp_path / "bundle")
    reading = ReadOptions(first_hour=0.5)
    result = check(tmp_path / "bundle", tiny_day, lpips=LpipsAbsent("no"), reading=reading, python=PYTHON, threads=1)
    assert result.faults == [
        "frames: expected the times of the originals, such as 0.5 h, found an archive of 0 h "
        "(--hours, --first-hour: those of the originals)"
    ]
    assert result.score is None


@pytest.mark.thorough
def test_a_lightmap_of_a_level_is_rehearsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("hall", "a b")):
        write_day(tmp_path / "level" / name, make_day(16, 16, 24, seed)[0], None)
    assert main(["compress", str(tmp_path / "level"), "-o", str(tmp_path / "a.tod")]) == 0
    assert main(["submit", "build", str(tmp_path / "a.tod"), "-o", str(tmp_path / "bundle")]) == 0
    readme = (tmp_path / "bundle" / "README.md").read_text()
    assert "`frames/LIGHTMAP/tod_00.png` ... `frames/LIGHTMAP/tod_23.png` (8-bit RGB)" in readme
    for name in ("hall", "a b"):
        assert command(tmp_path / "bundle", tmp_path / "level", "--lightmap", name) == 0
        assert "PASSED" in capsys.readouterr().out
        alone = score(tmp_path / "a.tod", tmp_path / "level", lightmap=name, lpips=LpipsAbsent("not wanted"))
        report = json.loads((tmp_path / "report.json").read_text())
        same = ("archive_bytes", "bpt", "compression_ratio", alone.psnr_key, "ssim")
        assert [report[key] for key in same] == [alone.to_json()[key] for key in same]
    assert command(tmp_path / "bundle", tmp_path / "level" / "hall", "--lightmap", "a b") == 1
    assert command(tmp_path / "bundle", tmp_path / "level") == 1
    assert "choose one by --lightmap" in capsys.readouterr().err
    assert main(["compress", str(tmp_path / "level"), "--lightmap", "hall", "-o", str(tmp_path / "hall.tod")]) == 0
    assert main(["submit", "build", str(tmp_path / "hall.tod"), "-o", str(tmp_path / "other")]) == 0
    assert command(tmp_path / "other", tmp_path / "level", "--lightmap", "a b") == 1
    assert capsys.readouterr().err.endswith("lightmap: expected 0..0 or one of hall, found 'a b'\n")
