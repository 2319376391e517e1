"""`todpack eval peers`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from todpack.decompressor.files import write_json
from todpack.frames.options import frame_options
from todpack.frames.read_options import ReadOptions
from todpack.packer.progress import ProgressLine

from .. import options


@options.command(
    "peers",
    "Bytes, quality and times of ours and of other codecs.",
    "todpack eval peers frames",
    "todpack eval peers frames --crf 12,16,20 --distance 1 --psnr 40,42 --json",
    "todpack eval peers frames --peers x265,svt-av1-420,avif --json-out peers.json",
    "todpack eval peers frames --peers mlp,ndgi --train-seconds 300",
    "todpack eval peers frames --peer mypackage.codec:Mine",
)
@options.frames
@frame_options
@options.lightmap
@click.option("--peers", "names", help="Some peers by name, separated by commas.  [default: all]")
@click.option(
    "--peer",
    "own_names",
    multiple=True,
    metavar="MODULE:OBJECT",
    help="Also a codec of yours, see docs/peers.md; may be repeated.",
)
@options.crf((8, 12, 16, 20))
@options.distance((0.5, 1, 2, 3))
@click.option(
    "--train-seconds",
    "train_s",
    type=click.FloatRange(0.1, 1e6),
    default=60.0,
    callback=options.finite,
    help="Training of a neural peer, per setting.",
)
@options.numbers("--psnr", "targets_db", (), "Also say the bytes at these PSNRs.")
@options.lpips
@options.json_out
@options.as_json
def peers(
    data_path: Path,
    reading: ReadOptions,
    lightmap: str | None,
    names: str | None,
    own_names: tuple[str, ...],
    crfs: tuple[float, ...],
    distances: tuple[float, ...],
    train_s: float,
    targets_db: tuple[float, ...],
    lpips: options.LpipsChoice,
    json_out: Path | None,
    as_json: bool,
) -> None:
    """Code the frames of INPUT by ours and by other codecs and models: bytes, quality, times, BD-rate against x265.

    x265, libaom, SVT-AV1 (4:2:0), JPEG XL, AVIF, WebP, PNG, BC7 (BC6H for radiance), and reimplementations: PCA with
    vector quantization, the contest's kind of MLP, an NDGI-style model. Bytes are those of raw streams, without a
    container. What is not installed is named as absent.
    """

    from ..errors import EvalError
    from ..measures.frames import day_frames
    from ..tables import terminal
    from .own import own_peer
    from .report import peers_json, peers_tables
    from .run import all_peers, chosen_peers, run_peers

    wanted = names.split(",") if names else ()
    chosen_peers(all_peers(crfs, distances, train_s), wanted)  # a wrong name is told before frames are read
    if json_out is not None:
        options.prepare_output(json_out)
    day = options.read_frames(data_path, reading, lightmap)
    known = all_peers(crfs, distances, train_s, day.hours)
    chosen = chosen_peers(known, wanted)
    for name in own_names:
        peer = own_peer(name, day.hours)
        if any(peer.name == other.name for other in (*known, *chosen)):
            raise EvalError(f"--peer {name}: expected a name of its own, found {peer.name!r}, which another peer has")
        chosen += (peer,)
    measure = lpips.load()
    with ProgressLine("peers") as line:
        results = run_peers(day_frames(day), day.valid, chosen, lpips=measure, progress=line.update)
    found = peers_json(results, targets_db)
    if json_out is not None:
        write_json(json_out, found)
    if as_json:
        click.echo(json.dumps(found, indent=2, allow_nan=False))
    else:
        click.echo(terminal(peers_tables(results, targets_db)).rstrip())
    if not results.points:
        raise EvalError(f"nothing was measured: {'; '.join(f'{name}: {why}' for name, why in results.absent.items())}")
