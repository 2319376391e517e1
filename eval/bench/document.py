"""The bench as a document: date, machine, versions, commands and tables in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from todpack.frames import read_day

from ..machine import machine_line
from ..measures.frames import day_frames
from ..measures.perceptual import LpipsAbsent, load_lpips
from ..peers.neural import TRAIN_S
from ..peers.ours import REFINED
from ..peers.report import peers_tables
from ..peers.run import PeerResults, all_peers, run_peers
from ..progress import Progress, silent
from ..tables import Table
from ..tables import document as markdown_document
from .dataset import DatasetBench
from .report import dataset_tables

QUICK_TRAIN_S = 2.0


def bench_peers(path: str, quick: bool, progress: Progress = silent, lightmap: str | None = None) -> PeerResults:
    """All peers on the dataset at `path` but the refined one, which every dataset's tables have.

    Args:
        path: Folder of 8-bit frames.
        quick: Trainings of seconds, and no LPIPS; else LPIPS where its weights are found.
        lightmap: Which one of a level.
    """
    day = read_day(path, lightmap=lightmap)
    peers = [peer for peer in all_peers(train_s=QUICK_TRAIN_S if quick else TRAIN_S) if peer.name != REFINED]
    lpips = LpipsAbsent("left out by --quick") if quick else load_lpips()
    return run_peers(day_frames(day), day.valid, peers, lpips=lpips, progress=progress)


def document(
    benches: Sequence[DatasetBench],
    peers: PeerResults,
    described: dict[str, object],
    command: str,
    minutes: float,
    quick: bool,
    families: Sequence[Table] = (),
) -> str:
    """The whole document: every dataset, all peers on the first one, all families where they were measured.

    `described` is of `machine`, `command` what measured it; a quick run says that it is one.
    """
    measured = f"{machine_line(described)}; {minutes:.0f} minutes in all."
    lines = ["# Benchmarks", "", f"Written by `{command}`; do not edit.", "", measured, ""]
    if quick:
        lines += ["**A quick run: few settings, each timed once. A look, not a result.**", ""]
    for bench in benches:
        about = f"`{bench.path}`, {bench.n_frames} frames, {bench.n_valid} valid texels."
        lines += [f"## {bench.name}", "", *markdown_document([about, *dataset_tables(bench)])]
    if families:
        lines += ["## Families", "", *markdown_document(families)]
    path, train_s = benches[0].path, QUICK_TRAIN_S if quick else TRAIN_S
    lines += [f"## Peers on {path}", "", *markdown_document(peers_tables(peers))]
    lines += ["## Again, one by one", "", "```sh", *(f"todpack eval bench {bench.path}" for bench in benches)]
    return "\n".join([*lines, f"todpack eval peers {path} --train-seconds {train_s:g}", "```", ""])
