"""`python -m packer`: the same commands as `todpack`."""

import sys

from todpack import main

if __name__ == "__main__":
    sys.exit(main(["pack", *sys.argv[1:]]))
