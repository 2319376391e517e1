"""Run folders that are missing, foreign, cut short or inconsistent: one line that names the file and the trouble."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.packer.micro_run import MICRO, micro_arrays, write_micro_run
from todpack.packer import run_folder
from todpack.packer.errors import ConfigError, PackError
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.pack import pack_run
from todpack.packer.run_folder import RunRecord, read_run, write_run
from todpack.packer.staging_folder import put_folder


def refused(run: Path, words: str) -> None:
    out = run.parent / "out.tod"
    with pytest.raises(PackError, match=words) as caught:
        pack_run(run, out)
    assert "\n" not in str(caught.value)
    assert not out.exists()


def changed_config(run: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    fields = json.loads((run / "config.json").read_text())
    change(fields)
    (run / "config.json").write_text(json.dumps(fields))
    return run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_micro_run(tmp_path / "run")


def test_no_run_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", r"nothing: expected a run folder with config\.json, found none$")
    (tmp_path / "file").write_text("x")
    refused(tmp_path / "file", r"file: expected a run folder with config\.json")


def test_unfinished_training_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "last.ckpt").write_bytes(b"x")
    refused(tmp_path / "run", r"the training has not finished \(continue it by --resume\)")


@pytest.mark.parametrize("text", ["", "{", "\xff", "[1]", '"x"'])
def test_config_that_is_no_object(run: Path, text: str) -> None:
    (run / "config.json").write_bytes(text.encode("latin-1"))
    refused(run, r"config\.json: (not readable as JSON|expected an object)")


@pytest.mark.parametrize("field", [spec.name for spec in fields(RunRecord)])
def test_missing_and_mistyped_fields(run: Path, field: str) -> None:
    original = (run / "config.json").read_text()
    refused(changed_config(run, lambda f: f.pop(field)), f"config.json: expected the field '{field}' .*found none")
    (run / "config.json").write_text(original)
    refused(changed_config(run, lambda f: f.update({field: None})), rf"config.json\.{field}: expected .*found null")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.update(run_format=2), "expected run_format 1, found 2"),
        (lambda f: f.update(family="nerf"), "expected family .*found 'nerf'"),
        (
            lambda f: f["config"].update(layers=0),
            "json: config: --layers: expected an integer in 1..64, found 0",
        ),
        (lambda f: f["config"].update(hidden="4"), "config: --hidden: expected an integer in 1..4096, found '4'"),
        (lambda f: f["config"].pop("time_harmonics"), r"mlp_input_time: expected shape \[4, 16\], found \[4, 2\]"),
        (lambda f: f["config"].update(hiden=3), "config: unknown key 'hiden'; known: "),
        (lambda f: f["config"].update(layers=2), r"mlp_1_weight: expected shape \[4, 4\], found \[3, 4\]"),
        (lambda f: f["config"].update(hidden=5), r"mlp_input_features: expected shape \[5, 2\], found \[4, 2\]"),
        (lambda f: f["config"].update(grid_levels=[2, 4, 8]), "grid_2: expected this array, found none"),
        (lambda f: f["config"].update(channels_per_level=2), r"grid_0: expected shape \[None, None, 2\]"),
        (lambda f: f.update(height=9), r"valid: expected shape \[9, 8\], found \[8, 8\]"),
    ],
)
def test_config_that_does_not_fit(run: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    refused(changed_config(run, change), words)


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["config"].update(grid_levels=7),
        lambda f: f["config"].update(grid_levels=[]),
        lambda f: f.update(hours=[]),
        lambda f: f.update(hours=["a", "b"]),
        lambda f: f.update(hours=[12.0, 0.0]),
        lambda f: f.update(transfer="pq"),
        lambda f: f.update(name=""),
        lambda f: f.update(name="two\nlines"),
        lambda f: f["config"].update(baseline_time=float("nan")),
    ],
    ids=["levels 7", "no levels", "no hours", "text hours", "hours swapped", "transfer", "no name", "lines", "nan"],
)
def test_config_that_no_archive_can_hold(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Hand-edited values: a typed error of any kind, no archive, and no traceback."""
    from todpack.decompressor import TodpackError

    changed_config(run, change)
    with pytest.raises(TodpackError) as caught:
        pack_run(run, run.parent / "out.tod")
    assert "\n" not in str(caught.value)
    assert not (run.parent / "out.tod").exists()


@pytest.mark.parametrize("size", [0, 10, 300, -30])
def test_arrays_cut_short(run: Path, size: int) -> None:
    data = (run / "arrays.npz").read_bytes()
    (run / "arrays.npz").write_bytes(data[:size])
    refused(run, r"arrays\.npz: not a readable NPZ file")


def test_arrays_missing(run: Path) -> None:
    (run / "arrays.npz").unlink()
    refused(run, r"arrays\.npz: expected the model's arrays, found nothing there")


def test_pickled_arrays_are_refused(run: Path) -> None:
    np.savez(run / "arrays.npz", grid_0=np.array([{"a": 1}], dtype=object))
    refused(run, r"arrays\.npz: not a readable NPZ file: .*allow_pickle")


