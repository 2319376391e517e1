"""Bytes of a coefficient stream <-> integer coefficients: contexts, tables, ANS or zstd."""
