"""All peers on a small day: each gives it back, figures against known values, absence by name."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from todpack.cli import main
from todpack.decompressor.errors import OutputError, TodpackError
from todpack.eval.errors import EvalError
from todpack.eval.measures.lpips_weights import LpipsAbsent
from todpack.eval.measures.metrics import psnr_srgb_db
from todpack.eval.measures.rate_curve import RatePoint
from todpack.eval.measures.ssim import ssim
from todpack.eval.peers import libaom, video
from todpack.eval.peers.cache import PointCache
from todpack.eval.peers.libaom import LIBAOM, PROGRAM
from todpack.eval.peers.ours import DAYBASIS, REFINED, compress
from todpack.eval.peers.own import own_peer
from todpack.eval.peers.peer import Encoded, Peer
from todpack.eval.peers.report import peers_json, peers_tables
from todpack.eval.peers.run import PeerResults, all_peers, chosen_peers, reference_peers, run_peers
from todpack.eval.peers.vector_quantization import fit_codebook, nearest_codes
from todpack.eval.tables import terminal

ABSENT = LpipsAbsent("not needed here")
# what a smooth little day must keep at each peer's first setting, dB; the neural ones train for a moment only
FLOOR_DB = {
    "daybasis": 38.0,
    "daybasis --refine fast": 38.0,
    "x265": 38.0,
    "jpegxl": 38.0,
    "libaom": 38.0,
    "svt-av1-420": 32.0,
    "avif": 34.0,
    "webp": 32.0,
    "png": math.inf,
    "bc7": 38.0,
    "bc7+zstd": 38.0,
    "pca-vq": 30.0,
    "mlp": 12.0,
    "ndgi": 12.0,
}


@pytest.fixture(scope="module")
def day() -> tuple[np.ndarray, np.ndarray]:
    """(5, 66, 70, 3) uint8: smooth, brightening, a little noise; and a mask."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:66, 0:70]
    still = 90 + 50 * np.sin(rows / 9.0)[..., None] * np.cos(columns / 11.0 + np.arange(3)[:, None, None]).transpose(
        1, 2, 0
    )
    frames = still * np.linspace(0.6, 1.2, 5)[:, None, None, None] + rng.normal(0, 1, (5, 66, 70, 3))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8), (rows > 3) & (columns < 60)


def run(day: tuple[np.ndarray, np.ndarray], *names: str, crf: float = 10.0, distance: float = 0.5) -> PeerResults:
    """The peers of these names on the day, the neural ones trained for a moment."""
    return run_peers(*day, chosen_peers(all_peers((crf,), (distance,), 0.5), names), lpips=ABSENT)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough if name == REFINED else ()) for name in FLOOR_DB]
)
def test_every_peer_gives_the_day_back(name: str, day: tuple[np.ndarray, np.ndarray]) -> None:
    (peer,) = chosen_peers(all_peers((10.0,), (0.5,), 0.5), (name,))
    if name == LIBAOM.name and shutil.which(PROGRAM) is None:
        pytest.skip("aomenc is not installed (apt-get install aom-tools)")
    if name in (DAYBASIS, REFINED):
        peer = replace(peer, settings=peer.settings[:1])  # a process each
    found = run_peers(*day, (peer,), lpips=ABSENT)
    assert found.absent == {}
    first = found.points[0]
    assert first.psnr_db >= FLOOR_DB[name]
    assert 100 < first.size_bytes < 2 * day[0].nbytes  # a codebook weighs more than so small a day
    assert first.encode_s > 0.0
    assert first.decode_ms_per_frame > 0.0
    assert first.ssim is not None
    assert 0.0 < first.ssim <= 1.0
    if name == "bc7":
        assert first.size_bytes == 5 * 68 * 72  # 8 bits a texel, sides rounded up to blocks
    if name in ("avif", "webp", "svt-av1-420", "libaom", "ndgi"):
        sizes = [point.size_bytes for point in found.points]
        assert len(set(sizes)) == len(peer.settings)


