"""`python -m eval ...` is `todpack eval ...`."""

import sys

from todpack import main

if __name__ == "__main__":
    sys.exit(main(["eval", *sys.argv[1:]]))
