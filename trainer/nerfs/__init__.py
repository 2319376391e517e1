"""Radiance fields: the scene that the lightmaps light, rendered from any side."""
