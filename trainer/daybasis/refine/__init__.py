"""Rate-distortion refinement of the closed form (torch): same bitstream, better coefficients."""
