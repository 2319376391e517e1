"""`todpack eval report`."""

from __future__ import annotations

from pathlib import Path

import click

from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions

from ..options import CONTEXT, PATH, numbers, progress_bar, warn

EXAMPLES = """
\b
Examples:
  todpack eval report scene.tod --data frames -o report.html
  todpack eval report scene.tod --data frames -o report.html --video day.mp4
  todpack eval report scene.tod --data frames -o report.html --crf "" --distance ""
"""


@click.command(
    "report",
    short_help="One HTML page about an archive: figures, errors, peers.",
    epilog=EXAMPLES,
    context_settings=CONTEXT,
)
@click.argument("archive", type=PATH)
@click.option("--data", "data_path", metavar="INPUT", type=PATH, required=True, help="The original frames.")
@click.option("--out", "-o", type=PATH, required=True, help="Page to write (NAME.html).")
@click.option("--video", type=PATH, help="Also write the day beside the original (NAME.mp4).")
@frame_options
@click.option("--lightmap", help="Which one of a dataset, such as L_Courtyard_0.")
@click.option("--crf", "crfs", callback=numbers, default="10,14,18,22", help='Rate factors of x265; "" leaves it out.')
@click.option("--distance", "distances", callback=numbers, default="0.35,0.7,1.4", help="Distances of JPEG XL.")
@click.option("--threads", type=click.IntRange(min=1), default=2, help="Decoder threads.")
@click.option("--lpips-weights", type=PATH, help="AlexNet weights, as for score.")
@click.option("--no-lpips", is_flag=True, help="Leave LPIPS out.")
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
    lpips_weights: Path | None,
    no_lpips: bool,
) -> None:
    """Write one HTML page about ARCHIVE: figures with their commands, peers, errors, bytes, flicker.

    The page needs no network. It holds the frames themselves, losslessly: about 100 kB per frame of 256 x 256.
    """
    from todpack.decompressor.files import check_output, check_suffix, write_atomic

    from ..options import chosen_lpips
    from .page import ReportSettings, make_report
    from .pictures import encode_video

    check_suffix(out, ".html")
    check_output(out)
    if video is not None:
        check_suffix(video, ".mp4")
        check_output(video)
    lpips = chosen_lpips(lpips_weights, no_lpips)
    settings = ReportSettings(crfs=crfs, distances=distances, threads=threads)
    with progress_bar("report") as advance:
        made = make_report(
            archive,
            data_path,
            lpips=lpips,
            reading=reading,
            lightmap=lightmap,
            settings=settings,
            on_step=advance,
            on_warning=warn,
        )
    data = made.page.encode("utf-8")
    write_atomic(out, lambda file: file.write(data))
    click.echo(f"{out}: {len(data)} bytes")
    if video is not None:
        encoded = encode_video(made.original, made.decoded, made.valid, made.white)
        write_atomic(video, lambda file: file.write(encoded))
        click.echo(f"{video}: {len(encoded)} bytes, original left, decoded right")
