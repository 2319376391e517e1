"""`todpack export`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .options import CONTAINERS, DEFAULT_TEXTURES, FRAMES, MAX_TEXTURES, PROFILES

MANIFEST = "export.json"
MARK = "todpack_export"
_MAX_MANIFEST_BYTES = 1 << 24


def is_export(folder: Path) -> bool:
    """Whether a folder was written by this command."""
    manifest = folder / MANIFEST
    try:
        if not manifest.is_file() or manifest.stat().st_size > _MAX_MANIFEST_BYTES:
            return False
        fields = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and MARK in fields


@click.command(
    "export",
    epilog="""
\b
Examples:
  todpack export scene.tod -o scene_maps --profile sample
  todpack export scene.tod -o scene_maps --profile sample --texture rgba8 --container dds
  todpack export scene.tod -o scene_load --profile load --zstd
  todpack export scene.tod -o scene_frames --profile frames --texture rgb9e5 --hours 6,12,18
  todpack export level.tod -o level_frames --profile frames --texture rgbm:5:srgb --lightmap L_Annex_0
""",
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("archive", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    required=True,
    help="sample: maps that a shader reads per texel. load: maps that a compute shader expands to frames. frames: "
    "plain textures.",
)
@click.option(
    "--texture",
    help="sample: bc7, bc4 or rgba8. frames: rgba16f, rgb9e5, bc6h, bc7 (8-bit archives), png, rgbm:RANGE or "
    "rgbm:RANGE:srgb (Unity: rgbm:5:srgb).  [default: bc7, rgba16f]",
)
@click.option(
    "--textures",
    "n_textures",
    type=int,
    help=f"Textures of bc7 (a byte per texel each) or bc4 (half a byte), at most {MAX_TEXTURES}.  [default: "
    + ", ".join(f"{count} of {format.name[:3]}" for format, count in DEFAULT_TEXTURES.items())
    + "]",
)
@click.option("--container", type=click.Choice(CONTAINERS), default="ktx2", help="Kind of the texture files.")
@click.option("--hours", help="Of the frames, such as 6,12.5,18.  [default: the stored ones]")
@click.option("--exposure", type=float, help="Stops, of PNG of linear radiance.")
@click.option("--mips/--no-mips", default=True, help="Mip levels; load and PNG have none.")
@click.option("--zstd", is_flag=True, help="Compress the levels of KTX2 files.")
@click.option("--lightmap", help="Only this one of a level: its name or its position.")
@click.option("--overwrite", is_flag=True, help="Replace an older export.")
def export(
    archive: Path,
    out: Path,
    profile: str,
    texture: str | None,
    n_textures: int | None,
    container: str,
    hours: str | None,
    exposure: float | None,
    mips: bool,
    zstd: bool,
    lightmap: str | None,
    overwrite: bool,
) -> None:
    """Write ARCHIVE as textures, buffers and shaders for an engine, and export.json that lists them.

    A level becomes a folder for each lightmap. docs/engines.md tells how engines take the files.
    """
    from todpack.decompressor import open_archive
    from todpack.decompressor.cli import parse_hours, safe_names
    from todpack.decompressor.errors import needs

    from ..errors import PackError
    from ..progress import ProgressLine
    from ..staging_folder import FolderKind
    from .options import check_options

    with needs("export", "export"):
        from .profiles import Exported, check_lightmap, export_lightmap

    chosen = check_options(
        profile, texture, n_textures, container, tuple(parse_hours(hours)) if hours is not None else None,
        exposure, mips, zstd,
    )  # fmt: skip
    kind = FolderKind("export", is_export, PackError)
    kind.check(out, overwrite)
    with open_archive(archive, decoder=None if profile == FRAMES else "reference") as opened:
        lightmaps = opened.lightmaps if lightmap is None else (opened.choose(lightmap),)
        numbers = [opened.lightmaps.index(one) for one in lightmaps]
        for number in numbers:
            check_lightmap(opened, number, chosen)
        is_level = len(opened.lightmaps) > 1
        folders = safe_names([one.name for one in opened.lightmaps])
        done: list[Exported] = []

        def fill(fresh: Path) -> None:
            for number in numbers:
                folder = fresh / folders[number] if is_level else fresh
                folder.mkdir(exist_ok=True)
                with ProgressLine(opened.lightmaps[number].name) as line:
                    done.append(export_lightmap(opened, number, folder, chosen, line.update))
            entries = [
                {**one.to_json(), "folder": folders[number] if is_level else "."}
                for number, one in zip(numbers, done, strict=True)
            ]
            manifest = {MARK: 1, "profile": profile, "lightmaps": entries}
            (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", "utf-8")

        kind.replace(out, fill, overwrite)
    for number, one in zip(numbers, done, strict=True):
        where = out / folders[number] if is_level else out
        quality = "" if one.psnr_db is None else f", {one.psnr_db:.2f} dB against the archive"
        each = "" if profile != "frames" else " each"
        click.echo(
            f"{where}: {sum(one.files.values())} bytes, {one.n_layers} x {one.texture}, "
            f"{one.texel_bytes:.2f} bytes per texel{each} ({one.texel_bytes_with_mips:.2f} with mips){quality}"
        )
