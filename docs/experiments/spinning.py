"""Opening and frames beside another busy process, with onnxruntime's threads spinning while they wait, and without.

    python docs/experiments/spinning.py samples/courtyard

Rounds of the two settings alternate, each in a process of its own. The busy process keeps one core.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from todpack.decompressor import open_archive
from todpack.decompressor.graphs.engine import onnxruntime

ENTRY = "session.intra_op.allow_spinning"


class Spinning(onnxruntime.SessionOptions):
    """onnxruntime's default."""

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Leave spinning on."""
        super().add_session_config_entry(key, "1" if key == ENTRY else value)


def one_round(path: str) -> tuple[list[float], list[float]]:
    """Milliseconds of 8 openings, and of 24 frames of each."""
    opened, frames = [], []
    for _ in range(8):
        started = time.perf_counter()
        with open_archive(path, threads=2, provider="cpu") as archive:
            archive.texel(0, 0, 12.0)
            opened.append(1e3 * (time.perf_counter() - started))
            archive.decode(12.0)
            for hour in range(24):
                started = time.perf_counter()
                archive.decode(float(hour))
                frames.append(1e3 * (time.perf_counter() - started))
    return opened, frames


def main() -> None:
    """Alternate the settings and print medians and 90th percentiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--round", choices=("spin", "wait"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.round:
        if args.round == "spin":
            onnxruntime.SessionOptions = Spinning
        for row in one_round(args.data):
            print(*row)
        return
    with tempfile.TemporaryDirectory() as scratch:
        path = str(Path(scratch) / "day.tod")
        compress = [sys.executable, "-m", "todpack", "compress", args.data, "-o", path, "--q-step", "16"]
        subprocess.run(compress, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times: dict[str, tuple[list[float], list[float]]] = {"spin": ([], []), "wait": ([], [])}
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            for _ in range(5):
                for setting, (opened, frames) in times.items():
                    command = [sys.executable, __file__, path, "--round", setting]
                    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
                    opened += [float(x) for x in rows[0].split()]
                    frames += [float(x) for x in rows[1].split()]
        finally:
            busy.kill()
    for setting, (opened, frames) in times.items():
        tail = statistics.quantiles(frames, n=10)[-1]
        print(
            f"{setting}: open {statistics.median(opened):.1f} ms, frame {statistics.median(frames):.2f} ms, "
            f"p90 {tail:.2f} ms; 2 threads, one core busy, medians of {len(opened)} and {len(frames)}"
        )


if __name__ == "__main__":
    main()
