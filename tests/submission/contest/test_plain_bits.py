"""Plain bits: what is written is read back, whatever the sizes, and decodes to the archive's own values."""

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.contest_data import KEYS, make_radiance
from todpack.decompressor import open_archive
from todpack.decompressor.bits import BitReader, unzigzag, zigzag
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.errors import PackError
from todpack.submission.contest.write_bands import BitWriter, best_low_bits, best_order, write_bands
from todpack.submission.contest.write_lightmap import plain_bits_of
from todpack.submission.contest.write_lists import count_flags, write_lists
from todpack.submission.plain_bits.bands import read_rice
from todpack.submission.plain_bits.flag_lists import INVERTED, N_STARTS, read_lists
from todpack.submission.plain_bits.golomb import read_golomb
from todpack.submission.plain_bits.header import HEADER, Header, with_checksum
from todpack.submission.plain_bits.lightmap import read_lightmap, times_of
from todpack.submission.plain_bits.opened import PlainFile
from todpack.submission.plain_bits.sorted_bands import read_sorted_bands
from todpack.submission.plain_bits.zero_flags import N_LEVELS, padded, read_flags, write_flags

GOLDEN = Path(__file__).parents[2] / "golden"
CONFIG = DayBasisConfig(q_step=4.0, tile=32, n_levels=3, max_classes=3)


def test_bits_come_back():
    rng = np.random.default_rng(0)
    flags, integers = rng.random(13) < 0.5, rng.integers(0, 1 << 11, 29)
    low_bits = rng.integers(0, 6, 50)
    values = rng.integers(-300, 300, 50)
    writer = BitWriter()
    writer.flags(flags)
    writer.integers(integers, 11)
    writer.rice(zigzag(values), low_bits)
    reader = BitReader(writer.to_bytes())
    np.testing.assert_array_equal(reader.flags(13), flags)
    np.testing.assert_array_equal(reader.integers(np.full(29, 11)), integers)
    np.testing.assert_array_equal(unzigzag(read_rice(reader, low_bits)), values)
    with pytest.raises(ValueError, match=r"expected \d+ bits or more, found \d+"):
        reader.flags(9)


@pytest.mark.parametrize("value", [65535, 65536])
def test_the_largest_rice_code(value: int) -> None:
    """65535 steps are the most, as in C."""
    writer = BitWriter()
    writer.rice(np.array([value, 3]), np.array([0, 0]))
    reader = BitReader(writer.to_bytes())
    if value == 65535:
        np.testing.assert_array_equal(read_rice(reader, np.array([0, 0])), [value, 3])
    else:
        with pytest.raises(ValueError, match="expected values under 65536 steps, found a larger one"):
            read_rice(reader, np.array([0, 0]))


def test_integers_that_do_not_fit():
    with pytest.raises(ValueError, match=r"expected integers of 3 bits, found 2\.\.8"):
        BitWriter().integers(np.array([2, 8]), 3)


@pytest.mark.parametrize(
    ("best", "write", "limit", "largest"),
    [(best_low_bits, BitWriter.rice, 15, 40), (best_order, BitWriter.golomb, 12, 4000)],
)
def test_the_best_parameter_gives_the_shortest_codes(best, write, limit, largest):
    values = np.array([0, 3, 9, 17, largest, 5])

    def length(parameter: int) -> int:
        writer = BitWriter()
        write(writer, values, np.full(6, parameter))
        return sum(piece.size for piece in writer._pieces)

    assert best(values, limit) == min(range(limit + 1), key=length)


def test_golomb_codes_by_hand():
    """5 of order 0: 6 is 110, two bits after the leading one, so 110 and 10; 0 of order 2: 4 is 100, so 0 and 00."""
    writer = BitWriter()
    writer.golomb(np.array([5, 0]), np.array([0, 2]))
    # b = 2 and 0: flags "over 0" 1 0, "over 1" 1, "over 2" 0; then 10 and 00
    assert writer.to_bytes() == bytes([0b10101000])
    np.testing.assert_array_equal(read_golomb(BitReader(writer.to_bytes()), np.array([0, 2])), [5, 0])
    writer = BitWriter()
    writer.rice(np.array([30]), np.array([0]))
    with pytest.raises(ValueError, match="expected values under 25 bits, found a larger one"):
        read_golomb(BitReader(writer.to_bytes() + bytes(8)), np.array([0]))


