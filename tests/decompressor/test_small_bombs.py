"""A file of 1 kB cannot make the reader take 64 MiB; a caller that trusts it can allow more."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.decompressor.small_bombs import MAX_BYTES, daybasis, write_small_bombs
from todpack.decompressor import LimitExceededError, Limits, open_archive

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
READ_ALL = """
import json, sys
from pathlib import Path
from todpack.decompressor import TodpackError, open_archive

def read(path):
    try:
        with open_archive(path, threads=4, provider="cpu") as archive:
            archive.container.verify()
            archive.prepare()
            for lightmap in archive.lightmaps:
                lightmap.decode(6.5, dtype="float32")
                lightmap.texel(0, 0, 6.5, dtype="float32")
    except TodpackError as error:
        return f"{type(error).__name__}: {error}"
    return "decoded"

def memory(name):
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name))

folder = Path(sys.argv[1])
assert read(sys.argv[2]) == "decoded"
found = []
for path in sorted(folder.glob("*.tod")):
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again
    outcome = read(path)
    found.append((path.name, outcome, memory("VmHWM") - before))
print(json.dumps(found))
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
def test_1_kb_stays_under_64_mib(tmp_path: Path) -> None:
    n = write_small_bombs(tmp_path)
    golden = ROOT / "tests" / "golden" / "daybasis-zstd-1.0.tod"
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path), str(golden)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found, names = json.loads(done.stdout), json.loads((tmp_path / "names.json").read_text())
    assert len(found) == n > 150
    outcomes = [outcome for _, outcome, _ in found]
    assert outcomes.count("decoded") > 30  # many get as deep as they can
    assert sum(outcome.startswith("LimitExceededError") for outcome in outcomes) > 30
    largest = max(found, key=lambda item: item[2])
    print(f"{n} archives, largest peak {largest[2] / MIB:.1f} MiB over the start: {names[largest[0]]}")  # docs
    over = [(names[name], outcome, size / MIB) for name, outcome, size in found if size >= 64 * MIB]
    assert not over, over[:3]


def test_a_caller_can_allow_more(tmp_path: Path) -> None:
    data = daybasis(1400, 512, coded=(512, 512))
    assert len(data) <= MAX_BYTES
    path = tmp_path / "large.tod"
    path.write_bytes(data)
    with pytest.raises(LimitExceededError, match=r"decoding would take about .* bytes of memory, over the limit of"):
        open_archive(path, provider="cpu")
    with open_archive(path, provider="cpu", limits=Limits().scaled(8)) as archive:
        assert archive.decode(0.0, (0, 4, 0, 4), dtype="float32").shape == (4, 4, 3)
