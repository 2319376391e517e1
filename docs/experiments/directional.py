"""What a directional transform could save at most: the finest horizontal step, with the best direction for each block.

    python docs/experiments/directional.py samples/courtyard [--q-step 16]

Every odd column of the maps is predicted from its neighbors in the row (as the codec does), or along one of the two
diagonals; each block of 16 x 16 texels takes one direction for all maps, the one of the lowest rate proxy
sum log2(1 + |residual| / q_step). log2(3) bits a block are counted for the choice. A choice per map costs more side
information; the vertical step and coarser levels gain less, because their grids are coarser.
"""

from __future__ import annotations

import argparse

import numpy as np

from todpack.frames import read_day
from todpack.packer.daybasis.config import DayBasisConfig
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform

BLOCK = 16


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--q-step", type=float, default=16.0)
    args = parser.parse_args()
    tiles = DayTiles(read_day(args.data), 512, 5)
    tile, found = tiles[0], find_transform(tiles, DayBasisConfig(q_step=args.q_step))
    z, valid = tile.maps(found.basis) / args.q_step, tile.pyramid.valid
    odd, left, right = z[:, 1:-1, 1:-1:2], z[:, :, 0:-2:2], z[:, :, 2::2]
    choices = [(left[:, 1:-1], right[:, 1:-1]), (left[:, :-2], right[:, 2:]), (left[:, 2:], right[:, :-2])]
    proxies = [np.log2(1 + np.abs(odd - (a + b) / 2)).sum(0) for a, b in choices]
    v = valid
    inside = v[1:-1, 1:-1:2] & v[1:-1, 0:-2:2] & v[1:-1, 2::2]
    inside &= v[:-2, 0:-2:2] & v[2:, 2::2] & v[2:, 0:-2:2] & v[:-2, 2::2]
    rows, columns = inside.shape
    block = np.arange(rows)[:, None] // BLOCK * (columns // (BLOCK // 2) + 1) + np.arange(columns) // (BLOCK // 2)
    sums = np.stack([np.bincount(block[inside], p[inside]) for p in proxies])
    used = sums[0] > 0
    plain, best = sums[0].sum(), sums.min(0).sum() + used.sum() * np.log2(3)
    share = [(sums.argmin(0)[used] == i).mean() for i in range(3)]
    print(f"rate proxy of this step: {plain / 8:.0f} -> {best / 8:.0f} bytes, {100 * (best / plain - 1):+.2f} %")
    print(
        f"blocks that take: row {100 * share[0]:.0f} %, falling {100 * share[1]:.0f} %, rising {100 * share[2]:.0f} %"
    )


if __name__ == "__main__":
    main()
