"""Find the weights of LPIPS on this machine; nothing is downloaded and nothing is imported.

LPIPS needs two files: the AlexNet trunk (ImageNet weights, torchvision's layout) and the five linear heads of v0.1,
which the `lpips` distribution carries. The trunk is looked for at an explicit path, else at the path in the environment
variable `LPIPS_ALEXNET`, else in torch hub's cache of downloaded models.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from todpack.decompressor.files import identity_of

from ..errors import EvalError

TRUNK_VARIABLE = "LPIPS_ALEXNET"
HUB_PATTERN = "alexnet-owt-*.pth"
HEADS_FILE = Path("weights", "v0.1", "alex.pth")
INSTALL_HINT = "pip install todpack[lpips]"


@dataclass(frozen=True)
class LpipsWeights:
    """The two files of LPIPS.

    Attributes:
        trunk: State dict of torchvision's AlexNet; only `features.*` is read.
        heads: State dict of the linear heads, `weights/v0.1/alex.pth` of the `lpips` distribution.
    """

    trunk: Path
    heads: Path

    @property
    def digest(self) -> str:
        """Of the content of both: figures by other weights are other figures.

        Raises:
            EvalError: one cannot be read.
        """
        try:
            return _digest(self, identity_of(self.trunk), identity_of(self.heads))
        except OSError as error:
            raise EvalError(f"{error.filename}: cannot be read: {error.strerror or error}") from error


@functools.lru_cache(maxsize=4)
def _digest(weights: LpipsWeights, *_states: tuple[int, ...] | None) -> str:
    state = hashlib.sha256()
    for path in (weights.trunk, weights.heads):
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                state.update(data)
    return state.hexdigest()[:16]


@dataclass(frozen=True)
class LpipsAbsent:
    """LPIPS cannot be computed here.

    Attributes:
        reason: One line for the user: what is missing and where it was looked for.
    """

    reason: str


def _hub_folder() -> Path:
    """The folder where torch hub keeps downloaded models, by torch's own rules."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or str(Path(cache, "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def find_weights(explicit: Path | None = None) -> LpipsWeights | LpipsAbsent:
    """Find both files of LPIPS, without importing torch or lpips.

    Args:
        explicit: Trunk file the user named (`--lpips-weights`); no other place is tried then.

    Returns:
        Where they are, or why LPIPS is absent.
    """
    variable, folder = os.environ.get(TRUNK_VARIABLE), _hub_folder()
    named = Path(variable) if explicit is None and variable else explicit
    try:
        trunks = [path for path in ([named] if named else sorted(folder.glob(HUB_PATTERN))) if path.is_file()]
    except OSError as error:  # of another user
        return LpipsAbsent(f"no AlexNet weights: {named or folder}: {error.strerror or error}")
    if not trunks and named is not None:
        origin = TRUNK_VARIABLE if explicit is None else "--lpips-weights"
        return LpipsAbsent(f"{origin} names {named}, which is not a file")
    if not trunks:
        nowhere = f"neither --lpips-weights nor {TRUNK_VARIABLE} is given, and {folder} has no {HUB_PATTERN}"
        return LpipsAbsent(f"no AlexNet weights: {nowhere}")
    spec = importlib.util.find_spec("lpips")  # of a top-level name: found, not executed
    places = [Path(place, HEADS_FILE) for place in (spec and spec.submodule_search_locations) or ()]
    heads = [path for path in places if path.is_file()]
    if not heads:
        return LpipsAbsent(f"the package lpips with its {HEADS_FILE.as_posix()} is not installed ({INSTALL_HINT})")
    if importlib.util.find_spec("torch") is None:
        return LpipsAbsent(f"torch is not installed ({INSTALL_HINT})")
    return LpipsWeights(trunks[-1], heads[0])
