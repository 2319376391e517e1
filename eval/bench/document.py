"""The bench as a document: date, machine, versions, commands and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from todpack.frames import read_day

from ..machine import machine_line
from ..measures.frames import day_frames
from ..measures.perceptual import LpipsAbsent, load_lpips
from ..peers.neural import TRAIN_S
from ..peers.ours import REFINED
from ..peers.report import HEAD, bd_rates, rows
from ..peers.run import PeerResults, all_peers, run_peers
from ..progress import Progress, silent
from ..tables import Table, markdown
from .dataset import DatasetBench
from .report import dataset_tables

QUICK_TRAIN_S = 2.0


@dataclass(frozen=True)
class PeersBench:
    """All peers on one dataset: its path, what was found, and what bits per texel are counted over."""

    path: str
    found: PeerResults
    n_valid: int
    n_frames: int
    train_s: float


def bench_peers(path: str, quick: bool, progress: Progress = silent) -> PeersBench:
    """All peers on the dataset at `path` but the refined one, which every dataset's tables have.

    Args:
        path: Folder of 8-bit frames.
        quick: Trainings of seconds, and no LPIPS; else LPIPS where its weights are found.
        progress: Told of the settings.
    """
    day = read_day(path)
    train_s = QUICK_TRAIN_S if quick else TRAIN_S
    peers = [peer for peer in all_peers(train_s=train_s) if peer.name != REFINED]
    lpips = LpipsAbsent("left out by --quick") if quick else load_lpips()
    found = run_peers(day_frames(day), day.valid, peers, lpips=lpips, progress=progress)
    return PeersBench(path, found, int(day.valid.sum()), day.n_frames, train_s)


def _peers(peers: PeersBench) -> list[str]:
    found = peers.found
    lines = [f"## Peers on {peers.path}", "", *markdown(HEAD, rows(found, peers.n_valid, peers.n_frames, "-")), ""]
    rates = bd_rates(found)
    body = [(name, f"{rate:+.1f} %") for name, rate in rates.percent.items() if rate is not None]
    if body:
        lines += Table("Bytes beyond those of x265 at equal PSNR (BD-rate):", ("peer", "BD-rate"), body).markdown()
    absent = {**found.absent, "BD-rate": rates.absent, "LPIPS": found.lpips_absent}
    lines += [f"- {name} absent: {reason}" for name, reason in absent.items() if reason is not None]
    lines += [f"- {peer.name}: {peer.definition}" for peer in found.measured]
    return [*lines, ""]


def document(
    benches: Sequence[DatasetBench],
    peers: PeersBench,
    described: dict[str, object],
    command: str,
    minutes: float,
    quick: bool,
    families: Sequence[Table] = (),
) -> str:
    """The whole document.

    Args:
        benches: One per dataset.
        peers: All peers on the first dataset.
        described: From `machine`.
        command: The command that measured it.
        minutes: How long it took.
        quick: Few settings, each timed once: said at the top.
        families: All families on each dataset, where they were measured.
    """
    measured = f"{machine_line(described)}; {minutes:.0f} minutes in all."
    lines = ["# Benchmarks", "", f"Written by `{command}`; do not edit.", "", measured, ""]
    if quick:
        lines += ["**A quick run: few settings, each timed once. A look, not a result.**", ""]
    for bench in benches:
        lines += [f"## {bench.name}", ""]
        lines += [f"`{bench.path}`, {bench.n_frames} frames, {bench.n_valid} valid texels.", ""]
        for part in dataset_tables(bench):
            lines += [part, ""] if isinstance(part, str) else part.markdown()
    if families:
        lines += ["## Families", "", *(line for table in families for line in table.markdown())]
    lines += _peers(peers)
    lines += [
        "## Again, one by one",
        "",
        "```sh",
        *(f"todpack eval bench {bench.path}" for bench in benches),
        f"todpack eval peers {peers.path} --train-seconds {peers.train_s:g}",
        "```",
    ]
    return "\n".join(lines) + "\n"
