"""A process that has imported everything once and forks it for each command, so that killing one costs no start.

Started by `kills.Forker`; takes one JSON object a line on stdin and answers one a line on stdout.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from typing import Any

CHANGES = {
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate",
    "ctypes.dlsym",  # of the exchange of two folders
}  # fmt: skip


IMPORTED = (
    "eval.perceptual", "packer.cli", "packer.compress", "packer.inspect", "packer.siren", "submission.build",
    "submission.cli", "submission.contest.build", "trainer.cli", "trainer.daybasis.refine.fit",
    "trainer.daybasis.train", "trainer.gridmlp.train", "trainer.siren.train",
)  # fmt: skip


def changes_files(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event is about to change the file system."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in CHANGES


def child(job: dict[str, Any]) -> int:
    """Run one command in the fork: dies before its n-th change of files, or in a write beyond a size, if asked to."""
    seen = 0
    kill_before = job.get("kill_before")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if changes_files(event, arguments):
            seen += 1
            if seen == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)

    with open(job["log"], "w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if "kill_beyond_bytes" in job:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["kill_beyond_bytes"], resource.RLIM_INFINITY))
    sys.addaudithook(watch)
    from todpack import main

    code = main(job["argv"])
    sys.stdout.flush()
    kill_before, changes = None, seen
    with open(job["count"], "w") as file:
        file.write(str(changes))
    return code


def serve() -> None:
    """Fork, wait, answer, until stdin ends."""
    import torch

    for name in IMPORTED:
        importlib.import_module(name)
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()  # what it imports at its first step
    for line in sys.stdin:
        job = json.loads(line)
        started = time.monotonic()
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = child(job)
            finally:
                os._exit(code)
        status = None
        if "kill_after_s" in job:
            while status is None and time.monotonic() - started < job["kill_after_s"]:
                found, state = os.waitpid(pid, os.WNOHANG)
                status = state if found else None
                time.sleep(0.0005)
            if status is None:
                os.kill(pid, signal.SIGKILL)
        if status is None:
            status = os.waitpid(pid, 0)[1]
        answer = {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
