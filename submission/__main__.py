"""`python -m submission`: the same commands as `todpack`."""

import sys

from todpack import main

if __name__ == "__main__":
    sys.exit(main(["submit", *sys.argv[1:]]))
