"""Checkpoints: plain tensors and numbers, written atomically, read without unpickling code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from todpack.decompressor.files import write_atomic
from todpack.decompressor.signatures import sign_zip
from todpack.eval.tensors_file import read_tensors
from todpack.packer.errors import ConfigError

from .errors import TrainingError

CHECKPOINT_FORMAT = 1
DIGESTS = ("frames", "images", "cameras")
"""Fields of the identity by which data are known."""
TABLES = ("identity", "model", "state")
MOMENTS = ("exp_avg", "exp_avg_sq")
MISFITS = (KeyError, TypeError, ValueError, AttributeError, RuntimeError, IndexError, OverflowError, ConfigError)
"""What a model raises that is given what a file says it is, and is not."""


def write_tensors(path: Path, value: Any, *, durable: bool = False) -> None:
    """Write what torch.save takes, through memory: torch's writer turns a full disk into an error of its own.

    Raises:
        OutputError: the folder cannot be written.
    """
    stored = io.BytesIO()
    torch.save(value, stored)
    sign_zip(stored)
    write_atomic(path, lambda file: file.write(stored.getbuffer()), durable=durable)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers and strings (nested dicts and lists of them).

    Raises:
        OutputError: the folder cannot be written.
    """
    write_tensors(path, {"checkpoint_format": CHECKPOINT_FORMAT, **state}, durable=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        TrainingError: missing, unreadable, or of another format.
    """
    if not path.is_file():
        raise TrainingError(f"{path}: expected a checkpoint, found nothing there")
    try:
        state = read_tensors(path)
    except ValueError as error:
        raise TrainingError(f"{path}: not a readable checkpoint: {error}") from error
    found = state.get("checkpoint_format") if isinstance(state, dict) else None
    if type(found) is not int or found != CHECKPOINT_FORMAT:
        raise TrainingError(f"{path}: expected a checkpoint of format {CHECKPOINT_FORMAT}, found something else")
    for name in TABLES:
        if not isinstance(state.get(name, {}), dict):
            raise TrainingError(
                f"{path}: not a checkpoint of a model: expected {name} as a table, found something else"
            )
    return state


def load_optimizer(optimizer: torch.optim.Optimizer, saved: Any) -> None:
    """Take the moments of an Adam out of a checkpoint; what it is set to stays.

    Raises:
        Exception: one of MISFITS: they are not those of its parameters. Torch would look for them beyond their memory.
    """
    settings = [{name: value for name, value in group.items() if name != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(saved)
    for group, own in zip(optimizer.param_groups, settings, strict=True):
        group.update(own)
    for parameter, moments in optimizer.state.items():
        if moments and moments.keys() != {"step", *MOMENTS}:
            raise ValueError("optimizer: expected the moments of Adam, found others")
        for name, value in moments.items():
            expected = parameter if name in MOMENTS else torch.zeros(())
            if not isinstance(value, torch.Tensor) or (value.shape, value.dtype) != (expected.shape, expected.dtype):
                raise ValueError(f"optimizer: {name}: expected {list(expected.shape)} numbers, found something else")
            moments[name] = value.contiguous()


def _is_same(found: Any, expected: Any) -> bool:
    try:
        return bool(found == expected)
    except RuntimeError:  # a tensor, which has no single answer
        return False


def check_identity(path: Path, saved: dict[str, Any], expected: dict[str, Any]) -> None:
    """Refuse to continue a checkpoint of other options or data.

    Raises:
        TrainingError: its field `identity` is not the expected one.
    """
    identity = saved.get("identity")
    found = identity if isinstance(identity, dict) else {}
    found = {name: expected[name] for name in DIGESTS if name in expected} | found  # older ones lack them
    different = sorted(k for k in expected if not _is_same(found.get(k), expected[k]))
    if different or len(found) != len(expected):
        raise TrainingError(
            f"{path}: was trained with other options or data (different: {', '.join(different) or 'all'}); "
            "resume with the same ones, or train into a new folder"
        )
