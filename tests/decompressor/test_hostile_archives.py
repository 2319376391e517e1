"""Every kind of attack that once succeeded ends in one typed line, by every door, within the promise of SECURITY.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SHARED
from tests.decompressor.hostile_archives import GOLDEN, changed, hostile_archives, write_hostile_archives
from tests.decompressor.promise import broken, costs
from todpack.cli import main
from todpack.decompressor import TodpackError, open_archive
from todpack.decompressor.daybasis import native
from todpack.decompressor.plain_text import MAX_LINE

CASES = SHARED / "cases" / "hostile"
PREFIX = "todpack: error: "
needs_cases = pytest.mark.skipif(not CASES.is_dir(), reason="the cases from the field are not here")
WHOLE = {"level6.tod", "prec_6.tod", "s24.tod"}
"""Cases that decode."""


def one_line(err: str) -> str:
    """The error of a command, without what comes before it."""
    (line,) = err.splitlines()
    assert line.startswith(PREFIX)
    assert line.isprintable()
    assert len(line) <= len(PREFIX) + MAX_LINE
    return line


@pytest.mark.parametrize(("what", "data", "words"), [pytest.param(*one, id=one[0]) for one in hostile_archives()])
@pytest.mark.thorough
def test_every_door_gives_one_line(
    what: str, data: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.tod"
    path.write_bytes(data)
    with pytest.raises(TodpackError) as caught, open_archive(path, threads=2, provider="cpu") as archive:
        archive.decode(6.0, dtype="float32")
    assert re.search(words, str(caught.value)), (what, str(caught.value))
    for command in (
        ["decompress", str(path), "-o", str(tmp_path / "frames"), "--quiet"],
        ["view", str(path), "-o", str(tmp_path / "a.html")],
        ["export", str(path), "-o", str(tmp_path / "export"), "--profile", "load"],
    ):
        assert main(command) == 1, (what, command)
        one_line(capsys.readouterr().err)
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert "damaged" in out
    assert all(line.isprintable() for line in out.splitlines())
    main(["inspect", str(path)])
    shown = capsys.readouterr()
    assert all(line.isprintable() for line in (shown.out + shown.err).splitlines())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tod"]


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.thorough
def test_attacks_are_cheap(tmp_path: Path) -> None:
    made = write_hostile_archives(tmp_path)
    found = costs([path for _, path, _ in made], GOLDEN / "daybasis-zstd-1.0.tod")
    assert len(found) == len(made)
    over = [(what, broken(cost), cost) for (what, _, _), cost in zip(made, found, strict=True) if broken(cost)]
    assert not over, over


@pytest.mark.parametrize("decoder", ["native", "onnx", "reference"])
@pytest.mark.parametrize("finer", [0, 6, 12])
@pytest.mark.thorough
def test_sums_that_are_not_exact_have_one_answer(decoder: str, finer: int, tmp_path: Path) -> None:
    """Maps in steps so fine that float32 cannot add them up in any order."""
    if decoder == "native" and not native.IS_THERE:
        pytest.skip("the native core was not built")

    def refine(metadata: dict[str, object]) -> None:
        metadata["lightmaps"][0]["model"]["precision"] += finer  # type: ignore[index]

    path = tmp_path / "a.tod"
    path.write_bytes(changed("daybasis-zstd-1.0", refine))
    with open_archive(path, threads=1, provider="cpu", decoder=decoder) as archive:
        lightmap = archive.lightmaps[0]
        for time_h in (0.0, 5.25):
            frame = lightmap.decode(time_h, dtype="float32")
            codes = lightmap.decode(time_h)
            np.testing.assert_array_equal(np.rint(frame).astype(np.uint8), codes)
            np.testing.assert_array_equal(lightmap.decode(time_h, (3, 20, 5, 30), "float32"), frame[3:20, 5:30])
            for y, x in ((0, 0), (11, 7), (lightmap.height - 1, lightmap.width - 1)):
                np.testing.assert_array_equal(lightmap.texel(y, x, time_h, "float32"), frame[y, x])
                np.testing.assert_array_equal(lightmap.texel(y, x, time_h), codes[y, x])
        with open_archive(path, threads=4, provider="cpu", decoder=decoder) as many:
            np.testing.assert_array_equal(many.decode(5.25, dtype="float32"), frame)


@needs_cases
@pytest.mark.parametrize("path", sorted(CASES.glob("*.tod")), ids=lambda path: path.name)
def test_cases_from_the_field(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["decompress", str(path), "-o", str(tmp_path / "frames"), "--quiet", "--hours", "6.5"])
    err = capsys.readouterr().err
    if code == 1:
        one_line(err)
    else:
        assert (code, err) == (0, "")
    assert main(["verify", str(path)]) == (0 if path.name in WHOLE else 1)
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.splitlines())


@needs_cases
@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from /proc")
@pytest.mark.thorough
def test_cases_from_the_field_are_cheap() -> None:
    for cost in costs(sorted(CASES.glob("*.tod")), GOLDEN / "daybasis-zstd-1.0.tod"):
        assert not broken(cost), cost
