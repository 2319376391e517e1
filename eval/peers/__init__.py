"""Peers: what other codecs and models need for the same frames, measured in the same run.

standing              x265 and JPEG XL, the two that every bench has       av, imagecodecs
coding                what a peer is and what one coded day gives          numpy
images                AVIF, WebP, PNG, frame by frame                      imagecodecs
video                 SVT-AV1                                              av
blocks                BC7 and BC6H, with and without zstd                  ispc_texcomp, imagecodecs
vector_quantization   PCA over time, then one code per texel               numpy
neural                the contest's kind of MLP, and an NDGI-style model   torch
everyone              all of them in one run
"""

from .standing import (
    DEFAULT_CRFS,
    DEFAULT_DISTANCES,
    JPEG_XL,
    JPEG_XL_DEFINITION,
    MAX_CRF,
    MAX_DISTANCE,
    X265,
    X265_DEFINITION,
    PeerResults,
    jpeg_xl_point,
    run_peers,
    x265_point,
)

__all__ = [
    "DEFAULT_CRFS",
    "DEFAULT_DISTANCES",
    "JPEG_XL",
    "JPEG_XL_DEFINITION",
    "MAX_CRF",
    "MAX_DISTANCE",
    "X265",
    "X265_DEFINITION",
    "PeerResults",
    "jpeg_xl_point",
    "run_peers",
    "x265_point",
]
