"""Training: reads a day of lightmaps and fits a model to it, into a run folder that the packer reads.

The neural families import torch when they are used, never before.
"""
