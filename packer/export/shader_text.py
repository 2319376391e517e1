"""Shaders of an export: constants of the lightmap, then the project's own text."""

from __future__ import annotations

from importlib.resources import files

from .coded_maps import CodedMaps
from .source import AffineDay

LANGUAGES = ("glsl", "hlsl", "wgsl")
CURVES = {"none": 1, "square": 2, "exp": 3}
SRGB_CURVE = 0
FRAMES = {
    "srgb8": {"glsl": "rgba8", "hlsl": "unorm float4", "wgsl": "rgba8unorm"},
    "linear": {"glsl": "rgba16f", "hlsl": "float4", "wgsl": "rgba16float"},
}
"""Texels of the frames that a compute shader writes."""
FRAMES_NAME = "TODPACK_FRAMES"


def _constants(day: AffineDay, coded: CodedMaps) -> dict[str, int | float]:
    return {
        "TODPACK_HOURS": len(day.hours),
        "TODPACK_MAPS": coded.matrix.shape[1],
        "TODPACK_CHANNELS": coded.channels,
        "TODPACK_CURVE": SRGB_CURVE if day.transfer == "srgb8" else CURVES[day.curve],
        "TODPACK_KNEE": float(day.knee),
    }


def shader(day: AffineDay, coded: CodedMaps, language: str, kind: str) -> str:
    """A shader's text.

    Args:
        day: Hours, transfer and curve.
        coded: Maps and channels of a layer.
        language: One of LANGUAGES.
        kind: "sample", functions to call from a shader of the engine's; or "expand", a whole compute shader.
    """
    lines = [f"// todpack: the lightmap {_plain(day.name)} at any time of day. docs/engines.md"]
    constants = _constants(day, coded)
    if language == "wgsl":
        lines += [f"const {name} = {value!r};" for name, value in constants.items()]
    else:
        lines += [f"#define {name} {value!r}" for name, value in constants.items()]
    folder = files(__package__) / "shaders"
    text = (folder / f"affine.{language}").read_text("utf-8") + (folder / f"{kind}.{language}").read_text("utf-8")
    return "\n".join(lines) + "\n\n" + text.replace(FRAMES_NAME, FRAMES[day.transfer][language])


def _plain(name: str) -> str:
    """A name that ends no comment."""
    return "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in name)
