"""Frames by torch: from a checkpoint of a trained family, or from an exported latent map and F2."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from todpack.decompressor.files import identity_of
from todpack.eval.tensors_file import read_tensors
from todpack.frames.errors import DataError
from todpack.frames.formats import read_rgb_codes
from todpack.frames.npy import ArrayFile
from todpack.packer.configuration import from_json
from todpack.packer.errors import ConfigError, PackError
from todpack.packer.gridmlp.config import GridMlpConfig
from todpack.packer.run_folder import ARRAYS_NAME, read_arrays
from todpack.packer.siren.config import SirenConfig

from .checkpoint import MISFITS, load_checkpoint
from .errors import TrainingError
from .gridmlp.baseline_encoder import masked_frame
from .gridmlp.export import reconstruct
from .gridmlp.model import GridMlp
from .run_folder import BASELINE_NAME
from .second_stage import FilmF2, f2_of_state
from .siren.export import frame_of, latent_map
from .siren.model import F2, Siren

Predict = Callable[[float], np.ndarray]
MAX_TEXELS = 1 << 28
Config = TypeVar("Config")


def read_baseline(path: Path, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8.

    Raises:
        DataError: missing, unreadable, or of another size.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected the baseline frame of a residual model, found nothing there")
    frame = read_rgb_codes(path)
    if frame.shape != (height, width, 3):
        raise DataError(f"{path}: expected {width} x {height} texels, found {frame.shape[1]} x {frame.shape[0]}")
    return frame


def _config_of(identity: dict[str, Any], kind: type[Config]) -> Config:
    """The configuration among what a checkpoint says of its run."""
    names = {spec.name for spec in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return from_json(kind, {name: value for name, value in identity.items() if name in names})


def _size_of(identity: dict[str, Any]) -> tuple[int, int]:
    """Height and width of a checkpoint's lightmap."""
    height, width = identity["height"], identity["width"]
    for side in (height, width):
        if type(side) is not int or side < 1:
            raise ValueError(f"expected sides of whole numbers of texels, found {side!r}")
    if height * width > MAX_TEXELS:
        raise ValueError(f"expected at most {MAX_TEXELS} texels, found {height} x {width}")
    return height, width


@contextmanager
def _misfit_is_one_line(ckpt: Path, family: str) -> Iterator[None]:
    try:
        yield
    except MISFITS as error:
        raise TrainingError(f"{ckpt}: not a checkpoint of a {family}: {error}") from error


def _baseline_of(ckpt: Path, baseline_path: Path | None, is_residual: bool, size: tuple[int, int]) -> np.ndarray | None:
    if not is_residual:
        if baseline_path is not None:
            raise ConfigError(f"--baseline-path: {ckpt} was trained without a baseline; expected none")
        return None
    return read_baseline(baseline_path or ckpt.parent / BASELINE_NAME, *size)


def load_siren(ckpt: Path) -> Siren:
    """The model of a siren checkpoint.

    Raises:
        TrainingError: not a readable checkpoint of this family.
    """
    saved = load_checkpoint(ckpt)
    if saved.get("family") != "siren":
        raise TrainingError(f"{ckpt}: expected a checkpoint of family siren, found {saved.get('family')!r}")
    return _siren(ckpt, saved)


def _siren(ckpt: Path, saved: dict[str, Any]) -> Siren:
    with _misfit_is_one_line(ckpt, "siren"):
        identity = saved["identity"]
        model = Siren(_config_of(identity, SirenConfig), *_size_of(identity))
        model.load_state_dict(saved["model"])
    return model.eval()


def _siren_predictor(ckpt: Path, saved: dict[str, Any], baseline_path: Path | None) -> Predict:
    model = _siren(ckpt, saved)
    size = model.height, model.width
    baseline = _baseline_of(ckpt, baseline_path, bool(model.f2.residual), size)
    latents = latent_map(model)
    return lambda time_h: frame_of(model.f2, latents, baseline, time_h)


def _valid_of(ckpt: Path) -> np.ndarray:
    """The mask, which the BaselineEncoder needs and the checkpoint does not have."""
    path = ckpt.parent / ARRAYS_NAME
    try:
        valid: np.ndarray = read_arrays(path)["valid"]
    except (PackError, KeyError) as error:
        raise DataError(f"{path}: expected the mask of the run, whose model sees the baseline: {error}") from error
    return valid.astype(bool)


