"""`todpack export`: which files, what is refused, and that nothing is half-written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import todpack
from tests.conftest import REPOSITORY
from tests.contest_data import KEYS, make_radiance
from tests.decompressor.forge import with_large_sums
from tests.packer.export.conftest import GOLDEN
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.eval.exported import read_ktx2, read_maps
from todpack.frames import read_day
from todpack.frames.encodings import srgb_to_linear

MAPS = {"maps.ktx2", "temporal.bin", "temporal.json", "todpack.glsl", "todpack.hlsl", "todpack.wgsl"}
LEVEL = GOLDEN / "daybasis-level-1.1.tod"


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_sample(small_archive: Path, exported: Callable[..., Path]) -> None:
    out = exported(small_archive, "--profile", "sample", "--textures", "4")
    assert names(out) == MAPS | {"export.json"}
    manifest = json.loads((out / "export.json").read_text("utf-8"))
    (entry,) = manifest["lightmaps"]
    assert (manifest["profile"], entry["folder"], entry["n_layers"]) == ("sample", ".", 4)
    assert entry["texel_bytes"] == 4.0 < entry["texel_bytes_with_mips"]
    assert entry["files"] == {name: (out / name).stat().st_size for name in MAPS}
    with open_archive(small_archive) as archive:
        lightmap, maps = archive.lightmaps[0], read_maps(out)
        frames = [lightmap.decode(float(hour)).astype(float) for hour in lightmap.hours]
        errors = [np.rint(maps.decode(float(h))) - f for h, f in zip(lightmap.hours, frames, strict=True)]
        mse = np.mean([np.square(error[lightmap.valid]).mean() for error in errors])
        assert 10 * np.log10(255**2 / mse) == pytest.approx(entry["psnr_db"], abs=0.01)
        between = np.abs(maps.decode(9.37) - lightmap.decode(9.37, dtype="float32"))[lightmap.valid].mean()
        assert between < 1.5 * np.mean([np.abs(error[lightmap.valid]).mean() for error in errors])
        gutter = np.argwhere(~lightmap.valid)[0]
        assert np.abs(maps.decode(12.0)[tuple(gutter)] - frames[12][tuple(gutter)]).max() < 40  # no black seam


def test_load_is_exact(small_archive: Path, exported: Callable[..., Path]) -> None:
    out = exported(small_archive, "--profile", "load", "--zstd")
    with open_archive(small_archive) as archive:
        lightmap, maps = archive.lightmaps[0], read_maps(out)
        for hour, within in ((3.0, 1e-3), (14.2, 0.75)):  # between stored hours the library rounds A(t) to its grid
            frame = lightmap.decode(hour, dtype="float32")
            assert np.abs(maps.decode(hour) - frame)[lightmap.valid].max() < within


@pytest.mark.parametrize("texture", ["rgba16f", "rgb9e5", "bc6h", "bc7"])
def test_frames(texture: str, small_archive: Path, exported: Callable[..., Path]) -> None:
    out = exported(small_archive, "--profile", "frames", "--texture", texture, "--hours", "6,12.5")
    assert names(out) == {"tod_06.ktx2", "tod_12.50.ktx2", "export.json"}
    (stored,) = read_ktx2(out / "tod_12.50.ktx2")
    with open_archive(small_archive) as archive:
        lightmap = archive.lightmaps[0]
        frame = lightmap.decode(12.5, dtype="float32")[lightmap.valid]
    light = srgb_to_linear(frame / 255)
    if texture == "bc7":
        assert np.abs(stored[lightmap.valid][:, :3] - frame).mean() < 2
    elif texture == "rgb9e5":
        words = stored[lightmap.valid][:, 0].astype(np.int64)
        colors = np.stack([words >> shift & 511 for shift in (0, 9, 18)], -1) * np.exp2((words >> 27) - 24.0)[:, None]
        assert np.abs(colors - light).max() < 1 / 511
    else:
        assert np.abs(stored[lightmap.valid][:, :3].astype(float) - light).mean() < (
            1e-2 if texture == "bc6h" else 1e-3
        )
    (smallest,) = read_ktx2(out / "tod_06.ktx2", 6)
    assert smallest.shape[:2] == (1, 1)


def test_dds_and_no_mips(small_archive: Path, exported: Callable[..., Path]) -> None:
    arguments = ("--profile", "frames", "--texture", "bc7", "--hours", "12", "--container", "dds", "--no-mips")
    out = exported(small_archive, *arguments)
    assert (out / "tod_12.dds").stat().st_size == 148 + 72 * 64
    with open_archive(small_archive) as archive:
        frame, valid = archive.decode(12.0).astype(int), archive.lightmaps[0].valid
    assert np.abs(np.asarray(Image.open(out / "tod_12.dds").convert("RGB")) - frame)[valid].mean() < 2


def test_pictures_are_read_back_as_a_day(small_archive: Path, exported: Callable[..., Path], tiny_day: Path) -> None:
    out = exported(small_archive, "--profile", "frames", "--texture", "png")
    day, original = read_day(out, mask=tiny_day / "valid.png"), read_day(tiny_day)
    assert np.array_equal(day.hours, original.hours)
    assert np.abs(day.radiance - original.radiance)[:, original.valid].mean() < 3


@pytest.mark.parametrize(("name", "limit"), [("rgbm:5:srgb", 34.4), ("rgbm:2", 2.0)])
def test_rgbm_pictures_are_read_back_by_their_name(name: str, limit: float, exported: Callable[..., Path]) -> None:
    archive_path = GOLDEN / "daybasis-gamma-1.1.tod"
    out = exported(archive_path, "--profile", "frames", "--texture", name)
    day = read_day(out, mask="none", encoding=name)
    with open_archive(archive_path) as archive:
        lightmap = archive.lightmaps[0]
        for frame, hour in zip(day.radiance, lightmap.hours, strict=True):
            expected = lightmap.decode(float(hour), dtype="float32")[lightmap.valid]
            peak = expected.max(-1, keepdims=True)
            assert (np.abs(frame[lightmap.valid] - np.minimum(expected, limit)) <= 0.006 * peak + 2e-4).all()


def test_a_level_becomes_a_folder_for_each_lightmap(exported: Callable[..., Path]) -> None:
    out = exported(LEVEL, "--profile", "sample", "--texture", "rgba8")
    with open_archive(LEVEL) as archive:
        expected = [lightmap.name for lightmap in archive.lightmaps]
    manifest = json.loads((out / "export.json").read_text("utf-8"))
    assert [entry["name"] for entry in manifest["lightmaps"]] == expected
    assert names(out) == {"export.json", *(entry["folder"] for entry in manifest["lightmaps"])}
    assert all(names(out / entry["folder"]) == MAPS for entry in manifest["lightmaps"])
    one = exported(LEVEL, "--profile", "load", "--lightmap", expected[1], name="one")
    assert len(names(one)) == 2


@pytest.mark.parametrize("n_lit", [0, 3, 5])
def test_black_hours_have_no_rate(n_lit: int, exported: Callable[..., Path], tmp_path: Path) -> None:
    """What block compression makes of black has no peak to be compared with."""
    rows, columns = np.mgrid[0:32, 0:32]
    light = 0.3 + 0.3 * np.sin(columns / 9) * np.cos(rows / 7) + 0.1 * np.random.default_rng(0).random((32, 32))
    hours = [0.0] * (6 - n_lit) + [0.2, 0.7, 1.0, 0.8, 0.4, 0.1][:n_lit]
    frames = [light[..., None] * share * (1 + 0.2 * np.sin(columns / (5 + share)))[..., None] for share in hours]
    radiance = np.stack(frames).repeat(3, axis=3).astype(np.float32)
    todpack.compress(radiance, tmp_path / "night.tod", refine="none", transfer="linear", valid=np.ones((32, 32), bool))
    out = exported(tmp_path / "night.tod", "--profile", "sample")
    (lightmap,) = json.loads((out / "export.json").read_text())["lightmaps"]
    assert 20 < lightmap["psnr_db"] <= 100


def test_outliers_are_counted_where_they_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import todpack

    radiance, valid = make_radiance(48, 44)
    radiance[3, 10:12, 10:12], valid[10:12, 10:12] = 1000.0, True
    hot = tmp_path / "hot.tod"
    todpack.compress(radiance, hot, valid=valid, hours=[int(key) / 100 for key in KEYS], q_step=4.0)
    words = ["export", str(hot), "-o", str(tmp_path / "out"), "--profile"]
    assert main([*words, "sample", "--texture", "rgba8"]) == 0
    assert "without 4 outliers of the archive" in capsys.readouterr().out
    assert main([*words, "frames", "--hours", "3", "--no-mips", "--overwrite"]) == 0
    assert "without" not in capsys.readouterr().out
    (stored,) = read_ktx2(tmp_path / "out" / "tod_03.ktx2")
    assert (stored[10:12, 10:12, :3] == 1000.0).all()


def test_any_family_gives_frames(exported: Callable[..., Path]) -> None:
    for family in ("gridmlp-1.1", "siren-latent-1.1"):
        out = exported(GOLDEN / f"{family}.tod", "--profile", "frames", "--hours", "12", name=family)
        assert names(out) == {"tod_12.ktx2", "export.json"}


@pytest.mark.parametrize(
    ("archive", "arguments", "message"),
    [
        ("small", ["--profile", "sample", "--texture", "bc6h"], "--texture: expected one of bc7, bc4, rgba8 with"),
        ("small", ["--profile", "load", "--texture", "bc7"], "--texture: expected one of rgba16 with --profile load"),
        ("small", ["--profile", "frames", "--texture", "rgbm:-1"], "rgbm:RANGE"),
        ("small", ["--profile", "frames", "--texture", "rgbm:nan"], "rgbm:RANGE"),
        ("small", ["--profile", "frames", "--texture", "rgbm:5:gamma"], "rgbm:RANGE"),
        ("small", ["--profile", "frames", "--hours", "24"], "expected hours in [0, 24), found 24"),
        ("small", ["--profile", "sample", "--hours", "6"], "--hours: expected --profile frames, found sample"),
        ("small", ["--profile", "sample", "--textures", "0"], "--textures: expected 1..64, found 0"),
        ("small", ["--profile", "sample", "--textures", "65"], "--textures: expected 1..64, found 65"),
        ("small", ["--profile", "load", "--textures", "2"], "--textures: expected --profile sample"),
        ("small", ["--profile", "sample", "--exposure", "1"], "--exposure: expected --profile frames --texture png"),
        ("small", ["--profile", "frames", "--texture", "png", "--exposure", "99"], "--exposure: expected stops in"),
        ("small", ["--profile", "frames", "--texture", "png", "--exposure", "1"], "--exposure: expected linear"),
        ("small", ["--profile", "frames", "--texture", "png", "--container", "dds"], "--container: expected textures"),
        ("small", ["--profile", "load", "--zstd", "--container", "dds"], "--zstd: expected --container ktx2"),
        ("small", ["--profile", "frames", "--texture", "png", "--zstd"], "--zstd: expected KTX2 files, found"),
        ("small", ["--profile", "load", "--lightmap", "nope"], "lightmap: expected 0..0 or one of"),
        ("gridmlp-1.1", ["--profile", "sample"], "expected an archive of the family daybasis for --profile sample"),
        ("siren-latent-1.1", ["--profile", "load"], "found siren; --profile frames takes any"),
        ("daybasis-gamma-1.1", ["--profile", "frames", "--texture", "bc7"], "is linear radiance; expected rgb9e5"),
        ("missing", ["--profile", "load"], "missing.tod"),
    ],
)
def test_what_is_refused_leaves_nothing(
    archive: str,
    arguments: list[str],
    message: str,
    small_archive: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = small_archive if archive == "small" else GOLDEN / f"{archive}.tod"
    assert main(["export", str(path), "-o", str(tmp_path / "out"), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("todpack: error: ")
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_sides_that_gpus_do_not_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_archive(LEVEL) as archive:
        odd = [one for one in archive.lightmaps if one.width % 4 or one.height % 4]
    assert odd != []
    assert main(["export", str(LEVEL), "-o", str(tmp_path / "out"), "--profile", "sample"]) == 1
    assert f"found {odd[0].width} x {odd[0].height}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_archive_leaves_the_older_export(
    small_archive: Path, tmp_path: Path, exported: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = exported(small_archive, "--profile", "load")
    before = {name: (out / name).read_bytes() for name in names(out)}
    again = ["export", str(small_archive), "-o", str(out), "--profile", "load"]
    assert main(again) == 1
    assert "already holds an export; replace it by --overwrite" in capsys.readouterr().err
    damaged = tmp_path / "damaged.tod"
    content = bytearray(small_archive.read_bytes())
    content[len(content) // 2] ^= 255
    damaged.write_bytes(bytes(content))
    assert main(["export", str(damaged), "-o", str(out), "--profile", "load", "--overwrite"]) == 1
    assert "todpack: error: " in capsys.readouterr().err
    assert {name: (out / name).read_bytes() for name in names(out)} == before
    assert names(tmp_path) == {"out", "damaged.tod"}
    assert main([*again[:-1], "frames", "--texture", "png", "--hours", "0", "--overwrite"]) == 0
    assert names(out) == {"tod_00.png", "export.json"}
    (out / "notes").mkdir()
    (out / "notes" / "mine.txt").write_text("mine")
    assert main([*again, "--overwrite"]) == 1
    assert "mine.txt: was not written by todpack, and would be lost with the older export" in capsys.readouterr().err
    assert names(out) == {"tod_00.png", "export.json", "notes"}


def test_another_folder_is_not_replaced(
    small_archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "export.json").write_text('{"name": "mine"}', "utf-8")
    for out in (mine, tmp_path / "mine/export.json"):
        assert main(["export", str(small_archive), "-o", str(out), "--profile", "load", "--overwrite"]) == 1
        assert "expected a new folder or an older export, found something else" in capsys.readouterr().err
    assert names(mine) == {"export.json"}


def test_without_the_encoder_a_line_names_the_extra(
    small_archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "ispc_texcomp", None)
    assert main(["export", str(small_archive), "-o", str(tmp_path / "out"), "--profile", "sample"]) == 1
    assert "--texture bc7 needs ispc_texcomp: pip install 'todpack[export]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texture", "told"),
    [
        ("rgbm:0.01", "% of the values cut to what it holds"),
        ("rgbm:1e30", "100 % of the lit texels black: too dark for the range"),
        ("rgbm:1e30:srgb", "100 % of the lit texels black: too dark for the range"),
        ("rgbm:1000", None),
        ("rgba16f", None),
    ],
)
def test_values_that_a_texture_does_not_hold_are_told(
    tmp_path: Path, texture: str, told: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(__file__).resolve().parents[2] / "golden" / "daybasis-linear-1.0.tod"
    words = ["export", str(path), "-o", str(tmp_path / "out"), "--profile", "frames", "--texture", texture]
    assert main([*words, "--hours", "6,12"]) == 0
    out = capsys.readouterr().out
    assert out.count(" cut to what it holds") + out.count("too dark for the range") == (told is not None)
    assert told is None or told in out


def test_sums_that_are_not_exact_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A shader would add up something else."""
    path = with_large_sums(GOLDEN / "daybasis-zstd-1.0.tod", tmp_path / "large.tod")
    assert main(["export", str(path), "-o", str(tmp_path / "out"), "--profile", "load"]) == 1
    assert "expected numbers whose sums are exact in float32, found larger ones" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["large.tod"]


