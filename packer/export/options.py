"""What an export is asked for, checked before any work."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import PackError
from .rgb_codes import Rgbm
from .textures import BC4, BC6H, BC7, BC7_SRGB, RGB9E5, RGBA16F, TextureFormat

SAMPLE, LOAD, FRAMES, PARTS = "sample", "load", "frames", "parts"
PROFILES = (SAMPLE, LOAD, FRAMES, PARTS)
PARTS_FAMILIES = ("gridmlp", "siren")
MAP_TEXTURES = {"bc7": BC7, "bc4": BC4, "rgba8": None}
FRAME_TEXTURES = {"rgb9e5": RGB9E5, "rgba16f": RGBA16F, "bc6h": BC6H, "bc7": BC7_SRGB}
PICTURES = ("png", "rgbm")
UNITY_RGBM = "rgbm:5:srgb"
DEFAULT_TEXTURES = {BC7: 6, BC4: 16}
MAX_TEXTURES = 64
KTX2, DDS = CONTAINERS = ("ktx2", "dds")
_TEXTURES_OF = {
    SAMPLE: tuple(MAP_TEXTURES),
    LOAD: ("rgba16",),
    FRAMES: (*FRAME_TEXTURES, *PICTURES, "rgbm:RANGE", "rgbm:RANGE:srgb"),
    PARTS: ("bc7",),
}
_DEFAULTS = {SAMPLE: "bc7", LOAD: "rgba16", FRAMES: "rgba16f", PARTS: "bc7"}


@dataclass(frozen=True)
class ExportOptions:
    """How to export.

    Attributes:
        profile: One of PROFILES.
        texture: A name that the profile knows, see `--texture`.
        n_textures: Layers of block-compressed maps; None: as many as DEFAULT_TEXTURES says.
        container: One of CONTAINERS.
        hours: Of the frames; None takes the stored ones.
        exposure: Stops, of PNG of linear radiance.
        mips: With mip levels.
        zstd: Levels of KTX2 compressed.
    """

    profile: str
    texture: str
    n_textures: int | None = None
    container: str = "ktx2"
    hours: tuple[float, ...] | None = None
    exposure: float = 0.0
    mips: bool = True
    zstd: bool = False

    @property
    def rgbm(self) -> Rgbm | None:
        """The packing that `texture` names; None where it names another."""
        return _rgbm(self.texture)

    @property
    def is_picture(self) -> bool:
        """Frames are PNG files."""
        return self.texture == "png" or self.rgbm is not None

    @property
    def map_format(self) -> TextureFormat | None:
        """Block format of the maps, or None for 8-bit ones."""
        return MAP_TEXTURES[self.texture]


def _rgbm(text: str) -> Rgbm | None:
    name, *rest = (UNITY_RGBM if text == "rgbm" else text).split(":")
    if name != "rgbm" or len(rest) not in (1, 2) or rest[1:] not in ([], ["srgb"]):
        return None
    try:
        peak = float(rest[0])
    except ValueError:
        return None
    return Rgbm(peak, len(rest) == 2) if 0 < peak < math.inf else None


def check_options(
    profile: str,
    texture: str | None,
    n_textures: int | None = None,
    container: str | None = None,
    hours: tuple[float, ...] | None = None,
    exposure: float | None = None,
    mips: bool = True,
    zstd: bool = False,
) -> ExportOptions:
    """Options that go together, with defaults filled in.

    Raises:
        PackError: one is not possible, or not with this profile.
    """
    kind = container or (DDS if profile == PARTS else KTX2)
    chosen = ExportOptions(profile, texture or _DEFAULTS[profile], n_textures, kind, hours, exposure or 0.0, mips, zstd)
    if chosen.texture not in _TEXTURES_OF[profile] and (profile != FRAMES or chosen.rgbm is None):
        raise PackError(
            f"--texture: expected one of {', '.join(_TEXTURES_OF[profile])} with --profile {profile}, found {texture!r}"
        )
    if n_textures is not None and (profile != SAMPLE or chosen.map_format is None):
        raise PackError(f"--textures: expected --profile sample with --texture bc7 or bc4, found {chosen.texture}")
    if n_textures is not None and not 1 <= n_textures <= MAX_TEXTURES:
        raise PackError(f"--textures: expected 1..{MAX_TEXTURES}, found {n_textures}")
    if hours is not None and profile != FRAMES:
        raise PackError(f"--hours: expected --profile frames, found {profile}")
    if exposure is not None and chosen.texture != "png":
        raise PackError(f"--exposure: expected --profile frames --texture png, found {chosen.texture}")
    if not -64.0 <= chosen.exposure <= 64.0:
        raise PackError(f"--exposure: expected stops in -64..64, found {exposure}")
    if container is not None and chosen.is_picture:
        raise PackError(f"--container: expected textures, found {chosen.texture}, which are PNG files")
    if zstd and kind != KTX2:
        raise PackError("--zstd: expected --container ktx2, which can hold compressed levels, found dds")
    if zstd and (profile == PARTS or chosen.is_picture):
        raise PackError(f"--zstd: expected KTX2 files, found --profile {profile} of {chosen.texture}")
    return chosen
