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
import traceback
from typing import Any

CHANGES = {
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.symlink", "os.truncate",
    "ctypes.dlsym",  # of the exchange of two folders
}  # fmt: skip


CHANGES_ARE = "changes of the file system: "
IMPORTED = (
    "importlib.readers", "encodings.cp437",  # later, as another user, Python itself may be out of reach
    "todpack.eval.measures.perceptual", "todpack.packer.cli", "todpack.compress_command",
    "todpack.packer.daybasis.encoder", "todpack.packer.inspect",
    "todpack.packer.siren.pack", "todpack.submission.build", "todpack.submission.cli",
    "todpack.submission.contest.build",
    "todpack.trainer.cli", "todpack.packer.daybasis.refine.refinement", "todpack.trainer.daybasis.train",
    "todpack.trainer.gridmlp.train", "todpack.trainer.siren.train",
)  # fmt: skip


def changes_files(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an audit event is about to change the file system."""
    if event == "open":
        flags = arguments[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in CHANGES


def child(job: dict[str, Any], ready: int) -> int:
    """Run one command in the fork: dies before its n-th change of files, or in a write beyond a size, if asked to."""
    seen = 0
    kill_before = job.get("kill_before")

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if changes_files(event, arguments):
            seen += 1
            if seen == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)

    if "limit_bytes" in job or "kill_beyond_bytes" in job:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (job.get("limit_bytes", job.get("kill_beyond_bytes")), resource.RLIM_INFINITY)
        )
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if "limit_bytes" in job else signal.SIG_DFL)
    if "user" in job:
        os.setgroups([])
        os.setgid(job["user"])
        os.setuid(job["user"])
    from todpack.cli import main

    sys.addaudithook(watch)
    os.write(ready, b".")
    code = main(job["argv"])
    kill_before = None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stderr.write(f"{CHANGES_ARE}{seen}")
    return code


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Fork for one command, disturb it as asked, wait for its end."""
    reading, writing = os.pipe()
    ready, started_by = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            os.close(reading)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(writing, 2)
            code = child(job, started_by)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    os.close(started_by)
    os.read(ready, 1)
    os.close(ready)
    started = time.monotonic()
    after_s = job.get("kill_after_s", job.get("interrupt_after_s"))
    if after_s is not None:
        ended = False
        while not ended and time.monotonic() - started < after_s:
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            time.sleep(0.0005)
        os.kill(pid, signal.SIGINT if "interrupt_after_s" in job else signal.SIGKILL)
    with os.fdopen(reading, errors="replace") as file:
        output = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text, _, changes = output.partition(CHANGES_ARE)
    return {"code": code, "seconds": time.monotonic() - started, "changes": int(changes or 0), "output": text}


def serve() -> None:
    """Fork, wait, answer, until stdin ends."""
    import torch

    for name in IMPORTED:
        importlib.import_module(name)
    torch.set_num_threads(1)
    torch.optim.Adam([torch.zeros(1, requires_grad=True)]).step()  # what it imports at its first step
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
