"""The preset rd: its latents decode as the archive does, rate and distortion fall, and what is stored is what was
trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from todpack.cli import main
from todpack.decompressor import UnsupportedVersionError, metadata, open_archive
from todpack.decompressor.daybasis.transform.pyramid import build_pyramid, in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions, rotations_of_codes
from todpack.decompressor.daybasis.transform.smoothing import Smoothing
from todpack.frames import Day, read_day
from todpack.packer.daybasis.entropy.encode import encode_coefficients
from todpack.packer.daybasis.native import kernels
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.gridmlp.pack import pack_run
from todpack.packer.gridmlp.rd_config import RdConfig
from todpack.packer.run_folder import read_run

torch = pytest.importorskip("torch")

from todpack.trainer.gridmlp.rd.fit import Descent  # noqa: E402
from todpack.trainer.gridmlp.rd.latents import TileLatents  # noqa: E402
from todpack.trainer.gridmlp.rd.rate import ContextRate, laplace_bits  # noqa: E402
from todpack.trainer.gridmlp.rd.rounds import Rounds  # noqa: E402
from todpack.trainer.gridmlp.rd.start import start  # noqa: E402
from todpack.trainer.gridmlp.rd.train import train_rd  # noqa: E402

needs_kernels = pytest.mark.skipif(kernels is None, reason="the encoder's kernels were not built")
CENTROIDS = 0.125, 0.0625
TINY = RdConfig(q_step=12.0, tile=24, n_levels=2, n_maps=4, units=5, steps=6, rounds=3, head_steps=5)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    frames, valid = make_day(28, 36, 8)
    return read_day(write_day(tmp_path_factory.mktemp("rd") / "day", frames, valid))


@pytest.fixture(scope="module")
def trained(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("trained") / "run"
    train_rd(day, TINY, run, quiet=True)
    pack_run(run, run / "a.tod")
    return run


def random_codes(sites: list[np.ndarray], n_maps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.rint(rng.laplace(0, 2, (n_maps, *site.shape))).astype(np.int32) * site for site in sites]


@pytest.mark.parametrize("shape", [(17, 23), (8, 1), (1, 9), (2, 2)])
def test_latents_decode_as_the_decoder_does(shape: tuple[int, int]) -> None:
    rng, n_maps = np.random.default_rng(0), 3
    valid = rng.random(shape) < 0.7
    valid[0, 0] = True
    pyramid = build_pyramid(valid, 3)
    rotations = rotations_of_codes(rng.integers(-40, 40, (2, 3)), n_maps)
    blocks = rng.integers(0, 2, (-(-shape[0] // 16), -(-shape[1] // 16))).astype(np.uint8)
    bands = random_codes(in_coding_order(pyramid.sites), n_maps)
    smoothing = Smoothing(0.375, (13 / 64, 10 / 64))
    latents = TileLatents(pyramid, blocks, rotations, 4.0, smoothing)
    latents.put([bands[0], *(tuple(bands[i : i + 3]) for i in range(1, len(bands), 3))])
    expected = reconstruct_maps(
        bands, pyramid, Regions(blocks, rotations), q_step=4.0, centroids=CENTROIDS, smoothing=smoothing
    )
    found = latents.maps(latents.coefficients, CENTROIDS).detach().numpy()
    np.testing.assert_allclose(found, expected[:, valid], atol=1e-3)
    for back, band in zip(in_coding_order(latents.codes()), bands, strict=True):
        np.testing.assert_array_equal(back, band)


def test_bits_are_those_of_a_distribution() -> None:
    values = torch.arange(-400, 401).float()
    for width in (0.06, 0.5, 3.0, 40.0):
        shares = torch.exp2(-laplace_bits(values, torch.tensor(width)))
        assert float(shares.sum()) == pytest.approx(1.0, abs=1e-3)
    between = laplace_bits(torch.tensor([0.4999, 0.5001]), torch.tensor(0.7))
    assert float(between[0]) == pytest.approx(float(between[1]), abs=1e-2)


def test_rate_model_learns_what_the_coder_pays() -> None:
    pyramid = build_pyramid(np.ones((64, 64), bool), 3)
    sites, rng = in_coding_order(pyramid.sites), np.random.default_rng(0)
    calm = [np.repeat(np.linspace(0.02, 3, site.shape[1])[None], site.shape[0], 0) for site in sites]
    bands = [np.rint(rng.laplace(0, width, (3, *width.shape))).astype(np.int32) for width in calm]
    tensors = [torch.from_numpy(band).float() for band in bands]
    rate, masks = ContextRate(3, 3), [torch.from_numpy(site) for site in sites]
    optimizer = torch.optim.Adam(rate.parameters(), 0.05)
    for _ in range(60):
        bits = rate(tensors, masks)
        optimizer.zero_grad()
        bits.backward()
        optimizer.step()
    nested = [bands[0], *(tuple(bands[i : i + 3]) for i in range(1, len(bands), 3))]
    paid = 8 * len(encode_coefficients(nested, pyramid.sites, "ans"))
    assert float(bits.detach()) == pytest.approx(paid, rel=0.1)


@pytest.mark.parametrize("is_noisy", [True, False])
@pytest.mark.thorough
def test_descent_lowers_what_it_minimizes(day: Day, is_noisy: bool) -> None:
    config = RdConfig(q_step=12.0, tile=48, n_levels=2, n_maps=4, units=3, start="scratch", noise=float(is_noisy))
    begun = start(DayTiles(day, config.tile, config.n_levels), config, config.q_step)
    descent = Descent(begun.model, config)
    before = float(descent.loss(0, is_noisy)[0].detach())
    descent.run(60)
    assert float(descent.loss(0, is_noisy)[0].detach()) < before / 2  # of nothing but the mean day


@pytest.mark.thorough
def test_a_dearer_rate_gives_fewer_bits(day: Day) -> None:
    bits = []
    for weight in (0.0, 20.0):
        config = RdConfig(q_step=12.0, tile=48, n_levels=2, n_maps=4, units=3, start="scratch", rd_weight=weight)
        begun = start(DayTiles(day, config.tile, config.n_levels), config, config.q_step)
        Descent(begun.model, config).run(60)
        codes = begun.model.latents[0].codes()
        bits.append(len(encode_coefficients(codes, begun.model.tiles[0].pyramid.sites, "ans")))  # type: ignore[union-attr]
    assert bits[1] < 0.8 * bits[0]


@needs_kernels
def test_rounds_lower_distortion_and_rate_together(day: Day) -> None:
    tiles = DayTiles(day, TINY.tile, TINY.n_levels)
    begun = start(tiles, TINY, TINY.q_step)
    rounds = Rounds(begun.model, begun.used, begun.rotations, TINY)
    rounds.run(6)
    n_values = begun.model.n_values

    def cost(bits: float, mse: float) -> float:
        return mse / TINY.q_step**2 * n_values + TINY.rd_weight * bits

    assert len(rounds.history) == 7
    least = min(cost(*point) for point in rounds.history)
    assert least < cost(*rounds.history[0])
    bits, mse = rounds.history[-1]
    kept = begun.model.refit(begun.model.maps())
    assert kept <= mse * 1.05 or least < cost(bits, mse)


@needs_kernels
def test_archive_is_the_trained_model(day: Day, trained: Path) -> None:
    run = read_run(trained)
    with open_archive(trained / "a.tod", provider="cpu") as archive:
        assert archive.container.version == (1, 4)
        assert "maps" in archive.metadata["requires"]
        frames = np.stack([archive.decode(float(t)) for t in day.hours])
        texel = archive.lightmaps[0].texel(5, 7, float(day.hours[3]))
        np.testing.assert_array_equal(texel, frames[3][5, 7])
    error = (frames.astype(np.float64) - day.radiance)[:, day.valid]
    psnr = 10 * np.log10(255**2 / np.mean(error**2))
    assert psnr == pytest.approx(run.figures["psnr_srgb_db"], abs=0.7)
    assert psnr > 30


@needs_kernels
def test_maps_are_the_same_bits_in_every_decoder(trained: Path) -> None:
    found = []
    for decoder in ("native", "onnx", "reference"):
        with open_archive(trained / "a.tod", provider="cpu", decoder=decoder) as archive:
            found.append((archive.lightmaps[0].latents(), archive.decode(9.3)))
    for maps, frame in found[1:]:
        np.testing.assert_array_equal(maps, found[0][0])
        np.testing.assert_array_equal(frame, found[0][1])


@needs_kernels
def test_a_reader_without_maps_refuses_by_name(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "FEATURES", tuple(name for name in metadata.FEATURES if name != "maps"))
    with pytest.raises(UnsupportedVersionError, match="found 'maps'"):
        open_archive(trained / "a.tod", provider="cpu")


@needs_kernels
def test_from_scratch_without_units(day: Day, tmp_path: Path) -> None:
    config = RdConfig(
        q_step=12.0, tile=48, n_levels=2, n_maps=4, units=0, start="scratch", steps=60, rounds=2, head_steps=2
    )
    record = train_rd(day, config, tmp_path / "run", quiet=True)
    pack_run(tmp_path / "run", tmp_path / "a.tod")
    assert record.figures["psnr_srgb_db"] > 20
    with open_archive(tmp_path / "a.tod", provider="cpu") as archive:
        assert archive.metadata["lightmaps"][0]["model"]["mlp"]["hidden"] == 0
        assert archive.decode(12.0).shape == (28, 36, 3)


@needs_kernels
def test_command_trains_and_packs(day: Day, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = write_day(tmp_path / "day", day.radiance.astype(np.uint8), day.valid)
    small = ["--q-step", "20", "--rd-rounds", "1", "--rd-head-steps", "2", "--rd-units", "3", "--threads", "1", "-q"]
    run = tmp_path / "run"
    assert main(["train", str(frames), "-o", str(run), "--family", "gridmlp", "--preset", "rd", *small]) == 0
    assert "gridmlp 36 x 28 x 8" in capsys.readouterr().out
    assert json.loads((run / "config.json").read_text())["config"]["rd"]["q_step"] == 20.0
    assert (run / "log.csv").read_text().startswith("stage,step,")
    assert main(["pack", str(run), "-o", str(tmp_path / "a.tod")]) == 0
    assert main(["pack", str(run), "-o", str(tmp_path / "b.tod"), "--grid-dtype", "uint16"]) == 1
    assert "coded as it was trained" in capsys.readouterr().err
    assert not (tmp_path / "b.tod").exists()


@pytest.mark.parametrize(
    ("preset", "more", "said"),
    [
        ("rd", ["--hidden", "8"], "--hidden: an option of other presets, found --preset rd"),
        ("fast", ["--rd-units", "8"], "--rd-units: an option of other presets, found --preset fast"),
        ("rd", ["--rd-units", "33"], "--rd-units: expected an integer in 0..32, found 33"),
    ],
)
def test_options_of_the_other_presets_are_refused(
    preset: str, more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(tmp_path), "-o", str(tmp_path / "run"), "--family", "gridmlp", "--preset", preset, *more]
    assert main(command) == 1
    assert said in capsys.readouterr().err
