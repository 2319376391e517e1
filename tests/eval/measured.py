"""What a trial that worked has in its result.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MEASURED: dict[str, Any] = {
    "psnr_db": 40.0, "ssim": 0.99, "lpips": None, "temporal_l1": None, "temporal_lpips": None, "bytes": 9000,
    "bpt": 0.1, "train_s": 2.0, "made_s": 3.0, "frame_ms": 1.0, "open_ms": 2.0,
    "per_hour": [{"hour": 0.0, "psnr_srgb_db": 40.0}],
}  # fmt: skip


def with_archive(folder: Path) -> None:
    """As large as `MEASURED` says; nobody opens it."""
    (folder / "archive.tod").write_bytes(bytes(MEASURED["bytes"]))
