"""Which files may be replaced unasked: those of ours, of which each kind says so at one place."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from todpack.decompressor.container import MAGIC
from todpack.decompressor.files import write_json, write_text
from todpack.decompressor.frame_files import write_frame
from todpack.decompressor.hours_list import hours_text
from todpack.decompressor.signatures import MARKDOWN, is_earlier_output
from todpack.eval.view.page import build_page
from todpack.packer.run_folder import write_arrays
from todpack.submission.folder import write_zip
from todpack.trainer.nerfs.config import InfNeRFConfig

FRAME = np.zeros((4, 4, 3), np.uint8)
USAGE = "all:\n\ttodpack compress frames -o s.tod\n"
OTHERS = {
    "Makefile": USAGE,
    "run.sh": USAGE,
    "work.py": "import todpack\n",
    "work.csv": "import todpack\nepoch,loss,psnr_estimate_db\n",
    "s.tod": "todpack",
    "package.json": '{"name": "about todpack", "written_by": "todpack"}',
    "list.json": '["written_by", "todpack"]',
    "notes.html": '<!doctype html><p>todpack</p><!-- <meta name="generator" content="todpack"> --></p>',
    "talk.html": '<!doctype html><body><pre><meta name="generator" content="todpack"></pre>',
    "notes.md": f"# Notes\n\nPages of todpack have {MARKDOWN}\n{MARKDOWN}\n",
    "hours.txt": "# made for todpack\ntod_00.png 0\n",
    "plot.svg": '<?xml version="1.0"?><svg><metadata></metadata><text><dc:title>todpack</dc:title></text></svg>',
    "day.mp4": "todpack",
    "a.zip": "PK todpack",
    "a.npy": "todpack",
    "unknown": "todpack",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_word_makes_no_file_ours(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(OTHERS[name])
    assert not is_earlier_output(path)
    path.write_bytes(b"")
    assert is_earlier_output(path)


def test_a_picture_and_a_zip_of_others(tmp_path: Path) -> None:
    titled = PngInfo()
    titled.add_text("Comment", "Software\0todpack")
    Image.fromarray(FRAME).save(tmp_path / "paper.png", pnginfo=titled)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("todpack/note", "todpack")
        archive.comment = b"made for todpack"
    for name in ("paper.png", "a.zip"):
        assert not is_earlier_output(tmp_path / name)


def test_what_we_write_is_ours(tmp_path: Path, tiny_archive: Path) -> None:
    write_frame(tmp_path / "a.png", FRAME, "png")
    write_json(tmp_path / "a.json", {"bytes": 1})
    write_text(tmp_path / "a.html", build_page(tiny_archive).text)
    write_arrays(tmp_path / "a.npz", {"valid": np.ones(3)})
    write_zip(tmp_path, ["a.png"], tmp_path / "a.zip")
    write_frame(tmp_path / "tod_00.npy", FRAME, "npy")
    (tmp_path / "hours.txt").write_text(hours_text(tmp_path, {"tod_00.npy": 0.0}) or "")
    found = [tiny_archive, *sorted(tmp_path.iterdir())]
    assert len(found) == 8
    assert [path.name for path in found if not is_earlier_output(path)] == []
    with np.load(tmp_path / "a.npz", allow_pickle=False) as stored:
        assert stored["valid"].tolist() == [1, 1, 1]
    assert tiny_archive.read_bytes().startswith(MAGIC)


def test_exr(tmp_path: Path) -> None:
    pytest.importorskip("OpenEXR")
    write_frame(tmp_path / "a.exr", FRAME.astype(np.float32), "exr")
    assert is_earlier_output(tmp_path / "a.exr")


def test_what_torch_writes(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from todpack.trainer.checkpoint import load_checkpoint, save_checkpoint, write_tensors
    from todpack.trainer.nerfs.inf_nerf.model_file import write_model
    from todpack.trainer.nerfs.inf_nerf.octree import Octree
    from todpack.trainer.progress import EpochLog

    EpochLog(tmp_path / "log.csv", 0)
    save_checkpoint(tmp_path / "last.ckpt", {"epoch": 3})
    write_tensors(tmp_path / "f2.pt", {"a": torch.zeros(2)})
    write_model(tmp_path / "model.infnerf", InfNeRFConfig(), Octree.root_only(), torch.zeros(2, 4))
    assert [path.name for path in tmp_path.iterdir() if not is_earlier_output(path)] == []
    assert load_checkpoint(tmp_path / "last.ckpt")["epoch"] == 3
    other = io.BytesIO()
    torch.save({"model": "todpack", "checkpoint_format": 1}, other)
    (tmp_path / "other.pt").write_bytes(other.getvalue())
    assert not is_earlier_output(tmp_path / "other.pt")


@pytest.mark.thorough
def test_a_video_and_plots(tmp_path: Path) -> None:
    pytest.importorskip("av")
    pytest.importorskip("matplotlib")
    from todpack.eval.rd.plots import plot_files, write_plots
    from todpack.eval.report.pictures import encode_video

    frames = np.zeros((2, 16, 16, 3), np.uint8)
    (tmp_path / "day.mp4").write_bytes(encode_video(frames, frames, np.ones((16, 16), bool), 1.0))
    point = {
        "setting": "q 1",
        "runs": 1,
        "bytes": {"mean": 9.0, "deviation": None},
        "psnr_db": {"mean": 40.0, "deviation": None},
    }
    plots = write_plots([{"name": "daybasis", "family": "daybasis", "points": [point]}], tmp_path)
    assert set(plots) <= set(plot_files(tmp_path))
    assert {path.suffix for path in plots} == {".png", ".svg"}
    assert [path.name for path in tmp_path.iterdir() if not is_earlier_output(path)] == []
