"""Peak memory of decoding an archive: a fresh process that opens it and decodes every stored hour."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import EvalError

_PROBE = """
import resource, sys
path, threads, decode = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "decode"
from todpack.decompressor import open_archive
if decode:
    with open_archive(path, threads=threads, provider="cpu") as archive:
        for lightmap in archive.lightmaps:
            kind = "uint8" if lightmap.transfer == "srgb8" else "float32"
            for time_h in lightmap.hours:
                lightmap.decode(float(time_h), dtype=kind)
try:  # Linux: ru_maxrss would begin with the peak of the process that started this one
    with open("/proc/self/status") as status:
        peak = 1024 * int(next(line.split()[1] for line in status if line.startswith("VmHWM")))
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
print(peak)
"""


@dataclass(frozen=True)
class MemoryReport:
    """Peaks of the resident memory, bytes: imports alone, and with the archive open and every hour decoded."""

    imports_bytes: int
    decode_bytes: int

    @property
    def archive_bytes(self) -> int:
        """What the archive adds."""
        return self.decode_bytes - self.imports_bytes


def _peak(path: Path, threads: int, what: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, str(path.resolve()), str(threads), what],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise EvalError(f"{path}: memory cannot be measured: {lines[-1]}")
    return int(done.stdout)


def measure_memory(path: Path, threads: int) -> MemoryReport:
    """Measure peak memory.

    Args:
        path: Archive.
        threads: Decoder threads.

    Raises:
        EvalError: the archive cannot be decoded, or the platform does not tell.
    """
    return MemoryReport(_peak(path, threads, "imports"), _peak(path, threads, "decode"))
