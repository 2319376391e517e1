"""A Ray cluster of two nodes on this machine, each a `ray start` of its own with a raylet and one core."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.conftest import REPOSITORY

OBJECT_STORE = 80_000_000
AUTHENTICATION = {"RAY_AUTH_MODE": "disabled"}  # whatever ~/.ray holds
ENVIRONMENT = {
    **AUTHENTICATION,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_process_group_cleanup_enabled": "1",
    "PYTHONPATH": str(REPOSITORY),
    "OMP_NUM_THREADS": "1",
}


def wait_for(what: str, found: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not found():
        assert time.monotonic() < end, f"expected {what} within {within_s:g} s"
        time.sleep(0.05)


def _stat(pid: int) -> tuple[int, str]:
    """Parent and start time of a process, which together with its number name it for good; zombies have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    if fields[0] == "Z":
        raise ProcessLookupError(pid)
    return int(fields[1]), fields[19]


def processes() -> dict[int, tuple[int, str]]:
    """All that run: parent and start time by number."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = _stat(int(entry.name))
            except OSError:
                continue
    return found


def descendants(root: int) -> dict[int, str]:
    """Start times of the processes that a process started, directly or not, by number."""
    running, found = processes(), dict[int, str]()
    parents = {root}
    while parents:
        children = {pid for pid, (parent, _) in running.items() if parent in parents and pid not in found}
        found |= {pid: running[pid][1] for pid in children}
        parents = children
    return found


def still_there(known: dict[int, str]) -> list[int]:
    """Which of these processes have not ended."""
    running = processes()
    return [pid for pid, start in known.items() if running.get(pid, (0, ""))[1] == start]


def command_line(pid: int) -> str:
    """Of a process; "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Node:
    """One node; `raylet` is the number of its main process."""

    def __init__(self, *where: str, folder: Path) -> None:
        words = [
            "start", *where, "--block", "--num-cpus", "1", "--object-store-memory", str(OBJECT_STORE),
            "--min-worker-port", "0", "--max-worker-port", "0", "--dashboard-agent-listen-port", "0",
            "--node-ip-address", "127.0.0.1", "--disable-usage-stats",
        ]  # fmt: skip
        folder.mkdir()
        self.folder, log = folder, folder / "log.txt"
        with log.open("w") as opened:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ray.scripts.scripts", *words],
                env={**os.environ, **ENVIRONMENT, "RAY_TMPDIR": str(folder)},
                cwd=folder, stdout=opened, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.all: dict[int, str] = {}
        try:
            wait_for("a node", lambda: "Ray runtime started" in log.read_text() or self._has_ended())
            self.all = descendants(self._process.pid)
            (self.raylet,) = (pid for pid in self.all if "raylet/raylet" in command_line(pid).partition(" ")[0])
        except BaseException:
            self.stop()
            print(log.read_text(), (self.folder.parent / "0" / "log.txt").read_text())
            raise

    def stored_bytes(self) -> int:
        """Memory of the object store that was ever written: pages of its file, which it does not give back."""
        fds = Path(f"/proc/{self.raylet}/fd")
        stores = [fd for fd in fds.iterdir() if "/plasma" in str(fd.readlink())]
        assert stores, f"expected an object store in {fds}"
        return 512 * sum(fd.stat().st_blocks for fd in stores)

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """End all of its processes."""
        known = self.all | descendants(self._process.pid)
        self._process.kill()
        for pid in still_there(known):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        wait_for("the end of a node", lambda: not still_there(known))


class Cluster:
    """A head and a second node. A context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tod-ray-", dir="/tmp"))  # sockets in it: short
        self.nodes: list[Node] = []

    @property
    def address(self) -> str:
        """Where the head, which chose its port, is found."""
        return (self.folder / "0" / "ray" / "ray_current_cluster").read_text().strip()

    @property
    def variables(self) -> dict[str, str]:
        """Of the environment of a command that is to find it."""
        return {"RAY_ADDRESS": self.address, **AUTHENTICATION}

    def add_node(self) -> Node:
        """Start a node."""
        head = ("--head", "--port", "0", "--include-dashboard", "false")
        where = ("--address", self.address) if self.nodes else head
        self.nodes.append(Node(*where, folder=self.folder / str(len(self.nodes))))
        return self.nodes[-1]

    def __enter__(self) -> Cluster:
        try:
            self.add_node()
            self.add_node()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for node in reversed(self.nodes):
            node.stop()
        shutil.rmtree(self.folder)
