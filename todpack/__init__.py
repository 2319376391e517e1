"""Compress a day of lightmaps into one small archive, and give any hour back almost for free."""
