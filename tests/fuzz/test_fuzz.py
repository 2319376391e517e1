"""A short deterministic run of every fuzz target, and every input that was a finding once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.execute import execute, mutated
from tests.fuzz.mutators import MUTATORS
from tests.fuzz.seeds import CASES, cases, seeds
from tests.fuzz.shared import share
from tests.fuzz.targets import TARGETS
from todpack.decompressor.graphs import runtime

# executions, such that each target takes two to five seconds on one core
COUNTS = {
    "container": 1200, "metadata": 3000, "stream": 1500, "tables": 800, "zstd": 30000, "mask": 10000, "planes": 5000,
    "graph": 1500, "archive": 400, "verify": 150, "level": 400, "raw": 100, "view": 60, "inspect": 60, "report": 8,
    "decompress": 60, "export": 30, "run_folder": 60, "manifest": 1000, "contest_config": 1000, "space": 1000,
    "region": 200, "threads": 150, "decoders": 150, "encode": 15,
    "adaptive": 1500, "packed": 800,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _shared_here_alone() -> Iterator[None]:
    """What executions share ends with them: other tests ask for sessions and threads of their own."""
    before = runtime.start_session, runtime.MOST_WORKERS
    yield
    runtime.start_session, runtime.MOST_WORKERS = before
    share.cache_clear()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.thorough
def test_seeds_are_not_refused_outright(target: str) -> None:
    assert seeds()[target]
    for data in seeds()[target]:
        execute(target, data)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.thorough
def test_short_run(target: str) -> None:
    assert mutated(target, COUNTS[target]) == COUNTS[target]


@pytest.mark.parametrize("target", TARGETS)
def test_kept_corpus(target: str) -> None:
    for path in sorted((CASES.parent / "corpus" / target).glob("*")):
        execute(target, path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_old_findings(target: str) -> None:
    for path in cases(target):
        execute(target, path.read_bytes())


def test_every_case_has_a_target() -> None:
    assert {path.name for path in CASES.iterdir() if path.is_dir()} <= set(TARGETS)
    assert set(MUTATORS) <= set(TARGETS) == set(COUNTS)
