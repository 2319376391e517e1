"""`python -m trainer`: the same commands as `todpack`."""

import sys

from todpack import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
