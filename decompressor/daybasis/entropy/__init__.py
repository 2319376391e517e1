"""Bytes of a coefficient stream -> integer coefficients: contexts, tables, and symbols from ANS or zstd."""
