"""OpenEXR files, by the optional package OpenEXR (the extra `exr`)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from .errors import OutputError
from .output import write_atomic


def write_exr(path: Path, frame: np.ndarray) -> None:
    """Write linear radiance as a scan-line EXR file with 32-bit channels R, G, B, ZIP-compressed.

    Args:
        path: The file; replaced at once or not at all.
        frame: (h, w, 3) float32.

    Raises:
        OutputError: the package is not installed, or the file cannot be written.
    """
    try:
        import OpenEXR
    except ImportError as error:
        raise OutputError(f"--format exr needs OpenEXR: pip install 'todpack[exr]' ({error})") from error
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with tempfile.TemporaryDirectory(prefix="todpack-exr-") as folder:
        made = Path(folder) / "frame.exr"
        try:
            OpenEXR.File(header, {"RGB": np.ascontiguousarray(frame, np.float32)}).write(str(made))
            data = made.read_bytes()
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error
    write_atomic(path, lambda file: file.write(data))
