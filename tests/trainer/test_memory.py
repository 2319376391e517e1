"""Running out of memory is one line that names what to lower; other failures stay as they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from todpack.trainer.device import out_of_memory_is_one_line  # noqa: E402
from todpack.trainer.errors import TrainingError  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LIMITED = """
import resource, sys
import torch
from todpack.cli import main
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="needs /proc to limit a process to 1 GiB more")
def test_batch_that_does_not_fit_on_the_cpu(day: Path, tmp_path: Path) -> None:
    options = ["--family", "siren", "--device", "cpu", "--threads", "1", "--quiet", "--batch-size", str(1 << 30)]
    arguments = ["train", str(day), "-o", str(tmp_path / "run"), *options]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    line = done.stderr.strip().splitlines()[-1]
    assert line == (
        "todpack: error: out of memory on cpu: lower --batch-size, --hidden-f1, --hidden-f2 or --latent-dim"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_every_kind_of_it(error: Exception) -> None:
    with (
        pytest.raises(TrainingError, match=r"out of memory on cpu: lower --hidden$"),
        out_of_memory_is_one_line(torch.device("cpu"), "--hidden"),
    ):
        raise error


def test_a_defect_stays_a_defect() -> None:
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        out_of_memory_is_one_line(torch.device("cpu"), "--hidden"),
    ):
        torch.zeros(2, 3) @ torch.zeros(2, 3)
