"""`todpack pack` for the family siren."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from todpack.decompressor.siren import F1_DTYPES, STORAGES

from ..configuration import check, click_options, option, option_values
from ..family import Family
from ..gridmlp.command import MLP_DTYPES

if TYPE_CHECKING:
    from ..run_folder import Run


@dataclass(frozen=True)
class SirenPackOptions:
    """How to store."""

    storage: str = option(
        "auto", choices=("auto", *STORAGES),
        help="Store the latent map or F1; auto: the smaller one whose PSNR is within 0.1 dB of the better one.",
    )  # fmt: skip
    latent_downsample: int = option(1, choices=(1, 2), help="Texels per node of the latent map.")
    latent_bits: int = option(8, 2, 8, help="Bits of the widest channel; all channels have one step.")
    f1_dtype: str = option("fp16", choices=F1_DTYPES, help="Weights of F1.")
    mlp_dtype: str = option("fp16", choices=MLP_DTYPES, help="Weights of the MLP.")

    def __post_init__(self) -> None:
        check(self)


def pack(run: Run, out: Path, values: dict[str, Any]) -> None:
    """Quantize and code a run folder of this family."""
    from .pack import pack_siren

    packed = pack_siren(run, out, SirenPackOptions(**option_values(SirenPackOptions, values)))
    click.echo(f"{out}: {packed.archive_bytes} bytes, {packed.psnr_db:.2f} dB, storage {packed.storage}")


SIREN = Family("siren", click_options(SirenPackOptions), pack)
