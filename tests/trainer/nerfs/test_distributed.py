"""Two processes train one model: the same losses, each with its own subtrees."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tests.trainer.nerfs.micro_nerf import MICRO, TRAINING, micro_scene  # noqa: E402
from todpack.trainer.nerfs.inf_nerf import InfNeRF, InfNeRFTrainer, Octree  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.evaluation import score_scales  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.model_file import ModelFile  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.node_fields import NodeFields  # noqa: E402
from todpack.trainer.nerfs.inf_nerf.sharding import owners  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def run_two(module: str, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    """Two processes with torchrun's variables."""
    port = free_port()
    processes = []
    for rank in range(2):
        variables = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **{k: str(v) for k, v in variables.items()}}
        command = [sys.executable, "-m", module, *arguments]
        processes.append(
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
    done = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    return done


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What both processes of `distributed_probe` saw."""
    folder = tmp_path_factory.mktemp("two")
    for done in run_two("tests.trainer.nerfs.distributed_probe", str(folder)):
        assert done.returncode == 0, done.stderr
    return folder, [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.thorough
def test_losses_are_those_of_one_process(reports: tuple[Path, list[dict[str, Any]]]) -> None:
    """Within 5 % in every epoch; the rays are the same, their jitter is not."""
    alone = InfNeRFTrainer(InfNeRF(MICRO), micro_scene(), TRAINING, quiet=True).train()
    first, second = (report["history"] for report in reports[1])
    assert first == second
    for one, two in zip(alone, first, strict=True):
        assert two["total"] == pytest.approx(one["total"], rel=0.05)
        assert two["rgb"] == pytest.approx(one["rgb"], rel=0.05)


@pytest.mark.thorough
def test_each_process_holds_the_top_and_its_own_subtrees(reports: tuple[Path, list[dict[str, Any]]]) -> None:
    first, second = reports[1]
    assert first["top"] == second["top"] == [0, first["n_nodes"]]  # root and background
    assert first["top_sum"] == second["top_sum"]
    together = sorted(first["own"] + second["own"])
    assert together == list(range(1, first["n_nodes"]))
    assert 0.25 < len(first["own"]) / len(together) < 0.75
    for report in reports[1]:
        assert report["moments"] == report["parameters"]
        assert report["parameters"] < 0.8 * (first["n_nodes"] + 1) * report["parameters"] / (len(report["own"]) + 2)


@pytest.mark.thorough
def test_resumed_processes_have_what_they_had(reports: tuple[Path, list[dict[str, Any]]]) -> None:
    assert [report["resumed"] for report in reports[1]] == [True, True]


@pytest.mark.thorough
def test_their_model_is_whole(reports: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (report, _) = reports
    file = ModelFile(folder / "model.infnerf")
    assert len(file.octree) == report["n_nodes"]
    nodes = torch.arange(len(file.octree) + 1)
    model = InfNeRF(MICRO, file.octree, NodeFields(MICRO, nodes, file.records()))
    assert score_scales(model, micro_scene().subset([0, 1]))[0].psnr_db > 15.0


def test_subtrees_are_shared_out_evenly_and_stay_whole() -> None:
    octree = Octree.full(3)
    owner = owners(octree, 1, 3)
    assert owner[0] == owner[-1] == -1
    below = octree.depth > 1
    assert (owner[:-1][below] == owner[octree.parent[below]]).all()
    counts = np.bincount(owner[owner >= 0], minlength=3)
    assert counts.min() >= 2 * 73
    assert (owners(octree, 2, 3)[1:9] == -1).all()


@pytest.mark.thorough
def test_command_under_torchruns_variables(tmp_path: Path) -> None:
    options = ["--scene-images", "4", "--scene-size", "16", "--epochs", "1", "--steps-per-epoch", "3"]
    more = ["--rays-batch-size", "64", "--threads", "1", "--max-depth", "1", "--device", "cpu", "--quiet"]
    done = run_two("todpack", "nerf", "train", "-o", str(tmp_path / "run"), *options, *more)
    assert [d.returncode for d in done] == [0, 0], done[0].stderr + done[1].stderr
    assert "dB" in done[0].stdout
    assert done[1].stdout == ""
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["figures"]["processes"] == 2
