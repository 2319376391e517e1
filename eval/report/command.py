"""`todpack eval report`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.progress import ProgressLine

from .. import options

RADIANCE_PEERS = ("bc6h", "bc6h+zstd")


@options.command(
    "report",
    "One HTML page about an archive: figures, errors, peers.",
    "todpack eval report scene.tod --data frames -o report.html",
    "todpack eval report scene.tod --data frames -o report.html --video day.mp4",
    'todpack eval report scene.tod --data frames -o report.html --crf "" --distance ""',
)
@options.archive
@options.data
@click.option("--out", "-o", type=options.PATH, required=True, help="Page to write (NAME.html).")
@click.option("--video", type=options.PATH, help="Also write the day beside the original (NAME.mp4).")
@frame_options
@options.lightmap
@options.crf((10, 14, 18, 22))
@options.distance((0.35, 0.7, 1.4))
@options.threads(2)
@options.lpips
def report(
    archive: Path,
    data_path: Path,
    out: Path,
    video: Path | None,
    reading: ReadOptions,
    lightmap: str | None,
    crfs: tuple[float, ...],
    distances: tuple[float, ...],
    threads: int,
    lpips: options.LpipsChoice,
) -> None:
    """Write one HTML page about ARCHIVE: figures with their commands, peers, errors, bytes, flicker.

    The page needs no network. It holds the frames themselves, losslessly: about 100 kB per frame of 256 x 256.
    """
    from todpack.decompressor.errors import require_packages
    from todpack.decompressor.files import check_output, check_suffix, write_atomic, write_text

    from ..measures.latency import LatencySettings
    from ..peers.run import all_peers, chosen_peers, reference_peers
    from .page import make_report
    from .pictures import encode_video

    check_suffix(out, ".html")
    check_output(out)
    if video is not None:
        require_packages("a video", "av")
        check_suffix(video, ".mp4")
        check_output(video)
    measure = lpips.load()
    day = options.read_frames(data_path, reading, lightmap)
    words = [str(data_path.absolute()), *reading.words, *([] if lightmap is None else ["--lightmap", lightmap])]
    source, timing = shlex.join(words), LatencySettings(threads=threads, opens=3, texels=200)
    peers = reference_peers(crfs, distances) if day.transfer == "srgb8" else chosen_peers(all_peers(), RADIANCE_PEERS)
    with ProgressLine("report") as line:
        made = make_report(
            archive, day, source, lpips=measure, lightmap=lightmap, peers=peers, timing=timing, progress=line.update,
            on_warning=options.warn,
        )  # fmt: skip
    write_text(out, made.page)
    lines = [f"{out}: {out.stat().st_size} bytes"]
    if video is not None:
        encoded = encode_video(made.original, made.decoded, made.valid, made.white)
        write_atomic(video, lambda file: file.write(encoded))
        lines.append(f"{video}: {len(encoded)} bytes, original left, decoded right")
    click.echo("\n".join(lines))
