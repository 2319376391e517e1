"""Frames as PNG: Pillow reads what was written."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from todpack.decompressor.png import png_of


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 7, 3), (1, 9, 3), (64, 31), (130, 257, 3)])
def test_what_pillow_reads(shape: tuple[int, ...]) -> None:
    codes = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(png_of(codes, "todpack"))) as image:
        assert image.mode == ("RGB" if len(shape) == 3 else "L")
        np.testing.assert_array_equal(np.asarray(image), codes)
        assert image.info["Software"] == "todpack"


def test_a_part_of_a_frame() -> None:
    codes = np.arange(40 * 40 * 3, dtype=np.uint16).astype(np.uint8).reshape(40, 40, 3)
    with Image.open(io.BytesIO(png_of(codes[3:30, 2:20], "todpack"))) as image:
        np.testing.assert_array_equal(np.asarray(image), codes[3:30, 2:20])
