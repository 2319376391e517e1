"""`todpack export`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.outliers import without
from todpack.decompressor.staging import scratch_folder
from todpack.packer.export.options import CONTAINERS, DEFAULT_TEXTURES, FRAMES, MAX_TEXTURES, PARTS, PROFILES

if TYPE_CHECKING:
    from todpack.decompressor import Archive
    from todpack.packer.export.options import ExportOptions
    from todpack.packer.export.profiles import Exported

MANIFEST = "export.json"
MARK, MARK_VERSION = "todpack_export", 1
_MAX_MANIFEST_BYTES = 1 << 24
MAPS_FACTOR = 3
"""Of the reader's limits: NumPy, which has the maps as floats, takes about twice the memory of the native core."""


def written_files(folder: Path) -> set[str] | None:
    """Files of a folder that this command wrote; None where it did not write it."""
    manifest = folder / MANIFEST
    try:
        if manifest.stat().st_size > _MAX_MANIFEST_BYTES:
            return None
        fields = read_shallow(manifest)
        if fields[MARK] != MARK_VERSION:
            return None
        return {MANIFEST, *(f"{one['folder']}/{name}" for one in fields["lightmaps"] for name in one["files"])}
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _opened(source: Path, profile: str) -> Iterator[Archive]:
    """The archive, or what a run gives when it is stored without loss.

    Raises:
        PackError: a run that the profile does not take.
    """
    from todpack.decompressor import open_archive
    from todpack.decompressor.limits import DEFAULT_LIMITS
    from todpack.packer.errors import PackError

    if not source.is_dir():
        has_maps = profile not in (FRAMES, PARTS)
        limits = DEFAULT_LIMITS.scaled(MAPS_FACTOR if has_maps else 1)
        with open_archive(source, decoder="reference" if has_maps else None, limits=limits) as archive:
            yield archive
        return
    if profile != PARTS:
        raise PackError(f"{source}: expected an archive, found a folder; `todpack pack` makes an archive of a run")
    from todpack.packer.export.parts import exact_archive
    from todpack.packer.run_folder import read_run

    with scratch_folder("todpack-export-") as folder:
        stored = folder / "run.tod"
        exact_archive(read_run(source), stored)
        with open_archive(stored) as archive:
            yield archive


def _export_parts(archive: Archive, index: int, folder: Path, options: ExportOptions) -> Exported:
    from todpack.packer.export.parts import parts_of
    from todpack.packer.export.parts_folder import write_parts
    from todpack.packer.export.profiles import Exported
    from todpack.trainer.run_folder import SCRIPT_NAME, STATE_NAME
    from todpack.trainer.second_stage import f2_of_arrays, write_f2

    parts, exported = parts_of(archive, index), Exported(folder, archive.lightmaps[index].name)
    write_f2(f2_of_arrays(parts.mlp, parts.baseline is not None), folder)
    for name in (STATE_NAME, SCRIPT_NAME):
        exported.add_written(name)
    write_parts(parts, options, exported)
    return exported


LEAST_TOLD = 1e-3
"""Of the lit texels that a texture has black."""


def _described(one: Exported, where: Path, profile: str) -> str:
    size = f"{where}: {sum(one.files.values())} bytes"
    if profile == PARTS:
        return f"{size}, {', '.join(sorted(one.files))}"
    quality = "" if one.psnr_db is None else f", {one.psnr_db:.2f} dB against the archive"
    each = "" if profile != FRAMES else " each"
    coarse = f", {one.n_coarse} of the maps coarser than the archive's to fit into 16 bits" if one.n_coarse else ""
    cut = f", {100 * one.cut_share:.3g} % of the values cut to what it holds" if one.cut_share else ""
    black = (
        f", {100 * one.black_share:.3g} % of the lit texels black: too dark for the range"
        if one.black_share > LEAST_TOLD
        else ""
    )
    return (
        f"{size}, {one.n_layers} x {one.texture}, "
        f"{one.texel_bytes:.2f} bytes per texel{each} ({one.texel_bytes_with_mips:.2f} with mips)"
        f"{quality}{without(one.n_outliers)}{coarse}{cut}{black}"
    )


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
  todpack export run -o parts --profile parts
