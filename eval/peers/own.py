"""Codecs of others as peers: an object that is named as `package.module:object`, found as Python finds modules.

The contract, with an example that runs, is in docs/peers.md.
"""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from todpack.decompressor.errors import MissingPackageError

from ..errors import EvalError
from .peer import Encoded, Peer


@dataclass(frozen=True)
class PeerDay:
    """What a codec of others gets.

    Attributes:
        frames: (T, H, W, 3) uint8 sRGB codes, or float32 linear radiance.
        valid: (H, W) bool, the texels that are measured.
        hours: (T,) float64, hours of the day.
    """

    frames: np.ndarray
    valid: np.ndarray
    hours: np.ndarray


def _read_only(array: np.ndarray) -> np.ndarray:
    """The array, in which a codec that works in place cannot change what all are measured against."""
    view = array.view()
    view.flags.writeable = False
    return view


def _found(name: str) -> Any:
    """The object that `package.module:object` names; the folder that the command runs in is looked into as well."""
    module_name, separator, attribute = name.partition(":")
    if not (separator and module_name and attribute):
        raise EvalError(f"--peer: expected package.module:object, found {name!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"--peer {name}: there is no module {error.name}") from error
    except AttributeError as error:
        raise EvalError(f"--peer {name}: the module has no {attribute}") from error
    except (Exception, SystemExit) as error:  # whatever the module does when it is imported
        raise EvalError(f"--peer {name}: {type(error).__name__}: {error}") from error
    return found() if isinstance(found, type) else found


def own_peer(name: str, hours: np.ndarray) -> Peer:
    """A codec of others as a peer.

    Args:
        name: `package.module:object`: an object (or a class that is called without arguments) with `settings`,
            `encode(day, setting) -> bytes` and `decode(data, hours) -> frames`, and perhaps `name`, `unit`,
            `definition`, `random_access` and `transfer` as those of `Peer`.
        hours: (T,) hours of the day that is coded.

    Raises:
        EvalError: There is no such object, or it lacks a part of the contract.
        MissingPackageError: There is no such module.
    """
    codec = _found(name)
    for part in ("settings", "encode", "decode"):
        if not hasattr(codec, part):
            raise EvalError(f"--peer {name}: expected settings, encode and decode, found no {part}")
    try:
        settings = tuple(float(setting) for setting in codec.settings)
    except (TypeError, ValueError) as error:
        raise EvalError(f"--peer {name}: expected numbers as settings, found {codec.settings!r}") from error
    if not settings or not all(map(math.isfinite, settings)):
        raise EvalError(f"--peer {name}: expected finite numbers as settings, found {codec.settings!r}")

    def encode(frames: np.ndarray, valid: np.ndarray, setting: float) -> Encoded:
        data = codec.encode(PeerDay(_read_only(frames), _read_only(valid), _read_only(hours)), setting)
        if not isinstance(data, bytes):
            raise EvalError(f"encode must give bytes, found {type(data).__name__}")
        return Encoded(len(data), lambda: np.asarray(codec.decode(data, _read_only(hours))))

    about = {key: str(getattr(codec, key)) for key in ("unit", "definition", "transfer") if hasattr(codec, key)}
    return Peer(
        str(getattr(codec, "name", name.partition(":")[2])),
        about.get("definition", name),
        about.get("unit", "setting"),
        settings,
        str(getattr(codec, "random_access", "no")),
        encode,
        about.get("transfer", "both"),
    )
