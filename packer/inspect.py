"""Describe an archive for people."""

from __future__ import annotations

import json
from pathlib import Path

from todpack.decompressor.archive import Archive, open_archive
from todpack.decompressor.files import check_suffix
from todpack.decompressor.frame_files import preview, write_frame
from todpack.decompressor.lightmap import Lightmap
from todpack.decompressor.plain_text import shown


def _section_lines(archive: Archive) -> list[str]:
    sections = archive.container.sections.values()
    stored = sum(s.stored_bytes for s in sections)
    lines = [f"{'section':<24} {'codec':<6} {'stored':>10} {'decoded':>10}  {'type':<5} shape"]
    for s in sections:
        code = s.dtype.str.lstrip("<|")
        lines.append(
            f"{shown(s.name):<24} {s.codec:<6} {s.stored_bytes:>10} {s.decoded_bytes:>10}  {code:<5} "
            f"{' x '.join(str(n) for n in s.shape)}"
        )
    lines.append(f"{'header and metadata':<24} {'':<6} {archive.file_bytes - stored:>10}")
    return lines


def _lightmap_lines(archive: Archive, lightmap: Lightmap, index: int) -> list[str]:
    per_texel = 8.0 * archive.lightmap_bytes(index) / (lightmap.n_valid * len(lightmap.hours))
    own = f"{archive.lightmap_bytes(index)} bytes of its own, " if len(archive.lightmaps) > 1 else ""
    head = (
        f"lightmap {index}: {shown(lightmap.name)}, {lightmap.width} x {lightmap.height}, "
        f"{lightmap.n_valid} valid texels "
        f"({100 * lightmap.n_valid / (lightmap.width * lightmap.height):.1f} %), {len(lightmap.hours)} hours, "
        f"{lightmap.transfer}; {own}{per_texel:.3f} bits per valid texel and hour"
    )
    return [head, *lightmap.describe()]


def describe(path: Path, metadata_only: bool = False, lightmap: str | None = None) -> str:
    """Text for `todpack inspect`.

    Args:
        path: The archive.
        metadata_only: metadata.json instead.
        lightmap: Only this one, by name or number.

    Raises:
        ArchiveError: not a readable archive.
        RequestError: there is no such lightmap.
    """
    with open_archive(path, provider="cpu") as archive:
        if metadata_only:
            return json.dumps(archive.metadata, indent=2, sort_keys=True)
        major, minor = archive.container.version
        lines = [f"{shown(path)}: todpack {major}.{minor}, {archive.model_type}, {archive.file_bytes} bytes"]
        chosen = archive.lightmaps if lightmap is None else (archive.choose(lightmap),)
        for one in chosen:
            lines += _lightmap_lines(archive, one, archive.lightmaps.index(one))
        if lightmap is not None:
            return "\n".join(lines)
        return "\n".join([*lines, "", *_section_lines(archive)])


def write_sample(path: Path, image: Path, time_h: float, name: str | None = None) -> None:
    """Decode one hour of a lightmap, by default the first, into a PNG, as `todpack decompress` does.

    Raises:
        TodpackError: not readable, no such hour, or not writable.
    """
    check_suffix(image, ".png")
    with open_archive(path, provider="cpu") as archive:
        lightmap = archive.lightmaps[0] if name is None else archive.choose(name)
        is_linear = lightmap.transfer == "linear"
        frame = preview(lightmap.decode(time_h, dtype="float32"), 0.0) if is_linear else lightmap.decode(time_h)
        write_frame(image, frame, "png")
