"""Memory: flat over many decodes, bounded for days that are larger than it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.scale.scale import run_stage
from tests.scale.soak import TOLERANCE_BYTES
from tests.scale.synthetic_day import BUSY, EMPTY, PLAIN, SyntheticDay, kind_of
from todpack.decompressor import open_archive

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
CAP_BYTES = 3 << 29  # 1.5 GiB


def soaked(n_decodes: int) -> dict[str, float]:
    """In a process of its own."""
    command = [sys.executable, "-m", "tests.scale.soak", "--decodes", str(n_decodes)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("n_decodes", [500, pytest.param(20_000, marks=pytest.mark.slow)])
@pytest.mark.thorough
def test_memory_stays_flat(n_decodes: int) -> None:
    found = soaked(n_decodes)
    assert found["decodes"] == n_decodes
    assert 0 < found["first_bytes"] <= found["most_bytes"] + TOLERANCE_BYTES
    assert found["last_bytes"] - found["first_bytes"] <= TOLERANCE_BYTES


def test_any_rectangle_of_the_synthetic_day_is_the_same() -> None:
    assert {kind_of(row, column) for row in range(2) for column in range(4)} == {EMPTY, PLAIN, BUSY}
    source = SyntheticDay(1024)
    codes, valid = source.read(slice(0, 1024), slice(0, 1024))
    part, inside = source.read(slice(500, 530), slice(510, 600))
    np.testing.assert_array_equal(part, codes[:, 500:530, 510:600])
    np.testing.assert_array_equal(inside, valid[500:530, 510:600])
    assert valid.any()
    assert not valid.all()
    assert (codes[:, ~valid] == 0).all()


@pytest.mark.slow
def test_16384_squared_within_a_gibibyte_and_a_half(tmp_path: Path) -> None:
    """Half an hour."""
    path = tmp_path / "large.tod"
    written = run_stage("write", 16384, path)
    assert written["peak_bytes"] < CAP_BYTES
    assert written["psnr_db"] > 40.0
    decoded = run_stage("decode", 16384, path)
    assert decoded["peak_bytes"] < CAP_BYTES
    assert decoded["psnr_db"] > 40.0
    with open_archive(path, provider="cpu") as archive:
        assert archive.lightmaps[0].n_tiles == 1024