def test_lists_of_flags_by_hand():
    """0 0 0 1 1 from level 2: both nodes hold a 1, the first in its second part; the second has but one part."""
    flags, sizes, starts = np.array([0, 0, 0, 1, 1], bool), np.array([5]), np.array([2])
    writer = BitWriter()
    write_lists(writer, flags, sizes, starts)
    assert writer.to_bytes() == bytes([0b11000000])  # 11, first half 0, first of the second half 0; the rest follows
    assert count_flags(flags, sizes)[2, 0] == 4
    np.testing.assert_array_equal(read_lists(BitReader(writer.to_bytes()), sizes, starts), flags)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5, 0.97, 1.0])
def test_lists_of_flags_come_back_from_every_start(density):
    rng = np.random.default_rng(int(100 * density))
    sizes = np.array([1, 0, 5, 64, 3000, 2, 777])
    flags = rng.random(sizes.sum()) < density
    counts = count_flags(flags, sizes)
    for start in range(N_STARTS):
        writer, starts = BitWriter(), np.full(sizes.size, start)
        write_lists(writer, flags, sizes, starts)
        np.testing.assert_array_equal(read_lists(BitReader(writer.to_bytes()), sizes, starts), flags)
        if start < INVERTED or density == 1.0:  # of lists of zeros it is not counted what they take inverted
            assert sum(piece.size for piece in writer._pieces) == counts[start].sum()
    mixed = np.arange(sizes.size) * 3 % N_STARTS
    writer = BitWriter()
    write_lists(writer, flags, sizes, mixed)
    np.testing.assert_array_equal(read_lists(BitReader(writer.to_bytes()), sizes, mixed), flags)


def test_flags_of_a_lone_sample_by_hand():
    """The last of 16 x 16: a flag for the whole, then one at each of 8 levels; the other half is implied."""
    leaves = np.zeros((1, 16, 16), bool)
    leaves[0, 15, 15] = True
    writer, starts = BitWriter(), np.array([N_LEVELS - 1])
    write_flags(writer, np.ones_like(leaves), leaves, starts)
    assert writer.to_bytes() == bytes([0b10000000, 0])  # 9 flags, of which only the whole's is set
    reader = BitReader(writer.to_bytes())
    np.testing.assert_array_equal(read_flags(reader, np.ones_like(leaves), starts), leaves)
    assert reader.flags(7).size == 7  # what fills the last byte is left
    with pytest.raises(ValueError, match="bits or more"):
        reader.flags(1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 50), (33, 24), (64, 64)])
