"""Masks come back exactly, whatever kind codes them; hostile ones are refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import REPOSITORY
from tests.decompressor.forge import put_together, set_section, take_apart
from todpack.decompressor import Limits, open_archive
from todpack.decompressor.mask import ADAPTIVE, COLUMNS, PACKED, ROWS, corner_runs, decode_mask, unpack_mask
from todpack.packer.mask import encode_mask

GOLDEN = REPOSITORY / "tests" / "golden" / "daybasis-zstd-1.0.tod"
L_SHAPE = np.array([[0, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0] * 5], bool)


def decoded(data: bytes, height: int, width: int) -> np.ndarray:
    return unpack_mask(decode_mask(data, height, width), width)


def kinds_of(valid: np.ndarray) -> list[bytes]:
    return [
        bytes([ROWS]) + corner_runs(valid),
        bytes([COLUMNS]) + corner_runs(valid.T),
        bytes([PACKED]) + np.packbits(valid).tobytes(),
        encode_mask(valid),
    ]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]))
@pytest.mark.thorough
def test_any_mask(height: int, width: int, seed: int, share: float) -> None:
    valid = np.random.default_rng(seed).random((height, width)) < share
    for data in kinds_of(valid):
        np.testing.assert_array_equal(decoded(data, height, width), valid)


def test_long_distances() -> None:
    """Corners 254, 255, 256 and 510 texels apart."""
    for at in (0, 1, 254, 255, 256, 509, 510, 511, 999):
        valid = np.zeros((1, 1000), bool)
        valid[0, at] = True
        for data in kinds_of(valid):
            np.testing.assert_array_equal(decoded(data, 1, 1000), valid)


def test_by_hand() -> None:
    """A rectangle in rows 1..2, columns 1..2 of 4 x 5 has corners at texels 6, 8, 16, 18."""
    valid = np.zeros((4, 5), bool)
    valid[1:3, 1:3] = True
    assert corner_runs(valid) == bytes([6, 2, 8, 2])
    np.testing.assert_array_equal(decoded(bytes([ROWS, 6, 2, 8, 2]), 4, 5), valid)
    np.testing.assert_array_equal(decoded(bytes([PACKED, 0b00000011, 0b00011000, 0]), 4, 5), valid)


def test_an_atlas_is_small() -> None:
    valid = np.zeros((256, 256), bool)
    valid[8:120, 8:120] = valid[8:120, 136:250] = valid[130:200, 20:240] = True
    assert len(encode_mask(valid)) < 100 < len(np.packbits(valid))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a mask of kind 0, 1, 2 or 3"),
        (b"\x04\x00", "expected a mask of kind 0, 1, 2 or 3"),
        (b"\x02\x00\x00", "expected one bit for each of 20 texels, found 2 bytes"),
        (b"\x00\x14", "a corner lies beyond the last texel"),
        (b"\x01\x0a\x0a", "a corner lies beyond the last texel"),
        (b"\x00" + b"\x00" * 22, "at most one corner for each of 20 texels, found 22 bytes"),
    ],
)
def test_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decoded(data, 4, 5)


@pytest.mark.parametrize("seed", range(40))
def test_any_bytes_with_the_native_core_and_without(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, n_bytes = rng.integers(1, [30, 30, 60]).tolist()
    data = b"\x03" + rng.bytes(n_bytes)
    found = decoded(data, height, width)
    monkeypatch.setattr("todpack.decompressor.c_module.IS_BUILT", False)
    np.testing.assert_array_equal(decoded(data, height, width), found)


def test_bytes_of_a_packed_mask() -> None:
    data = bytes.fromhex("03762c8b22")
    assert encode_mask(L_SHAPE) == data
    np.testing.assert_array_equal(decoded(data, 6, 5), L_SHAPE)


def test_large_masks_are_not_packed() -> None:
    with pytest.raises(ValueError, match="at most 1048576 texels, found 1049600"):
        decoded(b"\x03", 1024, 1025)


@pytest.mark.parametrize("kind", [ROWS, COLUMNS])
def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch, kind: int) -> None:
    valid = np.random.default_rng(4).random((23, 17)) < 0.6
    data = bytes([kind]) + corner_runs(valid if kind == ROWS else valid.T)
    monkeypatch.setattr("todpack.decompressor.mask.STRIP_TEXELS", 40)
    np.testing.assert_array_equal(decoded(data, 23, 17), valid)


def test_a_large_mask_of_charts_is_not_tried_as_a_bitmap(monkeypatch: pytest.MonkeyPatch) -> None:
    charts = np.zeros((64, 64), bool)
    charts[3:40, 5:50] = True
    assert encode_mask(charts)[0] == ADAPTIVE
    monkeypatch.setattr("todpack.packer.mask.MOST_TEXELS", 100)
    expected = encode_mask(charts)
    assert expected[0] in (ROWS, COLUMNS)
    monkeypatch.setattr("todpack.packer.mask.LARGE_MASK", 100)
    monkeypatch.setattr("numpy.packbits", lambda _: pytest.fail("tried"))
    assert encode_mask(charts) == expected


def test_counting_texels_takes_no_second_mask(tmp_path: Path) -> None:
    """Of 16384 x 16384 texels, held as 32 MiB of bits."""
    metadata, stored = take_apart(GOLDEN.read_bytes())
    metadata["lightmaps"][0] |= {"height": 16384, "width": 16384, "valid_texels": 1 << 28}
    set_section(metadata, stored, "0/mask", np.frombuffer(bytes([ROWS, 0]), np.uint8), "u1")
    (tmp_path / "a.tod").write_bytes(put_together(metadata, stored))
    with open_archive(tmp_path / "a.tod", limits=Limits().scaled(100)) as archive:
        tracemalloc.start()
        archive.lightmaps[0].check_mask()
        kept, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert kept >= 32 << 20
    assert peak < 44 << 20
