"""A level of 205 HDR lightmaps in the contest's layout, made of the repository's sample; the same bytes everywhere.

python -m tests.scale.make_level out/level               # about 20 million texels, 6.4 GB
python -m tests.scale.make_level out/small --every 10    # every tenth lightmap

Lightmaps are put together of squares of the baked courtyard, turned, mirrored, made brighter or darker. A third of them
is smooth, a third as it was baked, a third has noise of its own at every hour. 20 to 70 % of the texels are valid.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "courtyard"
EXPOSURE = 1.3785
"""Of the sample: y = 1 - exp(-EXPOSURE v), then the sRGB curve."""
KEYS = tuple(sorted([*range(0, 2400, 100), 590, 1810]))
SQUARE = 32
KINDS = ("smooth", "baked", "noisy")
NOISE = 0.02
ROWS_OF_A_PART = 512
LARGE = ((1024, 1024),) * 4 + ((2048, 4096),)
SIDES = (64, 96, 128, 192, 256, 320, 384, 448, 512)
N_USUAL = 200


@dataclass(frozen=True)
class Plan:
    """One lightmap.

    Attributes:
        number: Its id, and the seed of all that is random in it.
        height: H, rows.
        width: W, columns.
        kind: One of KINDS.
        share: Of the squares that have valid texels.
    """

    number: int
    height: int
    width: int
    kind: str
    share: float

    @property
    def n_bytes(self) -> int:
        """On disk: 26 times of float32 RGB, and a mask."""
        return self.height * self.width * (12 * len(KEYS) + 1)


def plans(every: int = 1) -> list[Plan]:
    """The lightmaps of the level, or every so manieth of them."""
    rng = np.random.default_rng(205)
    sides = rng.choice(SIDES, (N_USUAL, 2), p=(0.14, 0.12, 0.18, 0.18, 0.16, 0.1, 0.06, 0.04, 0.02))
    shapes = [*((int(h), int(w)) for h, w in sides), *LARGE]
    shares = rng.uniform(0.25, 0.8, len(shapes))
    return [
        Plan(number, *shape, KINDS[number % len(KINDS)], float(share))
        for number, (shape, share) in enumerate(zip(shapes, shares, strict=True))
    ][::every]


def read_sample() -> tuple[np.ndarray, np.ndarray]:
    """(24, 256, 256, 3) float32 radiance of the sample, and its (256, 256) valid texels."""
    codes = np.stack([np.asarray(Image.open(SAMPLE / "png" / f"tod_{hour:02}.png")) for hour in range(24)])
    curve = codes.astype(np.float64) / 255.0
    linear = np.where(curve <= 0.04045, curve / 12.92, ((curve + 0.055) / 1.055) ** 2.4)
    radiance = -np.log1p(-np.minimum(linear, 0.999)) / EXPOSURE
    return radiance.astype(np.float32), np.asarray(Image.open(SAMPLE / "valid.png").convert("L")) > 127


def hour_of_key(key: int) -> int:
    """The hour of the sample that a key shows: lamps are on until 590 and from 1810 on."""
    return {590: 5, 1810: 19}.get(key, key // 100)


def _squares(plan: Plan, sample_valid: np.ndarray) -> list[tuple[slice, slice, tuple[int, int, int, bool, np.ndarray]]]:
    """Place of each square that is not empty; row and column in the sample, quarter turns, mirrored, gain."""
    rng, found = np.random.default_rng([205, plan.number]), []
    side = sample_valid.shape[0] - SQUARE
    for top in range(0, plan.height, SQUARE):
        for left in range(0, plan.width, SQUARE):
            row, column = (int(n) for n in rng.integers(0, side, 2))
            turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
            gain = np.exp2(rng.uniform(-2.0, 1.5)) * rng.uniform(0.8, 1.2, 3)
            if rng.random() < plan.share:
                place = slice(top, min(top + SQUARE, plan.height)), slice(left, min(left + SQUARE, plan.width))
                found.append((*place, (row, column, turns, mirrored, gain.astype(np.float32))))
    return found


def _cut(source: np.ndarray, what: tuple[int, int, int, bool, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    row, column, turns, mirrored, _ = what
    square = np.rot90(source[row : row + SQUARE, column : column + SQUARE], turns)
    return (square[:, ::-1] if mirrored else square)[: shape[0], : shape[1]]


def _smooth(frame: np.ndarray) -> np.ndarray:
    """Means over 5 x 5 texels, by running sums."""
    for axis in (0, 1):
        around = [(2, 3) if n == axis else (0, 0) for n in range(frame.ndim)]
        sums = np.cumsum(np.pad(frame.astype(np.float64), around, mode="edge"), axis=axis)
        length = frame.shape[axis]
        frame = (np.take(sums, np.arange(5, 5 + length), axis) - np.take(sums, np.arange(length), axis)) / 5.0
    return frame.astype(np.float32)


def write_lightmap(folder: Path, plan: Plan, radiance: np.ndarray, sample_valid: np.ndarray) -> dict[str, Any]:
    """Write the files of a lightmap, one time after another; its entry in config.json."""
    squares = _squares(plan, sample_valid)
    valid = np.zeros((plan.height, plan.width), bool)
    for rows, columns, what in squares:
        part = valid[rows, columns]
        part[...] = _cut(sample_valid, what, part.shape)
    valid[0, 0] = True
    n_parts = -(-plan.height // ROWS_OF_A_PART)
    end = f"{plan.number}_L_Scale_{plan.width}_{plan.height}"
    masks = f"lightmapCoverage_{end}.bin_0"
    item: dict[str, Any] = {
        "id": plan.number, "level": "L_Scale", "resolution": {"width": plan.width, "height": plan.height},
        "lightmaps": {}, "masks": {},
    }  # fmt: skip
    np.where(valid, 127, -1).astype(np.int8).tofile(folder / "Data" / masks)
    noise = np.random.default_rng([206, plan.number])
    sources = [_smooth(frame) for frame in radiance] if plan.kind == "smooth" else list(radiance)
    for key in KEYS:
        frame, source = np.zeros((plan.height, plan.width, 3), np.float32), sources[hour_of_key(key)]
        for rows, columns, what in squares:
            frame[rows, columns] = _cut(source, what, frame[rows, columns].shape[:2]) * what[-1]
        if plan.kind == "noisy":
            frame *= 1.0 + NOISE * noise.standard_normal((plan.height, plan.width, 1), np.float32)
        np.maximum(frame, 0, out=frame)
        frame[~valid] = 0
        names = [f"lightmapRawData_{end}_{key}.bin_{part}" for part in range(n_parts)]
        for part, name in enumerate(names):
            frame[part * ROWS_OF_A_PART : (part + 1) * ROWS_OF_A_PART].tofile(folder / "Data" / name)
        item["lightmaps"][str(key)] = names[0] if n_parts == 1 else names
        item["masks"][str(key)] = masks
    return item


def make_level(folder: Path, every: int = 1, say: Any = print) -> int:
    """Write the level; texels in all.

    Raises:
        SystemExit: the disk has no room for it, or the folder is there.
    """
    chosen = plans(every)
    needed, folder = sum(plan.n_bytes for plan in chosen), folder.resolve()
    if folder.exists():
        raise SystemExit(f"{folder}: expected nothing there, found something")
    free = shutil.disk_usage(next(path for path in folder.parents if path.exists())).free
    if free < 1.1 * needed:
        raise SystemExit(f"{folder}: expected {1.1 * needed / 1e9:.1f} GB of free disk, found {free / 1e9:.1f}")
    (folder / "Data").mkdir(parents=True)
    radiance, sample_valid = read_sample()
    items = []
    for plan in chosen:
        items.append(write_lightmap(folder, plan, radiance, sample_valid))
        say(f"{plan.number}: {plan.width} x {plan.height}, {plan.kind}")
    (folder / "config.json").write_text(json.dumps({"lightmap_count": len(items), "lightmap_list": items}) + "\n")
    return sum(plan.height * plan.width for plan in chosen)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Write a synthetic level in the contest's layout.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="Only every so manieth lightmap.")
    args = parser.parse_args()
    n_texels = make_level(args.folder, args.every)
    print(f"{args.folder}: {n_texels / 1e6:.1f} million texels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
