"""Decoder side of the `daybasis` family: numpy and zstandard, and constriction for archives of `entropy` "ans"."""
