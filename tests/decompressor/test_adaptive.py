"""Adaptive bits: what was put in comes out, with the native core and without, and the bytes are those of FORMAT.md."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from todpack.decompressor import c_module, integer_array
from todpack.decompressor.adaptive_bits import AdaptiveDecoder, Integers, Model, half_octave
from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis.entropy import header, packed_model
from todpack.packer.adaptive_bits import AdaptiveEncoder, pack_integers


@pytest.fixture(params=["here", "python"])
def _both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(c_module, "IS_BUILT", False)


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("shape", [(5,), (3, 7), (4, 3, 24), (2, 2, 1, 1), (1, 40)])
@pytest.mark.parametrize("scale", [0.2, 2.0, 300.0, 1e6])
def test_integers_come_back(shape: tuple[int, ...], scale: float) -> None:
    values = np.rint(np.random.default_rng(3).laplace(size=shape) * scale).astype(np.int64)
    for array in (values, np.cumsum(values, axis=-1), np.diff(values, axis=-1, prepend=0)):
        packed = pack_integers(array)
        assert packed is not None
        assert np.array_equal(integer_array.unpack_integers(packed, shape), array)


@pytest.mark.usefixtures("_both")
def test_bytes_of_an_array() -> None:
    values = np.array([[[3, -1, 0, 0], [2, 0, 1, -40]]])
    assert (pack_integers(values) or b"").hex() == "a8529bb4a1"
    assert integer_array.unpack_integers(bytes.fromhex("a8529bb4a1"), (1, 2, 4)).tolist() == values.tolist()


@pytest.mark.usefixtures("_both")
@pytest.mark.parametrize("shape", [(0,), (0, 1 << 24), (1 << 26, 0, 1), (1 << 24, 1, 0)])
def test_no_integers_take_nothing(shape: tuple[int, ...]) -> None:
    """Whatever the other sides: lists of them would take gigabytes."""
    assert integer_array.unpack_integers(b"", shape).shape == shape


def test_what_is_not_packed() -> None:
    assert pack_integers(np.full((2, 2), 1 << 29)) is None
    assert pack_integers(np.zeros(integer_array.MOST_ITEMS + 1, np.int64)) is None
    with pytest.raises(EntropyError, match="at most 1048576 integers"):
        integer_array.unpack_integers(b"", (1025, 1024))


def test_carries_reach_the_bytes_before() -> None:
    """Bits against all odds take the coder to the upper end of its range again and again."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        bits = (rng.random(400) < rng.choice([0.001, 0.02, 0.5, 0.98])).astype(int).tolist()
        encoder, model = AdaptiveEncoder(), Model()
        for bit in bits:
            encoder.bit(model, bit)
        decoder, model = AdaptiveDecoder(encoder.finish()), Model()
        assert [decoder.bit(model) for _ in bits] == bits


def test_skewed_bits_take_little() -> None:
    encoder, model = AdaptiveEncoder(), Model()
    for _ in range(10000):
        encoder.bit(model, 1)
    assert len(encoder.finish()) < 25


def test_largest_integers() -> None:
    for value in (0, 1, -1, 2, (1 << 32) - 1, 1 - (1 << 32)):
        encoder = AdaptiveEncoder()
        Integers().integer(encoder, 31, 8, value)
        assert Integers().integer(AdaptiveDecoder(encoder.finish()), 31, 8) == value


def test_half_octaves() -> None:
    assert [half_octave(m, 7) for m in (0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 1 << 40)] == [
        0,
        2,
        3,
        4,
        4,
        5,
        5,
        6,
        6,
        7,
        7,
        7,
    ]


@pytest.mark.parametrize("seed", range(60))
def test_native_and_reference_agree_on_any_bytes(seed: int) -> None:
    if not c_module.IS_BUILT:
        pytest.skip("no native core here")
    rng = np.random.default_rng(seed)
    data = rng.bytes(int(rng.integers(200)))
    found = []
    for unpack in (packed_model.unpack_model, header.unpack_model):
        try:
            found.append(unpack(data, 1 + seed % 7, 3 + seed % 5))
        except EntropyError:
            found.append(b"error")
    assert found[0] == found[1]


def test_probabilities() -> None:
    assert packed_model.PROBABILITIES[128] == 32768
    assert sorted(packed_model.PROBABILITIES) == list(packed_model.PROBABILITIES)
    assert {packed_model.probability_of(odds) for odds in packed_model.LOG_ODDS.values()} == set(packed_model.LOG_ODDS)


class _Unchecked(packed_model.ModelWalk):
    def _put_byte(self, value: int) -> int:
        return self._put(value)


def test_integers_that_no_byte_holds_are_refused() -> None:
    """Wherever a model of zeros has 300; by the native core alike."""
    refused = 0
    for place in range(60):
        coder, calls = AdaptiveEncoder(), itertools.count()
        try:
            _Unchecked(coder, lambda: 300 * (next(calls) == place)).walk(3, 3)  # noqa: B023
        except EntropyError:
            continue
        data, found = coder.finish(), []
        for unpack in (packed_model.unpack_model, header.unpack_model):
            try:
                found.append(unpack(data, 3, 3))
            except EntropyError as error:
                found.append(b"error")
                refused += "that no byte holds" in str(error)
        assert found[0] == found[1], place
    assert refused >= 3  # of the maps' low_rice
