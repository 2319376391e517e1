"""`python -m todpack`: the command `todpack`."""

import sys

from todpack.cli import main

if __name__ == "__main__":
    sys.exit(main())
