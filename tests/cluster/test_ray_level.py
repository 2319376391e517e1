"""`todpack compress --engine ray` on two real nodes: the same bytes, killed workers and nodes, nothing left behind."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.cluster.jobs import LARGE, held_once, large
from tests.cluster.nodes import command_line, descendants, still_there, wait_for
from tests.contest_data import level_jobs, make_radiance, micro_dataset, write_dataset
from todpack.cli import main
from todpack.decompressor.errors import MissingPackageError
from todpack.packer.dataset import ray_engine
from todpack.packer.dataset.compress import compress_level, parts_folder
from todpack.packer.dataset.ray_engine import VERSIONS, do_remotely, run_on_ray, unseen
from todpack.packer.dataset.workers import Task
from todpack.packer.errors import PackError
from todpack.packer.ray_cluster import ray_cluster

OPTIONS = ["--q-step", "6", "--reweight", "0", "--max-classes", "1"]


def tasks_of(folder: Path, out: Path) -> list[Task]:
    return [Task(job, out / f"{job.entry.name}.tod") for job in level_jobs(folder)]


def todpack(*words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "todpack", *words], env={**os.environ, **variables}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level") / "set"
    micro_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def level(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("archive") / "level.tod"
    compress_level(level_jobs(dataset), out, n_jobs=1)
    return out.read_bytes()


@pytest.mark.ray
def test_the_command_gives_the_same_bytes(dataset, cluster, tmp_path):
    """With relative paths, which mean something else where the nodes run."""
    dataset.parent.joinpath("here").mkdir()
    words = ["compress", "../set", "--jobs", "2", *OPTIONS]
    run = partial(subprocess.run, cwd=dataset.parent / "here", capture_output=True, text=True, check=True)
    command = [sys.executable, "-m", "todpack", *words]
    run([*command, "-o", "local.tod"])
    done = run([*command, "-o", "ray.tod", "--engine", "ray"], env={**os.environ, **cluster.variables})
    made = dataset.parent / "here"
    assert (made / "ray.tod").read_bytes() == (made / "local.tod").read_bytes()
    assert sorted(path.name for path in made.iterdir()) == ["local.tod", "ray.tod"]
    assert "3 lightmaps" in done.stdout
    assert all(line.startswith("todpack: ") for line in done.stderr.splitlines()), done.stderr


@pytest.mark.ray
def test_finished_jobs_are_not_done_again(dataset, level, at_cluster, tmp_path):
    out, jobs = tmp_path / "level.tod", level_jobs(dataset)
    parts_folder(out).mkdir()
    (parts_folder(out) / f"{jobs[1].digest()}.tod").write_bytes(jobs[1].encode())
    assert compress_level(jobs, out, engine="ray").n_kept == 1
    assert out.read_bytes() == level


@pytest.mark.ray
def test_one_bad_lightmap_keeps_the_others(at_cluster, tmp_path):
    config = micro_dataset(tmp_path / "set")
    path = tmp_path / "set" / "Data" / config["lightmap_list"][0]["lightmaps"]["700"]
    path.write_bytes(np.full(path.stat().st_size // 4, -1, "<f4").tobytes())
    with pytest.raises(PackError, match=r"1 of 3 lightmaps failed, the others are kept in .*level.tod.parts; L_A_0: "):
        compress_level(level_jobs(tmp_path / "set"), tmp_path / "level.tod", engine="ray")
    assert len(list(parts_folder(tmp_path / "level.tod").glob("*.tod"))) == 2


@pytest.mark.ray
def test_nothing_passes_through_the_object_store(dataset, at_cluster, tmp_path):
    """Its memory is not touched; as results, parts this large would be there."""
    import ray

    tasks = tasks_of(dataset, tmp_path)
    before = [node.stored_bytes() for node in at_cluster.nodes]
    assert run_on_ray(tasks, 2, lambda _task: None, large) == []
    assert [node.stored_bytes() for node in at_cluster.nodes] == before
    assert [task.part.stat().st_size for task in tasks] == [LARGE] * 3
    answers = [do_remotely(task, large, VERSIONS) for task in tasks]
    assert max(len(pickle.dumps(one)) for one in (*tasks, *answers)) < 20_000
    with ray_cluster():
        assert len(ray.get(ray.remote(large).remote(tasks[0].job, None))) == LARGE
        assert sum(node.stored_bytes() for node in at_cluster.nodes) > sum(before) + 0.9 * LARGE


@pytest.mark.ray
def test_another_version_is_refused(dataset, at_cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_engine, "VERSIONS", (1, 2, 3))
    failures = run_on_ray(tasks_of(dataset, tmp_path)[:1], 1, pytest.fail)
    assert failures == [f"L_A_0: expected version (1, 2, 3) of the encoder on the node, found {VERSIONS}"]


def _disturb(disturb, folder: Path, dataset: Path, n_held: int) -> tuple[list[str], list[str]]:
    """Failures and lines of a run in which `disturb` is called with the process numbers of the held tries."""
    marks, lines = folder / "marks", list[str]()
    marks.mkdir()

    def work() -> None:
        try:
            wait_for("jobs at work", lambda: sum(path.suffix == "" for path in marks.iterdir()) >= n_held)
            held = [tuple(int(n) for n in path.read_text().split()) for path in marks.iterdir() if path.suffix == ""]
            disturb(held)
        finally:
            (marks / "go").touch()

    thread = threading.Thread(target=work)
    thread.start()
    failures = run_on_ray(
        tasks_of(dataset, folder), 2, lambda _task: None, partial(held_once, marks), on_warning=lines.append
    )
    thread.join()
    return failures, lines


def assert_parts_are_right(folder: Path, dataset: Path) -> None:
    for task in tasks_of(dataset, folder):
        assert task.part.read_bytes() == task.job.encode()


@pytest.mark.ray
def test_a_killed_worker_is_replaced(dataset, at_cluster, tmp_path):
    def kill(held: list[tuple[int, ...]]) -> None:
        os.kill(held[0][0], signal.SIGKILL)

    failures, lines = _disturb(kill, tmp_path, dataset, 1)
    assert failures == []
    assert sorted(lines) == ["L_A_0 was done", "L_A_1 was done", "L_B_0 was done"]
    assert_parts_are_right(tmp_path, dataset)


@pytest.mark.ray
def test_a_killed_node_is_survived(dataset, at_cluster, tmp_path):
    second = at_cluster.nodes[-1]

    def kill(held: list[tuple[int, ...]]) -> None:
        on_second = [pid for pid, parent in held if parent == second.raylet]
        assert len(on_second) == 1
        known = {pid: start for pid, start in descendants(second.raylet).items() if pid in on_second}
        os.kill(second.raylet, signal.SIGKILL)
        wait_for("the end of its worker", lambda: not still_there(known))

    try:
        failures, _ = _disturb(kill, tmp_path, dataset, 2)
    finally:
        second.stop()
        at_cluster.add_node()
    assert failures == []
    assert_parts_are_right(tmp_path, dataset)


@pytest.mark.ray
@pytest.mark.parametrize("own", [True, False])
def test_ctrl_c_leaves_no_process(own, cluster, tmp_path):
    """Of a Ray that the command started, or of its job on a cluster; then the rest is done here."""
    folder, out = tmp_path / "set", tmp_path / "out.tod"
    write_dataset(folder, {("L", n): make_radiance(160, 160, seed=n) for n in (0, 1)})
    words = ["compress", str(folder), "-o", str(out), *OPTIONS, "--jobs", "1"]
    where = {"RAY_TMPDIR": str(cluster.folder / "own"), "HOME": str(tmp_path)} if own else cluster.variables
    process = todpack(*words, "--engine", "ray", **where)

    def at_work() -> dict[int, str]:
        known = descendants(process.pid) if own else {}
        for node in [] if own else cluster.nodes:
            known |= descendants(node.raylet)
        return {pid: start for pid, start in known.items() if "ray::do_remotely" in command_line(pid)}

    wait_for("a job at work", at_work)
    known = descendants(process.pid) | at_work()
    process.send_signal(signal.SIGINT)
    with process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "todpack: interrupted"
    assert "Traceback" not in said
    wait_for("the end of what was started", lambda: not still_there(known), 20.0)
    assert not out.exists()
    assert not (tmp_path / ".ray").exists()
    assert main(words) == 0
    assert main([*words[:3], str(tmp_path / "again.tod"), *words[4:]]) == 0
    assert out.read_bytes() == (tmp_path / "again.tod").read_bytes()


@pytest.mark.ray
def test_a_cluster_that_is_not_there_is_one_line(dataset, cluster, tmp_path):
    words = ("compress", str(dataset), "-o", str(tmp_path / "x.tod"), "--engine", "ray")
    with todpack(*words, RAY_ADDRESS="127.0.0.1:1") as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("todpack: error: --engine ray: no cluster at 127.0.0.1:1: ")


def test_ray_is_named_where_it_is_missing(dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"--engine ray needs ray: pip install 'todpack\[ray\]'"):
        compress_level(level_jobs(dataset), tmp_path / "x.tod", engine="ray")


@pytest.mark.thorough
def test_parts_that_are_not_seen_are_told(tmp_path):
    (tmp_path / "here").touch()
    assert unseen([tmp_path / "here", tmp_path / "elsewhere"], 0.0) == [tmp_path / "elsewhere"]
    timer = threading.Timer(0.2, (tmp_path / "late").touch)
    timer.start()
    assert unseen([tmp_path / "late"], 30.0) == []
    timer.join()
