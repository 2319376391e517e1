"""python -m todpack.eval.gpu: check and time what a CUDA device does, and write docs/gpu.md; without one, say so."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from todpack.decompressor.errors import TodpackError
from todpack.decompressor.files import check_replaced, check_suffix, write_text
from todpack.decompressor.staging import scratch_folder

from ..tables import columns


def main(argv: list[str] | None = None) -> int:
    """Run the command: 0 measured, or no device; 1 a check failed or could not be made."""
    parser = argparse.ArgumentParser(prog="python -m todpack.eval.gpu", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("samples/courtyard"), help="folder of frames")
    parser.add_argument("--contest", type=Path, default=Path("samples/contest"), help="dataset in the contest's layout")
    parser.add_argument("--out", type=Path, default=Path("docs/gpu.md"), help="page to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that todpack did not write")
    args = parser.parse_args(argv)
    try:
        import torch
    except ModuleNotFoundError:
        print("no CUDA device: torch is not installed; nothing was measured")
        return 0
    if not torch.cuda.is_available():
        print("no CUDA device; nothing was measured")
        return 0
    from .report import Work, measure, page

    try:
        check_suffix(args.out, ".md")
        check_replaced([args.out], overwrite=args.overwrite)
        with scratch_folder("todpack-gpu-") as folder:
            rows = measure("cuda", args.data, args.contest, folder, Work(), lambda what: print(what, flush=True))
        write_text(args.out, page("cuda", rows))
    except TodpackError as error:
        sys.stderr.write(f"todpack: error: {error}\n")
        return 1
    cells = [[row.what, row.wanted, row.found, "" if row.is_met is not False else "missed"] for row in rows]
    print("\n".join(columns(["what", "wanted", "found", ""], cells, "llll")))
    return 1 if any(row.is_met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
