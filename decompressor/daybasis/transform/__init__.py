"""Integer coefficients -> latent maps on their grids."""
