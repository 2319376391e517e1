"""One cluster for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.cluster.nodes import Cluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Two nodes of one core."""
    if find_spec("ray") is None:  # not imported here: the command sets variables before it does that
        pytest.skip("ray is not installed (pip install todpack[ray])")
    with Cluster() as started:
        yield started


@pytest.fixture
def at_cluster(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster, where this process finds it."""
    for name, value in cluster.variables.items():
        monkeypatch.setenv(name, value)
    return cluster
