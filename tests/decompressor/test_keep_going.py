"""`--keep-going`: what is damaged is marked, and everything else decoded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.contest_data import radiance_day
from tests.decompressor.forge import damage, put_together, take_apart
from tests.decompressor.small_bombs import daybasis
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.decompressor.cli import main as decompress
from todpack.decompressor.damage import DAMAGE_COLOR, MOST_REASONS, Damage, find_damage
from todpack.decompressor.lightmap import Region
from todpack.decompressor.limits import Limits
from todpack.decompressor.mask import Mask
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 x 20 texels of radiance in tiles of 16."""
    path = tmp_path_factory.mktemp("linear") / "linear.tod"
    config = DayBasisConfig(q_step=40.0, tile=16, n_levels=2, max_classes=1, reweight=0)
    encode_day(radiance_day(20, 24), config, DayBasisPackOptions(entropy="zstd")).write(path)
    return path


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_keep_going_marks_the_hole_and_decodes_the_rest(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = damage(tiled, tmp_path / "bad.tod", "0/4/coefficients")
    assert decompress([str(bad), "-o", str(tmp_path / "none"), "-q"]) == 1
    assert not list((tmp_path / "none").glob("*.png"))
    capsys.readouterr()
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--hours", "7,12", "--keep-going", "-q"]) == 1
    last = f"todpack: error: {bad}: 1 damaged; what is whole was decoded, the rest marked or left out"
    assert capsys.readouterr().err.splitlines()[-1] == last
    with open_archive(tiled, provider="cpu") as archive:
        for time_h in (7.0, 12.0):
            expected = archive.decode(time_h)
            expected[32:64, 32:64] = DAMAGE_COLOR
            np.testing.assert_array_equal(read(tmp_path / "out" / f"tod_{time_h:02.0f}.png"), expected)


def test_keep_going_in_a_region(tiled: Path, tmp_path: Path) -> None:
    """A hole outside of the region is none of its business."""
    bad = damage(tiled, tmp_path / "bad.tod", "0/4/coefficients")
    arguments = [str(bad), "--hours", "7", "--keep-going", "-q", "--format", "npy"]
    assert decompress([*arguments, "-o", str(tmp_path / "a"), "--region", "0:20,0:72"]) == 0
    assert decompress([*arguments, "-o", str(tmp_path / "b"), "--region", "20:40,20:40"]) == 1
    whole = [word for word in arguments if word != "--keep-going"]
    assert decompress([*whole, "-o", str(tmp_path / "c"), "--region", "0:20,0:72"]) == 0
    assert decompress([*whole, "-o", str(tmp_path / "d"), "--region", "20:40,20:40"]) == 1
    assert not (tmp_path / "d").exists()
    with open_archive(tiled, provider="cpu") as archive:
        np.testing.assert_array_equal(np.load(tmp_path / "a" / "tod_07.npy"), archive.decode(7.0)[:20])
        expected = archive.decode(7.0)[20:40, 20:40]
    expected[12:, 12:] = DAMAGE_COLOR
    np.testing.assert_array_equal(np.load(tmp_path / "b" / "tod_07.npy"), expected)


def test_what_all_tiles_lack_is_not_read_anew_for_each(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata, stored = take_apart(tiled.read_bytes())
    metadata["lightmaps"][0]["valid_texels"] -= 1
    bad = tmp_path / "bad.tod"
    bad.write_bytes(put_together(metadata, stored))
    reads, decoded = list[int](), Mask._decoded

    def noted(mask: Mask, name: str, height: int, width: int) -> np.ndarray:
        reads.append(height)
        return decoded(mask, name, height, width)

    monkeypatch.setattr(Mask, "_decoded", noted)
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--keep-going", "-q"]) == 1
    assert len(reads) == 3  # by the first tile, and by the two looks at whether it is of all
    assert f"error: {bad}: 1 damaged; what is whole" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_of_many_tiles_those_of_a_region_alone_are_looked_at(tmp_path: Path) -> None:
    """Of four millions; a tile that decodes lies beside three that do not."""
    path = tmp_path / "many.tod"
    path.write_bytes(daybasis(16384, 8))
    region = Region(0, 16, 0, 16)
    with open_archive(path, provider="cpu", limits=Limits().scaled(1000)) as archive:
        (lightmap,) = archive.lightmaps
        lightmap.decode(0.0, (0, 8, 0, 8), "float32")
        tracemalloc.start()
        found = find_damage(lightmap, region)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert list(found.flags) == [0, 1, 1, 1]
        assert [part for is_damaged, part in found.parts(lightmap) if not is_damaged] == [Region(0, 8, 0, 8)]
        assert found.reasons.total() == len(found.reasons) == 3
        assert lightmap.n_tiles == 2048**2
    assert peak < 1 << 20


def test_reasons_of_many_damaged_tiles_are_counted() -> None:
    found = Damage(Region(0, 8, 0, 8 * MOST_REASONS + 40))
    for number in range(MOST_REASONS + 5):
        found.add(f"section {number}", "day")
    assert len(found.flags) == found.reasons.total() == MOST_REASONS + 5
    assert found.reasons["lightmap day: further tiles"] == 5


def test_damage_in_floats_are_nan_and_of_previews_magenta(linear: Path, tmp_path: Path) -> None:
    bad = damage(linear, tmp_path / "bad.tod", "0/3/coefficients")
    for kind in ("npy", "png"):
        arguments = ["--hours", "12", "--keep-going", "-q", "--format", kind]
        assert decompress([str(bad), "-o", str(tmp_path / kind), *arguments]) == 1
    found, image = np.load(tmp_path / "npy" / "tod_12.npy"), read(tmp_path / "png" / "tod_12.png")
    with open_archive(linear, provider="cpu") as archive:
        expected = archive.decode(12.0, dtype="float32")
    expected[16:, 16:] = np.nan
    np.testing.assert_array_equal(found, expected)
    assert (image[16:, 16:] == DAMAGE_COLOR).all()
    assert not (image[:16, :16] == DAMAGE_COLOR).all(axis=2).any()


def test_damaged_outliers_do_not_take_the_lightmap_along(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = REPOSITORY / "tests" / "golden" / "daybasis-outliers-1.3.tod"
    bad = damage(whole, tmp_path / "bad.tod", "0/outliers")
    arguments = ["--hours", "12", "--format", "npy"]
    assert decompress([str(bad), "-o", str(tmp_path / "a"), *arguments, "-q"]) == 1
    assert not (tmp_path / "a").exists()
    assert decompress([str(bad), "-o", str(tmp_path / "a"), *arguments, "--keep-going"]) == 1
    problem = "checksum does not match; the file is damaged; the frames are without outliers"
    assert f"damaged: {bad}: section 0/outliers: {problem}" in caplog.messages
    with open_archive(whole, provider="cpu") as archive:
        expected = archive.decode(12.0, dtype="float32")
    differs = (np.load(tmp_path / "a" / "tod_12.npy") != expected).any(axis=2)
    assert differs.sum() == 1


def test_file_that_was_cut_off(tiled: Path, tmp_path: Path) -> None:
    """The tiles that are there decode."""
    with open_archive(tiled, provider="cpu") as archive:
        end = archive.container.sections["0/3/coefficients"].offset + 2
    cut = tmp_path / "cut.tod"
    cut.write_bytes(tiled.read_bytes()[:end])
    assert decompress([str(cut), "-o", str(tmp_path / "a"), "--hours", "7", "-q"]) == 1
    assert decompress([str(cut), "-o", str(tmp_path / "a"), "--hours", "7", "--keep-going", "-q"]) == 1
    with open_archive(tiled, provider="cpu") as archive:
        expected = archive.decode(7.0)
    expected[32:] = DAMAGE_COLOR
    np.testing.assert_array_equal(read(tmp_path / "a" / "tod_07.png"), expected)


def test_a_lost_lightmap_does_not_take_the_others_along(
    tiled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata, stored = take_apart(tiled.read_bytes())
    metadata["lightmaps"][0]["name"] = "other"
    (tmp_path / "other.tod").write_bytes(put_together(metadata, stored))
    two = tmp_path / "two.tod"
    merge_archives([tiled, tmp_path / "other.tod"]).write(two)
    bad = damage(two, tmp_path / "bad.tod", "0/basis", "1/1/coefficients")
    assert decompress([str(bad), "-o", str(tmp_path / "out"), "--hours", "7", "--keep-going"]) == 1
    assert not (tmp_path / "out" / "day").exists()
    with open_archive(tiled, provider="cpu") as archive:
        expected = archive.decode(7.0)
    expected[:32, 32:64] = DAMAGE_COLOR
    np.testing.assert_array_equal(read(tmp_path / "out" / "other" / "tod_07.png"), expected)
    capsys.readouterr()
    assert main(["verify", str(bad)]) == 1
    out = capsys.readouterr().out
    assert "; lightmap day\n" in out
    assert "; lightmap other, tile 1: rows 0:32, columns 32:64\n" in out
