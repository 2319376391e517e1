"""Tests. BLAS has one thread: for small matrices several are slower, and ten times so where a machine is busy."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before conftest.py imports NumPy
