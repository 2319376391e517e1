"""Round trips, determinism and hostile bytes of the coefficient coder."""

import contextlib
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import zstandard

from todpack.decompressor.bits import EntropyError
from todpack.decompressor.daybasis.entropy.contexts import (
    COARSE_CAP,
    FINE_CAP,
    LEVEL_SHIFT,
    LOG_CLASS,
    MAPS_SHIFT,
    MEAN_CAP,
    N_FINE_CLASSES,
    WEIGHTS,
)
from todpack.decompressor.daybasis.entropy.header import HEADER, PACKED, split_stream
from todpack.decompressor.daybasis.entropy.stream import decode_bands
from todpack.packer.daybasis.entropy.encode import encode_bands, encode_coefficients
from todpack.packer.errors import PackError

KINDS = ("ans", "zstd")


def structure(height, width, n_levels):
    """Shapes of (low, [(lh, hl, hh), ...] coarse to fine)."""
    levels = []
    for _ in range(n_levels):
        low_h, low_w, high_h, high_w = -(-height // 2), -(-width // 2), height // 2, width // 2
        levels.append(((high_h, low_w), (low_h, high_w), (high_h, high_w)))
        height, width = low_h, low_w
    return (height, width), levels[::-1]


def make(draw, n_maps, height, width, n_levels=3, density=1.0, seed=0):
    """Bands with values draw(rng, shape) at sites of the given density."""
    rng = np.random.default_rng(seed)
    low, levels = structure(height, width, n_levels)

    def site(shape):
        return rng.random(shape) < density

    def fill(mask):
        return np.asarray(draw(rng, (n_maps, *mask.shape))).astype(np.int32) * mask

    sites = [site(low), *(tuple(site(s) for s in level) for level in levels)]
    return [fill(sites[0]), *(tuple(fill(m) for m in level) for level in sites[1:])], sites


def sparse(rng, shape):
    return (rng.random(shape) < 0.05) * rng.integers(-3, 4, shape)


def heavy(rng, shape):
    return np.clip(np.rint(rng.standard_cauchy(shape)), -32767, 32767)


DRAWS = {
    "zero": lambda rng, shape: np.zeros(shape),
    "ones": lambda rng, shape: np.ones(shape),
    "sparse": sparse,
    "heavy": heavy,
    "uniform": lambda rng, shape: rng.integers(-300, 301, shape),
    "extreme": lambda rng, shape: rng.choice([-32767, 32767], shape),
}


def flat(bands):
    return [bands[0], *(b for level in bands[1:] for b in level)]


def check(bands, sites, entropy="ans"):
    data = encode_bands(bands, sites, entropy=entropy)
    out = decode_bands(data, len(bands[0]), sites)
    for a, b in zip(flat(bands), flat(out), strict=True):
        assert b.dtype in (np.int16, np.int32)
        np.testing.assert_array_equal(a, b)
    return data


@pytest.mark.parametrize("entropy", KINDS)
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("n_maps", [1, 2, 5])
def test_round_trip_of_distributions(name, n_maps, entropy):
    check(*make(DRAWS[name], n_maps, 37, 50, density=0.8), entropy)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (7, 64), (31, 33), (64, 64)])
@pytest.mark.parametrize("n_levels", [0, 1, 5])
@pytest.mark.thorough
def test_round_trip_of_sizes(size, n_levels):
    for entropy in KINDS:
        for draw in (sparse, heavy):
            check(*make(draw, 3, *size, n_levels=n_levels), entropy)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 1.0])
def test_round_trip_of_sites(density):
    check(*make(heavy, 4, 40, 41, density=density))


def test_sites_of_rows_and_single_columns():
    bands, sites = make(heavy, 3, 32, 32)
    for level in sites[1:]:
        level[0][:, 1:] = False
        level[1][1:] = False
    bands = [
        bands[0],
        *(tuple(b * s for b, s in zip(lv, sl, strict=True)) for lv, sl in zip(bands[1:], sites[1:], strict=True)),
    ]
    check(bands, sites)


