"""Peers: what other codecs and models need for the same frames, measured in the same run.

peer                  what a peer is, and what one coded day gives         numpy
run                   one loop over all of them: codes, decodes, measures
report                the results as a table and as JSON
ours                  our default family, closed form and refined
cache                 points that were measured before
own                   codecs of others: `--peer package.module:object`
video                 x265, SVT-AV1: the day as one video                  av
libaom                AV1 at 4:4:4 by libaom's own program                 aomenc, av
images                JPEG XL, AVIF, WebP, PNG: frame by frame             imagecodecs
blocks                BC7 and BC6H, with and without zstd                  ispc_texcomp, imagecodecs
vector_quantization   PCA over time, then one code per texel               numpy
neural                the contest's kind of MLP, and an NDGI-style model   torch
"""
