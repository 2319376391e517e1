"""`todpack search --engine ray` on two real nodes, of which one loses its worker."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path

import pytest

from tests.cluster.nodes import Cluster, command_line, descendants, still_there, wait_for
from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.eval.search.runner import run_search
from todpack.eval.search.space import read_space
from todpack.eval.trial import TrialSettings
from todpack.packer.errors import PackError

SPACE = '[train]\nmax_classes = 1\nrefine = "none"\n[pack]\nq_step = [30, 60]\n'


@pytest.mark.ray
def test_trials_survive_a_killed_worker(
    at_cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With relative paths; what the worker had started ends with it; the folder is an ordinary one afterwards."""
    write_day(tmp_path / "day", *make_day(16, 24, 4))
    (tmp_path / "space.toml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    ended: list[bool] = []

    def trials() -> dict[int, dict[int, str]]:
        """Processes of each worker that does a trial."""
        found = [pid for node in at_cluster.nodes for pid in descendants(node.raylet)]
        return {pid: below for pid in found if "ray::run_trial" in command_line(pid) and (below := descendants(pid))}

    def kill() -> None:
        wait_for("a trial at work", trials)
        worker, below = next(iter(trials().items()))
        os.kill(worker, signal.SIGKILL)
        wait_for("the end of its commands", lambda: not still_there(below))
        ended.append(True)

    thread = threading.Thread(target=kill)
    thread.start()
    command = ["search", "space.toml", "--data", "day", "-o", "out", "--no-lpips", "--threads", "1", "--json"]
    assert main([*command, "--engine", "ray"]) == 0
    thread.join()
    assert ended == [True]
    found = {trial["values"]["pack"]["q-step"]: trial for trial in json.loads(capsys.readouterr().out)["trials"]}
    assert main(["train", "day", "-o", "run", "--max-classes", "1", "--refine", "none"]) == 0
    for step in (30, 60):
        assert main(["pack", "run", "-o", "one.tod", "--q-step", str(step)]) == 0
        assert (tmp_path / "out" / found[step]["name"] / "archive.tod").read_bytes() == Path("one.tod").read_bytes()
    capsys.readouterr()
    assert main(command) == 0
    again = json.loads(capsys.readouterr().out)["trials"]
    assert [trial["resumed"] for trial in again] == [True, True]


@pytest.mark.ray
def test_a_trial_that_no_node_can_take_is_refused(at_cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(SPACE)
    settings = TrialSettings(tmp_path, threads=3)
    with pytest.raises(PackError, match="--engine ray: expected a node of 3 cores, found 1 at most"):
        run_search(read_space(tmp_path / "space.toml"), tmp_path, settings, engine="ray")
