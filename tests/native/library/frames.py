"""Write a list of frames and their digests for native/tests/golden.c.

python -m tests.native.library.frames FOLDER
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from tests.golden import dilated_digests
from todpack.decompressor import open_archive
from todpack.decompressor.pixels import FORMATS

from .binding import GUTTERS
from .seeds import encoded

GOLDEN = Path(__file__).resolve().parents[2] / "golden"
LOG = "daybasis-log-1.1"  # its exp is the machine's
Line = tuple[str, str, int, str, float, str]


def golden() -> list[Line]:
    """The frames whose digests are kept beside the golden archives."""
    lines: list[Line] = []
    dilated = dilated_digests()
    for path in sorted(GOLDEN.glob("daybasis*.tod")):
        if path.stem == LOG:
            continue
        digests = json.loads(path.with_suffix(".json").read_text())
        is_linear = isinstance(next(iter(digests.values())), dict)
        by_name = digests if is_linear else {"": digests}
        for index, (frames, filled) in enumerate(zip(by_name.values(), dilated[path.stem].values(), strict=True)):
            dtype = "float32" if is_linear else "uint8"
            lines += [(str(path), "mean", index, dtype, float(t), digest) for t, digest in frames.items()]
            lines += [(str(path), "dilate", index, "float32", float(t), digest) for t, digest in filled.items()]
    return lines


def fresh(folder: Path) -> list[Line]:
    """Archives of this version, in all formats."""
    lines: list[Line] = []
    for i, data in enumerate(encoded()):
        path = folder / f"{i}.tod"
        path.write_bytes(data)
        for gutter in GUTTERS:
            with open_archive(path, gutter=gutter, decoder="reference", threads=1) as archive:
                for dtype, pixels in FORMATS.items():
                    if not pixels.is_8bit or archive.lightmaps[0].transfer == "srgb8":
                        frame = archive.decode(7.3, dtype=dtype)
                        lines.append((str(path), gutter, 0, dtype, 7.3, hashlib.sha256(frame.tobytes()).hexdigest()))
    return lines


def main(folder: Path) -> int:
    """Write archives and list."""
    folder.mkdir(parents=True, exist_ok=True)
    text = [
        f"{path} {GUTTERS.index(gutter)} {index} {FORMATS[dtype].number} {n % 2} {time_h!r} {digest}\n"
        for n, (path, gutter, index, dtype, time_h, digest) in enumerate([*golden(), *fresh(folder)])
    ]
    (folder / "frames.txt").write_text("".join(text))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
