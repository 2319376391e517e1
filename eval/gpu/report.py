"""Everything that is measured on a device, and docs/gpu.md made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.signatures import MARKDOWN

from ..machine import cpu_name, machine, machine_line, usable_cores
from ..process import run_todpack
from ..tables import Table, document
from . import commands, frames

TARGET_MS, AIM_MS = 60.0, 30.0
CODES = 1
"""Of 8 bits: a network's float32 sums may end on the other side of a half."""


@dataclass(frozen=True)
class Work:
    """How much is done.

    Attributes:
        sizes: (width, height) of the frames; the first is the one with a target.
        copy_bytes: Of the copy that gives the bandwidth.
        calls: Of each frame.
        epochs: Of gridmlp.
        samples: Of an epoch.
    """

    sizes: tuple[tuple[int, int], ...] = ((1920, 1080), (4096, 4096))
    copy_bytes: int = 1 << 30
    calls: int = frames.CALLS
    epochs: int = 3
    samples: int = 1 << 20

    @property
    def train(self) -> tuple[str, ...]:
        """Options of `todpack train`."""
        return ("--epochs", str(self.epochs), "--samples-per-epoch", str(self.samples))


@dataclass(frozen=True)
class Row:
    """A line of the table: what, what is wanted, what was found, and whether that is enough (None: no target)."""

    what: str
    wanted: str
    found: str
    is_met: bool | None = None


def measure(
    device: str, data: Path, contest: Path, folder: Path, work: Work, say: Callable[[str], object]
) -> list[Row]:
    """Check and time everything on a device; "cpu" does the same work there.

    Args:
        device: Torch's name of it.
        data: Folder of frames.
        contest: A dataset in the contest's layout.
        folder: An empty folder for what is made.
        work: How much is done.
        say: Told what is begun.

    Raises:
        EvalError: a command failed.
        RequestError: onnxruntime has no such provider.
    """
    say("the contest's Interface")
    submission = folder / "submission"
    run_todpack(["submit", "build", "--layout", "contest", contest, "-o", submission])
    times = [frames.frame_time(submission, contest, device, h, w, work.calls) for w, h in work.sizes]
    copied = frames.bandwidth_gb_per_s(device, work.copy_bytes)
    rows = []
    for number, one in enumerate(times):
        found = f"{one.median_ms:.2f} ms (least {one.least_ms:.2f}), {one.n_maps} maps"
        found += f", {one.gb_per_s:.0f} GB/s, {100 * one.gb_per_s / copied:.0f} % of the memory's"
        wanted = f"< {TARGET_MS:g} ms, aim < {AIM_MS:g} ms" if number == 0 else ""
        rows.append(
            Row(f"frame of {one.width} x {one.height}", wanted, found, None if number else one.median_ms < TARGET_MS)
        )
    rows.append(Row("memory, copied", "", f"{copied:.0f} GB/s read and written"))
    largest = frames.largest_difference(submission, contest, device)
    rows.append(
        Row("Interface against the CPU", f"within {frames.TOLERANCE}", f"{largest:.2g}", largest <= frames.TOLERANCE)
    )
    say("its rehearsal")
    about = ["--no-lpips", "--device", device]
    run_todpack(["submit", "check", "--layout", "contest", submission, "--data", contest, *about])
    rows.append(Row("rehearsal of the contest's grader", "passes", "passed", True))

    say("training")
    runs = {name: folder / f"run-{name.partition(':')[0]}" for name in dict.fromkeys(("cpu", device))}
    taken = {name: commands.train_s(data, run, name, work.train) for name, run in runs.items()}
    per_epoch = ", ".join(f"{name} {1e3 * s / work.epochs:.0f} ms" for name, s in taken.items())
    rows.append(Row(f"gridmlp, an epoch of {work.samples} samples", "", per_epoch))
    say("compressing")
    closed = commands.compress_s(data, folder / "closed.tod", "none")
    refined = commands.compress_s(data, folder / "refined.tod", "fast")
    rows.append(
        Row("daybasis, refined (C, on the CPU on every machine)", "", f"{refined:.1f} s; closed form {closed:.1f} s")
    )
    say("onnxruntime")
    run_todpack(["pack", runs[device], "-o", folder / "grid.tod"])
    provider = "cuda" if device.startswith("cuda") else "cpu"
    for family, archive, bound in (("daybasis", "refined.tod", 0), ("gridmlp", "grid.tod", CODES)):
        decoded = commands.decoding(folder / archive, provider)
        found = f"{decoded.largest} apart; {decoded.frame_ms:.2f} ms a frame, cpu {decoded.cpu_ms:.2f} ms"
        wanted = f"{bound} codes from the CPU's at most"
        rows.append(Row(f"onnxruntime, provider {provider}, {family}", wanted, found, decoded.largest <= bound))
    return rows


def page(device: str, rows: Sequence[Row]) -> str:
    """docs/gpu.md."""
    verdicts = {True: "met", False: "**missed**", None: ""}
    cells = [[row.what, row.wanted, row.found, verdicts[row.is_met]] for row in rows]
    name = frames.device_name(device)
    notes = (
        "Written by `make gpu`. Frames are those of the submission's Interface.py, its maps held as float32 and "
        "repeated to the size; a frame's bytes are K maps read, and 3 planes written, read and written. "
        "Medians of calls that wait for the device."
    )
    table = Table(f"{name}, beside {cpu_name()}", ["what", "wanted", "found", ""], cells, "llll")
    parts = document([notes, table, machine_line(machine(usable_cores()))])
    return "\n".join(["# On a GPU", "", MARKDOWN, "", *parts]).rstrip() + "\n"