""",
    context_settings={"token_normalize_func": lambda token: token.replace("_", "-"), "show_default": True},
)
@click.argument("source", metavar="ARCHIVE", type=click.Path(path_type=Path))
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    required=True,
    help="sample: maps that a shader reads per texel. load: maps that a compute shader expands to frames. frames: "
    "plain textures. parts: weights, grids, latent map and TorchScript of a gridmlp or siren; takes a run, too.",
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
@click.option(
    "--container", type=click.Choice(CONTAINERS), help="Kind of the texture files.  [default: ktx2; parts: dds]"
)
@click.option("--hours", help="Of the frames, such as 6,12.5,18.  [default: the stored ones]")
@click.option("--exposure", type=float, help="Stops, of PNG of linear radiance.")
@click.option("--mips/--no-mips", default=True, help="Mip levels; load and PNG have none.")
@click.option("--zstd", is_flag=True, help="Compress the levels of KTX2 files.")
@click.option("--lightmap", help="Only this one of a level: its name or its position.")
@click.option("--overwrite", is_flag=True, help="Replace an older export, if nothing else lies in it.")
def export(
    source: Path,
    out: Path,
    profile: str,
    texture: str | None,
    n_textures: int | None,
    container: str | None,
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
    from todpack.decompressor.cli import parse_hours
    from todpack.decompressor.errors import needs
    from todpack.decompressor.names import safe_names
    from todpack.packer.errors import PackError
    from todpack.packer.export.options import check_options
    from todpack.packer.progress import ProgressLine
    from todpack.packer.staging_folder import FolderKind

    with needs("export", "export"):
        import scipy  # noqa: F401
    if profile == PARTS:
        with needs("pack", "--profile parts"):
            import onnx  # noqa: F401
        with needs("train", "--profile parts"):
            import torch  # noqa: F401
    from todpack.packer.export.profiles import check_lightmap, export_lightmap

    chosen = check_options(
        profile, texture, n_textures, container, tuple(parse_hours(hours)) if hours is not None else None,
        exposure, mips, zstd,
    )  # fmt: skip
    kind = FolderKind("export", written_files, PackError)
    kind.check(out, overwrite)
    with _opened(source, profile) as archive:
        lightmaps = archive.lightmaps if lightmap is None else (archive.choose(lightmap),)
        numbers = [archive.lightmaps.index(one) for one in lightmaps]
        for number in numbers:
            check_lightmap(archive, number, chosen)
        is_level = len(archive.lightmaps) > 1
        folders = safe_names([one.name for one in archive.lightmaps], [MANIFEST])
        done: list[Exported] = []

        def fill(fresh: Path) -> None:
            for number in numbers:
                folder = fresh / folders[number] if is_level else fresh
                folder.mkdir(exist_ok=True)
                if profile == PARTS:
                    done.append(_export_parts(archive, number, folder, chosen))
                    continue
                with ProgressLine(archive.lightmaps[number].name) as line:
                    done.append(export_lightmap(archive, number, folder, chosen, line.update))
            entries = [
                {**one.to_json(), "folder": folders[number] if is_level else "."}
                for number, one in zip(numbers, done, strict=True)
            ]
            manifest = {MARK: MARK_VERSION, "profile": profile, "lightmaps": entries}
            (fresh / MANIFEST).write_text(json.dumps(manifest, indent=1, allow_nan=False) + "\n", "utf-8")

        kind.replace(out, fill, overwrite)
    for number, one in zip(numbers, done, strict=True):
        click.echo(_described(one, out / folders[number] if is_level else out, profile))
