"""The bench's document: memory by a real process, tables, what is absent."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.eval.bench.test_bench import made_up
from todpack.eval.bench.archive import DAYBASIS, REFINED
from todpack.eval.bench.document import PeersBench, _bd_rates, document
from todpack.eval.bench.result import DatasetBench
from todpack.eval.errors import EvalError
from todpack.eval.measures.latency import LatencyReport
from todpack.eval.measures.memory import MemoryReport, measure_memory
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers import X265, PeerResults
from todpack.eval.peers.compare import Comparison, PeerPoint

LATENCY = LatencyReport(50.0, 2.0, 0.9, 1.2, 20.0, 2, 5, 48, 500, 8, 8, "cpu", "a processor, 2 cores")


def test_memory_of_a_fresh_process(tiny_archive: Path) -> None:
    memory = measure_memory(tiny_archive, 1)
    assert 10e6 < memory.imports_bytes < memory.decode_bytes + 5e6 < 2e9  # so small an archive adds less than noise
    assert memory.archive_bytes == memory.decode_bytes - memory.imports_bytes


def test_memory_of_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "no.tod"
    path.write_bytes(b"nothing")
    with pytest.raises(EvalError, match="memory cannot be measured"):
        measure_memory(path, 1)


def test_bd_rates_of_curves_scaled_in_bytes() -> None:
    pytest.importorskip("bjontegaard", reason="needs the extra compare")
    levels = (38.0, 41.0, 45.0, 48.0)
    scaled = {X265: 1e4, DAYBASIS: 8e3, REFINED: 7e3}
    points = [RatePoint(name, "", round(k * 2 ** (db / 6)), db) for name, k in scaled.items() for db in levels]
    rates = _bd_rates(replace(made_up(), results=PeerResults(tuple(points), {})))
    assert rates == {DAYBASIS: pytest.approx(-20.0, abs=0.01), REFINED: pytest.approx(-30.0, abs=0.01)}


def test_document_holds_every_table() -> None:
    points = (RatePoint("daybasis", "q_step 16", 100, 42.0, 1.0, 1.0), RatePoint("daybasis", "q_step 8", 200, 46.0))
    bench = DatasetBench("frames", "day 8 x 8", 8, 8, 24, 60, PeerResults(points, {"x265": "why"}), (1.0,), (LATENCY,))
    png = PeerPoint(RatePoint("png", "level 9", 300, math.inf, 0.1, 0.2), 1.0, None, "frame")
    found = Comparison((png,), {"bc7": "not here"}, {"png": "PNG"}, {"png": None}, None, "no weights")
    peers = PeersBench("frames", found, 60, 24, 2.0)
    described = {"cpu": "one", "date": "today", "threads": 2, "load": None, "versions": {"todpack": "1"}}
    text = document([bench], [MemoryReport(50_000_000, 80_000_000)], peers, described, "todpack eval bench", 3.2, True)
    assert "one, today, threads 2, todpack 1; 3 minutes in all." in text
    assert "A quick run" in text
    assert "| 42 | 100 | - | - | - |" in text
    assert "BD-rate" not in text
    assert "| 2 | 50.0 | 0.90 | 1.20 | 20.0 |" in text
    assert "80 MB at the peak with every hour decoded, of which 50 MB are the imports" in text
    assert "| png | level 9 | 300 | 1.667 | inf | 1.0000 | - | 0.1 | 0.20 | frame |" in text
    assert "- bc7 absent: not here" in text
    assert "- LPIPS absent: no weights" in text
    assert "todpack eval peers frames --train-seconds 2" in text
