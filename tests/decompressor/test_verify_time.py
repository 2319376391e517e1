"""How `verify` shares the time that a file may take among sections and tiles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import zstandard
from onnx import helper

from tests.decompressor.forge import put_together, take_apart
from tests.decompressor.promise import FACTOR
from tests.decompressor.small_bombs import daybasis, siren, standard
from todpack.cli import main
from todpack.decompressor import Limits, open_archive, verify
from todpack.decompressor.container import Container
from todpack.decompressor.verify import verify_archive
from todpack.packer.adaptive_bits import pack_integers


def test_sections_leave_time_for_the_first_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of five would be read bit by bit for a sixth of the time."""
    pytest.importorskip("todpack.decompressor._native")
    metadata, stored = take_apart(daybasis(64, 64, coded=(64, 64)))
    one = {"codec": "adaptive", "decoded_bytes": 1 << 20, "dtype": "u1", "shape": [1 << 20]}
    padding = {"name": "padding", "codec": "raw", "decoded_bytes": 2200, "dtype": "u1", "shape": [2200]}
    sections = [*metadata["sections"], padding, *({"name": f"x/{number}", **one} for number in range(5))]
    path = tmp_path / "a.tod"
    path.write_bytes(put_together({**metadata, "sections": sections}, [*stored, bytes(2200), *[b""] * 5]))
    read, read_bytes = list[str](), Container.read_bytes

    def noted(container: Container, name: str) -> bytes:
        read.append(name)
        return read_bytes(container, name)

    monkeypatch.setattr(Container, "read_bytes", noted)
    verdict = verify_archive(path, threads=1)
    assert [name for name in read if name.startswith("x/")] == ["x/0"]
    assert verdict.n_tiles == 1


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("archive", "decoded"),
    [(siren(256, 16, 3, n_hours=2048, n_sines=14), "every tile and 1 of 2048 frames"),
     (siren(1773, 16, 3, n_sines=150, hidden=16384), "0 of 1 tiles"),
     (siren(1, 16, 3, n_hours=2048, width=65536), "every tile and 1 of 2048 frames")],
    ids=["hours", "texels", "a row"],
)  # fmt: skip
def test_much_slow_work_takes_no_more_time_than_a_small_file_may(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], archive: bytes, decoded: str
) -> None:
    path = tmp_path / "slow.tod"
    path.write_bytes(archive)
    started = time.process_time()
    assert main(["verify", str(path), "--threads", "1"]) == 0
    assert time.process_time() - started < 3 * Limits().seconds_for(path.stat().st_size)
    assert f"{decoded} decoded; the rest would take longer" in capsys.readouterr().out


@pytest.mark.thorough
def test_graphs_that_are_refused_slowly_take_no_more_time_than_a_small_file_may(tmp_path: Path) -> None:
    metadata, stored = take_apart(siren(8, 16, 4))
    number = next(n for n, section in enumerate(metadata["sections"]) if section["name"] == "l")
    model = onnx.load_from_string(zstandard.decompress(stored[number]))
    del model.graph.node[:]
    model.graph.node.append(helper.make_node("Min", ["rows"] * 30_000, ["z"]))  # of another shape
    n_bytes, stored[number] = model.ByteSize(), zstandard.compress(model.SerializeToString())
    metadata["sections"][number].update(codec="zstd", decoded_bytes=n_bytes, shape=[n_bytes])
    (lightmap,) = metadata["lightmaps"]
    weights = {"hidden": 1, "layers": 1, "omega_0": 1.0, "dtype": "fp16"}
    lightmap["model"] |= {"storage": "weights", "latent": None, "f1": weights}  # nothing but the graphs is stored
    metadata["lightmaps"] = [{**lightmap, "name": f"a{n}"} for n in range(100)]
    path = tmp_path / "slow.tod"
    path.write_bytes(put_together(metadata, stored))
    started = time.process_time()
    verdict = verify_archive(path, threads=1)
    assert time.process_time() - started < 3 * Limits().seconds_for(path.stat().st_size)
    assert 0 < len(verdict.faults) < 100


@pytest.mark.thorough
def test_many_lightmaps_that_are_quickly_done_are_all_looked_at(tmp_path: Path) -> None:
    """By their estimates two thirds of them take all the time there is."""
    path = tmp_path / "many.tod"
    path.write_bytes(standard(256, 1, 1, lightmaps=130))
    with open_archive(path, threads=1) as archive:
        archive.lightmaps[0].prepare()
        first, again = archive.lightmaps[0].seconds
        assert 130 * (first + again) > 1.5 * Limits().seconds_for(path.stat().st_size)
    verdict = verify_archive(path, threads=1)
    assert (verdict.n_tiles, verdict.n_frames, verdict.whole) == (130, 130, True)


def test_metadata_is_looked_through_once_for_all_damaged_sections(tmp_path: Path) -> None:
    """Who needs them: nobody, since no lightmap names a section that is there."""
    metadata, stored = take_apart(standard(64, 1, 1))
    (lightmap,) = metadata["lightmaps"]
    lightmap["model"]["graphs"] = {"frame": "none"}
    lightmap |= {"mask": None, "x": [0] * 100_000}
    empty = {"codec": "raw", "decoded_bytes": 0, "dtype": "u1", "shape": [0]}
    metadata["sections"] += [{"name": f"x{number}", **empty} for number in range(2000)]

    def spoil(written: dict[str, Any]) -> None:
        for section in written["sections"]:
            section["crc32"] = 1

    path = tmp_path / "many.tod"
    path.write_bytes(put_together(metadata, [*stored, *[b""] * 2000], spoil))
    started = time.process_time()
    verdict = verify_archive(path, threads=1)
    assert time.process_time() - started < FACTOR * Limits().seconds_for(path.stat().st_size)
    assert sum(fault.place.startswith("section x") for fault in verdict.faults) == 2000


N_SLOW = 1 << 18
"""Integers of a section, which by the estimate take 0.04 seconds."""


def with_sections_bit_by_bit(path: Path, n: int) -> Path:
    """An archive with n sections of many integers in adaptive bits that nothing names; the last one is damaged."""
    metadata, stored = take_apart(standard(64, 1, 1))
    del metadata["sha256"]
    metadata["requires"].remove("digest")
    zeros, wrong = pack_integers(np.zeros(N_SLOW, np.int64)), pack_integers(np.full(N_SLOW, 300, np.int64))
    for number in range(n):
        data = wrong if number == n - 1 else zeros
        entry = {"codec": "adaptive", "decoded_bytes": N_SLOW, "dtype": "u1", "name": f"x/{number}", "shape": [N_SLOW]}
        metadata["sections"].append(entry)
        stored.append(data)
    path.write_bytes(put_together(metadata, stored))
    return path


@pytest.mark.thorough
def test_sections_are_decoded_by_the_clock_and_what_is_left_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their estimates ten take more than sections may, but not by far as long."""
    path = with_sections_bit_by_bit(tmp_path / "ten.tod", 10)
    assert main(["verify", str(path)]) == 1
    assert "damaged: section x/9" in capsys.readouterr().out
    monkeypatch.setattr(verify, "SECTIONS_SHARE", 0.0)
    verdict = verify_archive(path, threads=1)
    assert verdict.whole
    assert verdict.n_unread >= 10
    assert main(["verify", str(path)]) == 0
    read = verdict.n_sections - verdict.n_unread
    assert f"{read} sections and 1 of 1 frames decoded; the rest would take longer" in capsys.readouterr().out
