"""Find the weights of LPIPS on this machine; nothing is downloaded and nothing is imported.

LPIPS needs two files: the AlexNet trunk (ImageNet weights, torchvision's layout) and the five linear heads of v0.1,
which the `lpips` distribution carries. The trunk is looked for at an explicit path, else at the path in the environment
variable `LPIPS_ALEXNET`, else in torch hub's cache of downloaded models.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

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


def _find_trunk(explicit: Path | None) -> Path | LpipsAbsent:
    named, origin = (explicit, "--lpips-weights") if explicit is not None else (None, TRUNK_VARIABLE)
    if named is None and os.environ.get(TRUNK_VARIABLE):
        named = Path(os.environ[TRUNK_VARIABLE])
    if named is not None:
        return named if named.is_file() else LpipsAbsent(f"{origin} names {named}, which is not a file")
    folder = _hub_folder()
    cached = sorted(p for p in folder.glob(HUB_PATTERN) if p.is_file())
    if cached:
        return cached[-1]
    return LpipsAbsent(
        f"no AlexNet weights: neither --lpips-weights nor {TRUNK_VARIABLE} is given, and {folder} has no {HUB_PATTERN}"
    )


def _find_heads() -> Path | LpipsAbsent:
    spec = importlib.util.find_spec("lpips")  # of a top-level name: found, not executed
    locations = spec.submodule_search_locations if spec is not None else None
    for location in locations or ():
        heads = Path(location) / HEADS_FILE
        if heads.is_file():
            return heads
    return LpipsAbsent(f"the package lpips with its {HEADS_FILE.as_posix()} is not installed ({INSTALL_HINT})")


def find_weights(explicit: Path | None = None) -> LpipsWeights | LpipsAbsent:
    """Find both files of LPIPS, without importing torch or lpips.

    Args:
        explicit: Trunk file the user named (`--lpips-weights`); no other place is tried then.

    Returns:
        Where they are, or why LPIPS is absent.
    """
    trunk = _find_trunk(explicit)
    if isinstance(trunk, LpipsAbsent):
        return trunk
    heads = _find_heads()
    if isinstance(heads, LpipsAbsent):
        return heads
    if importlib.util.find_spec("torch") is None:
        return LpipsAbsent(f"torch is not installed ({INSTALL_HINT})")
    return LpipsWeights(trunk, heads)
