"""`python -m todpack.eval.bench.peak WORDS`: `todpack WORDS`, and then its peak memory in bytes on a line of stdout."""

from __future__ import annotations

import resource
import sys

from todpack.cli import main

if __name__ == "__main__":
    status = main(sys.argv[1:])
    unit = 1 if sys.platform == "darwin" else 1024
    print(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    sys.exit(status)