def test_bc6h_codes_radiance_and_the_others_say_that_they_do_not() -> None:
    rng = np.random.default_rng(1)
    radiance = (np.linspace(0.1, 8.0, 32)[None, None, :, None] * rng.uniform(0.9, 1.1, (2, 32, 32, 3))).astype(
        np.float32
    )
    found = run((radiance, np.ones((32, 32), bool)), "jpegxl", "bc6h", "bc6h+zstd")
    assert found.absent == {"jpegxl": "it codes srgb8 frames, these are linear"}
    assert [point.name for point in found.points] == ["bc6h", "bc6h+zstd"]
    assert found.points[0].size_bytes == 2 * 32 * 32
    assert found.points[0].psnr_db == found.points[1].psnr_db > 34.0


@pytest.mark.parametrize(("name", "better", "worse"), [("x265", 10.0, 30.0), ("jpegxl", 0.5, 3.0)])
def test_points_order_as_rate_and_distortion_should(
    name: str, better: float, worse: float, day: tuple[np.ndarray, np.ndarray]
) -> None:
    settings = (better, worse)
    peers = reference_peers(settings if name == "x265" else (), settings if name == "jpegxl" else ())
    done: list[tuple[int, int, str]] = []
    results = run_peers(*day, peers, progress=lambda *step: done.append(step))
    fine, coarse = results.curve(name)
    assert results.absent == {}
    assert [step[:2] for step in done] == [(0, 2), (1, 2)]
    assert fine.size_bytes > coarse.size_bytes > 100
    assert 60.0 > fine.psnr_db > coarse.psnr_db > 25.0
    assert fine.ssim is None  # a rate curve needs PSNR alone


