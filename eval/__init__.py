"""Evaluation: quality, size and speed of an archive, and the two standing peers on the same frames.

The measures are here and need numpy alone; the rest is imported where it is used, so that neither torch nor a peer's
package is loaded before it is asked for:

    eval.metrics      PSNR, SSIM, temporal L1, bits per texel           numpy
    eval.perceptual   LPIPS and temporal LPIPS                          torch, once weights were found
    eval.score        all of them, per hour and for the day             decompressor, trainer.data
    eval.latency      cold open, first frame, steady frames, texels     decompressor, in fresh processes
    eval.peers        x265 and JPEG XL on the same frames               av, imagecodecs
    eval.rate_curve   bytes of a peer at a given PSNR                   numpy
    eval.bench        ours beside the peers, against the targets        all of the above, `todpack compress`
    eval.cli          the commands `todpack eval score|latency|peers|bench`
"""

from .measures.metrics import (
    bits_per_texel,
    compression_ratio,
    psnr_linear_db,
    psnr_srgb_db,
    ssim,
    ssim_linear,
    temporal_l1,
)

__all__ = [
    "bits_per_texel",
    "compression_ratio",
    "psnr_linear_db",
    "psnr_srgb_db",
    "ssim",
    "ssim_linear",
    "temporal_l1",
]
