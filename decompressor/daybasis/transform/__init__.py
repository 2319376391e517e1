"""Integer coefficients -> latent maps: dequantize, rotate, invert the wavelet, smooth, snap."""
