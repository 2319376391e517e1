"""The default codec, encoder side: decompressor/daybasis read from below. docs/daybasis.md says why, with formulas.

The way of a day, from frames to sections; encoder.py runs it, tile by tile:

    rgb           (T, h, w, 3) of any TileSource; tiles.py picks the valid texels
      |           radiance.py               linear radiance: a curve and a scale for each time
    days          (N, 3T) float32
      |           transform/closed_form.py  once for a step: transform/klt.py, rotation.py, region_fit.py find the basis
      |                                     and the regions' rotations, from neighborhoods.py of details
    maps z        (K, h, w) float32 = A' (day - b)
      |           transform/forward.py      5/3 lifting that stays in its chart; the plans are the decoder's
    coefficients  low band (K, hL, wL), then (lh, hl, hh) per level, coarse to fine, each (K, h', w') float32
      |           quantize.py               divided by the step of each site; rotate_bands of the decoder's rotations.py
    steps         the same shapes
      |           quantize.py, rdoq.py      dead zone, then rate-distortion optimized; or refined.py: a refinement's
    codes         the same shapes, int32
      |           entropy/symbols.py        classes by the decoder's contexts, signs against their votes, low band
      |           entropy/class_fit.py      counts -> tables; entropy/encode.py: symbols in coding order
      |           entropy/sinks.py          ANS, or streams for zstd
    bytes         i/j/coefficients

Beside it, from the same codes: the decoder's reconstruct_maps, basis.py fits A and b to what that gives, quantizes them
and chooses how gaps between hours are filled; graph.py builds the frame graph; sections.py names everything; measure.py
decodes and compares. run.py reads run folders, command.py has the options, config.py their defaults.
"""
