"""The variants of GridMLP that `todpack eval ab` compares: how each is trained and packed."""

from __future__ import annotations

from dataclasses import dataclass

from ..trials import Options

FP32: Options = {"grid-dtype": "float32", "mlp-dtype": "fp32"}
PTQ8: Options = {"grid-dtype": "uint8", "mlp-dtype": "int8"}
PTQ16: Options = {"grid-dtype": "uint16", "mlp-dtype": "fp16"}
CALIBRATED: Options = {"ptq": "percentile", "val-downsample": 2}
ENCODER: Options = {"use-baseline-encoder": True}
PATCH: Options = {"patch-size": 16, "loss-ssim-w": 0.005}  # the recipe's 0.2 costs 4 dB, docs/gridmlp.md
TEMPORAL: Options = {"temporal-loss": True}
PLAIN = "plain"


@dataclass(frozen=True)
class Variant:
    """One row of the table.

    Attributes:
        name: Of the row and its folders.
        train: Options of `todpack train`, beyond preset and seed.
        pack: Options of `todpack pack`.
        run_of: The variant whose training it shares; None trains its own.
        starts_from: The variant whose weights its training starts from.
    """

    name: str
    train: Options
    pack: Options
    run_of: str | None = None
    starts_from: str | None = None


VARIANTS = (
    Variant(PLAIN, CALIBRATED, FP32),
    Variant("baseline-encoder", ENCODER, FP32),
    Variant("patch-ssim", PATCH, FP32),
    Variant("hybrid", {**ENCODER, **PATCH}, FP32),
    Variant("hash-1", {"hash-top-levels": 1, "hash-capacity": 4096, **CALIBRATED}, PTQ8),
    Variant("hash-2", {"hash-top-levels": 2, "hash-capacity": 2048, **CALIBRATED}, PTQ8),
    Variant("ptq8", CALIBRATED, PTQ8, run_of=PLAIN),
    Variant("ptq16", CALIBRATED, PTQ16, run_of=PLAIN),
    Variant("qat8", {"qat": True, "qat-epochs": 5, **CALIBRATED}, PTQ8, starts_from=PLAIN),
    Variant("temporal", TEMPORAL, FP32),
    Variant("temporal-low", {**TEMPORAL, "temporal-w-start": 0.005, "temporal-w": 0.02}, FP32),
    Variant("film", {"film": True}, FP32),
)
