"""Several archives into one: sections are taken as they are stored, equal frame graphs once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from todpack.decompressor.container import Container
from todpack.decompressor.families import read_entry
from todpack.decompressor.limits import DEFAULT_LIMITS
from todpack.decompressor.metadata import read_archive_entry
from todpack.decompressor.packed_metadata import REQUIRED as PACKED_REQUIRED

from ..archive_writer import ArchiveWriter
from ..errors import PackError

SHARED_FIELDS = ("model_type", "transfer", "hours")


def merge_archives(paths: Sequence[Path]) -> ArchiveWriter:
    """Put the lightmaps of archives of one lightmap each into one archive.

    Args:
        paths: The archives, in the order their lightmaps shall have; with the same family, transfer and times.

    Raises:
        ArchiveError: one is damaged.
        PackError: they do not go together.
    """
    writer: ArchiveWriter | None = None
    graphs: dict[bytes, str] = {}
    required: set[str] = set()
    for index, path in enumerate(paths):
        with Container(path, DEFAULT_LIMITS) as container:
            metadata = container.metadata
            archive = read_archive_entry(metadata, path, container.version, DEFAULT_LIMITS)
            for item in archive.lightmaps:
                read_entry(archive, item)
            shared = {name: metadata[name] for name in SHARED_FIELDS}
            if writer is None:
                writer = ArchiveWriter({**shared, "lightmaps": []})
            for name in SHARED_FIELDS:
                if shared[name] != writer.metadata[name]:
                    raise PackError(f"{path}: expected the {name} of {paths[0]}, found another; archives hold one")
            if len(metadata["lightmaps"]) != 1:
                raise PackError(f"{path}: expected an archive of one lightmap, found {len(metadata['lightmaps'])}")
            lightmap = metadata["lightmaps"][0]
            names = {name: f"{index}/{name.removeprefix('0/')}" for name in container.sections}
            frame = container.find(lightmap["model"]["graphs"]["frame"]).name
            for name, section in container.sections.items():
                is_told = section.codec == "standard"
                stored = container.read_bytes(name) if is_told else container.stored_bytes(section)
                if name == frame:
                    if stored in graphs:
                        names[name] = graphs[stored]
                        continue
                    graphs[stored] = names[name]
                if is_told:
                    writer.add_bytes(names[name], stored)
                else:
                    writer.add_stored(names[name], section, stored)
            model = {**lightmap["model"], "graphs": {**lightmap["model"]["graphs"], "frame": names[frame]}}
            mask = None if lightmap["mask"] is None else names[container.find(lightmap["mask"]).name]
            entry = {**lightmap, "mask": mask, "model": model}
            if lightmap.get("outliers") is not None:
                entry["outliers"] = names[container.find(lightmap["outliers"]).name]
            writer.metadata["lightmaps"].append(entry)
            required |= set(metadata.get("requires") or []) - set(PACKED_REQUIRED)
    if writer is None:
        raise PackError("expected at least one archive to merge, found none")
    if required:
        writer.metadata["requires"] = sorted(required)
    return writer
