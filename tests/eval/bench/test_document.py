"""The bench's document: tables, BD-rates, what is absent."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.eval.bench.test_bench import LATENCY, MEMORY, made_up
from tests.eval.bench.test_families import SIREN
from todpack.eval.bench.dataset import DatasetBench
from todpack.eval.bench.document import document
from todpack.eval.bench.families import families_table
from todpack.eval.bench.report import dataset_table
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.peers.ours import DAYBASIS, REFINED
from todpack.eval.peers.run import PeerResults, all_peers, chosen_peers


def test_bd_rates_of_curves_scaled_in_bytes() -> None:
    pytest.importorskip("bjontegaard", reason="needs the extra compare")
    levels = (38.0, 41.0, 45.0, 48.0)
    scaled = {"x265": 1e6, DAYBASIS: 8e5, REFINED: 7e5}
    points = [RatePoint(name, "", round(k * 2 ** (db / 6)), db) for name, k in scaled.items() for db in levels]
    table = dataset_table(replace(made_up(), results=PeerResults(tuple(points), {})))
    assert "x265 at equal PSNR (BD-rate): daybasis -20.0 %, daybasis --refine fast -30.0 %." in table


def test_document_holds_every_table() -> None:
    points = (RatePoint("daybasis", "q_step 16", 100, 42.0, 1.0, 1.0), RatePoint("daybasis", "q_step 8", 200, 46.0))
    bench = DatasetBench(
        "frames", "day 8 x 8", 8, 8, 24, 60, PeerResults(points, {"x265": "why"}), (1.0,), (LATENCY,), MEMORY
    )
    png = RatePoint("png", "level 9", 300, math.inf, 0.1, 0.2, ssim=1.0)
    found = PeerResults((png,), {"bc7": "not here"}, chosen_peers(all_peers(), ["png", "bc7"]), "no weights", 60, 24)
    families = families_table([{"family": "siren", **SIREN}], "day")
    described = {"cpu": "one", "date": "today", "threads": 2, "load": None, "versions": {"todpack": "1"}}
    text = document([bench], found, described, "todpack eval bench", 3.2, True, [families])
    assert "one, today, threads 2, todpack 1; 3 minutes in all." in text
    assert "A quick run" in text
    assert "| daybasis | - | 100 | 119 | 200 | 42.00 .. 46.00 |" in text
    assert "| x265 | - | - | - | - | absent |" in text
    assert "- BD-rate absent: x265 is not among the points" in text
    assert "| siren | 81734 | 28.26 | 412 | 5.5 | 91 |" in text
    assert "| 2 | 50.0 | 0.90 | 1.20 | 20.0 |" in text
    assert "80 MB at the peak with every hour decoded, of which 50 MB are the imports" in text
    assert "| png | level 9 | 300 | 1.667 | inf | 1.0000 | - | 0.10 | 0.20 | frame |" in text
    assert "- bc7 absent: not here" in text
    assert "- png: PNG, zlib level 9" in text
    assert "- LPIPS absent: no weights" in text
    assert "todpack eval peers frames --train-seconds 2" in text
