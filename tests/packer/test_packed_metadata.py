"""Metadata in adaptive bits: the same text, in a third of the bytes; what is not such stays a frame."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import make_day
from tests.decompressor.forge import metadata_text, put_together, take_apart, with_header
from todpack.decompressor import ArchiveError, InvalidMetadataError, InvalidSectionError, open_archive
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.container import HEADER, PACKED
from todpack.decompressor.daybasis.standard_frame import frame_of, standard_frame
from todpack.decompressor.packed_metadata import DECIMALS, DIGITS, MetadataWalk, unpack_metadata
from todpack.frames import Day
from todpack.packer.adaptive_bits import AdaptiveEncoder
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import EncodedDay, encode_day
from todpack.packer.daybasis.graph import frame_graph
from todpack.packer.packed_metadata import pack_metadata


def encoded(
    *, packs: bool = True, n_frames: int = 24, size: tuple[int, int] = (40, 56), name: str = "roof_2", **options: Any
) -> EncodedDay:
    frames, valid = make_day(*size, n_frames)
    valid |= options.pop("whole", False)
    hours = np.arange(n_frames) * 24.0 / n_frames
    day = Day(frames.astype(np.float32), valid, hours, "srgb8", name)
    coding = DayBasisPackOptions(packs_metadata=packs, smoothing=options.pop("smoothing", None))
    return encode_day(day, DayBasisConfig(**{"q_step": 12.5, **options}), coding)


CASES: dict[str, dict[str, Any]] = {
    "usual": {},
    "tiles": {"tile": 16, "n_levels": 2, "smoothing": True},
    "whole": {"whole": True, "n_frames": 6},
    "fine": {"q_step": 0.173, "n_frames": 12, "name": "a b-(c).Z~"},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.thorough
def test_packed_archive_is_the_plain_one(case: str) -> None:
    plain, packed = (encoded(packs=packs, **CASES[case]).writer.to_bytes() for packs in (False, True))
    assert (plain[10], packed[10]) == (3, 4)
    assert len(packed) < len(plain) - 120
    (ours, stored), (theirs, plainly) = take_apart(packed), take_apart(plain)
    frame = next(i for i, section in enumerate(ours["sections"]) if section["codec"] == "standard")
    assert [b for i, b in enumerate(stored) if i != frame] == [b for i, b in enumerate(plainly) if i != frame]
    assert stored[frame] == b""
    for metadata in (ours, theirs):
        for field in ("version", "requires", "sha256"):
            del metadata[field]
        for section in metadata["sections"]:
            for field in ("offset", *(("codec", "stored_bytes", "crc32") if "frame" in section["name"] else ())):
                del section[field]
    assert ours == theirs
    with open_archive(io.BytesIO(plain), provider="cpu") as a, open_archive(io.BytesIO(packed), provider="cpu") as b:
        assert b.container.digests()[0] == b.container.digests()[1]
        assert b.container.read_bytes("0/frame.onnx") == a.container.read_bytes("0/frame.onnx")
        b.container.verify()
        assert np.array_equal(a.decode(7.3), b.decode(7.3))


@pytest.mark.parametrize("n_frames", [2, 8, 24])
@pytest.mark.parametrize("n_components", [1, 5, 42, 43, 200])
def test_standard_frame_is_the_packers_graph(n_components: int, n_frames: int) -> None:
    hours = np.arange(n_frames) * 24.0 / n_frames + 0.125
    assert standard_frame(n_components, hours) == frame_graph(n_components, hours, "srgb8")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["hours"].__setitem__(1, 1.5),
        lambda m: m["lightmaps"].append(m["lightmaps"][0]),
        lambda m: m["lightmaps"][0].update(name="Dach \u2302"),
        lambda m: m["lightmaps"][0].update(mask=None),
        lambda m: m["lightmaps"][0]["model"].update(entropy="zstd"),
        lambda m: m["lightmaps"][0]["model"].update(q_step=1e-12),
        lambda m: m["lightmaps"][0]["model"].update(q_step=1e-5),
        lambda m: m["lightmaps"][0]["model"].update(curve="square"),
        lambda m: m["lightmaps"][0]["model"].update(centroids=[0.1, 0.2]),
        lambda m: m["sections"].pop(),
        lambda m: m.update(transfer="linear"),
        lambda m: m.update(author="somebody"),
    ],
)
@pytest.mark.thorough
def test_other_metadata_are_not_packed(change: Any) -> None:
    text = metadata_text(encoded().writer.to_bytes())
    assert pack_metadata(text) is not None
    metadata = json.loads(text)
    change(metadata)
    assert pack_metadata(json.dumps(metadata, sort_keys=True, separators=(",", ":")).encode()) is None


def test_damaged_ones_are_refused(tmp_path: Path) -> None:
    """Whatever the bits are, with a checksum that fits: an error of ours, or the same text."""
    data = encoded().writer.to_bytes()
    _, _, _, stored_bytes, n_text, _, _ = HEADER.unpack(data[: HEADER.size])
    packed, rest = data[HEADER.size : HEADER.size + stored_bytes], data[HEADER.size + stored_bytes :]
    rng, n_refused = np.random.default_rng(5), 0
    for _ in range(150):
        changed = bytearray(packed)
        changed[int(rng.integers(1, len(packed)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "day.tod").write_bytes(with_header(bytes(changed), n_text, rest))
        try:
            with open_archive(tmp_path / "day.tod", provider="cpu") as archive:
                stated, found = archive.container.digests()
        except ArchiveError:
            n_refused += 1
            continue
        if stated == found:  # the last bits are not all needed
            assert unpack_metadata(bytes(changed)) == unpack_metadata(packed)
    assert n_refused > 50
    (tmp_path / "day.tod").write_bytes(with_header(packed, n_text + 1, rest))
    with pytest.raises(InvalidMetadataError, match=f"expected {n_text + 1} bytes by the header, found {n_text}"):
        open_archive(tmp_path / "day.tod")
    with pytest.raises(EntropyError):
        unpack_metadata(b"\x0f" + b"\xff" * 40)


class FineWalk(MetadataWalk):
    """Writes 0.00001 for each decimal."""

    def _decimal(self, value: float) -> float:
        self._count(DECIMALS, 5, 1, 9)
        self._count(DIGITS, 1, 0, 9)
        return value


def test_decimals_that_libraries_write_in_different_ways_are_refused() -> None:
    coder = AdaptiveEncoder()
    FineWalk(coder, json.loads(metadata_text(encoded().writer.to_bytes()))).walk()
    with pytest.raises(EntropyError, match=r"expected decimals from 0\.0001 on or 0, found 1e-05"):
        unpack_metadata(PACKED + coder.finish())


def test_a_standard_frame_that_is_none(tmp_path: Path) -> None:
    text = json.loads(metadata_text(encoded().writer.to_bytes()))
    for changed in ({"transfer": "linear"}, {"lightmaps": []}, {"hours": "noon"}):
        with pytest.raises(EntropyError, match="expected the frame of a lightmap of 8-bit codes"):
            frame_of({**text, **changed}, "0/frame.onnx")
    day = encoded()
    day.writer.metadata["lightmaps"][0]["model"]["n_components"] += 42  # which needs longer numbers in the graph
    (tmp_path / "day.tod").write_bytes(day.writer.to_bytes())
    assert day.writer.to_bytes()[10] == 3  # so the packer does not take it for the standard one


def test_merged_archives_hold_their_graphs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        encoded(name=name).write(tmp_path / f"{name}.tod")
    merge_archives([tmp_path / "a.tod", tmp_path / "b.tod"]).write(tmp_path / "both.tod")
    with open_archive(tmp_path / "a.tod", provider="cpu") as one, open_archive(tmp_path / "both.tod") as both:
        assert both.container.version == (1, 3)
        assert "packed" not in both.metadata["requires"]
        assert np.array_equal(one.decode(3.5), both.lightmaps[1].decode(3.5))


def test_standard_with_stored_bytes_is_refused(tmp_path: Path) -> None:
    data = encoded(packs=False).writer.to_bytes()
    metadata, stored = take_apart(data)

    def spoil(fields: dict[str, Any]) -> None:
        section = next(s for s in fields["sections"] if s["name"] == "0/frame.onnx")
        section["codec"] = "standard"

    (tmp_path / "day.tod").write_bytes(put_together(metadata, stored, spoil))
    with (
        pytest.raises(InvalidSectionError, match="expected no stored bytes"),
        open_archive(tmp_path / "day.tod", provider="cpu") as archive,
    ):
        archive.decode(0.0)
