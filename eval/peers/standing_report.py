"""What the standing peers gave, as JSON for machines."""

from __future__ import annotations

import math

from ..measures.metrics import bits_per_texel
from . import JPEG_XL, JPEG_XL_DEFINITION, X265, X265_DEFINITION, PeerResults

DEFINITIONS = {X265: X265_DEFINITION, JPEG_XL: JPEG_XL_DEFINITION}


def peers_json(results: PeerResults, n_valid: int, n_frames: int) -> dict[str, object]:
    """Plain numbers and strings for `json.dumps`: `points`, `absent` (peer to reason), `definitions`.

    Args:
        results: From `run_peers`.
        n_valid: Valid texels.
        n_frames: T.
    """
    return {
        "points": [
            {
                "name": point.name,
                "setting": point.setting,
                "bytes": point.size_bytes,
                "psnr_srgb_db": point.psnr_db if math.isfinite(point.psnr_db) else None,
                "bpt": bits_per_texel(point.size_bytes, n_valid, n_frames),
                "encode_s": point.encode_s,
                "decode_ms_per_frame": point.decode_ms_per_frame,
            }
            for point in results.points
        ],
        "absent": results.absent,
        "definitions": DEFINITIONS,
    }
