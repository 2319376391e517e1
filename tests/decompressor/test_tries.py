"""Requests that fail take nothing away from those that come after them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from todpack.decompressor import open_archive
from todpack.decompressor.errors import ArchiveError

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SOURCES = ("daybasis-outliers-1.3", "daybasis-ans-1.2", "gridmlp-1.1", "gridmlp-maps-1.4", "siren-weights-1.1")


class Share(io.BytesIO):
    """A file on a machine that does not answer for a while."""

    is_away = False

    def read(self, size: int | None = -1, /) -> bytes:
        """As of a file, while it is there."""
        if self.is_away:
            raise OSError(5, "Input/output error")
        return super().read(size)


@pytest.mark.parametrize("decoder", ["native", "onnx", "reference"])
@pytest.mark.parametrize("source", SOURCES)
def test_what_cannot_be_read_for_a_while_takes_no_more_afterwards(source: str, decoder: str) -> None:
    share = Share((GOLDEN / f"{source}.tod").read_bytes())
    with (
        open_archive(share, decoder=decoder, threads=1) as tried,
        open_archive(share, decoder=decoder, threads=1) as new,
    ):
        share.is_away = True
        for _ in range(3):
            with pytest.raises(ArchiveError, match="Input/output error"):
                tried.decode(6.0, dtype="float32")
        share.is_away = False
        for archive in (tried, new):
            archive.decode(6.0, dtype="float32")
        assert tried.memory.left == new.memory.left
        assert tried.lightmaps[0].seconds == new.lightmaps[0].seconds