def test_figures_are_those_of_the_measures(day: tuple[np.ndarray, np.ndarray]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    frames, valid = day
    coded = [imagecodecs.jpegxl_encode(frame, distance=1.0, effort=7) for frame in frames]
    decoded = np.stack([imagecodecs.jpegxl_decode(one) for one in coded])
    (point,) = run(day, "jpegxl", distance=1.0).points
    assert point.size_bytes == sum(map(len, coded))
    assert point.psnr_db == psnr_srgb_db(frames, decoded, valid)
    assert point.ssim == pytest.approx(ssim(frames, decoded, valid), abs=1e-12)


def test_lossless_jpeg_xl_is_exact(day: tuple[np.ndarray, np.ndarray]) -> None:
    assert run(day, "jpegxl", distance=0.0).points[0].psnr_db == math.inf


def test_x265_is_a_raw_stream_of_all_frames(day: tuple[np.ndarray, np.ndarray]) -> None:
    (peer,) = reference_peers((10.0,), ())[:1]
    decoded = peer.encode(*day, 10.0).decode()
    errors = [psnr_srgb_db(frame, back, day[1]) for frame, back in zip(day[0], decoded, strict=True)]
    assert min(errors) > 38.0  # in their order


@pytest.mark.thorough
def test_x265_codes_sides_of_any_length_alike(day: tuple[np.ndarray, np.ndarray]) -> None:
    """Twelve times the same file: nothing but the frames goes into it.

    x265 itself gives a file of another size for the same frames once in a hundred times on a busy machine, also on
    one thread; memory that is not the frames' would give another one nearly every time.
    """
    odd = day[0][:4, :61, :50], day[1][:61, :50]
    points = [run(odd, "x265").points[0] for _ in range(12)]
    ((_, most),) = Counter((point.size_bytes, point.psnr_db) for point in points).most_common(1)
    assert most >= 8


@pytest.mark.parametrize(("name", "start"), [("x265", b"\0\0\0\1"), ("svt-av1-420", b"\x12\0"), ("libaom", b"\x12\0")])
def test_streams_are_raw(
    name: str, start: bytes, day: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Annex B begins with a start code, AV1's low-overhead format with a temporal delimiter; no container's magic."""
    if name == LIBAOM.name and shutil.which(PROGRAM) is None:
        pytest.skip("aomenc is not installed (apt-get install aom-tools)")
    decoded: list[bytes] = []
    original = video.decoded_stream

    def noted(data: bytes, kind: str) -> np.ndarray:
        decoded.append(data)
        return original(data, kind)

    monkeypatch.setattr(libaom, "decoded_stream", noted)
    monkeypatch.setattr(video, "decoded_stream", noted)
    (point,) = run_peers(*day, [replace(*chosen_peers(all_peers((10.0,)), (name,)), settings=(20.0,))]).points
    (stream,) = decoded
    assert stream.startswith(start)
    assert point.size_bytes == len(stream)
    assert b"x265" not in stream


def test_jpeg_xl_is_a_codestream(day: tuple[np.ndarray, np.ndarray]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs is not installed")
    assert imagecodecs.jpegxl_encode(day[0][0], distance=1.0, usecontainer=False)[:2] == b"\xff\x0a"


def test_libaom_without_its_program_is_absent(
    day: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    found = run(day, "libaom", "png")
    assert found.absent == {"libaom": "aomenc is not installed: apt-get install aom-tools, or make peers"}
    assert [point.name for point in found.points] == ["png"]


def test_points_are_kept_by_what_decides_them(day: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """The second run gives the first one's points, times included; another day, setting or measure is measured."""
    cache = PointCache(tmp_path / "points")
    (peer,) = chosen_peers(all_peers(), ("png",))

    def measured(frames: np.ndarray, one: Peer = peer, lpips: LpipsAbsent | None = ABSENT) -> RatePoint:
        return run_peers(frames, day[1], (one,), lpips=lpips, cache=cache).points[0]

    first = measured(day[0])
    assert math.isinf(first.psnr_db)
    assert measured(day[0].copy()) == first
    assert len(list((tmp_path / "points").iterdir())) == 1
    assert measured(255 - day[0]).size_bytes != first.size_bytes
    assert measured(day[0], replace(peer, version=lambda: "another")).size_bytes == first.size_bytes
    assert measured(day[0], lpips=None).ssim is None
    assert len(list((tmp_path / "points").iterdir())) == 4
    for path in (tmp_path / "points").iterdir():
        path.write_text("{}")
    assert measured(day[0]).size_bytes == first.size_bytes


def test_a_cache_that_cannot_be_written_is_no_absent_peer(
    day: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = PointCache(tmp_path / "points")
    shutil.rmtree(tmp_path / "points")
    with pytest.raises(OutputError, match=r"points.*: cannot be written: expected a folder"):
        run_peers(*day, chosen_peers(all_peers(), ("png",)), lpips=ABSENT, cache=cache)
    (tmp_path / "points").mkdir()
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write anywhere
    with pytest.raises(OutputError, match="points"):
        PointCache(tmp_path / "points")


@pytest.mark.parametrize("width", [33, 40, 48, 63])
def test_widths_that_x265_does_not_survive(day: tuple[np.ndarray, np.ndarray], width: int) -> None:
    """The process would end by a signal, with what was measured before."""
    assert video.filled_up(day[0][:, :, :width]).shape == (5, 80, 64, 3)
    found = run((day[0][:, :, :width].copy(), day[1][:, :width]), "x265")
    assert found.points[0].psnr_db > 40.0


def test_ours_tells_where_its_bytes_are(day: tuple[np.ndarray, np.ndarray]) -> None:
    (peer,) = chosen_peers(all_peers(), (DAYBASIS,))
    coded = peer.encode(*day, 20.0)
    assert 0 < coded.parts["mask"] < coded.size_bytes
    assert sum(coded.parts.values()) == coded.size_bytes


def test_ours_codes_the_hours_of_the_day(day: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    """An archive holds them, and what lies between them: as `todpack compress` gives it for the same frames."""
    hours = np.array([1.0, 2.0, 6.51, 7.0, 20.25])
    (peer,) = chosen_peers(all_peers(hours=hours), (DAYBASIS,))
    (spread,) = chosen_peers(all_peers(), (DAYBASIS,))
    (tmp_path / "day").mkdir()
    for index, frame in enumerate(day[0]):
        Image.fromarray(frame).save(tmp_path / "day" / f"{index:03}.png")
    Image.fromarray(np.where(day[1], 255, 0).astype(np.uint8)).save(tmp_path / "day" / "valid.png")
    for one, listed in ((spread, ""), (peer, "1\n2\n6.51\n7\n20.25\n")):
        if listed:
            (tmp_path / "day" / "hours.txt").write_text(listed)
        compress(tmp_path / "day", tmp_path / "day.tod", 20.0, 1)
        assert one.encode(*day, 20.0).size_bytes == (tmp_path / "day.tod").stat().st_size
    assert peer.version() != spread.version()  # a cache has points of both


@pytest.mark.thorough
def test_a_codec_of_ones_own(day: tuple[np.ndarray, np.ndarray]) -> None:
    """The example of docs/peers.md, found where the command runs."""
    peer = own_peer("docs.examples.zlib_peer:ZlibPeer", np.arange(5.0))
    found = run_peers(*day, (peer,), lpips=ABSENT)
    assert found.absent == {}
    assert [point.setting for point in found.points] == ["step 4", "step 8", "step 16", "step 24"]
    assert found.points[0].psnr_db > 45.0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("numpy", "expected package.module:object, found 'numpy'"),
        ("no_such_module:X", "there is no module no_such_module"),
        ("numpy:no_such_thing", "the module has no no_such_thing"),
        ("numpy:pi", "expected settings, encode and decode, found no settings"),
    ],
)
def test_an_object_that_is_no_codec_is_refused(name: str, message: str) -> None:
    with pytest.raises(TodpackError, match=message):
        own_peer(name, np.arange(5.0))


def test_a_codec_that_ends_the_process_or_works_in_place_is_named(
    day: tuple[np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither ends the command nor changes what the others are measured against."""
    codec = (
        "import sys\nimport numpy as np\n"
        "class Ends:\n    settings = 1,\n    def encode(self, day, setting): sys.exit(0)\n    decode = None\n"
        "class InPlace:\n    settings = 1,\n    decode = None\n"
        "    def encode(self, day, setting):\n        day.frames[:] = 0\n        return b''\n"
    )
    (tmp_path / "a_codec.py").write_text(codec)
    (tmp_path / "a_script.py").write_text("raise SystemExit(0)")
    monkeypatch.syspath_prepend(tmp_path)
    before = day[0].copy()
    peers = [own_peer(f"a_codec:{name}", np.arange(5.0)) for name in ("Ends", "InPlace")]
    found = run_peers(*day, peers, lpips=ABSENT)
    assert found.points == ()
    assert "cannot code frames" in found.absent["Ends"]
    assert "read-only" in found.absent["InPlace"]
    np.testing.assert_array_equal(day[0], before)
    with pytest.raises(EvalError, match="--peer a_script:X: SystemExit: 0"):
        own_peer("a_script:X", np.arange(5.0))


def test_what_is_not_installed_is_named(day: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("av", "imagecodecs", "ispc_texcomp", "torch", "bjontegaard"):
        monkeypatch.setitem(sys.modules, module, None)
    others = [peer for peer in all_peers((16.0,), (1.0,), 0.1) if peer.name not in (DAYBASIS, REFINED)]
    found = run_peers(*day, others, lpips=ABSENT)
    assert {point.name for point in found.points} == {"pca-vq"}
    assert found.absent["bc7"] == "block compression needs imagecodecs: pip install 'todpack[peers]'"
    assert found.absent["svt-av1-420"] == found.absent["x265"] == "a video needs av: pip install 'todpack[peers]'"
    assert found.absent["mlp"] == "a neural peer needs torch: pip install 'todpack[train]'"
    table = terminal(peers_tables(found))
    assert "BD-rate absent: x265 is not among the points" in table
    assert "avif absent: an image codec needs imagecodecs: pip install 'todpack[peers]'" in table


def test_one_peer_that_fails_does_not_end_the_others() -> None:
    """One that does not take so small frames, and one that breaks in its own way."""

    def breaks(*_: Any) -> Encoded:
        raise RuntimeError("out of luck\nand more")

    frames = np.random.default_rng(0).integers(0, 255, (2, 12, 12, 3)).astype(np.uint8)
    others = chosen_peers(all_peers((16.0,)), ["x265", "svt-av1-420", "png"])
    broken = Peer("broken", "it breaks", "level", (1.0, 2.0), "no", breaks)
    found = run_peers(frames, np.ones((12, 12), bool), [broken, *others], lpips=ABSENT)
    assert {point.name for point in found.points} == {"x265", "png"}
    assert found.absent["broken"] == "level 1 cannot code frames of 12 x 12: out of luck"
    assert found.absent["svt-av1-420"] == "it takes no frames under 64 texels a side"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (((8.0, 52.0), ()), "x265: expected a crf from 0 to 51, found 52"),
        (((), (-1.0,)), "jpegxl: expected a distance from 0 to 25, found -1"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_the_work(settings: Any, message: str) -> None:
    frames = np.zeros((2, 12, 12, 3), np.uint8)
    with pytest.raises(EvalError, match=message):
        run_peers(frames, np.ones((12, 12), bool), reference_peers(*settings))


def test_json_holds_nothing_but_json(day: tuple[np.ndarray, np.ndarray]) -> None:
    found = run(day, "png", "pca-vq")
    report: Any = json.loads(json.dumps(peers_json(found, (40.0,)), allow_nan=False))
    lossless, coded = report["points"]
    assert lossless["psnr_srgb_db"] is None
    assert coded["bpt"] == 8 * coded["bytes"] / (5 * int(day[1].sum()))
    assert coded["random_access"] == "yes"
    assert report["lpips_absent"] == "not needed here"
    assert report["bytes_at_psnr"] == [{"psnr_srgb_db": 40.0, "png": None, "pca-vq": None}]


def test_bd_rates_against_x265() -> None:
    pytest.importorskip("bjontegaard", reason="bjontegaard is not installed (pip install todpack[compare])")
    scaled = {"x265": 1.0, "jpegxl": 1.5}
    points = [RatePoint(n, "", round(1e6 * k * 2.0**i), 36.0 + 3.0 * i) for n, k in scaled.items() for i in range(4)]
    results = PeerResults(tuple(points), {}, reference_peers((), ()))
    lines = terminal(peers_tables(results, (40.0, 60.0))).splitlines()
    assert ["jpegxl", "+50.0", "%"] in [line.split() for line in lines]
    assert ["x265", "2519842", "-"] in [line.split() for line in lines]


def test_two_peers_of_one_name_are_refused(
    tiny_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = "class {name}:\n    settings = 1,\n    name = {called!r}\n    encode = decode = None\n"
    (tmp_path / "twins.py").write_text(
        codec.format(name="Png", called="png") + codec.format(name="Mine", called="mine")
    )
    monkeypatch.chdir(tmp_path)
    for words in (["twins:Png"], ["twins:Mine", "--peer", "twins:Mine"]):
        assert main(["eval", "peers", str(tiny_day), "--peers", "webp", "--no-lpips", "--peer", *words]) == 1
        assert "expected a name of its own, found" in capsys.readouterr().err


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(EvalError, match=r"expected some of daybasis, .*found 'h264'"):
        chosen_peers(all_peers((), (), 1.0), ("x265", "h264"))


def test_k_means_finds_separate_clusters() -> None:
    rng = np.random.default_rng(0)
    centers = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    vectors = (centers[rng.integers(0, 4, 800)] + rng.normal(0, 0.1, (800, 2))).astype(np.float32)
    codebook = fit_codebook(vectors, 4, 20)
    found = sorted(tuple(code) for code in np.rint(codebook).astype(int).tolist())
    assert found == [(0, 0), (0, 10), (10, 0), (10, 10)]
    assert np.abs(codebook[nearest_codes(vectors, codebook)] - vectors).max() < 1.0
