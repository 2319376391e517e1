"""Archives written by earlier versions decode to what they decoded to then. A missing golden file is a failure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from decompressor import open_archive

FOLDER = Path(__file__).resolve().parent
NAMES = (
    "daybasis-ans-1.0", "daybasis-zstd-1.0", "daybasis-ans-smooth-1.1", "gridmlp-1.0", "gridmlp-1.1",
    "siren-latent-1.1", "siren-weights-1.1",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_golden_archive_decodes_as_it_did(name: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as stored:
        expected = stored["codes"]
    digests = json.loads((FOLDER / f"{name}.json").read_text())
    assert len(digests) == len(expected) == 4
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        archive.container.verify()
        for (time_text, digest), frame in zip(digests.items(), expected, strict=True):
            decoded = archive.decode(float(time_text))
            if name.startswith("daybasis"):  # exact arithmetic: the same bytes on every machine
                assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest
            difference = np.abs(decoded.astype(np.int16) - frame)
            assert difference.max() <= 1
            assert (difference == 0).mean() >= 0.999


def test_every_golden_archive_is_tested() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.tod")) == sorted(NAMES)
