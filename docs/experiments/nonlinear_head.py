"""What a small nonlinear head would buy: tanh units with a bias of their own at every time, beside the affine map.

    python docs/experiments/nonlinear_head.py samples/courtyard [--units 16] [--q-step 16] [--steps 1500]

Takes the decoded maps of the closed form as they are and fits RGB(t) = A(t) z + b(t) + V tanh(W z + c(t)) to the day
(V: 3T x units, one row for each time and channel). Prints the PSNR without and with the head, what its numbers would
take in 8 bits each, and the cost of a frame in multiplications per texel.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
import torch

from todpack.decompressor.daybasis.transform.pyramid import in_coding_order
from todpack.decompressor.daybasis.transform.reconstruct import reconstruct_maps
from todpack.decompressor.daybasis.transform.rotations import Regions
from todpack.frames import read_day
from todpack.packer.daybasis.basis import BasisFit
from todpack.packer.daybasis.config import DayBasisConfig
from todpack.packer.daybasis.encoder import RoundedTiles, rotations_of
from todpack.packer.daybasis.tiles import DayTiles
from todpack.packer.daybasis.transform.closed_form import find_transform


def psnr_db(error: np.ndarray) -> float:
    """PSNR over 8-bit codes."""
    return 10 * math.log10(65025 / float(np.mean(error.astype(np.float64) ** 2)))


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--units", type=int, default=16)
    parser.add_argument("--q-step", type=float, default=16.0)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    tiles = DayTiles(read_day(args.data), 512, 5)
    found = find_transform(tiles, DayBasisConfig(q_step=args.q_step))
    n_components = found.basis.matrix.shape[1]
    rotations, codes = rotations_of(found), RoundedTiles(tiles, found, args.q_step, 0.1)
    maps = []
    for n, (tile, classes) in enumerate(zip(tiles, found.classes, strict=True)):
        bands, regions = in_coding_order(codes[n]), Regions(classes, rotations)
        decoded = reconstruct_maps(bands, tile.pyramid, regions, q_step=args.q_step, centroids=codes.centroids)
        maps.append(decoded[:, tile.valid].T)
    z, days = np.concatenate(maps), np.concatenate([t.days for t in tiles])
    fit = BasisFit(found.basis)
    fit.add(z, days)
    matrix, offset, _ = fit.fit()
    error = days - (z @ matrix.T.astype(np.float32) + offset.astype(np.float32))
    print(f"affine, K = {n_components}: {psnr_db(error):.3f} dB")

    scale = z.std(0)
    inputs, rest = torch.from_numpy(z / scale), torch.from_numpy(error)
    n_times = days.shape[1] // 3
    w = torch.randn(args.units, n_components).div(n_components**0.5).requires_grad_()
    c = torch.randn(n_times, args.units).requires_grad_()
    v = torch.zeros(n_times, args.units, 3, requires_grad=True)
    optimizer = torch.optim.Adam([w, c, v], 1e-2)
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / args.steps)
        rows = torch.randint(0, len(inputs), (2048,))
        hidden = torch.tanh((inputs[rows] @ w.T)[:, None] + c)
        loss = ((torch.einsum("ntu,tuc->ntc", hidden, v).reshape(len(rows), -1) - rest[rows]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        left = [
            (r - torch.einsum("ntu,tuc->ntc", torch.tanh((x @ w.T)[:, None] + c), v).reshape(len(x), -1)).numpy()
            for x, r in zip(inputs.split(8192), rest.split(8192), strict=True)
        ]
    numbers = w.numel() + c.numel() + v.numel()
    print(f"with {args.units} tanh units: {psnr_db(np.concatenate(left)):.3f} dB, {numbers} bytes at 8 bits each")
    print(f"multiplications per texel: {3 * n_components} -> {3 * n_components + args.units * (n_components + 3)}")


if __name__ == "__main__":
    main()