def test_wide_values_need_32_bits():
    bands, sites = make(lambda rng, shape: rng.integers(-(1 << 19) + 1, 1 << 19, shape), 2, 8, 8, n_levels=1)
    assert flat(decode_bands(check(bands, sites), 2, sites))[0].dtype == np.int32


@pytest.mark.parametrize("entropy", KINDS)
def test_too_large_is_refused(entropy):
    bands, sites = make(lambda rng, shape: np.full(shape, 1 << 24), 1, 8, 8, n_levels=1)
    with pytest.raises(EntropyError):
        encode_bands(bands, sites, entropy=entropy)


@pytest.mark.parametrize("entropy", KINDS)
def test_details_end_at_2_to_the_19(entropy, monkeypatch):
    """The encoder refuses them, and the decoder what another encoder makes of them."""
    bands, sites = make(lambda rng, shape: np.full(shape, (1 << 19) - 1), 1, 8, 8, n_levels=1)
    check(bands, sites)
    bands[1][2][0, 0, 0] = -(1 << 19)
    with pytest.raises(EntropyError, match="detail code 524288 beyond 524287"):
        encode_bands(bands, sites, entropy=entropy)
    monkeypatch.setattr("todpack.packer.daybasis.entropy.encode.MAX_DETAIL", 1 << 20)
    with pytest.raises(EntropyError, match="a detail code of 524288 is over 524287"):
        decode_bands(encode_bands(bands, sites, entropy=entropy), 1, sites)


@pytest.mark.parametrize("entropy", KINDS)
@pytest.mark.parametrize("where", ["low", "detail"])
def test_overflow_of_a_narrow_stream_is_refused(entropy, where):
    """The first byte says 16 bits, the codes need more."""
    bands, sites = make(sparse, 1, 8, 8, n_levels=1)
    (bands[0] if where == "low" else bands[1][0])[0, 1, 1] = -32768
    sites[0][1, 1] = sites[1][0][1, 1] = True
    data = bytearray(encode_bands(bands, sites, entropy=entropy))
    decode_bands(bytes(data), 1, sites)
    data[0] &= ~1
    with pytest.raises(EntropyError, match=rf"a {where} code .*is over 32767"):
        decode_bands(bytes(data), 1, sites)


def test_unknown_entropy_is_refused():
    with pytest.raises(PackError, match="--entropy: expected one of ans, zstd"):
        encode_coefficients(*make(sparse, 1, 8, 8), "lzma")


@pytest.mark.parametrize("entropy", KINDS)
def test_same_input_same_bytes(entropy):
    bands, sites = make(heavy, 3, 33, 34)
    assert encode_bands(bands, sites, entropy=entropy) == encode_bands(bands, sites, entropy=entropy)


