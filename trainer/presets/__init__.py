"""Presets of the model families, as TOML."""
