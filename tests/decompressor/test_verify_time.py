"""How `verify` shares the time that a file may take among sections and tiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.decompressor.forge import put_together, take_apart
from tests.decompressor.small_bombs import daybasis
from todpack.decompressor.container import Container
from todpack.decompressor.verify import verify_archive


def test_sections_leave_time_for_the_first_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of five would be read bit by bit for a sixth of the time."""
    pytest.importorskip("todpack.decompressor._native")
    metadata, stored = take_apart(daybasis(64, 64, coded=(64, 64)))
    one = {"codec": "adaptive", "decoded_bytes": 1 << 20, "dtype": "u1", "shape": [1 << 20]}
    padding = {"name": "padding", "codec": "raw", "decoded_bytes": 2200, "dtype": "u1", "shape": [2200]}
    sections = [*metadata["sections"], padding, *({"name": f"x/{number}", **one} for number in range(5))]
    path = tmp_path / "a.tod"
    path.write_bytes(put_together({**metadata, "sections": sections}, [*stored, bytes(2200), *[b""] * 5]))
    read, read_bytes = list[str](), Container.read_bytes

    def noted(container: Container, name: str) -> bytes:
        read.append(name)
        return read_bytes(container, name)

    monkeypatch.setattr(Container, "read_bytes", noted)
    verdict = verify_archive(path, threads=1)
    assert [name for name in read if name.startswith("x/")] == ["x/0"]
    assert verdict.n_tiles == 1
