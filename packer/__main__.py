"""`python -m packer`: this package's commands of `todpack`; `pack` where none is named."""

import sys

from todpack import COMMANDS, main

if __name__ == "__main__":
    words = sys.argv[1:]
    ours = [name for name, (module, _, _) in COMMANDS.items() if module == "packer.cli"]
    sys.exit(main(words if words and words[0] in ours else ["pack", *words]))
