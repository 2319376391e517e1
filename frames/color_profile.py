"""What files say of their colors, where those are other than sRGB."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageCms

NEAR_CODES = 10
"""Of a profile that means sRGB: a gamma of 2.2 differs by 7 where it is dark."""
_LEVELS = (0, 16, 64, 128, 192, 255)


BT709, WHITE = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06), (0.3127, 0.3290)
"""x and y of red, green and blue, and of white. Source: ITU-R BT.709."""
NEAR_PLACE = 0.01


def other_than_bt709(chromaticities: Sequence[float]) -> bool:
    """Whether x and y of red, green, blue and white are others than those of sRGB."""
    return max(abs(found - wanted) for found, wanted in zip(chromaticities, (*BT709, *WHITE), strict=True)) > NEAR_PLACE


def other_primaries(profile: bytes | None) -> str | None:
    """A profile of linear values whose primaries are other than those of sRGB, by its name; None of a damaged one."""
    if profile is None:
        return None
    try:
        source, usual = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
        names = ("red_primary", "green_primary", "blue_primary")
        places = [[getattr(one, name) for name in names] for one in (source.profile, usual)]
        if None in places[0]:
            return None
        found, wanted = (np.array([place[1][:2] for place in each]) for each in places)  # x and y
        return _named(source) if np.abs(found - wanted).max() > NEAR_PLACE else None
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError):
        return None


def _named(profile: ImageCms.ImageCmsProfile) -> str:
    return f"profile {' '.join(ImageCms.getProfileDescription(profile).split()) or 'of no name'}"


@functools.lru_cache(maxsize=8)
def other_than_srgb(profile: bytes | None) -> str | None:
    """A profile under which codes mean other colors than in sRGB, by its name; None of sRGB, and of a damaged one."""
    if profile is None:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L"}[source.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        codes = np.stack(np.meshgrid(*[np.array(_LEVELS, np.uint8)] * 3, indexing="ij"), -1).reshape(1, -1, 3)
        image = Image.fromarray(codes if mode == "RGB" else codes[..., 0])
        applied = ImageCms.applyTransform(image, transform)
        assert applied is not None  # of a transform that is not in place
        seen = codes if mode == "RGB" else codes[..., :1]
        if np.abs(np.asarray(applied, int) - seen).max() <= NEAR_CODES:
            return None
        return _named(source)
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, KeyError):  # ImportError: Pillow without LittleCMS
        return None
