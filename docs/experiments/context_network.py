"""What a better context model would buy: a small network instead of the classes of energies.

    python docs/experiments/context_network.py samples/courtyard [--hidden 32] [--q-step 16] [--steps 3000]

Codes of the closed form. For every detail code, the network sees the magnitudes that are known when it is decoded
(parents and their ring, earlier orientations, the other color's four neighbors in the second phase, the adjacent maps,
the mean magnitude of the band) and gives probabilities of 0, 1, ..., 14 and more. It is trained and measured on the
same codes, which favors it; its weights are counted at 8 bits each. Compared with the coder's classes on these codes.
"""

from __future__ import annotations

import argparse
import math

import torch
from torch.nn.functional import cross_entropy, pad

from todpack.frames import read_day
from todpack.packer.daybasis.config import DayBasisConfig
from todpack.packer.daybasis.encoder import RoundedTiles
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform
from todpack.trainer.daybasis.contexts import above_below, left_right, resized, ring, walk
from todpack.trainer.daybasis.rate import LAST, bits_and_rate, count_classes
from todpack.trainer.daybasis.synthesis import Bands

Tensor = torch.Tensor


def features(codes: Bands, sites: Bands, n_levels: int) -> tuple[Tensor, Tensor]:
    """What is known of every coded detail code (N, F), logarithmic, and its magnitude (N,)."""
    seen, wanted = [], []
    sizes = {key: band.abs() for key, band in codes.items()}
    for (level, orientation), context in walk(sizes, sites, n_levels):
        magnitudes, late = sizes[level, orientation], context.second
        coded = context.coded(0) | context.coded(1)
        zero = torch.zeros_like(magnitudes)
        pairs = [(p, ring(p)) for p in context.parents]
        up, around = (
            [resized(two[i].repeat_interleave(2, 1).repeat_interleave(2, 2), context.shape) for two in pairs]
            for i in (0, 1)
        )
        sibling = zero if context.siblings is None else context.siblings[:, :, : context.shape[2]]
        first = magnitudes * ~late
        maps = pad(first, (0, 0, 0, 0, 1, 1))
        near = [left_right(first), above_below(first), maps[:-2] + maps[2:], context.other_maps(first)]
        planes = [*(up or [zero] * 3), *(around or [zero] * 3), sibling, ring(sibling), *(n * late for n in near)]
        mean = torch.from_numpy(context.mean_code).float()[:, None, None] / 24 + zero
        place = [late.float(), zero + level / n_levels, zero + (orientation == 1), zero + (orientation == 2), mean]
        stacked = torch.stack([*(torch.log1p(p) for p in planes), *place], -1)
        seen.append(stacked[coded])
        wanted.append(magnitudes[coded].clamp(max=LAST).long())
    return torch.cat(seen), torch.cat(wanted)


def main() -> None:
    """Train and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--q-step", type=float, default=16.0)
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tiles = DayTiles(read_day(args.data), 512, 5)
    found = find_transform(tiles, DayBasisConfig(q_step=args.q_step))
    pyramid = tiles[0].pyramid
    bands = RoundedTiles(tiles, found, args.q_step, 0.1)[0]
    n_levels = len(pyramid.levels)
    keys = [(level, o) for level in range(1, n_levels + 1) for o in range(3)]
    codes = {(0, 0): torch.from_numpy(bands[0]).float()} | {
        (level, o): torch.from_numpy(bands[level][o]).float() for level, o in keys
    }
    sites = {(0, 0): torch.from_numpy(pyramid.sites[0])} | {
        (level, o): torch.from_numpy(pyramid.sites[level][o]) for level, o in keys
    }
    counts = count_classes(codes, sites, n_levels)
    signs = float(counts[:, 1:].sum())
    classes_bits = bits_and_rate(counts)[1] - signs
    x, y = features(codes, sites, n_levels)
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], args.hidden), torch.nn.ReLU(),
        torch.nn.Linear(args.hidden, args.hidden), torch.nn.ReLU(), torch.nn.Linear(args.hidden, LAST + 1),
    )  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - step / args.steps)
        rows = torch.randint(0, len(x), (8192,))
        loss = cross_entropy(network(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        parts = zip(x.split(65536), y.split(65536), strict=True)
        bits = sum(float(cross_entropy(network(a), b, reduction="sum")) for a, b in parts) / math.log(2)
    weights = sum(p.numel() for p in network.parameters())
    work = sum(p.numel() for p in network.parameters() if p.ndim == 2)
    print(
        f"{len(x)} magnitudes: classes {classes_bits / 8:.0f} bytes, "
        f"network {bits / 8:.0f} + {weights} bytes of weights"
    )
    print(f"all coefficients with signs: {100 * (bits + 8 * weights - classes_bits) / (classes_bits + signs):+.1f} %")
    print(f"{work} multiplications for each of the {len(x)} codes, before the first frame")


if __name__ == "__main__":
    main()
