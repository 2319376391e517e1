"""Linear radiance: domain domains, weights of the times, the curve in the decoder, the jump at the lamps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.contest_data import KEYS, make_radiance
from todpack.decompressor import open_archive
from todpack.eval.measures.metrics import psnr_linear_db
from todpack.frames import Day
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day
from todpack.packer.daybasis.radiance import PEAKS, RadianceDomain, first_domain, reweighted
from todpack.packer.errors import ConfigError, PackError

CONFIG = DayBasisConfig(q_step=4.0, tile=32, n_levels=3, max_classes=1)
OPTIONS = DayBasisPackOptions(entropy="zstd")


def day_of(height=40, width=36, gain=1.0, seed=0):
    radiance, valid = make_radiance(height, width, seed=seed)
    hours = np.array([int(key) / 100 for key in KEYS])
    return Day(radiance * np.float32(gain), valid, hours, "linear", "day")


def packed(tmp_path, day, config=CONFIG, **targets):
    made = encode_day(day, config, OPTIONS, **targets)
    made.write(tmp_path / "day.tod")
    return made, tmp_path / "day.tod"


@pytest.mark.parametrize("transfer", ["linear", "gamma", "log"])
@pytest.mark.thorough
def test_decodes_to_what_was_measured(tmp_path, transfer):
    day = day_of()
    made, path = packed(tmp_path, day, replace(CONFIG, transfer=transfer))
    with open_archive(path) as archive:
        decoded = np.stack([archive.decode(t, dtype="float32") for t in day.hours])
        for y, x, t in ((0, 0, 0.0), (17, 35, 5.9), (39, 3, 12.7)):
            texel = archive.texel(y, x, t, dtype="float32")
            np.testing.assert_array_equal(texel, archive.decode(t, dtype="float32")[y, x])
        model = archive.metadata["lightmaps"][0]["model"]
    assert model.get("curve") == {"linear": None, "gamma": "square", "log": "exp"}[transfer]
    assert psnr_linear_db(day.radiance, decoded, day.valid) == pytest.approx(made.psnr_db, abs=0.01)
    assert made.psnr_db > 45.0
    assert decoded.min() >= 0.0


def test_tiles_of_the_measure_are_not_the_tiles_of_the_coder(tmp_path):
    day = day_of(270, 20)
    made, path = packed(tmp_path, day, replace(CONFIG, tile=64, reweight=0))
    with open_archive(path) as archive:
        decoded = np.stack([archive.decode(t, dtype="float32") for t in day.hours])
    assert psnr_linear_db(day.radiance, decoded, day.valid) == pytest.approx(made.psnr_db, abs=0.01)


@pytest.mark.parametrize("gain", [1e-4, 1e4])
@pytest.mark.thorough
def test_scale_of_the_radiance_does_not_matter(tmp_path, gain):
    usual, scaled = (encode_day(day_of(gain=g), CONFIG, OPTIONS) for g in (1.0, gain))
    assert scaled.psnr_db == pytest.approx(usual.psnr_db, abs=0.3)
    assert scaled.size_bytes == pytest.approx(usual.size_bytes, rel=0.03)


@pytest.mark.thorough
def test_target_is_the_tiled_psnr(tmp_path):
    day = day_of()
    made, path = packed(tmp_path, day, target_psnr_db=50.0)
    with open_archive(path) as archive:
        decoded = np.stack([archive.decode(t, dtype="float32") for t in day.hours])
    # at least the target, and little more: of so small a day the curve has steps, which differ with the eigensolver
    assert 50.0 - 0.02 <= psnr_linear_db(day.radiance, decoded, day.valid) < 50.25
    assert made.q_step != CONFIG.q_step


@pytest.mark.parametrize("transfer", ["linear", "gamma", "log"])
def test_radiance_far_from_one_is_refused(transfer):
    day = day_of(12, 12)
    peak = float(day.radiance[:, day.valid].max())
    least, most = PEAKS[transfer]
    dim = 1e-6 if transfer == "linear" else 1e-12
    for gain in (dim / peak, 0.9 * most / peak):
        encoded = encode_day(day_of(12, 12, gain=gain), replace(CONFIG, transfer=transfer), OPTIONS)
        assert encoded.psnr_db > 40
    for gain in (0.5 * least / peak, 2.0 * most / peak):
        with pytest.raises(PackError, match=f"for --transfer {transfer}, found .*; scale the frames"):
            encode_day(day_of(12, 12, gain=gain), replace(CONFIG, transfer=transfer), OPTIONS)


def test_first_scales_give_every_time_about_the_same_psnr():
    day = day_of()
    domain = first_domain(day, "gamma")
    rng = np.random.default_rng(0)
    coded = domain.bend(day.radiance) * domain.frame_scales.astype(np.float32)[:, None, None, None]
    noisy = coded + rng.normal(size=coded.shape).astype(np.float32)
    linear = domain.unbend(noisy / domain.frame_scales.astype(np.float32)[:, None, None, None])
    psnr = [psnr_linear_db(a, b, day.valid) for a, b in zip(day.radiance, linear, strict=True)]
    assert np.ptp(psnr) < 1.0
    assert np.mean(psnr) == pytest.approx(20 * np.log10(255), abs=1.0)


@pytest.mark.thorough
def test_reweighting_saves_bytes_at_the_same_psnr():
    day = day_of(64, 64)
    plain, weighted = (
        encode_day(day, replace(CONFIG, reweight=n, tile=64), OPTIONS, target_psnr_db=52.0) for n in (0, 1)
    )
    assert weighted.size_bytes < 0.97 * plain.size_bytes


def test_reweighting_keeps_the_mean_scale():
    domain = RadianceDomain("gamma", 1.0, np.array([1.0, 2.0, 4.0]))
    after = reweighted(domain, np.array([1.0, 4.0, 1.0]))
    assert np.log(after.frame_scales).sum() == pytest.approx(np.log(domain.frame_scales).sum())
    assert after.frame_scales[1] / after.frame_scales[0] == pytest.approx(1.0)


def test_the_lamps_jump_stays_between_its_times(tmp_path):
    day = day_of()
    made, path = packed(tmp_path, day, replace(CONFIG, q_step=1.0))
    assert made.psnr_db > 55.0
    modes = made.writer.metadata["lightmaps"][0]["model"]["gap_modes"]
    before, after = KEYS.index("590"), KEYS.index("1800")
    assert (modes[before], modes[after]) == ("L", "L")
    lamp = np.unravel_index(np.where(day.valid, day.radiance[0, ..., 0], 0).argmax(), day.valid.shape)
    with open_archive(path) as archive:

        def at(hour):
            return archive.texel(*map(int, lamp), hour, dtype="float32")

        for night, dark in ((5.9, 6.0), (18.1, 18.0)):
            on, off = at(night), at(dark)
            assert on[0] > 1.3 * off[0]
            stored = [day.radiance[KEYS.index(str(round(t * 100)))][lamp] for t in (night, dark)]
            np.testing.assert_allclose([on, off], stored, rtol=0.03, atol=0.01)
            middle = np.sqrt(at((night + dark) / 2))  # linear in the coded domain
            np.testing.assert_allclose(middle, (np.sqrt(on) + np.sqrt(off)) / 2, rtol=2e-3)
        # the hours around it: never outside of what their own two ends span
        for first, last in ((5.0, 5.9), (6.0, 7.0), (17.0, 18.0), (18.1, 19.0)):
            ends = np.stack([at(first), at(last)])
            slack = 0.25 * np.abs(ends[1] - ends[0]) + 0.01
            for hour in np.linspace(first, last, 7):
                assert (at(hour) <= ends.max(0) + slack).all() and (at(hour) >= ends.min(0) - slack).all()


def test_black_days_and_hours(tmp_path):
    day = day_of()
    radiance = day.radiance.copy()
    radiance[:3] = 0
    made, path = packed(tmp_path, replace(day, radiance=radiance))
    with open_archive(path) as archive:
        assert archive.decode(1.0, dtype="float32").max() < 0.01
    assert np.isfinite(made.psnr_db)


def test_bad_options():
    with pytest.raises(ConfigError, match="--transfer: expected one of linear, gamma, log, found pq"):
        replace(CONFIG, transfer="pq")
    with pytest.raises(ConfigError, match=r"--reweight: expected an integer in 0..16, found 17"):
        replace(CONFIG, reweight=17)
    with pytest.raises(PackError, match="target-psnr: expected dB"):
        encode_day(day_of(), CONFIG, OPTIONS, target_psnr_db=120.0)
