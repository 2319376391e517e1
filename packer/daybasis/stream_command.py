"""What `todpack compress` does with a folder of frames as arrays, which may be larger than memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from todpack.frames.tile_source import FrameArrays

from ..errors import PackError
from .command import with_step
from .config import DayBasisConfig
from .pack import DayBasisPackOptions
from .stream import compress_stream

REFUSED = {
    "target_psnr": "a step by --q-step",
    "target_size": "a step by --q-step",
    "mask": "valid.npy beside the frames",
    "lightmap": "one lightmap",
}


def compress_arrays(path: Path, out: Path, config: DayBasisConfig, options: dict[str, Any]) -> None:
    """Compress tod_*.npy tile by tile and say the archive's size.

    Raises:
        PackError: an option that frames read tile by tile do not have.
        DataError: the arrays cannot be read.
        OutputError: the archive cannot be written.
    """
    for name, expected in REFUSED.items():
        if options[name] is not None:
            raise PackError(f"--{name.replace('_', '-')}: frames as arrays are read tile by tile; expected {expected}")
    config = with_step(config, options, is_linear=False)
    pack = DayBasisPackOptions(
        options["rd_weight"], options["entropy"], options["refine"] or "none", options["smoothing"]
    )
    day = compress_stream(FrameArrays(path), out, config, pack)
    click.echo(
        f"{out}: {day.size_bytes} bytes, {day.psnr_db:.2f} dB, q_step {config.q_step:g}, K = {day.n_components}, "
        f"{day.n_tiles} tiles"
    )
