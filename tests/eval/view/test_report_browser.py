"""The report's page in a real Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from todpack.eval.measures.frames import as_codes
from todpack.eval.measures.latency import LatencySettings
from todpack.eval.measures.lpips_weights import LpipsAbsent
from todpack.eval.report.page import make_report
from todpack.frames import read_day

pytestmark = pytest.mark.browser


def test_pictures_and_their_error(chromium: Any, tiny_archive: Path, tiny_day: Path, tmp_path: Path) -> None:
    absent = LpipsAbsent("not needed")
    report = make_report(tiny_archive, read_day(tiny_day), "day", lpips=absent, timing=LatencySettings(opens=1))
    file = tmp_path / "report.html"
    file.write_text(report.page, encoding="utf-8")
    context = chromium.new_context(viewport={"width": 390, "height": 844}, offline=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(file.as_uri())
    page.evaluate("async () => { window.panes = await window.todpackReport; await panes.show(3) }")
    day = read_day(tiny_day)
    pair = page.evaluate("['original', 'decoded'].map(kind => Array.from(panes.pair[kind].data))")
    original, decoded = (np.array(one).reshape(day.height, day.width, 4)[day.valid, :3] for one in pair)
    assert np.array_equal(original, as_codes(day.radiance)[3][day.valid])
    assert np.array_equal(decoded, report.decoded[3][day.valid])
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#hours tbody tr").count() == 24
    page.locator("#texels button").first.click()
    assert page.evaluate("panes.states[0].zoom") >= 10
    assert errors == []
    context.close()
