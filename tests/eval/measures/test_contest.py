"""The contest's measures, points and score against cases worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from todpack.eval.errors import EvalError
from todpack.eval.measures.contest import (
    DEFAULT_SCORER,
    measures_of,
    ratio_percent,
    read_scorer,
    score_json,
    score_table,
)
from todpack.eval.measures.figures import Figures


def measured(original, reconstruction, valid) -> Figures:
    figures = Figures()
    figures.add_frame(original.astype(np.float32), reconstruction.astype(np.float32), valid, None)
    return figures


def test_psnr_of_two_tiles_by_hand():
    # left tile: maximum 2, every error 0.02 -> 20 log10(2 / 0.02) = 40 dB
    # right tile of 4 columns: maximum 1 at its 7 valid texels (5 at the invalid one), 3 of them wrong by 0.1
    original = np.full((2, 260, 3), 2.0)
    original[:, 256:] = 1.0
    valid = np.ones((2, 260), bool)
    valid[0, 256] = False
    original[0, 256] = 5.0
    decoded = original.copy()
    decoded[:, :256] += 0.02
    decoded[1, 256:] += [[0.1], [0.0], [0.1], [0.0]]
    decoded[0, 257:] += [[0.1], [0.0], [0.0]]
    decoded[0, 256] = 1000.0
    found = measured(original, decoded, valid).psnr_db
    assert found == pytest.approx([40.0, 10 * math.log10(1 / (3 * 0.01 / 7))], abs=1e-3)


def test_tiles_without_light_or_texels_take_no_part():
    original = np.zeros((3, 600, 3))
    original[:, 300:] = 1.0
    valid = np.ones((3, 600), bool)
    valid[:, 512:] = False
    assert len(measured(original, original, valid).psnr_db) == 1
    original[:, 300:512] = 0.0
    assert measured(original, original, valid).psnr_db == []
    assert measured(original, original, np.zeros_like(valid)).psnr_db == []


def test_ssim_of_a_single_window_by_hand():
    """11 x 11 texels have one window; the weights are those of the definition, written out again."""
    rng = np.random.default_rng(3)
    original = rng.uniform(0.5, 2.0, (11, 11, 3)).astype(np.float32)
    decoded = (original * 0.9 + 0.05).astype(np.float32)
    valid = np.ones((11, 11), bool)
    valid[4, 5] = False
    zeroed = decoded.copy()
    zeroed[4, 5] = 0.0
    one = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(one, one) / one.sum() ** 2
    span = float(original.max()) - float(original.min())
    c1, c2, figures = (0.01 * span) ** 2, (0.03 * span) ** 2, []
    for channel in range(3):
        x, y = zeroed[..., channel].astype(np.float64), original[..., channel].astype(np.float64)
        mx, my = (window * x).sum(), (window * y).sum()
        vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
        both = (window * (x - mx) * (y - my)).sum()
        figures.append((2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2)))
    assert measured(original, decoded, valid).ssim == pytest.approx([np.mean(figures)], abs=1e-9)


def test_points_and_score_by_hand():
    scorer = read_scorer()
    assert sum(span.weight for span in scorer.ranges.values()) == 50.0
    measures = {"psnr_db": 37.5, "ssim": 0.8645, "lpips": 0.15015, "time_s": 30.0, "ratio_percent": 1.5}
    points = score_json(measures, scorer)["points"]
    assert points == pytest.approx(
        {"psnr_db": 50.0, "ssim": 50.0, "lpips": 50.0, "time_s": 90.0, "ratio_percent": 97.0}
    )
    assert scorer.score(measures) == pytest.approx(2.5 + 2.5 + 2.5 + 13.5 + 19.4)
    assert scorer.score({**measures, "psnr_db": math.inf, "time_s": 400.0}) == pytest.approx(5 + 2.5 + 2.5 + 0 + 19.4)
    assert scorer.score({**measures, "lpips": None}) == pytest.approx(2.5 + 2.5 + 13.5 + 19.4)
    assert scorer.reachable({**measures, "lpips": None}) == 45.0
    assert scorer.score({**measures, "ssim": math.nan}) == pytest.approx(2.5 + 2.5 + 13.5 + 19.4)


def test_ratio_counts_24_hours():
    assert ratio_percent(288, 100) == pytest.approx(1.0)


def test_absent_lpips_is_said_and_never_a_number():
    scorer, figures = read_scorer(), Figures([50.0], [0.99], [])
    measures = measures_of(figures, 1.0, 288, 100)
    assert measures["lpips"] is None
    table = score_table(measures, scorer, "no weights here")
    assert "LPIPS is absent: no weights here" in table
    assert "of 45" in table
    assert score_json({**measures, "psnr_db": math.inf}, scorer)["measures"]["psnr_db"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[ssim]", "[sim]"), "expected one table for each of psnr_db, ssim"),
        (("worst = 20.0", ""), "psnr_db: expected the fields best, worst, weight"),
        (("worst = 20.0", "worst = 55.0"), "psnr_db: expected best and worst to differ"),
        (("weight = 15.0", "weight = -1"), "time_s: expected best and worst to differ and weight >= 0"),
        (("best = 0.999", 'best = "a"'), "ssim.best: expected a finite number, found 'a'"),
        (("best = 0.999", "best = nan"), "ssim.best: expected a finite number"),
        (("best = 0.999", "best = 1e308"), "ssim.best: expected a number up to 1e"),
        (("best = 0.999", "best ="), "expected TOML"),
    ],
)
def test_bad_scorers(tmp_path, change, message):
    path = tmp_path / "scorer.toml"
    path.write_text(DEFAULT_SCORER.read_text().replace(*change))
    with pytest.raises(EvalError, match=message):
        read_scorer(path)


def test_missing_scorer():
    with pytest.raises(EvalError, match="cannot be read: No such file"):
        read_scorer(Path("nowhere.toml"))
