"""Archives of days so small that opening them is most of the work: 12 x 20 texels in two tiles, three hours."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tests.conftest import make_day
from tests.contest_data import make_radiance
from todpack.frames import Day
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
from todpack.packer.daybasis.encoder import encode_day

HEIGHT, WIDTH, HOURS = 12, 20, (0.0, 9.5, 15.25)


def _codes(name: str = "day") -> Day:
    frames, valid = make_day(HEIGHT, WIDTH, len(HOURS))
    return Day(frames.astype(np.float32), valid, np.array(HOURS), "srgb8", name)


def _radiance(outlier: bool = False) -> Day:
    keys = [str(round(100 * hour)) for hour in HOURS]
    radiance, valid = make_radiance(HEIGHT, WIDTH, keys)
    if outlier:
        y, x = np.argwhere(valid)[valid.sum() // 2]
        radiance[1, y, x] = 1e3 * radiance.max()
    return Day(radiance, valid, np.array(HOURS), "linear", "day")


def tiny_archives() -> list[bytes]:
    """Both coders, smoothing, the three curves, outliers, and two lightmaps in one."""
    made = [
        encode_day(_codes(), DayBasisConfig(q_step=8.0, tile=12, n_levels=2), options).writer.to_bytes()
        for options in (
            DayBasisPackOptions(), DayBasisPackOptions(entropy="zstd"), DayBasisPackOptions(smoothing=True),
        )
    ]  # fmt: skip
    for transfer, outlier in (("linear", False), ("gamma", True), ("log", False)):
        config = DayBasisConfig(q_step=8.0, tile=12, n_levels=2, transfer=transfer, reweight=0)
        made.append(encode_day(_radiance(outlier), config, DayBasisPackOptions()).writer.to_bytes())
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("a.tod", "b.tod")]
        for path in paths:
            path.write_bytes(
                encode_day(_codes(path.stem), DayBasisConfig(tile=12), DayBasisPackOptions()).writer.to_bytes()
            )
        made.append(merge_archives(paths).to_bytes())
    return made
