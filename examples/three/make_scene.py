"""Make scene.glb and scene.tod, which are committed: python examples/three/make_scene.py (a minute)."""

from __future__ import annotations

from pathlib import Path

from light import HOURS, bake
from scene import charts, write_glb

import todpack

TARGET_PSNR_DB = 50.0


def main() -> None:
    """Write both files."""
    folder, found = Path(__file__).parent, charts()
    (folder / "scene.glb").write_bytes(write_glb(found))
    frames, valid = bake(found)
    report = todpack.compress(
        frames, folder / "scene.tod", valid=valid, hours=HOURS.tolist(), target_psnr_db=TARGET_PSNR_DB,
    )  # fmt: skip
    print(f"{report.path}: {report.size_bytes} bytes, {report.psnr_db:.2f} dB; {valid.mean():.0%} of the texels")


if __name__ == "__main__":
    main()
