"""Whether an ICC profile in an image means sRGB, as which all codes are read."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageCms

NEAR_CODES = 10
"""Of a profile that means sRGB: a gamma of 2.2 differs by 7 where it is dark."""
_LEVELS = (0, 16, 64, 128, 192, 255)


@functools.lru_cache(maxsize=8)
def other_than_srgb(profile: bytes) -> str | None:
    """The name of a profile under which codes mean other colors than in sRGB; None of sRGB, and of what is damaged."""
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
        return " ".join(ImageCms.getProfileDescription(source).split()) or "of no name"
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError, KeyError):  # ImportError: Pillow without LittleCMS
        return None
