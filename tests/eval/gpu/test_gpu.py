"""`make gpu` by the CPU: the same code, small sizes; and what it says where there is no CUDA device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import CONTEST_SAMPLE, REPOSITORY

torch = pytest.importorskip("torch", reason="torch is not installed")

from todpack.cli import main  # noqa: E402
from todpack.eval.gpu import __main__ as program  # noqa: E402
from todpack.eval.gpu import frames, report  # noqa: E402
from todpack.eval.gpu.report import Row, Work, measure, page  # noqa: E402


@pytest.fixture(scope="module")
def submission(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    archive = folder / "level.tod"
    words = ["--q-step", "8", "--reweight", "0", "--max-classes", "1", "--jobs", "1"]
    assert main(["compress", str(CONTEST_SAMPLE), "-o", str(archive), *words]) == 0
    assert main(["submit", "build", "--layout", "contest", str(archive), "-o", str(folder / "built")]) == 0
    return folder / "built"


def test_an_enlarged_lightmap_repeats_the_shipped_one(submission: Path) -> None:
    """Its first block is the small lightmap's, to the bit, and the block after the last one is the first again."""
    config = json.loads((CONTEST_SAMPLE / "config.json").read_text())["lightmap_list"][0]
    get = frames.read_interface(submission).get
    small, large = get(config, "cpu"), frames.enlarged(get(config, "cpu"), 96, 128)
    for lightmap in (small, large):
        lightmap.reconstruct(17.3)
    one, other = small.get_result().reshape(3, -1), large.get_result()
    assert tuple(other.shape) == (1, 3, 96, 128)
    assert one.shape[1] < 4096 < 96 * 128
    flat = other.reshape(3, -1)
    assert torch.equal(flat[:, : one.shape[1]], one)
    assert torch.equal(flat[:, 4096:8192], flat[:, :4096])


def test_a_difference_is_found(submission: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frames.largest_difference(submission, CONTEST_SAMPLE, "cpu") == 0.0
    module = frames.read_interface(submission)

    class Off(module.Lightmap):  # type: ignore[misc, name-defined]
        calls = 0

        def get_result(self) -> torch.Tensor:
            Off.calls += 1
            return super().get_result() + (0.5 if Off.calls == 3 else 0.0)

    get = module.get

    def off(config: dict[str, object], device: str) -> object:
        lightmap = get(config, device)
        lightmap.__class__ = Off
        return lightmap

    module.get = off
    monkeypatch.setattr(frames, "read_interface", lambda _folder: module)
    assert frames.largest_difference(submission, CONTEST_SAMPLE, "cpu") == pytest.approx(0.5)


def test_bytes_and_times_go_together(submission: Path) -> None:
    one = frames.frame_time(submission, CONTEST_SAMPLE, "cpu", 64, 64, calls=3)
    assert one.least_ms <= one.median_ms
    assert one.gb_per_s == pytest.approx(64 * 64 * 4 * (one.n_maps + 9) / one.median_ms / 1e6)
    assert frames.bandwidth_gb_per_s("cpu", 1 << 20) > 0.01


@pytest.mark.thorough
def test_everything_is_measured(tiny_day: Path, tmp_path: Path) -> None:
    """A page with a row for each thing, the frame that has a target first."""
    work = Work(sizes=((96, 64), (128, 128)), copy_bytes=1 << 20, calls=3, epochs=1, samples=4096)
    said: list[str] = []
    rows = measure("cpu", tiny_day, CONTEST_SAMPLE, tmp_path, work, said.append)
    assert rows[0].what == "frame of 96 x 64"
    assert rows[0].wanted == "< 60 ms, aim < 30 ms"
    whats = [row.what for row in rows]
    assert whats[1:5] == [
        "frame of 128 x 128", "memory, copied", "Interface against the CPU", "rehearsal of the contest's grader",
    ]  # fmt: skip
    assert whats[5:] == [
        "gridmlp, an epoch of 4096 samples", "daybasis, refined (C, on the CPU on every machine)",
        "onnxruntime, provider cpu, daybasis", "onnxruntime, provider cpu, gridmlp",
    ]  # fmt: skip
    assert [row.is_met for row in rows[3:5] + rows[7:]] == [True] * 4
    assert said == ["the contest's Interface", "its rehearsal", "training", "compressing", "onnxruntime"]


def test_the_page_names_the_device_and_what_was_missed() -> None:
    text = page("cpu", [Row("frame of 1920 x 1080", "< 60 ms", "61 ms", False), Row("copy", "", "2 GB/s")])
    assert "| frame of 1920 x 1080 | < 60 ms | 61 ms | **missed** |" in text
    assert "| copy |  | 2 GB/s |  |" in text
    assert frames.device_name("cpu") in text


def test_without_a_device_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(report, "measure", pytest.fail)
    assert program.main(["--out", str(tmp_path / "gpu.md")]) == 0
    assert capsys.readouterr().out == "no CUDA device; nothing was measured\n"
    assert list(tmp_path.iterdir()) == []


def test_the_defaults_are_there() -> None:
    assert (REPOSITORY / "samples" / "courtyard").is_dir()
    assert Work().sizes[0] == (1920, 1080)
