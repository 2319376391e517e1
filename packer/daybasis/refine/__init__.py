"""The refinement: descent over a lightmap's integer codes, against distortion and rate.

The encoder rounds each coefficient by itself. The refinement starts from such codes, with steps that are a little
coarser for dense components and finer for sparse ones, and minimizes

    J(q, A, b) = D(q, A, b) + rd_weight * R(q)

over the codes q, the temporal matrix A (3T, K) and the offset b (3T,), where

    D  sum over the valid texels of e' M e / q_step^2; e = A q_step m(q) + b - day, the error over the 3T values of a
       texel's day, at the decoded maps m(q) in units of q_step; M, the metric, says how much errors of the hours
       count                                                                                          (objective.py)
    R  bits of the codes under the coder's own context model, whose costs are measured on the codes        (rate.py)

One sweep (refinement.py) takes four steps:

    1  A and b: least squares from the decoded maps to the days.
    2  Codes: with A and b fixed, D is a quadratic form of the maps with the metric G = A' M A, and half its gradient is
       A' M e / q_step. Every code in turn, in coding order, takes the value of least D + rd_weight * R with all others
       as they are: that is done in C                                                        (native/encoder/descent.h)
    3  Reconstruction points of the codes: their own least squares.
    4  M and the costs in R anew, from the errors and codes there are now. Terms that are not quadratic (absolute
       changes over time, the entropy of a table that depends on the codes) are followed by weights and tables that are
       exact at the present point: majorize, minimize.

What a code costs depends on its neighbors, the contexts of codes to come: their slope is part of R
(native/encoder/context_slopes.h). What a code does to the maps is local at its level of the pyramid, and so is the
metric of that level's image, if it is carried from level to level as multigrid methods do (native/encoder/images.h).

Source: coordinate descent over quantized coefficients: Ortega and Ramchandran, "Rate-distortion methods for image and
video compression", IEEE Signal Processing Magazine, 1998; majorize-minimize: Hunter and Lange, "A tutorial on MM
algorithms", The American Statistician, 2004; coarse operators: Trottenberg, Oosterlee and Schueller, "Multigrid", 2001.
"""
