"""Which texels are valid: a mask beside the frames, their alpha, or what is not black at every hour."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from todpack.decompressor.hours_file import around

from .errors import DataError
from .formats import KINDS, kind_of, read_picture
from .listing import Listing
from .npy import ArrayFile
from .read_options import NO_MASK, ReadOptions

_NO_FILES = {"a folder": os.path.isdir, "a pipe or device": os.path.exists, "a link to nothing": os.path.islink}
_USUAL_STEMS = ("valid", "mask", "coverage")


def find_mask(candidates: Iterable[Path], folder: Path) -> Path | None:
    """The mask of a folder of frames.

    Args:
        candidates: What is called a mask in the folder.
        folder: The folder; in the one around it, valid.png and the like count too.

    Raises:
        DataError: several have an equal claim.
    """
    inside = sorted(candidates)
    try:
        paths = sorted(around(folder).iterdir())
    except OSError:  # a folder that may be entered but not listed
        suffixes = [suffix for kind in KINDS for suffix in kind.suffixes]
        paths = [around(folder) / f"{stem}{suffix}" for stem in _USUAL_STEMS for suffix in suffixes]
    beside = [path for path in paths if kind_of(path) is not None and os.path.isfile(path)]
    usual = [
        [path for path in place if path.stem.lower() == stem and not path.name.startswith(".")]
        for place in (inside, beside)
        for stem in _USUAL_STEMS
    ]
    for found in (*usual[:3], inside, *usual[3:]):
        if len(found) > 1:
            names = ", ".join(path.name for path in found[:3])
            raise DataError(f"{folder}: expected one mask, found {len(found)}: {names}; choose one by --mask")
        if found:
            return found[0]
    return None


def read_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Read a mask of known size.

    Args:
        path: Image or .npy array of codes of which half and more mean valid (in any channel), or of 0 and 1 alone, or
            of the contest's 127 and -1, or bool. Translucent texels are invalid.
        height: Expected H, rows.
        width: Expected W, columns.

    Returns:
        (H, W) bool.

    Raises:
        DataError: unreadable, of another size, or without one valid texel.
    """
    if not os.path.isfile(path):  # which is false for a name that no system has, too
        found = next((what for what, is_so in _NO_FILES.items() if is_so(path)), "nothing there")
        raise DataError(f"{path}: expected a mask image, found {found}")
    if path.suffix.lower() == ".npy" and (codes := ArrayFile(path)).dtype in (np.bool_, np.int8):
        valid = codes.whole() > 0
    else:
        picture = read_picture(path)
        valid = _from_half_up(picture.rgb.max(axis=2))
        if picture.alpha is not None:
            valid &= _from_half_up(picture.alpha)
    if valid.shape != (height, width):
        found = f"{valid.shape[1]} x {valid.shape[0]}" if valid.ndim == 2 else str(valid.shape)
        raise DataError(f"{path}: mask must have the size of the frames: expected {width} x {height}, found {found}")
    if not valid.any():
        raise DataError(
            f"{path}: expected at least one valid texel (half of the largest code or more, as 128 of 255), found none"
        )
    return np.ascontiguousarray(valid)


def _from_half_up(codes: np.ndarray) -> np.ndarray:
    """Codes of at least half of the largest; of 0 and 1 alone, the ones."""
    largest = np.iinfo(codes.dtype).max if codes.dtype.kind == "u" else 1
    return np.asarray(codes > 0 if codes.max() <= 1 and codes.dtype.kind == "u" else codes >= largest / 2)


