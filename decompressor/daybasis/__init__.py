"""The default codec, decoder side. Each texel's day is an affine map of K numbers: rgb(t) = A(t) z + b(t).

The way of a tile of h x w texels, from bytes to a frame; FORMAT.md says the same to the bit:

    bytes         i/j/coefficients of the archive: header, model section, symbol section, raw bits
      |           entropy/header.py     takes them apart; entropy/packed_model.py unpacks the model section,
      |           entropy/tables.py     reads it; entropy/stream.py:
    symbols       bits and tokens, from an ANS coder (entropy/ans.py) or zstd streams (entropy/zstd.py)
      |           entropy/contexts.py   says which class the next coefficients belong to, from those that are there
      |           entropy/symbols.py    tokens -> values; entropy/quincunx.py: the checkerboard of a band
    integers      low band (K, hL, wL), then (lh, hl, hh) per level, coarse to fine, each (K, h', w') int16 or int32;
      |           0 but at the sites that transform/pyramid.py derives from the mask (charts.py, lifting_plan.py)
      |           transform/rotations.py    1. centroids -> points, 2. rotation -> the common basis (products.py)
    coefficients  the same shapes, float32, in steps
      |           transform/lifting.py      3. times the step of each site, 4. inverse 5/3 lifting
      |           transform/smoothing.py    5. a bounded step toward the neighbors, where the archive asks for it
    maps z        (K, h, w) float32, 6. on grids of powers of two; transform/reconstruct.py runs 1. to 6.
      |           temporal/basis_codes.py   i/basis -> A and b at the stored times; temporal/ramps.py: at any time, in
      |           the form that the graph takes; temporal/matrix.py: in NumPy
      |           the ONNX graph `frame`: A(t) z + b(t), then the curve; pointwise, so any region gives the same values;
      |           frame_graph.py looks whether it is that, sums.py whether the order of its sums matters
    rgb           (h, w, 3) uint8 sRGB or float32 radiance

stored.py reads the sections of a lightmap; maps.py goes from there to the maps; entry.py holds the fields of the
metadata; gutter.py fills texels beside the valid ones; decoder.py puts it together, tile by tile (../tiled.py).
native_decoder.py does the same in C, by native.py, with the same bits, in the memory that native_tile.py gives it; it
takes graphs that standard_graph.py knows.
standard_frame.py makes the graph that an archive need not hold. family.py chooses among them. The encoder is
packer/daybasis. Maps of gridmlp are stored the same way (../coded_gridmlp.py).

Glossary
    chart         a connected component of the valid texels of a tile; the transform never mixes two
    class         of a coefficient: what its surroundings say about its size. 100 fine classes; runs of them share
                  probabilities (significance classes), longer runs a table of magnitudes; sign classes likewise
    component     one of the K numbers of a texel; a map is one component of all texels
    centroids     how far the values that became an integer lie beyond it on average: reconstruction points
    level         of the wavelet pyramid; each halves the low band
    mass          share of the picture that a coefficient stands for; sets its step
    mean code     mean magnitude of a component in a band, in half octaves; 0 for an empty band
    orientation   lh, hl or hh: low (l) or high (h) in x, then in y
    phase         one color of the checkerboard of a band; phase 1 is coded knowing phase 0
    promoted      an odd sample without joins that moves into the low band
    region        blocks of 16 x 16 texels that share a rotation of the K components
    site          a place of a band where a coefficient is coded; as many as valid texels
    step          width of a quantizer bin at a site: q_step times the site's step scale
    tile          a square of the lightmap that decodes on its own
    token         a small value, or the octave of a larger one, whose low bits are stored raw
"""
