"""SIREN in two stages: F1 maps (x, y) to a latent vector, F2 maps (latent, time) to RGB; F1 is evaluated once."""
