"""Archives written by earlier versions decode to what they decoded to then. A missing golden file is a failure."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from tests.golden import dilated_digests
from todpack.decompressor import open_archive
from todpack.submission.plain_bits.lightmap import read_lightmap

FOLDER = Path(__file__).resolve().parent
NAMES = (
    "daybasis-ans-1.0", "daybasis-zstd-1.0", "daybasis-ans-smooth-1.1", "daybasis-ans-1.2", "daybasis-ans-1.3",
    "daybasis-ans-smooth-packed-1.4", "gridmlp-1.0", "gridmlp-1.1", "gridmlp-1.4", "gridmlp-maps-1.4",
    "siren-latent-1.1", "siren-weights-1.1",
)  # fmt: skip
LINEAR_NAMES = (
    "daybasis-linear-1.0", "daybasis-gamma-1.1", "daybasis-log-1.1", "daybasis-level-1.1", "daybasis-outliers-1.3",
)  # fmt: skip
PLAIN_BITS = {"contest-gamma.bin": b"TDR1", "contest-tdr5.bin": b"TDR5"}  # of the level's first lightmap
LINEAR_TIMES = (0.0, 5.9, 12.0, 18.1)
DATA_SUFFIXES = (".tod", ".npz", ".json", ".bin")


@pytest.mark.parametrize("name", NAMES)
def test_golden_archive_decodes_as_it_did(name: str) -> None:
    with np.load(FOLDER / f"{name}.npz") as stored:
        expected = stored["codes"]
    digests = json.loads((FOLDER / f"{name}.json").read_text())
    assert len(digests) == len(expected) == 4
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu", gutter="mean") as archive:
        archive.container.verify()
        for (time_text, digest), frame in zip(digests.items(), expected, strict=True):
            decoded = archive.decode(float(time_text))
            if name.startswith("daybasis"):  # exact arithmetic: the same bytes on every machine
                assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest
            difference = np.abs(decoded.astype(np.int16) - frame)
            assert difference.max() <= 1
            assert (difference == 0).mean() >= 0.999


@pytest.mark.parametrize("name", LINEAR_NAMES)
def test_golden_linear_archive_decodes_as_it_did(name: str) -> None:
    digests = json.loads((FOLDER / f"{name}.json").read_text())
    with (
        np.load(FOLDER / f"{name}.npz") as stored,
        open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu", gutter="mean") as archive,
    ):
        archive.container.verify()
        assert [item.name for item in archive.lightmaps] == list(digests) == stored.files
        for lightmap in archive.lightmaps:
            assert list(digests[lightmap.name]) == [f"{t:g}" for t in LINEAR_TIMES]
            for frame, (time_text, digest) in zip(stored[lightmap.name], digests[lightmap.name].items(), strict=True):
                decoded = lightmap.decode(float(time_text), dtype="float32")
                if name == "daybasis-log-1.1":  # exp is the runtime's: 4 units in the last place of exp(v) = rgb + knee
                    knee = frame.max() / 16
                    assert (np.abs(decoded - frame) <= 4 * np.finfo(np.float32).eps * (frame + knee)).all()
                else:
                    assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", [name for name in (*NAMES, *LINEAR_NAMES) if name.startswith("daybasis")])
def test_golden_archive_decodes_dilated_as_it_did(name: str) -> None:
    digests = dilated_digests()[name]
    with open_archive(FOLDER / f"{name}.tod", threads=1, provider="cpu") as archive:
        for lightmap in archive.lightmaps:
            for time_text, digest in digests[lightmap.name].items():
                decoded = lightmap.decode(float(time_text), dtype="float32")
                if name == "daybasis-log-1.1":  # its exp is the runtime's: only the maps are compared
                    decoded = lightmap.latents()
                assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", PLAIN_BITS)
def test_golden_contest_file_decodes_as_the_archive_did(name: str) -> None:
    assert (FOLDER / name).read_bytes().startswith(PLAIN_BITS[name])
    lightmap = read_lightmap(FOLDER / name)
    assert lightmap.times.curve == "square"
    with np.load(FOLDER / "daybasis-level-1.1.npz") as stored:
        expected = stored[stored.files[0]]
    for frame, time_h in zip(expected, LINEAR_TIMES, strict=True):
        matrix, offset = lightmap.times.affine(time_h)
        root = np.maximum(np.tensordot(matrix, lightmap.maps, 1) + offset[:, :, None], 0)
        np.testing.assert_array_equal((root * root).transpose(1, 2, 0), frame)


def test_every_golden_archive_is_tested() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.tod")) == sorted((*NAMES, *LINEAR_NAMES))


def test_golden_files_are_the_listed_ones() -> None:
    """Nothing rewrote them: every file has the SHA-256 that SHA256SUMS, kept in git with them, lists."""
    listed = {}
    for line in (FOLDER / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        listed[name] = digest
    found = {path.name: path for path in FOLDER.iterdir() if path.suffix in DATA_SUFFIXES}
    assert sorted(listed) == sorted(found)
    for name, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], name
