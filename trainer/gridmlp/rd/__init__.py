"""The preset `rd` of gridmlp: latents as large as the lightmap under the archive's own coder, and a small head.

What is minimized is D + rd_weight * R: D the squared error of all values in squared steps of the latents' quantizer, R
the bits of their codes. Latents are coefficients of the pyramid in which daybasis codes its maps (latents.py,
lifting.py); a head makes RGB of the decoded maps and an hour: a linear path, and hidden units beside it (head.py).

    start.py    maps, codes and basis of daybasis; or maps of 0 and the day's principal axes
    fit.py      gradient descent of the latents, with noise, then rounded straight through; R by rate.py
    rounds.py   in turn: the head by gradient descent with the codes as they are, and the codes by coordinate descent
                under the coder's own costs with the head as it is, linear around the present maps
    train.py    all of it, into a run folder
"""
