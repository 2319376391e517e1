"""A folder of inputs that are wrong, each in one way."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import REPOSITORY, make_day
from tests.conftest import write_day as write_frames
from tests.contest_data import make_radiance, write_dataset
from tests.decompressor.forge import put_together, take_apart, with_header
from tests.packer.micro_run import micro_arrays, write_micro_run
from todpack.eval.measures.contest import MEASURES
from todpack.frames import read_day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.gridmlp.pack import pack_run

GOLDEN = REPOSITORY / "tests" / "golden"
KEYS = ("0", "1200")


def _days(m: Path) -> None:
    frames, valid = make_day(8, 12, 3)
    write_frames(m / "day", frames, valid)
    for name in ("mixed", "sixteen", "translucent", "text", "cut", "hole", "link", "mask-none"):
        shutil.copytree(m / "day", m / name)
    (m / "empty").mkdir()
    write_frames(m / "one", frames[:1], None)
    write_frames(m / "black", np.zeros_like(frames), None)
    Image.fromarray(frames[0][:4]).save(m / "mixed" / "tod_01.png")
    Image.fromarray(np.zeros((8, 12), np.uint16)).save(m / "sixteen" / "tod_01.png")
    Image.fromarray(np.full((8, 12, 4), 9, np.uint8)).save(m / "translucent" / "tod_01.png")
    (m / "translucent" / "valid.png").unlink()  # a mask goes before alpha
    (m / "text" / "tod_01.png").write_text("not an image")
    (m / "cut" / "tod_01.png").write_bytes((m / "day" / "tod_01.png").read_bytes()[:60])
    for name in ("hole", "link"):
        (m / name / "tod_01.png").unlink()
    (m / "hole" / "tod_01.png").mkdir()
    (m / "link" / "tod_01.png").symlink_to("nowhere.png")
    Image.fromarray(np.zeros((8, 12), np.uint8)).save(m / "mask-none" / "valid.png")
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save(m / "small-mask.png")
    (m / "note.txt").write_text("a note")


def _datasets(m: Path) -> None:
    for name in ("level", "nan", "negative", "short", "gone", "odd-mask", "no-json", "no-list", "twins"):
        write_dataset(m / name, {("L", 0): make_radiance(8, 12, KEYS)}, KEYS)
    frames = {name: next((m / name / "Data").glob("lightmapRawData*TOD_0_*")) for name in ("nan", "negative", "short")}
    for name, value in (("nan", np.nan), ("negative", -1.0)):
        values = np.fromfile(frames[name], "<f4")
        values[:3] = value
        values.tofile(frames[name])
    frames["short"].write_bytes(frames["short"].read_bytes()[:-4])
    next((m / "gone" / "Data").glob("lightmapCoverage*TOD_1200*")).unlink()
    mask = next((m / "odd-mask" / "Data").glob("lightmapCoverage*TOD_0_*"))
    mask.write_bytes(b"\x05" + mask.read_bytes()[1:])
    (m / "no-json" / "config.json").write_text('{"lightmap_list": [')
    (m / "no-list" / "config.json").write_text('{"lightmap_list": 5}')
    (m / "twins" / "config.json").write_text('{"lightmap_list": [], "lightmap_list": []}')


def _archives(m: Path) -> None:
    options = DayBasisPackOptions()
    encode_day(read_day(m / "day"), DayBasisConfig(), options).write(m / "a.tod")
    encode_day(read_day(m / "level"), DayBasisConfig(q_step=1.0), options).write(m / "linear.tod")
    data = (m / "a.tod").read_bytes()
    (m / "zero.tod").write_bytes(b"")
    (m / "cut.tod").write_bytes(data[:-10])
    (m / "head.tod").write_bytes(data[:20])
    (m / "flip.tod").write_bytes(data[:-10] + bytes([data[-10] ^ 1]) + data[-9:])
    (m / "flip-head.tod").write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    (m / "major2.tod").write_bytes(data[:8] + b"\x02" + data[9:])
    metadata, stored = take_apart(data)
    (m / "future.tod").write_bytes(put_together(metadata, stored, lambda entry: entry.update(requires=["telepathy"])))
    (m / "not-json.tod").write_bytes(with_header(b"", 0, b""))
    (m / "family.tod").write_bytes(put_together(metadata, stored, lambda entry: entry.update(model_type="nerf")))
    (m / "hours.tod").write_bytes(put_together(metadata, stored, lambda entry: entry.update(hours=[12, 0, 25])))


def _runs(m: Path) -> None:
    for name in ("run", "no-arrays", "no-config-json", "bad-hours", "late-hours", "format9", "nerf", "nan-run", "shape",
                 "no-zip", "list", "sizes"):  # fmt: skip
        write_micro_run(m / name)
    (m / "no-arrays" / "arrays.npz").unlink()
    (m / "no-config-json" / "config.json").write_text("{")
    (m / "list" / "config.json").write_text("[]")
    (m / "no-zip" / "arrays.npz").write_text("not a zip file")
    for name, changes in {
        "bad-hours": {"hours": [0.0, "noon"]}, "late-hours": {"hours": [12.0, 6.0]}, "format9": {"run_format": 9},
        "nerf": {"family": "nerf"}, "sizes": {"height": -8},
    }.items():  # fmt: skip
        fields = json.loads((m / name / "config.json").read_text())
        (m / name / "config.json").write_text(json.dumps({**fields, **changes}))
    arrays = micro_arrays(height=8, width=8, levels=(2, 4), channels=1, hidden=4, layers=1, harmonics=1)
    with (m / "nan-run" / "arrays.npz").open("wb") as file:
        np.savez(file, **{**arrays, "grid_0": arrays["grid_0"] * np.nan})
    with (m / "shape" / "arrays.npz").open("wb") as file:
        np.savez(file, **{**arrays, "mlp_0_bias": arrays["mlp_0_bias"][:2]})
    (m / "unfinished").mkdir()
    (m / "unfinished" / "last.ckpt").write_bytes(b"garbage")
    pack_run(m / "run", m / "grid.tod")


def make_material(m: Path) -> Path:
    """Write everything into a new folder."""
    m.mkdir()
    _days(m)
    _datasets(m)
    _archives(m)
    _runs(m)
    (m / "space.toml").write_text('family = "gridmlp"\ntrials = 0\n')
    (m / "space-key.toml").write_text('family = "gridmlp"\ntrails = 3\n')
    (m / "not.toml").write_text("= =")
    for name in ("deep.json", "tuned.json.points.json"):
        (m / name).write_text("[" * 100_000)
    (m / "deep.toml").write_text("a = " + "[" * 100_000)
    (m / "infinite.json").write_text('{"settings": {"L": {"transfer": "gamma", "reweight": 1e400, "q_step": 1}}}')
    (m / "huge.json").write_text('{"q_steps": {"L": 1' + "0" * 400 + "}}")
    tables = "".join(f"[{name}]\nbest = 1{'0' * 400}\nworst = 0\nweight = 1\n" for name in MEASURES)
    (m / "huge.toml").write_text(tables)
    os.mkfifo(m / "pipe")
    with zipfile.ZipFile(m / "evil.pt", "w") as weights:  # as torch stores an object whose loading runs `true`
        weights.writestr("archive/data.pkl", b"\x80\x02cposix\nsystem\n(X\x04\x00\x00\x00truetR.")
        weights.writestr("archive/version", "3\n")
    (m / "steps.json").write_text('{"q_steps": {"L_0": -1}}')
    (m / "scorer.toml").write_text("[nothing]\n")
    (m / "latent.npy").write_bytes(b"\x93NUMPY")
    (m / "garbage.ckpt").write_bytes(b"garbage")
    return m