@pytest.mark.parametrize("density", [0.0, 0.03, 0.4, 1.0])
def test_bands_come_back(height, width, density):
    rng = np.random.default_rng(height * 100 + width)
    valid = rng.random((height, width)) < 0.8
    valid[0, 0] = True
    sites = build_pyramid(valid, 3).sites

    def band(site):
        codes = rng.geometric(0.4, (5, *site.shape)) * rng.choice([-1, 1], (5, *site.shape))
        return np.where((rng.random(codes.shape) < density) & site, codes, 0).astype(np.int32)

    bands = [band(sites[0]) * 1000, *(tuple(band(site) for site in level) for level in sites[1:])]
    writer = BitWriter()
    write_bands(writer, bands, sites)
    found = read_sorted_bands(BitReader(writer.to_bytes()), 5, sites)
    np.testing.assert_array_equal(found[0], bands[0])
    for level, expected in zip(found[1:], bands[1:], strict=True):
        for one, other in zip(level, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_padding_reaches_whole_squares():
    assert padded(np.ones((2, 17, 16), bool)).shape == (2, 32, 16)


def archive_of(
    path: Path, height: int, width: int, config: DayBasisConfig = CONFIG, smoothing: bool | None = None
) -> tuple[Path, Day]:
    radiance, valid = make_radiance(height, width)
    valid[20:, 32:] = False
    hours = np.array([int(key) / 100 for key in KEYS])
    day = Day(radiance, valid, hours, "linear", "L_0")
    encode_day(day, config, DayBasisPackOptions(entropy="zstd", smoothing=smoothing)).write(path)
    return path, day


def bits_of(path: Path) -> bytes:
    with open_archive(path) as archive:
        return plain_bits_of(archive, 0)


@pytest.mark.parametrize(("transfer", "smoothing"), [("gamma", None), ("gamma", True), ("linear", None), ("log", None)])
@pytest.mark.thorough
def test_decodes_to_the_archives_values(tmp_path, transfer, smoothing):
    path, day = archive_of(tmp_path / "a.tod", 45, 71, replace(CONFIG, transfer=transfer), smoothing)
    data = bits_of(path)
    (tmp_path / "a.bin").write_bytes(data)
    lightmap = read_lightmap(tmp_path / "a.bin")
    with open_archive(path, gutter="mean") as archive:
        np.testing.assert_array_equal(lightmap.maps, archive.lightmaps[0].latents())
        np.testing.assert_array_equal(lightmap.times.hours, day.hours)
        for time_h in (0.0, 5.9, 5.95, 6.0, 18.1, 23.7):
            expected = archive.decode(time_h, dtype="float32")
            np.testing.assert_allclose(lightmap.radiance(time_h), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(lightmap.times.affine(24.0)[0], lightmap.times.affine(0.0)[0])
    assert len(data) < 1.4 * path.stat().st_size  # of so small a lightmap, whose side information the archive codes


@pytest.mark.thorough
def test_a_large_lightmap_of_few_bytes_may_take_its_memory(tmp_path):
    valid = np.zeros((1024, 1024), bool)
    valid[:8, :8] = True
    radiance = (valid[None, ..., None] * np.full((3, 1, 1, 3), 0.5)).astype(np.float32)
    encode_day(Day(radiance, valid, np.arange(3.0), "linear", "flat"), CONFIG, DayBasisPackOptions()).write(
        tmp_path / "a.tod"
    )
    data = bits_of(tmp_path / "a.tod")
    file = PlainFile(tmp_path / "a.bin", data=data)
    ((_, maps),) = file.tiles()
    np.testing.assert_allclose(times_of(file).radiance(maps, 1.0)[:8, :8], 0.5, rtol=0.01)
    end = len(data.rstrip(b"\0"))
    with pytest.raises(ValueError, match="numbers in its header that none has"):
        PlainFile(tmp_path / "a.bin", data=data[:end])  # without what fills it up


@pytest.mark.thorough
def test_damage_is_one_error(tmp_path):
    path, _ = archive_of(tmp_path / "a.tod", 24, 24)
    data, target = bits_of(path), tmp_path / "a.bin"
    for broken in (b"", b"nothing of the kind, but long enough for a header"):
        target.write_bytes(broken)
        with pytest.raises(ValueError, match="expected"):
            read_lightmap(target)
    changed = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in range(HEADER.size, len(data))]
    for broken in (data[: len(data) // 2], data[: HEADER.size], data + b"\0", *changed):
        target.write_bytes(broken)
        with pytest.raises(ValueError, match=r"a\.bin: checksum does not match; the file is damaged"):
            read_lightmap(target)


def test_the_older_layout_with_and_without_a_checksum(tmp_path):
    data, target = (GOLDEN / "contest-gamma.bin").read_bytes(), tmp_path / "a.bin"
    old = Header.unpack(data)
    assert old.magic == b"TDR1"
    maps = read_lightmap(GOLDEN / "contest-gamma.bin").maps
    target.write_bytes(with_checksum(old._replace(magic=b"TDR3"), data[HEADER.size :]))
    np.testing.assert_array_equal(read_lightmap(target).maps, maps)
    target.write_bytes(target.read_bytes()[:-1] + b"\1")
    with pytest.raises(ValueError, match="checksum does not match"):
        read_lightmap(target)


@pytest.mark.parametrize(
    ("at", "code", "value"),
    [(4, "<I", 0xFFFF_FFFF), (4, "<H", 0), (6, "<H", 0), (8, "<H", 0), (10, "<H", 0), (10, "<H", 0xFFFF), (13, "<B", 0),
     (14, "<H", 0), (17, "<B", 9), (20, "<d", float("nan")), (20, "<d", 1e300),
     (28, "<f", float("inf")), (32, "<d", -1.0)],
)  # fmt: skip
@pytest.mark.thorough
def test_absurd_headers_are_refused_before_anything_is_allocated(tmp_path, at, code, value):
    data = bytearray(bits_of(archive_of(tmp_path / "a.tod", 20, 24)[0]))
    struct.pack_into(code, data, at, value)
    target = tmp_path / "absurd.bin"
    target.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"absurd\.bin: expected a lightmap of plain bits, found numbers"):
            read_lightmap(target)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_other_archives_are_refused(tiny_archive):
    with pytest.raises(PackError, match="expected linear radiance of the family daybasis, found srgb8 of gridmlp"):
        bits_of(tiny_archive)
