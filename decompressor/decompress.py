#!/usr/bin/env python3
"""Decode a todpack archive: `python decompress.py ARCHIVE -o OUT`; `--help` tells more."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# beside the package in a submission, inside it in the repository
sys.path.insert(0, str(HERE if (HERE / "decompressor").is_dir() else HERE.parent))

from decompressor.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
