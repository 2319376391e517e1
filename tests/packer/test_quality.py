"""What quantization and coding lose, against the unquantized torch model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from todpack.decompressor import open_archive
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.frames import Day, read_day
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.pack import pack_run


@pytest.fixture(scope="module")
def day(tiny_day: Path) -> Day:
    return read_day(tiny_day)


@pytest.fixture(scope="module")
def torch_frames(tiny_run: Path, day: Day) -> np.ndarray:
    """(T, H, W, 3) codes of the model in best.ckpt, by torch."""
    from todpack.packer.configuration import from_json
    from todpack.packer.gridmlp.config import GridMlpConfig
    from todpack.trainer.checkpoint import load_checkpoint
    from todpack.trainer.gridmlp.export import reconstruct
    from todpack.trainer.gridmlp.model import GridMlp

    config = from_json(GridMlpConfig, json.loads((tiny_run / "config.json").read_text())["config"])
    model = GridMlp(config, day.height, day.width)
    model.load_state_dict(load_checkpoint(tiny_run / "best.ckpt")["model"])
    return reconstruct(model, day.radiance[12].astype(np.uint8), day.hours)


def decode_day(path: Path) -> np.ndarray:
    with open_archive(path, provider="cpu") as archive:
        return np.stack([archive.decode(float(t)) for t in archive.hours])


def test_run_s_own_figure_is_the_torch_frames(tiny_run: Path, day: Day, torch_frames: np.ndarray) -> None:
    figures = json.loads((tiny_run / "config.json").read_text())["figures"]
    psnr = psnr_srgb_db(day.radiance.astype(np.uint8), torch_frames, day.valid)
    assert figures["psnr_srgb_db"] == pytest.approx(psnr, abs=1e-3)


def test_defaults_lose_at_most_a_fifth_of_a_db(tiny_archive: Path, day: Day, torch_frames: np.ndarray) -> None:
    original = day.radiance.astype(np.uint8)
    before = psnr_srgb_db(original, torch_frames, day.valid)
    after = psnr_srgb_db(original, decode_day(tiny_archive), day.valid)
    assert before > 14.0
    assert before - after <= 0.2


def test_finest_options_agree_with_torch(tiny_run: Path, tmp_path: Path, day: Day, torch_frames: np.ndarray) -> None:
    """uint16 grids, fp32 weights and a lossless baseline: at most one code apart on 99.9 % of the valid texels."""
    pack_run(tiny_run, tmp_path / "fine.tod", GridMlpPackOptions("uint16", 100.0, "fp32", 1))
    difference = np.abs(decode_day(tmp_path / "fine.tod").astype(int) - torch_frames)[:, day.valid].max(axis=-1)
    assert (difference <= 1).mean() >= 0.999
    assert difference.max() <= 2


def test_finer_options_cost_more_and_lose_less(
    tiny_run: Path, tmp_path: Path, day: Day, torch_frames: np.ndarray
) -> None:
    sizes, errors = [], []
    for index, options in enumerate(
        (
            GridMlpPackOptions("uint8", 90.0, "int8", 16),
            GridMlpPackOptions(),
            GridMlpPackOptions("uint16", 100.0, "fp32", 1),
        )
    ):
        result = pack_run(tiny_run, tmp_path / f"{index}.tod", options)
        difference = decode_day(result.path).astype(float) - torch_frames
        sizes.append(result.archive_bytes)
        errors.append(float(np.square(difference[:, day.valid]).mean()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < errors[0] / 2