def test_the_row_of_one_time_as_the_document_has_it(exported: Callable[..., Path], tmp_path: Path) -> None:
    """At stored times, which float32 rounds up or down, a row is that of the table, and beside them almost."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    document = (REPOSITORY / "docs" / "engines.md").read_text("utf-8")
    (function,) = re.findall(r"^(function oneRow.*?^})$", document, re.DOTALL | re.MULTILINE)
    hours = [0.1, 5.0, 5.9, 6.0, 18.0, 18.1]
    radiance = np.random.default_rng(0).random((len(hours), 24, 24, 3), np.float32) + 0.5
    todpack.compress(radiance, tmp_path / "day.tod", hours=hours)
    out = exported(tmp_path / "day.tod", "--profile", "load")
    (tmp_path / "rows.mjs").write_text(
        f"""
import {{ readFileSync }} from 'node:fs';
{function}
const bytes = readFileSync({json.dumps(str(out / "temporal.bin"))});
const table = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
const constants = JSON.parse(readFileSync({json.dumps(str(out / "temporal.json"))}));
const times = constants.hours.flatMap((hour) => [hour, Math.fround(hour), hour - 1e-5, hour + 1e-5]);
console.log(JSON.stringify(times.map((time) => [...oneRow(table, constants, time)])));
""",
        "utf-8",
    )
    done = subprocess.run(["node", str(tmp_path / "rows.mjs")], capture_output=True, text=True, check=True)
    rows = np.array(json.loads(done.stdout)).reshape(len(hours), 4, -1, 4)[..., :3]
    stored = np.fromfile(out / "temporal.bin", "<f4").reshape(len(hours), 4, -1, 4)[:, 0, :, :3]
    for beside, within in enumerate((0.0, 0.0, 1e-3, 1e-3)):
        np.testing.assert_allclose(rows[:, beside], stored, rtol=0, atol=within * np.abs(stored).max())