@pytest.mark.parametrize("entropy", KINDS)
def test_truncation_is_a_typed_error(entropy):
    bands, sites = make(sparse, 3, 40, 40)
    data = encode_bands(bands, sites, entropy=entropy)
    for n in sorted({0, 1, 5, 16, 17, 18, len(data) // 3, len(data) // 2, len(data) - 1}):
        with pytest.raises(EntropyError):
            decode_bands(data[:n], 3, sites)
    with pytest.raises(EntropyError):
        decode_bands(data + b"\0", 3, sites)


@pytest.mark.parametrize("entropy", KINDS)
@pytest.mark.thorough
def test_flipped_bytes_give_typed_errors_or_integers(entropy):
    bands, sites = make(heavy, 3, 40, 40, density=0.9)
    data = encode_bands(bands, sites, entropy=entropy)
    rng = np.random.default_rng(1)
    for trial in range(400):
        bad = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            at = rng.integers(0, min(len(bad), 400)) if trial % 2 else rng.integers(0, len(bad))
            bad[at] ^= 1 << rng.integers(0, 8)
        try:
            out = decode_bands(bytes(bad), 3, sites)
        except EntropyError:
            continue
        assert [b.shape for b in flat(out)] == [b.shape for b in flat(bands)]


@pytest.mark.thorough
def test_flipped_model_section_gives_typed_errors_or_integers():
    """A model section has no checksum of its own: build a zstd frame around bad fields, as before format 1.3."""
    bands, sites = make(heavy, 3, 40, 40)
    data = encode_bands(bands, sites)
    kind, size, *rest = HEADER.unpack_from(data)
    assert kind & PACKED
    model = split_stream(data, 3, 3 * (len(sites) - 1))[2]
    rng = np.random.default_rng(2)
    for _ in range(400):
        bad = bytearray(model)
        bad[rng.integers(0, len(bad))] = rng.integers(0, 256)
        frame = zstandard.compress(bytes(bad))
        try:
            decode_bands(HEADER.pack(kind & ~PACKED, len(frame), *rest) + frame + data[HEADER.size + size :], 3, sites)
        except EntropyError:
            continue


def test_damaged_zstd_directory_gives_typed_errors_or_integers():
    bands, sites = make(heavy, 3, 40, 40)
    data = encode_bands(bands, sites, entropy="zstd")
    kind, n_model, n_coded, n_raw = HEADER.unpack_from(data)
    start = HEADER.size + n_model
    size = int.from_bytes(data[start : start + 4], "little")
    directory = zstandard.decompress(data[start + 4 : start + 4 + size])
    rng = np.random.default_rng(3)
    for _ in range(300):
        bad = bytearray(directory)
        bad[rng.integers(0, len(bad))] = rng.integers(0, 256)
        frame = zstandard.compress(bytes(bad))
        sizes = (n_model, n_coded - size + len(frame), n_raw)
        stream = HEADER.pack(kind, *sizes) + data[HEADER.size : start] + len(frame).to_bytes(4, "little") + frame
        with contextlib.suppress(EntropyError):
            decode_bands(stream + data[start + 4 + size :], 3, sites)


def test_zstd_needs_no_constriction():
    script = """
import sys
sys.modules["constriction"] = None
import numpy as np
from todpack.decompressor.daybasis.entropy.stream import decode_bands
from todpack.packer.daybasis.entropy.encode import encode_bands, encode_coefficients
q, s = np.arange(-8, 8).reshape(1, 4, 4), np.ones((4, 4), bool)
bands, sites = [q, (q, q, q)], [s, (s, s, s)]
assert (decode_bands(encode_bands(bands, sites, entropy="zstd"), 1, sites)[1][2] == q).all()
"""
    root = Path(__file__).resolve().parents[3]
    subprocess.run([sys.executable, "-c", script], check=True, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})


def test_energies_fit_their_integers():
    """The largest energy of 16-bit levels stays under 2**16, of 32-bit levels under 2**32."""
    times = {"parent_ring": 8, "parent_others": 2, "left_right": 2, "above_below": 2, "adjacent_maps": 2}
    for orientation, phases in enumerate(WEIGHTS):
        siblings = {"sibling": orientation, "sibling_cross": 4 * orientation, "sibling_diagonal": 4 * orientation}
        for weights in phases:
            fields = {name: value for name, value in asdict(weights).items() if name != "mean"}
            total = sum(value * {**times, **siblings}.get(name, 1) for name, value in fields.items())
            assert total * FINE_CAP + MEAN_CAP < 1 << 16
            assert total * COARSE_CAP + MEAN_CAP < 1 << 32
    assert int(LOG_CLASS.max()) + max(*LEVEL_SHIFT, int(MAPS_SHIFT.max())) < N_FINE_CLASSES


def test_wrong_sites_are_a_typed_error_or_integers():
    bands, sites = make(sparse, 3, 40, 40)
    data = encode_bands(bands, sites)
    _, other = make(sparse, 3, 64, 64, n_levels=2)
    with contextlib.suppress(EntropyError):
        decode_bands(data, 3, other)
