"""One process that has imported everything, and the inputs of all scenarios, for the tests of this folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.kills import Forker
from tests.reliability.scenarios import World, make_world


@pytest.fixture(scope="package")
def world() -> Iterator[World]:
    """In a folder that other users may enter, unlike pytest's own."""
    pytest.importorskip("torch")
    pytest.importorskip("fcntl", reason="commands are run in forks, which Windows has not")
    folder = Path(tempfile.mkdtemp(prefix="todpack-tests-"))
    folder.chmod(0o755)
    try:
        with Forker() as forker:
            yield make_world(folder, forker)
    finally:
        shutil.rmtree(folder)
