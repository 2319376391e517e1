"""`pack_run`: same input, same bytes; an old archive is lost only to a good one; metadata has the recipe's fields."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decompressor.forge import metadata_text
from tests.packer.micro_run import micro_arrays, write_micro_run
from todpack.decompressor import OutputError, TodpackError, open_archive
from todpack.packer import archive_writer
from todpack.packer.gridmlp.command import GridMlpPackOptions
from todpack.packer.gridmlp.pack import pack_run

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = [
    GridMlpPackOptions(),
    GridMlpPackOptions("uint16", 100.0, "fp32", 1),
    GridMlpPackOptions("uint8", 99.0, "int8", 16),
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_micro_run(tmp_path / "run", height=20, width=24, levels=(4, 8), channels=2)


def metadata_of(path: Path) -> dict[str, Any]:
    with open_archive(path, provider="cpu") as archive:
        return archive.metadata


@pytest.mark.parametrize("options", OPTIONS)
def test_same_run_same_bytes(run: Path, tmp_path: Path, options: GridMlpPackOptions) -> None:
    """Under another name and in another folder too: no path and no time gets in."""
    (tmp_path / "elsewhere").mkdir()
    first = pack_run(run, tmp_path / "a.tod", options)
    pack_run(run, tmp_path / "elsewhere" / "b.tod", options)
    data = first.path.read_bytes()
    assert data == (tmp_path / "elsewhere" / "b.tod").read_bytes()
    assert first.archive_bytes == len(data)
    assert str(tmp_path).encode() not in data


@pytest.mark.thorough
def test_same_bytes_from_other_processes(run: Path, tmp_path: Path) -> None:
    program = "import sys; from todpack.packer.gridmlp.pack import pack_run; pack_run(sys.argv[1], sys.argv[2])"
    digests = set()
    for seed in ("0", "1", "4711"):
        out = tmp_path / f"{seed}.tod"
        variables = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", program, str(run), str(out)], cwd=ROOT, env=variables, check=True)
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    pack_run(run, tmp_path / "here.tod")
    digests.add(hashlib.sha256((tmp_path / "here.tod").read_bytes()).hexdigest())
    assert len(digests) == 1


def test_metadata_text_does_not_depend_on_the_order_of_insertion(run: Path, tmp_path: Path) -> None:
    data = pack_run(run, tmp_path / "a.tod").path.read_bytes()
    text = metadata_text(data)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode()


def test_fp32_bytes(run: Path, tmp_path: Path) -> None:
    """Grids 3 x 4 and 7 x 8 (20/24 of 4 and 8), 2 channels; MLP 4 x 4 + 4 x 2 + 4 + 3 x 4 + 3."""
    result = pack_run(run, tmp_path / "a.tod")
    assert result.fp32_bytes == 4 * (2 * (3 * 4 + 7 * 8) + 16 + 8 + 4 + 12 + 3)


def test_metadata_has_the_recipe_s_fields(run: Path, tmp_path: Path) -> None:
    pack_run(run, tmp_path / "a.tod", GridMlpPackOptions("uint16", 100.0, "int8", 8))
    metadata = metadata_of(tmp_path / "a.tod")
    assert metadata["version"] == "1.3"
    assert metadata["model_type"] == "gridmlp"
    assert metadata["hours"] == [0.0, 12.0]
    (lightmap,) = metadata["lightmaps"]
    model = lightmap["model"]
    assert (lightmap["name"], lightmap["height"], lightmap["width"]) == ("micro", 20, 24)
    assert model["residual_mode"] is True
    assert model["levels"] == [[3, 4], [7, 8]]
    assert model["channels_per_level"] == 2
    assert model["quant"]["dtype"] == "uint16"
    assert len(model["quant"]["scales"]) == len(model["quant"]["zero_points"]) == 4
    assert model["hash"] is None
    assert model["baseline"] == {"time_h": 12.0, "q_step": 8}
    assert model["normalization"] == {"xy_range": [0.0, 1.0], "time": {"period_h": 24.0, "harmonics": 1}}
    assert model["mlp"] == {"hidden": 4, "layers": 1, "dtype": "int8"}


def test_stored_scales_are_the_float32_ones(run: Path, tmp_path: Path) -> None:
    from todpack.packer.gridmlp.quantize import quantize_grid

    pack_run(run, tmp_path / "a.tod")
    quant = metadata_of(tmp_path / "a.tod")["lightmaps"][0]["model"]["quant"]
    with np.load(run / "arrays.npz") as arrays:
        grids = [quantize_grid(arrays[f"grid_{i}"]) for i in range(2)]
    np.testing.assert_array_equal(np.array(quant["scales"], np.float32), np.concatenate([g.scales for g in grids]))
    np.testing.assert_array_equal(quant["zero_points"], np.concatenate([g.zero_points for g in grids]))


def test_without_residual_mode(tmp_path: Path) -> None:
    run = write_micro_run(tmp_path / "run", residual=False)
    pack_run(run, tmp_path / "a.tod")
    model = metadata_of(tmp_path / "a.tod")["lightmaps"][0]["model"]
    assert model["residual_mode"] is False
    assert model["baseline"] is None
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        assert "0/baseline" not in archive.container.sections


@pytest.mark.parametrize("q_step", [1, 4, 16])
def test_baseline_comes_back_within_half_a_bin(tmp_path: Path, q_step: int) -> None:
    """The last layer is zero, so that every frame is the baseline."""
    options = {"height": 33, "width": 19, "levels": (4,), "channels": 1, "hidden": 4, "layers": 1, "harmonics": 1}
    arrays = micro_arrays(**options)
    arrays["mlp_1_weight"][:], arrays["mlp_1_bias"][:] = 0.0, 0.0
    run = write_micro_run(tmp_path / "run", arrays, **options)
    pack_run(run, tmp_path / "a.tod", GridMlpPackOptions(baseline_q_step=q_step))
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        error = np.abs(archive.decode(12.0).astype(int) - arrays["baseline"])[arrays["valid"]]
    assert error.max() == q_step // 2


def test_old_archive_stays_where_the_new_one_fails(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out" / "a.tod"
    out.parent.mkdir()
    pack_run(run, out)
    old = out.read_bytes()
    other = write_micro_run(tmp_path / "other", seed=5)

    def damaged(data: bytes) -> bytes:
        return b"\x28\xb5\x2f\xfd" + bytes(8)

    with monkeypatch.context() as patch:
        patch.setattr(archive_writer, "deflate", damaged)  # what is written cannot be read back
        with pytest.raises(TodpackError):
            pack_run(other, out)
    assert out.read_bytes() == old

    replace = os.replace

    def full(source: Path, target: Path) -> None:
        """The last step of all fails: the verified file takes the old one's place."""
        if Path(target) == out:
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OutputError, match="cannot be written: No space left on device"):
            pack_run(other, out)
    assert out.read_bytes() == old
    assert [p.name for p in out.parent.iterdir()] == ["a.tod"]
    pack_run(other, out)
    assert out.read_bytes() != old


def test_places_that_cannot_be_written(run: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written: expected a folder .*, found none"):
        pack_run(run, tmp_path / "nowhere" / "a.tod")
    with pytest.raises(TodpackError, match="cannot be written: expected a file or nothing there, found a folder"):
        pack_run(run, tmp_path)
