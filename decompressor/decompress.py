#!/usr/bin/env python3
"""Decode a todpack archive: `python decompress.py ARCHIVE -o OUT`; `--help` tells more."""

import os
import signal
import sys

INTERRUPTIBLE = __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler
if INTERRUPTIBLE:  # nothing is made yet: while packages load, Ctrl-C ends the process at once
    signal.signal(signal.SIGINT, lambda *_: (os.write(2, b"todpack: interrupted\n"), os._exit(130)))

from pathlib import Path  # noqa: E402

# the decoder has threads of its own; those of NumPy's library of linear algebra take 30 ms to start
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
HERE = Path(__file__).resolve().parent
# beside the package in a submission, inside it in the repository
sys.path.insert(0, str(HERE if (HERE / "decompressor").is_dir() else HERE.parent))

try:
    from decompressor.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"todpack: error: decoding needs {error.name}: pip install {error.name}")

if __name__ == "__main__":
    if INTERRUPTIBLE:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
