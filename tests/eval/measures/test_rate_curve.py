"""Reading a rate curve, by hand."""

from __future__ import annotations

import math

import pytest

from todpack.eval.errors import EvalError
from todpack.eval.measures.rate_curve import RatePoint, bytes_at_psnr


def _point(size_bytes: int, psnr_db: float) -> RatePoint:
    return RatePoint("x265", "crf", size_bytes, psnr_db)


CURVE = [_point(16000, 48.0), _point(1000, 40.0), _point(4000, 44.0)]


@pytest.mark.parametrize(
    ("psnr_db", "expected"), [(40.0, 1000), (42.0, 2000), (44.0, 4000), (45.0, 4000 * math.sqrt(2)), (48.0, 16000)]
)
def test_log_linear_between_neighbors(psnr_db: float, expected: float) -> None:
    assert bytes_at_psnr(CURVE, psnr_db) == pytest.approx(expected)


@pytest.mark.parametrize(("psnr_db", "expected"), [(38.0, 500), (50.0, 32000)])
def test_beyond_the_range_only_when_asked(psnr_db: float, expected: float) -> None:
    with pytest.raises(EvalError, match=r"x265: measured from 40\.00 to 48\.00 dB"):
        bytes_at_psnr(CURVE, psnr_db)
    assert bytes_at_psnr(CURVE, psnr_db, extrapolate=True) == pytest.approx(expected)


def test_equal_psnr_takes_the_smaller_and_infinite_none() -> None:
    assert bytes_at_psnr([*CURVE, _point(9999, 44.0), _point(99999, math.inf)], 44.0) == pytest.approx(4000)


@pytest.mark.parametrize("points", [[], CURVE[:1], [_point(10, 40.0), _point(20, 40.0)]])
def test_too_few_points(points: list[RatePoint]) -> None:
    with pytest.raises(EvalError, match="at least 2 points"):
        bytes_at_psnr(points, 40.0)
