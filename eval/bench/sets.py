"""The sets of the bench: where they lie, what is in them, and the PSNRs at which codecs are compared on them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import EvalError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SETS = Path(__file__).with_name("sets.toml")
TARGETS = Path(__file__).with_name("targets.toml")
OWN = "own"
"""Kind of a folder that was named."""
HDR_LEVELS_DB = (50.0, 52.5, 55.0)
"""Where codecs of radiance are compared; the contest asks for 55 dB."""


@dataclass(frozen=True)
class BenchSet:
    """One set.

    Attributes:
        name: Short, for tables.
        path: What `read_day` reads.
        lightmap: Which one of a dataset, or None.
        kind: What is in the frames: "baked", "photographed", "smooth", "tiny", "HDR", or "own" of a folder that was
            named.
        tuned: Whether constants of the encoder were chosen on it.
        reference: Bytes and PSNR in dB of the closed form of commit 621388b at q_step 9, 16 and 24, finest first; empty
            where they are not known.
    """

    name: str
    path: Path
    lightmap: str | None = None
    kind: str = OWN
    tuned: bool = False
    reference: tuple[tuple[int, float], ...] = ()


def known_sets(more: Path | None) -> list[BenchSet]:
    """The repository's samples, and those of `sets.toml` that are found in the folder `more`."""
    found = []
    for name, about in tomllib.loads(SETS.read_text(encoding="utf-8")).items():
        root = Path() if about.get("in_repository") else more
        if root is None or not (root / about["folder"]).is_dir():
            continue
        reference = tuple((int(size), float(psnr_db)) for size, psnr_db in about.get("reference", ()))
        found.append(
            BenchSet(
                name, root / about["folder"], about.get("lightmap"), about["kind"], about.get("tuned", False), reference
            )
        )
    return found


def decisions() -> dict[str, str]:
    """What decided between the codecs on a set, by name, of those where it was written down."""
    about = tomllib.loads(SETS.read_text(encoding="utf-8"))
    return {name: str(one["decided"]) for name, one in about.items() if "decided" in one}


def chosen_sets(data: tuple[str, ...], more: Path | None, lightmap: str | None = None) -> list[BenchSet]:
    """Sets by name, folders of frames by path, or all known ones where nothing is named.

    A folder has its own name, or all of its path where that is another set's, of those that were not found too.

    Raises:
        EvalError: A name is neither a known set that was found nor a folder.
    """
    known = {one.name: one for one in known_sets(more)}
    if not data and not known:
        raise EvalError("expected sets to measure, found none named, nor the repository's samples here")
    chosen = list[BenchSet]()
    for text in dict.fromkeys(data or tuple(known)):
        if text in known:
            chosen.append(known[text])
        elif Path(text).exists():
            place = Path(text).resolve()
            taken = {
                *tomllib.loads(SETS.read_text(encoding="utf-8")),
                *(one.name.removesuffix(f"/{lightmap}") for one in chosen),
            }
            name = text if place.name in taken else place.name
            chosen.append(BenchSet(name if lightmap is None else f"{name}/{lightmap}", Path(text), lightmap))
        else:
            names = f" or one of the sets {', '.join(known)}" if known else ""
            raise EvalError(f"expected a folder of frames{names}, found {text!r}")
    return chosen


def bounds(part: str) -> dict[str, dict[str, float]]:
    """Upper bounds of a part ("rate", "speed") by set, from targets.toml."""
    tables: dict[str, dict[str, dict[str, float]]] = tomllib.loads(TARGETS.read_text(encoding="utf-8"))
    return tables[part]
