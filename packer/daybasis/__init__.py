"""Encoder side of the `daybasis` family that needs the decoder's transforms: numpy and scipy."""
