"""What a C program gets is what the Python package gives: golden archives, all formats, all ways to hold maps."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.decompressor.forge import put_together, set_section, take_apart, with_text
from tests.golden import dilated_digests
from todpack.decompressor import open_archive
from todpack.decompressor.pixels import FORMATS
from todpack.decompressor.zstd_frames import DICTIONARY

from .binding import GUTTERS, Archive, Library, LibraryError
from .build import NATIVE

pytestmark = pytest.mark.thorough  # the library is compiled first

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
NAMES = sorted(path.stem for path in GOLDEN.glob("daybasis*.tod"))
LOG = "daybasis-log-1.1"  # its exp is the machine's


@pytest.fixture(params=[False, True], ids=["keyframes", "prepared"])
def is_prepared(request: pytest.FixtureRequest) -> bool:
    """Whether maps are held."""
    return bool(request.param)


def opened(library: Library, name: str, gutter: str = "dilate") -> Archive:
    return library.open((GOLDEN / f"{name}.tod").read_bytes(), library.options(gutter=gutter))


@pytest.mark.parametrize("name", [name for name in NAMES if name != LOG])
def test_golden_archive_decodes_to_its_digests(library: Library, name: str, is_prepared: bool) -> None:
    digests = json.loads((GOLDEN / f"{name}.json").read_text())
    with opened(library, name, "mean") as archive:
        names = [archive.lightmap(i).name.decode() for i in range(archive.info.n_lightmaps)]
        dtype = "float32" if archive.info.transfer else "uint8"
        if dtype == "uint8":
            digests = {names[0]: digests}
        assert list(digests) == names
        for index, lightmap in enumerate(names):
            if is_prepared:
                archive.prepare(index)
            for time_text, digest in digests[lightmap].items():
                decoded = archive.decode(float(time_text), dtype=dtype, lightmap=index)
                assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest


@pytest.mark.parametrize("name", [name for name in NAMES if name != LOG])
def test_golden_archive_decodes_dilated_to_its_digests(library: Library, name: str, is_prepared: bool) -> None:
    digests = dilated_digests()[name]
    with opened(library, name) as archive:
        for lightmap, frames in digests.items():
            index = archive.find(lightmap)
            if is_prepared:
                archive.prepare(index)
            for time_text, digest in frames.items():
                decoded = archive.decode(float(time_text), dtype="float32", lightmap=index)
                assert hashlib.sha256(decoded.tobytes()).hexdigest() == digest


def test_golden_archive_of_log_coding_within_the_bound(library: Library) -> None:
    with np.load(GOLDEN / f"{LOG}.npz") as stored, opened(library, LOG, "mean") as archive:
        for frame, time_h in zip(stored[stored.files[0]], (0.0, 5.9, 12.0, 18.1), strict=True):
            knee = frame.max() / 16
            decoded = archive.decode(time_h, dtype="float32")
            assert (np.abs(decoded - frame) <= 4 * np.finfo(np.float32).eps * (frame + knee)).all()


def formats(library: Library, name: str, gutter: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    region, times = (3, 20, 5, 17), (0.0, 11.3, 23.99)
    with (
        opened(library, name, gutter) as archive,
        open_archive(GOLDEN / f"{name}.tod", gutter=gutter, decoder="reference", threads=1) as reference,
    ):
        for dtype, pixels in FORMATS.items():
            if pixels.is_8bit and archive.info.transfer:
                continue
            expected = np.stack([reference.decode(t, region, dtype=dtype) for t in times])
            yield archive.decode(times, region, dtype), expected


@pytest.mark.parametrize("gutter", GUTTERS)
@pytest.mark.parametrize("name", ["daybasis-ans-1.2", "daybasis-level-1.1"])
def test_all_formats_at_any_time_are_the_reference(library: Library, name: str, gutter: str) -> None:
    for found, expected in formats(library, name, gutter):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_regions_and_texels_are_the_frame(library: Library) -> None:
    rng = np.random.default_rng(0)
    with opened(library, "daybasis-ans-1.2") as archive:
        frame = archive.decode(13.7, dtype="float32")
        archive.prepare(0, (0, 20, 0, 20))  # one tile of four
        for _ in range(50):
            y0, x0 = int(rng.integers(0, 37)), int(rng.integers(0, 45))
            y1, x1 = int(rng.integers(y0 + 1, 38)), int(rng.integers(x0 + 1, 46))
            np.testing.assert_array_equal(archive.decode(13.7, (y0, y1, x0, x1), "float32"), frame[y0:y1, x0:x1])
            np.testing.assert_array_equal(archive.texel(y0, x0, 13.7), frame[y0, x0])


def test_mask_is_the_archives(library: Library) -> None:
    for name in NAMES:
        with opened(library, name) as archive, open_archive(GOLDEN / f"{name}.tod") as reference:
            for index, lightmap in enumerate(reference.lightmaps):
                info = archive.lightmap(index)
                assert (info.height, info.width, info.n_valid) == (lightmap.height, lightmap.width, lightmap.n_valid)
                np.testing.assert_array_equal(archive.valid(index), lightmap.valid)
                assert list(archive.info.hours[: archive.info.n_hours]) == lightmap.hours.tolist()


def test_reading_through_a_callback_is_the_same(library: Library) -> None:
    data = (GOLDEN / "daybasis-ans-1.2.tod").read_bytes()
    read: list[tuple[int, int]] = []

    def of_file(offset: int, n: int) -> bytes:
        read.append((offset, n))
        return data[offset : offset + n]

    with library.open(data) as whole, library.open_reader(of_file, len(data)) as streamed:
        n_opened = sum(n for _, n in read)
        assert n_opened < len(data) // 3
        np.testing.assert_array_equal(streamed.decode(7.0, (0, 5, 0, 5)), whole.decode(7.0)[:5, :5])
        n_tile = sum(n for _, n in read)
        assert n_opened < n_tile < len(data)


def test_maps_are_held_only_when_they_are_prepared(library: Library) -> None:
    with opened(library, "daybasis-ans-1.2") as archive:
        archive.decode(3.0)
        before = archive.held_bytes
        archive.decode(4.0)
        assert archive.held_bytes == before
        archive.prepare()
        info = archive.lightmap(0)
        maps = archive.held_bytes - before
        assert 2 * info.n_maps * info.n_valid <= maps <= 2.2 * info.n_maps * info.n_valid + 32768
        archive.release()
        assert archive.held_bytes == before


def test_threads_share_an_archive(library: Library) -> None:
    with opened(library, "daybasis-level-1.1") as archive:
        expected = [archive.decode(t / 4, dtype="float32", lightmap=t % 2) for t in range(32)]
    with opened(library, "daybasis-level-1.1") as archive:

        def work(t: int) -> np.ndarray:
            archive.prepare(t % 2)
            return archive.decode(t / 4, dtype="float32", lightmap=t % 2)

        with ThreadPoolExecutor(4) as pool:
            for found, frame in zip(pool.map(work, range(32)), expected, strict=True):
                np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("gutter", GUTTERS)
def test_outliers_are_the_reference(library: Library, gutter: str) -> None:
    metadata, stored = take_apart((GOLDEN / "daybasis-linear-1.0.tod").read_bytes())
    with open_archive(GOLDEN / "daybasis-linear-1.0.tod") as archive:
        valid = archive.lightmaps[0].valid
    outside, inside = np.argwhere(~valid)[0], np.argwhere(valid)[-1]
    rows = [(0, 3, 4), (5, *inside), (5, *outside), (25, 36, 44)]
    values = np.array([[9e3, 0, 1e-9], [1e5, 7, 8], [1, 2, 3], [65500.0, 1, 2]], np.float32)
    array = np.concatenate([np.array(sorted(rows), np.int32), values.view(np.int32)], axis=1)
    metadata["lightmaps"][0]["outliers"] = "0/outliers"
    metadata["requires"] = ["outliers"]
    metadata["sections"].append({"name": "0/outliers"})
    stored.append(b"")
    set_section(metadata, stored, "0/outliers", array, "i4")
    data = put_together(metadata, stored)
    hours = metadata["hours"]
    with (
        library.open(data, library.options(gutter=gutter)) as found,
        open_archive(io.BytesIO(data), gutter=gutter, decoder="reference") as reference,
    ):
        for time_h in (hours[0], hours[5], hours[25], hours[5] + 0.01):
            for dtype in ("float32", "float16", "rgba16f", "rgb9e5"):
                expected = reference.decode(time_h, (2, 37, 1, 45), dtype=dtype)
                np.testing.assert_array_equal(found.decode(time_h, (2, 37, 1, 45), dtype), expected)
        texel = reference.texel(*inside, hours[5], dtype="float32")
        np.testing.assert_array_equal(found.texel(*map(int, inside), hours[5]), texel)
    array[0, 1] = 37
    set_section(metadata, stored, "0/outliers", array, "i4")
    with (
        library.open(put_together(metadata, stored)) as damaged,
        pytest.raises(LibraryError, match="0/outliers: expected ascending places in the day"),
    ):
        damaged.decode(0.0, dtype="float32")


def test_the_dictionary_is_the_decompressors() -> None:
    text = (NATIVE / "archive" / "dictionary.c").read_text()
    numbers = text[text.index("{") + 1 : text.index("}")].replace("\n", " ").split(",")
    assert bytes(int(n) for n in numbers if n.strip()) == DICTIONARY


@pytest.mark.parametrize("spelled", ["0." + 1_000_000 * "0" + "4e1000001", "4" + 1_000_000 * "0" + "e-1000000"])
def test_numbers_of_many_digits_are_the_references(library: Library, spelled: str) -> None:
    """Exponents of seven digits, which digits make up for: Python reads them whole."""
    metadata, stored = take_apart((GOLDEN / "daybasis-ans-smooth-1.1.tod").read_bytes())
    metadata["lightmaps"][0]["model"]["smoothing"]["bound"] = 4
    frames = []
    options = library.options(limits={"free_metadata_bytes": 1 << 21})
    for text in ("4", spelled):
        told = json.dumps(metadata).replace('"bound": 4', f'"bound": {text}').encode()
        with library.open(with_text(told, b"".join(stored), minor=1), options) as archive:
            frames.append(archive.decode(6.0))
    np.testing.assert_array_equal(*frames)
