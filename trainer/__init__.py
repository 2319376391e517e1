"""Training: reads a day of lightmaps and fits a model to it, into a run folder that the packer reads.

`trainer.data` needs numpy and pillow only; the neural families import torch when they are used, never before.
"""
