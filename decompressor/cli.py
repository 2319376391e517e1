"""The command line of the decompressor (standard library's argparse, because this folder ships alone)."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .archive import Archive, open_archive
from .damage import Damage, decode_around, find_damage, mark, whole_frame
from .decoders import DECODERS
from .errors import (
    ArchiveError,
    DamagedArchiveError,
    OutputError,
    RequestError,
    TodpackError,
    missing_package,
    require_packages,
)
from .files import check_output, check_outputs, check_replaced, check_suffix, make_folder, write_json
from .frame_files import MovingAverage, preview, write_frame
from .hours_file import NAME as HOURS_FILE
from .hours_file import UNSIGNED
from .hours_list import hours_text, hours_there, list_hours, refuse_other_hours
from .lightmap import Lightmap, Region
from .lightmap_file import GUTTERS
from .limits import DEFAULT_LIMITS
from .names import frame_names, safe_names
from .plain_text import MOST_NAMES, log_to_stderr, one_line, plain_streams, shown, some

log = logging.getLogger("todpack.decompress")

MOST_LISTS = 100
"""So often at most hours.txt is written while frames are."""
FORMATS = ("png", "npy", "bin", "exr")
EXAMPLES = """examples:
  decompress.py scene.tod -o frames                        all stored hours as tod_00.png, tod_01.png, ...
  decompress.py scene.tod -o frames --hours 0,6,18.5       some hours, stored or between
  decompress.py scene.tod -o crop --region 0:64,128:256    rows 0..63, columns 128..255
  decompress.py scene.tod -o frames --format npy --threads 2
  decompress.py level.tod -o floats --format bin           linear radiance, float32, one folder per lightmap
  decompress.py level.tod -o look --lightmap L_Courtyard_0 --exposure -1     a preview one stop darker
"""


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a path, found an empty one")
    if text == "-":
        raise OutputError("expected a path, found -; standard input and output are not supported")
    return Path(text)


class _Parser(argparse.ArgumentParser):
    def print_help(self, file: Any = None) -> None:
        """As the library's, which says nothing where its help cannot be written."""
        out = sys.stdout if file is None else file
        out.write(self.format_help())
        out.flush()


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        description="Decode the hours of a todpack archive.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("archive", metavar="ARCHIVE", type=_path, help="the .tod file")
    parser.add_argument("-o", "--out", metavar="OUT", type=_path, required=True, help="folder for the frames")
    parser.add_argument("--hours", metavar="LIST", help="times in [0, 24), separated by commas (default: all stored)")
    parser.add_argument("--region", metavar="Y0:Y1,X0:X1", help="rows and columns to decode (default: the whole frame)")
    parser.add_argument("--lightmap", metavar="NAME", help="one lightmap by name or number (default: all)")
    parser.add_argument(
        "--format", choices=FORMATS, default="png",
        help="npy: uint8 codes or linear float32; bin, exr: linear float32; png of a linear lightmap is a preview",
    )  # fmt: skip
    parser.add_argument(
        "--exposure", metavar="STOPS", type=float, help="of the preview of a linear lightmap (default: 0)"
    )
    parser.add_argument(
        "--ema", metavar="A", type=float, default=0.0,
        help="smooth over time: each frame is A times the one written before, plus 1 - A times its own (default: 0)",
    )  # fmt: skip
    parser.add_argument("--threads", metavar="N", type=int, help="decoder threads (default: what the machine has)")
    parser.add_argument(
        "--provider", choices=("auto", "cpu", "cuda"), default="auto", help="where to run (default: auto)"
    )
    parser.add_argument(
        "--decoder", choices=DECODERS,
        help="native: the C core; onnx: NumPy, and onnxruntime for frames; reference: NumPy (default: TODPACK_DECODER, "
        "or native where it was built)",
    )  # fmt: skip
    parser.add_argument(
        "--gutter", choices=GUTTERS, default="dilate",
        help="where no surface is: the nearest valid texel, the mean color of the hour, or black (default: dilate)",
    )  # fmt: skip
    parser.add_argument(
        "--black-invalid", dest="gutter", action="store_const", const="black", help="the same as --gutter black"
    )
    parser.add_argument(
        "--keep-going", action="store_true",
        help="decode what is whole of a damaged archive; damaged tiles are magenta, NaN in floats; exit code 1",
    )  # fmt: skip
    parser.add_argument(
        "--limits", metavar="N", type=float, default=1.0,
        help="multiply the limits on what the file may ask for by N, for files that you trust (default: 1)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace files that todpack did not write")
    parser.add_argument("--timings", metavar="FILE", type=_path, help="write open and frame times in ms (NAME.json)")
    parser.add_argument("-q", "--quiet", action="store_true", help="no log lines")
    return parser