class AlphaMask:
    """The alpha channels of the frames of a day as their mask."""

    def __init__(self) -> None:
        self._union: np.ndarray | None = None
        self._first: np.ndarray | None = None
        self._with: list[Path] = []
        self._without: list[Path] = []
        self._see_through: list[Path] = []
        self._partial: tuple[Path, str] | None = None
        self._n_differing = 0

    def add(self, path: Path, alpha: np.ndarray | None) -> None:
        """Take the next frame's (H, W) alpha, or None."""
        if alpha is None:
            self._without.append(path)
            return
        largest = np.iinfo(alpha.dtype).max if alpha.dtype.kind == "u" and alpha.max() > 1 else 1
        self._with.append(path)
        inside = np.asarray(alpha >= largest / 2)
        if not (alpha == largest).all():
            self._see_through.append(path)
            between = alpha[(alpha != 0) & (alpha != largest)]
            if between.size and self._partial is None:
                self._partial = (path, f"{between.flat[0]:g}")
        if self._first is None or self._union is None:
            self._first, self._union = inside, inside.copy()
        elif inside.shape == self._union.shape:  # other sizes are refused with the colors
            self._n_differing += not np.array_equal(inside, self._first)
            self._union |= inside

    @property
    def is_seen(self) -> bool:
        """Whether any texel is not opaque."""
        return bool(self._see_through)

    def settle(self, folder: Path, wanted: bool) -> tuple[np.ndarray | None, list[str]]:
        """The mask once all frames are known.

        Args:
            folder: Of the frames, for messages.
            wanted: `--mask alpha`; otherwise alpha is the mask only where it is nothing but see-through and opaque.

        Returns:
            (H, W) bool, the texels that are opaque in any frame, or None where alpha says nothing; lines for the user.

        Raises:
            DataError: some frames have alpha and others have none, alpha is in between, or no texel is opaque.
        """
        if self._without and (wanted or (self._see_through and self._with)):
            raise DataError(
                f"{self._without[0]}: expected an alpha channel "
                f"{'for --mask alpha' if wanted else f'as in {self._see_through[0].name}'}, found none"
            )
        if self._union is None or (not wanted and not self._see_through):
            return None, []
        if not wanted and self._partial is not None:
            raise DataError(
                f"{self._partial[0]}: expected an opaque image, or alpha that is a mask, found alpha of "
                f"{self._partial[1]}; take texels from half up by --mask alpha, or give the valid ones by --mask FILE"
            )
        if not self._union.any():
            if wanted:
                raise DataError(f"{folder}: --mask alpha: expected at least one opaque texel, found none")
            return None, [f"{folder}: alpha is 0 everywhere in every frame and is left out"]
        if self._n_differing:
            return self._union, [
                f"{folder}: alpha of {self._n_differing} frames differs from the first; "
                "texels that are opaque in any frame are coded"
            ]
        return self._union, []


def given_mask(listing: Listing, options: ReadOptions, height: int, width: int) -> tuple[np.ndarray | None, list[str]]:
    """The mask that the user names, or that lies in the folder or beside it; None where there is none.

    Returns:
        (H, W) bool or None; lines for the user.

    Raises:
        DataError: it cannot be read or does not fit.
    """
    if options.mask == NO_MASK:
        return np.ones((height, width), bool), []
    if options.mask is not None:
        path = options.mask_file
        return (None if path is None else read_mask(path, height, width)), []
    path = find_mask(listing.masks, listing.folder)
    if path is None:
        return None, []
    others = "".join(f"; {other.name} is left out" for other in listing.masks if other != path)
    said = [] if path.stem.lower() == "valid" and not others else [f"{listing.folder}: the mask is {path.name}{others}"]
    return read_mask(path, height, width), said


def lit(frames: Iterable[np.ndarray]) -> np.ndarray:
    """(h, w) bool: texels that are not exactly black in every (h, w, 3) frame."""
    colored: np.ndarray | None = None
    for frame in frames:
        colored = frame != 0 if colored is None else colored | (frame != 0)
    assert colored is not None
    return np.asarray(colored.any(axis=2))


def lines_of_lit(valid: np.ndarray, folder: Path) -> list[str]:
    """What to say where the valid texels are those that are lit.

    Raises:
        DataError: none is.
    """
    n_black = int(valid.size - np.count_nonzero(valid))
    if n_black == valid.size:
        raise DataError(f"{folder}: every texel is exactly black in every frame; give the valid texels by --mask")
    if not n_black:
        return []
    return [
        f"{folder}: {n_black} of {valid.size} texels are black in every frame and are taken as invalid "
        "(--mask none: all texels are valid; --mask FILE: those of a mask)"
    ]
