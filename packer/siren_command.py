"""`todpack pack` for the family siren: options, and what they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .gridmlp_command import OPTIONS as GRIDMLP_OPTIONS

if TYPE_CHECKING:
    from .run_folder import Run

OPTIONS: dict[str, Callable[[Any], Any]] = {
    "storage": click.option(
        "--storage",
        type=click.Choice(["auto", "latent", "weights"]),
        default="auto",
        help="siren: store the latent map or F1; auto: the smaller within 0.1 dB of the better.",
    ),
    "latent_downsample": click.option(
        "--latent-downsample", type=int, default=1, help="siren: texels per node of the latent map, 1 or 2."
    ),
    "latent_bits": click.option("--latent-bits", type=int, default=8, help="siren: bits of the widest channel, 2..8."),
    "f1_dtype": click.option(
        "--f1-dtype", type=click.Choice(["fp16", "int8", "fp32"]), default="fp16", help="siren: weights of F1."
    ),
    "mlp_dtype": GRIDMLP_OPTIONS["mlp_dtype"],
}


def pack(run: Run, out: Path, options: dict[str, Any]) -> None:
    """Quantise and code a run folder of this family."""
    from .siren import SirenPackOptions, pack_siren

    packed = pack_siren(run, out, SirenPackOptions(**{k: v for k, v in options.items() if k in OPTIONS}))
    click.echo(f"{out}: {packed.archive_bytes} bytes, {packed.psnr_db:.2f} dB, storage {packed.storage}")
