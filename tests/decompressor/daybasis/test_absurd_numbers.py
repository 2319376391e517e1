"""Numbers that no encoder writes, in archives that are signed: a typed error, or frames without a warning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.decompressor.forge import decode_all, put_together, set_section, take_apart, with_large_sums
from todpack.decompressor import Archive, InvalidMetadataError, InvalidSectionError, LimitExceededError, open_archive

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "daybasis-zstd-1.0.tod"


def forged(path: Path, changed: dict[str, Any], basis: int | None = None) -> Path:
    """The golden archive with other fields in its model, and all codes of its basis the same."""
    metadata, stored = take_apart(GOLDEN.read_bytes())
    model = metadata["lightmaps"][0]["model"]
    n = model["n_components"] + 1
    model.update({name: [value] * n if name == "exponents" else value for name, value in changed.items()})
    if basis is not None:
        set_section(metadata, stored, "0/basis", np.full((n, 3, 24), basis, "<i4"), "i4")
    path.write_bytes(put_together(metadata, stored))
    return path


@pytest.mark.parametrize(("precision", "exponent"), [(64, 64), (-64, -64), (64, 37), (-37, -64)])
def test_steps_that_float32_does_not_have(tmp_path: Path, precision: int, exponent: int) -> None:
    path = forged(tmp_path / "a.tod", {"precision": precision, "exponents": exponent})
    with pytest.raises(InvalidMetadataError, match="precision: expected steps of maps that float32 has"):
        decode_all(path)


def test_matrix_beyond_any_light(tmp_path: Path) -> None:
    path = forged(tmp_path / "a.tod", {"precision": 0, "exponents": 30}, basis=(1 << 31) - 2)
    with pytest.raises(InvalidSectionError, match="section 0/basis: an entry is over"):
        decode_all(path)
    with open_archive(path) as archive:
        left = set[int]()
        for _ in range(3):  # a try takes nothing from others
            with pytest.raises(InvalidSectionError):
                archive.decode(6.0)
            left.add(archive.memory.left)
    assert len(left) == 1


@pytest.mark.parametrize("changed", [{"q_step": 1e9}, {"q_step": 1e-9}, {"precision": 64}, {"precision": -64}])
def test_absurd_but_allowed(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Warnings are errors here."""
    frames = decode_all(forged(tmp_path / "a.tod", changed))
    assert frames[0].shape == (37, 45, 3)


def test_models_of_many_small_tiles_take_too_long(tmp_path: Path) -> None:
    """Each tile has a model of its own, of all maps and levels."""
    metadata, stored = take_apart(GOLDEN.read_bytes())
    metadata["lightmaps"][0].update(height=120, width=120, mask=None, valid_texels=120 * 120)
    metadata["lightmaps"][0]["model"].update(n_components=1024, exponents=[0] * 1025, n_levels=12, tile=8)
    path = tmp_path / "a.tod"
    path.write_bytes(put_together(metadata, stored))
    with pytest.raises(LimitExceededError, match=r"decoding would take about .* s for a frame"):
        decode_all(path)


@pytest.mark.parametrize("name", ["regions-of-an-empty-tile", "no-regions-of-an-empty-tile"])
@pytest.mark.parametrize("decoder", ["native", "onnx", "reference"])
def test_nobody_looks_at_the_regions_of_an_empty_tile(name: str, decoder: str) -> None:
    path = GOLDEN.parents[1] / "fuzz" / "cases" / "decoders" / name
    with open_archive(path, decoder=decoder) as archive:
        assert archive.decode(0.0).shape == (32, 64, 3)


def same_by_all_decoders(name: str, decoded: Callable[[Archive], Any]) -> None:
    path = GOLDEN.parents[1] / "fuzz" / "cases" / "decoders" / name
    made = []
    for decoder in ("native", "onnx", "reference"):
        with open_archive(path, decoder=decoder, threads=1) as archive:
            made.append(decoded(archive))
    np.testing.assert_array_equal(made[0], made[2])
    np.testing.assert_array_equal(made[1], made[2])


@pytest.mark.parametrize("name", ["entries-far-apart-8-bit", "entries-far-apart-linear"])
def test_entries_that_float32_does_not_tell_apart_have_one_answer(name: str) -> None:
    """A column whose entries differ by over 2^24 steps, though sums with small maps are exact."""

    def frames(archive: Archive) -> list[np.ndarray]:
        return [archive.decode(float(time_h), dtype="float32") for time_h in (*archive.hours, 3.3)]

    same_by_all_decoders(name, frames)


@pytest.mark.parametrize("name", ["rounded-between-hours", "rounded-between-hours-texels"])
def test_sums_beyond_exact_between_hours_have_one_answer(name: str) -> None:
    """Where A(t), rounded to its grid, is larger than before."""

    def frame(archive: Archive) -> np.ndarray:
        whole = archive.decode(8.0, dtype="float32")
        for y in range(whole.shape[0]):
            np.testing.assert_array_equal(archive.texel(y, y, 8.0, dtype="float32"), whole[y, y])
        part = archive.decode(8.0, (3, 9, 2, 11), dtype="float32")
        np.testing.assert_array_equal(part, whole[3:9, 2:11])
        return whole

    same_by_all_decoders(name, frame)


def test_what_goes_beyond_the_native_core_stays_with_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of the two would turn each other out, where there is memory for those of one."""
    native = pytest.importorskip("todpack.decompressor.daybasis.native_decoder")
    numpy = pytest.importorskip("todpack.decompressor.daybasis.decoder")
    made: Counter[str] = Counter()
    for decoder in (native.NativeDecoder, numpy.DayBasisDecoder):

        def make(self: Any, place: Any, decoder: Any = decoder, make: Any = decoder._make) -> Any:
            made[decoder.__name__] += 1
            return make(self, place)

        monkeypatch.setattr(decoder, "_make", make)
    path = with_large_sums(GOLDEN, tmp_path / "a.tod")
    with open_archive(path, decoder="native", threads=1) as archive:
        monkeypatch.setattr(archive._tiles, "_room", lambda: 1)  # of one tile at a time
        frames = [archive.decode(time_h, dtype="float32") for time_h in (0.0, 6.0, 12.0)]
        texel = archive.texel(3, 4, 12.0, dtype="float32")
        assert made == {"NativeDecoder": 1, "DayBasisDecoder": 3 * archive.lightmaps[0].n_tiles + 1}
    with open_archive(path, decoder="reference") as archive:
        for time_h, frame in zip((0.0, 6.0, 12.0), frames, strict=True):
            np.testing.assert_array_equal(archive.decode(time_h, dtype="float32"), frame)
        np.testing.assert_array_equal(texel, frames[2][3, 4])