def test_a_plain_npy_file_is_refused(run: Path) -> None:
    with (run / "arrays.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    refused(run, r"arrays\.npz: not a readable NPZ file")


@pytest.mark.parametrize("name", ["grid_1", "mlp_input_features", "mlp_input_time", "mlp_0_bias", "mlp_1_weight"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_arrays_that_are_not_finite(tmp_path: Path, name: str, bad: float) -> None:
    arrays = micro_arrays(**MICRO)
    arrays[name].flat[1] = bad
    refused(write_micro_run(tmp_path / "run", arrays), f"{name}: expected finite numbers, found NaN or infinity")


@pytest.mark.parametrize("name", ["grid_0", "mlp_1_bias", "valid", "baseline"])
def test_arrays_missing_or_of_another_shape(tmp_path: Path, name: str) -> None:
    arrays = micro_arrays(**MICRO)
    removed = {k: v for k, v in arrays.items() if k != name}
    refused(write_micro_run(tmp_path / "a", removed), f"{name}: expected this array, found none")
    arrays[name] = arrays[name][..., None]
    refused(write_micro_run(tmp_path / "b", arrays), f"{name}: expected shape")


def test_nothing_valid(tmp_path: Path) -> None:
    arrays = micro_arrays(**MICRO)
    arrays["valid"][:] = False
    refused(write_micro_run(tmp_path / "run", arrays), "valid: expected at least one valid texel, found none")


def test_options_out_of_range() -> None:
    with pytest.raises(ConfigError, match="--mlp-dtype: expected one of fp16, fp32, int8, found bf16"):
        GridMlpPackOptions(mlp_dtype="bf16")
    for q_step in (0, 65):
        with pytest.raises(ConfigError, match=f"--baseline-q-step: expected an integer in 1..64, found {q_step}"):
            GridMlpPackOptions(baseline_q_step=q_step)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.full((2, 2), "abc"), "<U3"),
        (np.full((2, 2), np.datetime64("2020-01-01")), r"datetime64\[D\]"),
        (np.zeros((2, 2), [("a", "i4")]), r"\[\('a', '<i4'\)\]"),
        (np.zeros((2, 2), complex), "complex128"),
    ],
)
def test_arrays_of_other_things_than_real_numbers(run: Path, array: np.ndarray, found: str) -> None:
    arrays = dict(np.load(run / "arrays.npz"))
    name = next(iter(arrays))
    np.savez(run / "arrays.npz", **(arrays | {name: array}))
    refused(run, rf"arrays\.npz: {name}: expected an array of real numbers, found {found}")


def test_half_floats_are_compared_as_they_are(run: Path) -> None:
    arrays = dict(np.load(run / "arrays.npz"))
    arrays["grid_0"] = np.full_like(arrays["grid_0"], 9, np.float16)
    np.savez(run / "arrays.npz", **arrays)
    assert read_run(run).array("grid_0", *arrays["grid_0"].shape).max() == 9


@pytest.mark.filterwarnings("error")
def test_weights_beyond_half_floats(run: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(run / "arrays.npz"))
    np.savez(run / "arrays.npz", **(arrays | {"mlp_1_weight": arrays["mlp_1_weight"] * 0 - 7e4}))
    with pytest.raises(PackError, match=r"weight_1 as fp16: expected numbers up to 65504, found 1\.785e\+07; fp32"):
        pack_run(run, tmp_path / "a.tod")
    pack_run(run, tmp_path / "a.tod", GridMlpPackOptions(mlp_dtype="fp32"))


def test_a_member_that_is_no_array(run: Path) -> None:
    with zipfile.ZipFile(run / "arrays.npz", "a") as archive:
        archive.writestr("more", b"hello")
    refused(run, r"arrays\.npz: more: expected an array of real numbers, found bytes")


@pytest.mark.skipif(os.name != "posix", reason="pipes as files")
def test_a_pipe_for_arrays_is_not_waited_for(run: Path) -> None:
    (run / "arrays.npz").unlink()
    os.mkfifo(run / "arrays.npz")
    refused(run, r"arrays\.npz: expected the model's arrays, found nothing there")


def test_a_run_that_is_replaced_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its configuration and its arrays are of one run."""
    runs = [tmp_path / name for name in ("run", "newer", "newest", "last")]
    for number, run in enumerate(runs):
        run.mkdir()
        record = RunRecord(family="siren", config={}, name="x", height=1, width=1, hours=[number], transfer="srgb8")
        write_run(run, record, {"number": np.array([number])})
    read, others = run_folder.read_arrays, iter(runs[1:2])

    def replaced(path: Path) -> dict[str, np.ndarray]:
        other = next(others, None)
        if other is not None:
            put_folder(other, runs[0])
        return read(path)

    monkeypatch.setattr(run_folder, "read_arrays", replaced)
    run = read_run(runs[0])
    assert (run.hours, run.arrays["number"].tolist()) == ([1], [1])
    others = iter([runs[2], runs[3], runs[2]])
    with pytest.raises(PackError, match="expected a run that stays while it is read, found others in its place"):
        read_run(runs[0])