def parse_hours(text: str) -> list[float]:
    """ "0,6,18.5" -> hours.

    Raises:
        RequestError: not numbers in [0, 24), or one of them twice, as float32.
    """
    try:
        hours = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise RequestError(f"--hours: expected numbers separated by commas, found {text!r}") from error
    for hour in hours:
        if not 0.0 <= hour < 24.0:
            raise RequestError(f"--hours: expected hours in [0, 24), found {hour:.10g}")
    times = [float(np.float32(hour)) for hour in hours]  # as readers of folders have them
    for hour, time_h in zip(hours, times, strict=True):
        if time_h == 24.0:
            raise RequestError(f"--hours: expected hours under 24 as float32, found {hour:.10g}")
        if times.count(time_h) > 1:
            raise RequestError(f"--hours: expected different times, found {hour:.10g} more than once")
    return hours


def parse_region(text: str) -> Region:
    """ "y0:y1,x0:x1" -> region.

    Raises:
        RequestError: not of this form.
    """
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9}),(\d{1,9}):(\d{1,9})", text.strip())
    if match is None:
        raise RequestError(f"--region: expected y0:y1,x0:x1 such as 0:64,128:256, found {text!r}")
    return Region(*(int(n) for n in match.groups()))


def _decode_lightmap(
    lightmap: Lightmap,
    out: Path,
    args: argparse.Namespace,
    hours: list[float],
    given: Region | None,
    faults: Counter[str],
) -> list[float]:
    """Write the frames of one lightmap; returns the decode time of each in ms, writing not included."""
    dtype = "uint8" if lightmap.transfer == "srgb8" else "float32"
    region = given or whole_frame(lightmap)
    damage = Damage(region)
    if args.keep_going:
        outliers = lightmap.leave_out_outliers()
        faults.update([f"{outliers}; the frames are without outliers"] * (outliers is not None))
        damage = find_damage(lightmap, region)
        faults.update(damage.reasons)
    elif given is None:
        lightmap.prepare()
    else:  # the tiles that it touches, and no others
        lightmap.decode(hours[0], region, "float32")
    make_folder(out)  # a damaged lightmap leaves no empty folder
    times: list[float] = []
    endless: list[float] = []  # hours
    average, files = MovingAverage(args.ema), _frame_files(hours, args.format)
    step = len(files) // MOST_LISTS + 1 if f".{args.format}" in UNSIGNED else len(files)
    for number, (file, time_h) in enumerate(files.items()):
        if number % step == 0:  # first: a run that is stopped knows its own frames when it is run again, and no others
            following = dict(list(files.items())[number : number + step])
            check_replaced([out / name for name in following], overwrite=args.overwrite)
            list_hours(out, following, args.overwrite)
        started = time.perf_counter()
        frame = decode_around(lightmap, time_h, "float32" if args.ema else dtype, damage)
        if args.ema:
            frame = average.of(frame, dtype)
        times.append(1e3 * (time.perf_counter() - started))
        if dtype == "float32" and not (damage or np.isfinite(frame).all()):
            endless.append(time_h)
        if args.format == "png" and dtype == "float32":
            frame = preview(frame, args.exposure or 0.0)
        mark(frame, lightmap, damage)
        write_frame(out / file, frame, args.format)
    list_hours(out, files, args.overwrite)  # others may have written meanwhile what knew of no frame of ours
    if endless:
        log.warning(
            "%s: expected finite radiance, found other values at %d of %d hours, such as %g h",
            shown(lightmap.name), len(endless), len(hours), endless[0],
        )  # fmt: skip
    return times


