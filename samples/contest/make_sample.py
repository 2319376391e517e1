"""Cut the sample out of a larger dataset in the contest's layout: python make_sample.py DATASET OUT."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

CUTS = {("L_Courtyard", 0): (slice(8, 56), slice(32, 88)), ("L_Annex", 0): (slice(24, 74), slice(10, 50))}


def cut(source: Path, out: Path) -> None:
    """Write the rectangles of CUTS, with all times and masks, as a dataset of their own."""
    listed = {
        (item["level"], item["id"]): item for item in json.loads((source / "config.json").read_text())["lightmap_list"]
    }
    (out / "Data").mkdir(parents=True, exist_ok=True)
    items = []
    for (level, number), (rows, columns) in CUTS.items():
        old = listed[level, number]
        shape = old["resolution"]["height"], old["resolution"]["width"]
        height, width = rows.stop - rows.start, columns.stop - columns.start
        item = {
            "id": number,
            "level": level,
            "lightmaps": {},
            "masks": {},
            "resolution": {"width": width, "height": height},
        }
        for kind, dtype, channels in (("lightmaps", "<f4", 3), ("masks", "|i1", 1)):
            for key, name in old[kind].items():
                values = np.fromfile(source / "Data" / name, dtype).reshape(*shape, channels)[rows, columns]
                item[kind][key] = name.replace(f"_{shape[1]}_{shape[0]}.bin", f"_{width}_{height}.bin")
                values.tofile(out / "Data" / item[kind][key])
        items.append(item)
    config = {"lightmap_count": len(items), "lightmap_list": items}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
