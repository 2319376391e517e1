"""The profiles: which files a lightmap becomes."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from todpack.decompressor.archive import Archive
from todpack.decompressor.coded_gridmlp import FIELD as CODED_MAPS
from todpack.decompressor.frame_files import preview
from todpack.decompressor.lightmap import Lightmap
from todpack.decompressor.names import frame_names
from todpack.frames.encodings import srgb_to_linear

from ..errors import PackError
from .block_maps import Progress, block_maps
from .blocks import encode_blocks, require_blocks
from .coded_maps import CodedMaps, int16_maps, rgba8_maps
from .dds import write_dds
from .ktx2 import write_ktx2
from .mips import Level, chart_levels
from .options import DEFAULT_TEXTURES, FRAME_TEXTURES, FRAMES, KTX2, LOAD, PARTS, PARTS_FAMILIES, SAMPLE, ExportOptions
from .rgb_codes import HALF_MAX, RGB9E5_MAX, linear_to_srgb, to_rgb9e5, to_rgba16f
from .shader_text import LANGUAGES, shader
from .source import SRGB_PEAK, AffineDay, affine_day
from .temporal import temporal_json, temporal_table
from .textures import BC6H, BC7_SRGB, RGB9E5, Texture, TextureFormat, check_sides


@dataclass
class Exported:
    """What a lightmap becomes.

    Attributes:
        folder: Where its files go.
        name: Of the lightmap.
        texture: Format of the texels.
        n_layers: Textures in the array of maps; of frames, in all.
        texel_bytes: Graphics memory for each texel of the lightmap: all maps, or one frame.
        texel_bytes_with_mips: The same with mip levels.
        psnr_db: Of maps: against the archive at its stored hours.
        n_outliers: Of the archive, which maps cannot hold.
        n_coarse: Maps whose numbers 16 bits cannot hold, and that have a coarser step.
        cut_share: Of the values of frames, those over what the texture holds, which are cut.
        black_share: Of the texels of frames that have light, those that are too dark for the texture, which are black.
        files: By name, their sizes.
    """

    folder: Path
    name: str
    texture: str = ""
    n_layers: int = 0
    texel_bytes: float = 0.0
    texel_bytes_with_mips: float = 0.0
    psnr_db: float | None = None
    n_outliers: int = 0
    n_coarse: int = 0
    cut_share: float = 0.0
    black_share: float = 0.0
    files: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, content: bytes) -> None:
        """Write a file."""
        (self.folder / name).write_bytes(content)
        self.files[name] = len(content)

    def add_written(self, name: str) -> None:
        """Count a file that is there."""
        self.files[name] = (self.folder / name).stat().st_size

    def add_texture(self, name: str, texture: Texture, options: ExportOptions) -> None:
        """Write a texture in the container asked for."""
        self.texture = texture.format.name
        self.texel_bytes, self.texel_bytes_with_mips = texture.texel_bytes(1), texture.texel_bytes()
        is_ktx2 = options.container == KTX2
        self.add(f"{name}.{options.container}", write_ktx2(texture, options.zstd) if is_ktx2 else write_dds(texture))

    def to_json(self) -> dict[str, Any]:
        """As the manifest says it."""
        return {
            "name": self.name,
            "texture": self.texture,
            "n_layers": self.n_layers,
            "texel_bytes": round(self.texel_bytes, 4),
            "texel_bytes_with_mips": round(self.texel_bytes_with_mips, 4),
            "psnr_db": None if self.psnr_db is None else round(self.psnr_db, 3),
            "files": self.files,
        }


def check_lightmap(archive: Archive, index: int, options: ExportOptions) -> None:
    """Refuse what cannot be exported, before any work.

    Raises:
        PackError: the family or the size does not go with the profile and its texture.
        RequestError: an hour that no archive has.
        MissingPackageError: the block encoder is needed, and not installed.
    """
    lightmap, where = archive.lightmaps[index], archive.container.path
    format = _format(options)
    if options.profile == FRAMES:
        lightmap.check(options.hours or ())
        if format == BC7_SRGB and lightmap.transfer != "srgb8":
            raise PackError(
                f"--texture bc7: lightmap {lightmap.name} is linear radiance; expected rgb9e5, rgba16f, bc6h or rgbm"
            )
        if options.exposure and lightmap.transfer == "srgb8":
            raise PackError(f"--exposure: expected linear radiance, found lightmap {lightmap.name} of 8 bits")
    elif options.profile == PARTS:
        if archive.model_type not in PARTS_FAMILIES:
            raise PackError(
                f"{where}: expected an archive of gridmlp or siren for --profile parts, found {archive.model_type}; "
                "--profile load takes its maps apart"
            )
        model = archive.metadata["lightmaps"][index]["model"]
        if model.get(CODED_MAPS):
            raise PackError(
                f"{where}: expected grids or a latent map for --profile parts, found maps under daybasis' coder; "
                "--profile frames takes any"
            )
        if model.get("encoder"):
            require_blocks("F0 as BC7")
        return
    elif archive.model_type != "daybasis":
        raise PackError(
            f"{where}: expected an archive of the family daybasis for --profile {options.profile}, "
            f"found {archive.model_type}; --profile frames takes any"
        )
    if format is not None and format.block_side > 1:
        require_blocks(f"--texture {options.texture}")
        check_sides(format, lightmap.width, lightmap.height, f"{where}: lightmap {lightmap.name}")


def _format(options: ExportOptions) -> TextureFormat | None:
    if options.profile == FRAMES:
        return FRAME_TEXTURES.get(options.texture)
    return options.map_format if options.profile == SAMPLE else None


def export_lightmap(
    archive: Archive, index: int, folder: Path, options: ExportOptions, progress: Progress | None = None
) -> Exported:
    """Export one lightmap.

    Args:
        archive: Open.
        index: Of the lightmap, checked by `check_lightmap`.
        folder: Where the files go; it is there.
        options: How.
        progress: Told of the textures or frames.

    Raises:
        ArchiveError: it cannot be decoded.
        PackError: its light is infinite.
        OSError: a file cannot be written.
    """
    exported = Exported(folder, archive.lightmaps[index].name)
    if options.profile == FRAMES:
        _export_frames(archive.lightmaps[index], options, exported, progress)
        return exported
    exported.n_outliers = archive.lightmaps[index].n_outliers
    day, maps = affine_day(archive, index)
    levels = chart_levels(day.valid, None if options.mips and options.profile == SAMPLE else 1)
    if options.profile == LOAD:
        model = archive.metadata["lightmaps"][index]["model"]
        steps = np.exp2(-(model["precision"] + np.array(model["exponents"][:-1], np.float64)))
        coded = int16_maps(day, maps, steps, levels[0])
        exported.n_coarse = coded.n_coarse
    elif options.map_format is None:
        coded = rgba8_maps(day, maps, levels)
    else:
        n_textures = options.n_textures or DEFAULT_TEXTURES[options.map_format]
        coded = block_maps(day, maps, levels, options.map_format, n_textures, progress)
    _write_maps(day, coded, options, exported)
    exported.psnr_db = day.psnr_db(coded.values(), day.values(maps))
    if not math.isfinite(exported.psnr_db):
        where = f"{archive.container.path}: lightmap {exported.name}"
        raise PackError(f"{where}: expected light that can be measured, found numbers that are too large")
    return exported


def _write_maps(day: AffineDay, coded: CodedMaps, options: ExportOptions, exported: Exported) -> None:
    """Texture, temporal buffer and shaders."""
    exported.n_layers = coded.texture.n_layers
    exported.add_texture("maps", coded.texture, options)
    exported.add("temporal.bin", temporal_table(day, coded).astype("<f4").tobytes())
    exported.add("temporal.json", (json.dumps(temporal_json(day, coded), allow_nan=False) + "\n").encode())
    kind = "expand" if options.profile == LOAD else "sample"
    for language in LANGUAGES:
        exported.add(f"todpack.{language}", shader(day, coded, language, kind).encode())


def _export_frames(lightmap: Lightmap, options: ExportOptions, exported: Exported, progress: Progress | None) -> None:
    hours = [float(time_h) for time_h in (lightmap.hours if options.hours is None else options.hours)]
    levels = chart_levels(lightmap.valid, None if options.mips and not options.is_picture else 1)
    exported.texture, exported.n_layers = options.texture, len(hours)
    exported.texel_bytes = exported.texel_bytes_with_mips = 4.0  # of pictures, as RGBA
    for done, (name, time_h) in enumerate(zip(frame_names(hours), hours, strict=True), 1):
        if options.is_picture:
            exported.add(f"{name}.png", _picture(lightmap, time_h, levels[0], options))
        else:
            exported.add_texture(
                name, _frame_texture(lightmap, time_h, levels, FRAME_TEXTURES[options.texture]), options
            )
        most, is_linear = _largest(options), lightmap.transfer == "linear"
        if most is not None and (is_linear or options.rgbm is not None):
            light = _light(lightmap, time_h)
            exported.cut_share += float((light > most).mean()) / len(hours) if is_linear else 0.0
            exported.black_share += options.rgbm.black_share(light) / len(hours) if options.rgbm is not None else 0.0
        if progress is not None:
            progress(done, len(hours))


def _largest(options: ExportOptions) -> float | None:
    """What a texture of frames holds at most; None of a preview, which is meant to be cut."""
    if options.rgbm is not None:
        return options.rgbm.largest
    return RGB9E5_MAX if options.texture == RGB9E5.name else None if options.is_picture else HALF_MAX


def _light(lightmap: Lightmap, time_h: float) -> np.ndarray:
    """(N, 3) float64 linear light of the valid texels; codes of 8 bits become 0..1."""
    values = lightmap.decode(time_h, dtype="float32")[lightmap.valid]
    return srgb_to_linear(values / SRGB_PEAK) if lightmap.transfer == "srgb8" else values.astype(np.float64)


def _picture(lightmap: Lightmap, time_h: float, level: Level, options: ExportOptions) -> bytes:
    if options.rgbm is not None:
        codes = options.rgbm.encode(_light(lightmap, time_h))
    elif lightmap.transfer == "srgb8":
        codes = lightmap.decode(time_h)[lightmap.valid]
    else:
        codes = preview(_light(lightmap, time_h), options.exposure)
    file = io.BytesIO()
    Image.fromarray(level.fill(codes, _far(codes))).save(file, "PNG")
    return file.getvalue()


def _far(texels: np.ndarray) -> np.ndarray:
    """What texels far from every chart are: the mean, which costs least."""
    mean: np.ndarray = texels.mean(0, dtype=np.float64)
    return (np.rint(mean) if texels.dtype.kind == "u" else mean).astype(texels.dtype)


def _frame_texture(lightmap: Lightmap, time_h: float, levels: list[Level], format: TextureFormat) -> Texture:
    """A frame with its mip levels, which are averages of light."""
    light, images = _light(lightmap, time_h), []
    for level in levels:
        light = level.averaged(light)
        image = level.fill(light, _far(light))
        if format == BC7_SRGB:
            stored = encode_blocks(np.rint(255.0 * linear_to_srgb(image)).astype(np.uint8), format)
        elif format == BC6H:
            stored = encode_blocks(image, format)
        else:
            stored = (to_rgb9e5(image) if format == RGB9E5 else to_rgba16f(image)).tobytes()
        images.append([stored])
    return Texture(format, lightmap.width, lightmap.height, images, is_array=False)