def _frame_files(hours: list[float], kind: str) -> dict[str, float]:
    """Hour of each frame by the name of its file."""
    return {f"{name}.{kind}": time_h for name, time_h in zip(frame_names(hours), hours, strict=True)}


def _check_format(lightmap: Lightmap, args: argparse.Namespace) -> None:
    is_linear = lightmap.transfer == "linear"
    if not is_linear and args.format in ("bin", "exr"):
        raise RequestError(f"--format: lightmap {lightmap.name} is 8-bit; expected png or npy, found {args.format}")
    if args.exposure is not None:
        if not is_linear or args.format != "png":
            raise RequestError("--exposure: expected a linear lightmap and --format png")
        if not -64.0 <= args.exposure <= 64.0:
            raise RequestError(f"--exposure: expected stops in -64..64, found {args.exposure:g}")


def run(args: argparse.Namespace) -> None:
    """Decode what the arguments ask for.

    Raises:
        TodpackError: see its kinds.
    """
    started = time.perf_counter()
    timings = [] if args.timings is None else [args.timings]
    for path in timings:
        check_output(path)
        check_outputs([path], [args.archive], overwrite=args.overwrite)
        check_suffix(path, ".json")
    frame_ms: dict[str, list[float]] = {}
    faults = Counter[str]()
    if not 1.0 <= args.limits <= 1e6:
        raise RequestError(f"--limits: expected a number in 1..1000000, found {args.limits:g}")
    if not 0.0 <= args.ema < 1.0:
        raise RequestError(f"--ema: expected a number from 0 to under 1, found {args.ema:g}")
    if args.format == "exr":
        require_packages("--format exr", "OpenEXR")
    limits = DEFAULT_LIMITS.scaled(args.limits)
    with open_archive(
        args.archive,
        threads=args.threads,
        provider=args.provider,
        limits=limits,
        any_size=args.keep_going,
        gutter=args.gutter,
        decoder=args.decoder,
    ) as archive:
        if archive.container.found_bytes != archive.file_bytes:
            found = archive.container.found_bytes
            faults[f"{args.archive}: expected {archive.file_bytes} bytes by its header, found {found}"] += 1
        lightmaps = _chosen(archive, args.lightmap)
        hours = parse_hours(args.hours) if args.hours is not None else [float(h) for h in archive.hours]
        region = parse_region(args.region) if args.region is not None else None
        for lightmap in lightmaps:
            lightmap.check(hours[:1], region)  # any hour of a list is one of any lightmap
            _check_format(lightmap, args)
        folders = dict(zip(archive.lightmaps, safe_names([m.name for m in archive.lightmaps]), strict=True))
        places = {m: args.out / folders[m] if len(archive.lightmaps) > 1 else args.out for m in lightmaps}
        files = _frame_files(hours, args.format)
        check_outputs(timings, [args.archive], overwrite=args.overwrite, folders=[args.out])
        for out in filter(Path.exists, places.values()):  # of others there is nothing to look at
            _check_frames(out, files, args)
        _say_missing(args.out, places.values(), files)
        for out in places.values():
            _say_left(out, files, args.format)
        if len(archive.lightmaps) > 1:
            _say_left(args.out, (), args.format)
        _say_left_folders(args.out, folders.values())
        for lightmap, out in places.items():
            try:
                taken_ms = _decode_lightmap(lightmap, out, args, hours, region, faults)
            except ArchiveError as error:
                if not args.keep_going:
                    raise
                faults[f"lightmap {lightmap.name}: not all of it could be decoded: {error}"] += 1
                continue
            log.info(
                "%s: %d frames of %d x %d, %.1f ms a frame (%s) -> %s",
                shown(lightmap.name), len(hours), lightmap.width, lightmap.height,
                sorted(taken_ms)[len(hours) // 2], archive.runs_on, out,
            )  # fmt: skip
            frame_ms |= {lightmap.name: taken_ms} if timings else {}
    total_ms = 1e3 * (time.perf_counter() - started)
    for path in timings:
        write_json(path, {"total_ms": total_ms, "frame_ms": frame_ms, "threads": args.threads})
    for fault, n in faults.items():
        log.warning("damaged: %s%s", fault, f" ({n} of them)" if n > 1 else "")
    if faults:
        raise DamagedArchiveError(
            f"{args.archive}: {faults.total()} damaged; what is whole was decoded, the rest marked or left out"
        )
    log.info("done in %.2f s", total_ms / 1e3)


def _check_frames(out: Path, files: Mapping[str, float], args: argparse.Namespace) -> None:
    """Refuse frames that must not be written into a folder, before the work."""
    lists = [out / HOURS_FILE] if hours_text(out, files) is not None else []
    outputs = [*(out / file for file in files), *lists]
    check_outputs(outputs, [args.archive], overwrite=args.overwrite, folders=[args.out])
    refuse_other_hours([out], files, args.overwrite)


def _say_missing(out: Path, folders: Collection[Path], files: Collection[str]) -> None:
    """Say what an earlier run that was stopped has left undone."""
    n_frames, n_missing, names = len(folders) * len(files), 0, list[str]()
    for folder in folders:
        missing = [name for name in files if not (folder / name).exists()] if folder.exists() else list(files)
        n_missing, names = n_missing + len(missing), names if len(names) > MOST_NAMES else names + missing
    if 0 < n_missing < n_frames:
        log.info(
            "%s: %d of %d frames are missing, by a run that was stopped or had other hours: %s; all are written",
            out, n_missing, n_frames, some(names),
        )  # fmt: skip


def _say_left(out: Path, files: Collection[str], kind: str) -> None:
    """Say what another run has left, which readers take for frames of the same day, or for a day beside a level."""
    left = [name for name in hours_there(out) if name not in files and Path(name).suffix == f".{kind}"]
    if left:
        log.info("%s: %d frames of other runs stay: %s", out, len(left), some(left))


def _say_left_folders(out: Path, ours: Collection[str]) -> None:
    """The same of folders, which readers take for lightmaps of the same level."""
    inside = sorted(path for path in out.iterdir() if path.is_dir() and path.name not in ours) if out.is_dir() else []
    left = [path.name for path in inside if hours_there(path)]
    if left:
        log.info("%s: %d folders with frames of other runs stay: %s", out, len(left), some(left))


def _chosen(archive: Archive, lightmap: str | None) -> tuple[Lightmap, ...]:
    if lightmap is None:
        return archive.lightmaps
    return (archive.choose(lightmap),)


def main(argv: list[str] | None = None, prog: str = "decompress.py") -> int:
    """Run the command.

    Returns:
        0 done, 1 a typed error (one line on stderr), 2 wrong usage, 130 interrupted.
    """
    try:
        with plain_streams():
            return command(argv, prog)
    except KeyboardInterrupt:
        if argv is None:  # the process ends: a second Ctrl-C changes nothing
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stderr.write("todpack: interrupted\n")
        return 130


def command(argv: list[str] | None, prog: str) -> int:
    """`main`, for a command line that has streams and interruptions of its own."""
    words = sys.argv[1:] if argv is None else argv
    try:  # options in both spellings, as everywhere
        args = _parser(prog).parse_args(
            [re.sub(r"^--[\w-]+", lambda name: name[0].replace("_", "-"), word) for word in words]
        )
    except SystemExit as stop:
        return int(stop.code or 0)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is flushed at the end
        sys.stderr.write(f"todpack: error: standard output cannot be written: {error.strerror or error}\n")
        return 1
    except OutputError as error:
        sys.stderr.write(f"todpack: error: {error}\n")
        return 1
    log_to_stderr()
    log.setLevel(logging.WARNING if args.quiet else logging.INFO)
    try:
        run(args)
    except TodpackError as error:
        sys.stderr.write(f"todpack: error: {error}\n")
        return 1
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        sys.stderr.write(f"todpack: error: {one_line(f'{where}{error.strerror or error}')}\n")
        return 1
    except ModuleNotFoundError as error:
        sys.stderr.write(f"todpack: error: decoding needs {missing_package(error)}\n")
        return 1
    except MemoryError:
        sys.stderr.write(f"todpack: error: {args.archive}: not enough memory; decode a part of it by --region\n")
        return 1
    return 0
