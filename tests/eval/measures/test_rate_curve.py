"""Reading a rate curve, by hand."""

from __future__ import annotations

import json
import math
import sys

import pytest

from todpack.decompressor.errors import MissingPackageError
from todpack.eval.measures.rate_curve import RatePoint, bd_rate_percent, bytes_at_psnr


def _point(size_bytes: int, psnr_db: float) -> RatePoint:
    return RatePoint("x265", "crf", size_bytes, psnr_db)


CURVE = [_point(16000, 48.0), _point(1000, 40.0), _point(4000, 44.0)]


@pytest.mark.parametrize(
    ("psnr_db", "expected"), [(40.0, 1000), (42.0, 2000), (44.0, 4000), (45.0, 4000 * math.sqrt(2)), (48.0, 16000)]
)
def test_log_linear_between_neighbors(psnr_db: float, expected: float) -> None:
    assert bytes_at_psnr(CURVE, psnr_db) == pytest.approx(expected)


@pytest.mark.parametrize("psnr_db", [39.9, 48.1])
def test_none_where_the_points_do_not_reach(psnr_db: float) -> None:
    assert bytes_at_psnr(CURVE, psnr_db) is None


def test_equal_psnr_takes_the_smaller_and_infinite_none() -> None:
    assert bytes_at_psnr([*CURVE, _point(9999, 44.0), _point(99999, math.inf)], 44.0) == pytest.approx(4000)


@pytest.mark.parametrize("points", [[], CURVE[:1], [_point(10, 40.0), _point(20, 40.0)]])
def test_too_few_points(points: list[RatePoint]) -> None:
    assert bytes_at_psnr(points, 40.0) is None


def test_json_has_bits_per_texel_and_null_for_infinity() -> None:
    points = (RatePoint("x265", "crf 20", 1000, 40.0, 1.0, 2.0), RatePoint("x265", "crf 0", 4000, math.inf))
    report = json.loads(json.dumps([point.to_json(100, 8) for point in points], allow_nan=False))
    assert [point["bpt"] for point in report] == [10.0, 40.0]
    assert [point["psnr_srgb_db"] for point in report] == [40.0, None]
    assert [point["encode_s"] for point in report] == [1.0, None]


def _scaled(factor: float) -> list[RatePoint]:
    return [_point(round(1e6 * factor * 2.0**i), 36.0 + 3.0 * i) for i in range(4)]


@pytest.mark.parametrize(("factor", "percent"), [(1.0, 0.0), (0.8, -20.0), (1.5, 50.0)])
def test_bd_rate_of_a_curve_scaled_in_bytes(factor: float, percent: float) -> None:
    pytest.importorskip("bjontegaard", reason="bjontegaard is not installed (pip install todpack[compare])")
    assert bd_rate_percent(_scaled(1.0), _scaled(factor)) == pytest.approx(percent, abs=1e-3)


def test_bd_rate_needs_points_that_overlap() -> None:
    assert bd_rate_percent(_scaled(1.0)[:3], _scaled(1.0)) is None
    far = [_point(point.size_bytes, point.psnr_db + 20.0) for point in _scaled(1.0)]
    assert bd_rate_percent(_scaled(1.0), far) is None


def test_bd_rate_names_the_package_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bjontegaard", None)
    with pytest.raises(MissingPackageError, match=r"BD-rate needs bjontegaard: pip install 'todpack\[compare\]'"):
        bd_rate_percent(_scaled(1.0), _scaled(1.0))
