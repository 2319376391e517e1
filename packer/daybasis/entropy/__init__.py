"""Integer coefficients -> bytes of a coefficient stream; the encoder's half of decompressor/daybasis/entropy."""