def _gridmlp_predictor(ckpt: Path, saved: dict[str, Any], baseline_path: Path | None) -> Predict:
    with _misfit_is_one_line(ckpt, "gridmlp"):
        identity = saved["identity"]
        config = _config_of(identity, GridMlpConfig)
        height, width = _size_of(identity)
    baseline = _baseline_of(ckpt, baseline_path, config.residual_mode, (height, width))
    encoded = None
    if (config.use_baseline_encoder or config.baseline_input) and baseline is not None:
        encoded = masked_frame(baseline, _valid_of(ckpt))
    with _misfit_is_one_line(ckpt, "gridmlp"):
        model = GridMlp(config, height, width, encoded)
        model.load_state_dict(saved["model"])
        model.affines = model.stored_affines(saved, torch.device("cpu"))
        if saved["state"]["qat_start"] >= 0:
            model.mlp_dtype = config.qat_mlp
    return lambda time_h: reconstruct(model, baseline, np.array([time_h]))[0]


def checkpoint_predictor(ckpt: Path, baseline_path: Path | None) -> Predict:
    """Frames by the model of a checkpoint.

    Args:
        ckpt: `best.ckpt` or `last.ckpt` of a run.
        baseline_path: Baseline frame of a residual model; None takes baseline.png beside the checkpoint.

    Returns:
        Hour -> (H, W, 3) uint8 codes.

    Raises:
        TodpackError: a file is missing, unreadable, or does not fit.
    """
    before, saved = identity_of(ckpt), load_checkpoint(ckpt)
    predictors = {"siren": _siren_predictor, "gridmlp": _gridmlp_predictor}
    family = saved.get("family")
    if not isinstance(family, str) or family not in predictors:
        raise TrainingError(f"{ckpt}: expected a checkpoint of {' or '.join(predictors)}, found family {family!r}")
    predictor = predictors[family](ckpt, saved, baseline_path)
    if identity_of(ckpt) != before:  # what lies beside it is of another run
        raise TrainingError(f"{ckpt}: expected a run that stays while it is read, found another in its place")
    return predictor


def _load_f2(path: Path) -> F2 | FilmF2:
    """F2 of f2_state_dict.pt: weights alone. TorchScript is a program of its author's, and is never read."""
    if not path.is_file():
        raise TrainingError(f"{path}: expected f2_state_dict.pt of an export, found nothing there")
    try:
        with zipfile.ZipFile(path) as archive:
            is_script = any("/code/" in name for name in archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path}: expected f2_state_dict.pt of an export: {error}") from error
    if is_script:
        raise TrainingError(
            f"{path}: TorchScript can run code, so it is written for others and never read; expected the weights, "
            "f2_state_dict.pt, which `todpack export RUN_OR_ARCHIVE -o FOLDER --profile parts` writes"
        )
    try:
        state = read_tensors(path)
        if sum(tensor.nbytes for tensor in state.values()) > path.stat().st_size:
            raise ValueError("expected tensors that the file holds, found larger ones")
        if any(tensor.is_complex() or not tensor.numel() for tensor in state.values()):
            raise ValueError("expected tensors of real numbers, found complex or no ones")
        return f2_of_state(state)
    except Exception as error:  # torch's reader raises what it likes on a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path}: expected f2_state_dict.pt of an export: {reason}") from error


def _read_latents(path: Path) -> np.ndarray:
    """What an NPY file holds.

    Raises:
        DataError: it is none, or not of finite floating-point numbers.
    """
    if not path.is_file():  # a pipe would be waited for
        raise DataError(f"{path}: expected a latent map (NPY), found nothing there")
    latents = ArrayFile(path).whole()
    if latents.dtype.kind != "f" or not np.isfinite(latents).all():
        raise DataError(f"{path}: expected finite floating-point numbers, found others")
    return latents


def exported_predictor(latent_path: Path, f2_path: Path, baseline_path: Path | None) -> Predict:
    """Frames from what `todpack export --profile parts` or `todpack export-latent` wrote.

    Args:
        latent_path: latent_map.npy.
        f2_path: f2_state_dict.pt.
        baseline_path: Baseline frame of a residual model, else None.

    Returns:
        Hour -> (H, W, 3) uint8 codes.

    Raises:
        TodpackError: a file is missing, unreadable, or does not fit.
    """
    f2, latents = _load_f2(f2_path), _read_latents(latent_path)
    is_residual, latent_dim = bool(f2.residual), f2.input_features.in_features
    if latents.ndim != 3 or latents.shape[2] != latent_dim:
        raise DataError(
            f"{latent_path}: expected shape [H, W, {latent_dim}], as {f2_path} takes, found {list(latents.shape)}"
        )
    if is_residual and baseline_path is None:
        raise ConfigError(f"--baseline-path: {f2_path} gives rgb - baseline; expected the baseline frame, found none")
    if not is_residual and baseline_path is not None:
        raise ConfigError(f"--baseline-path: {f2_path} was trained without a baseline; expected none")
    baseline = None if baseline_path is None else read_baseline(baseline_path, *latents.shape[:2])
    return lambda time_h: frame_of(f2, latents, baseline, time_h)
