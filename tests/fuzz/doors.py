"""Targets at the user's doors: whole commands on hostile files and folders, in this process.

A command ends with 0, 1 or 2; where it is 1, it says why in one line that any terminal can show. What else comes out of
it is a finding.
"""

from __future__ import annotations

import io
import logging
import shutil
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tests.conftest import make_day, write_day
from tests.fuzz.scratch import DefectError, scratch
from todpack.cli import main
from todpack.decompressor.plain_text import MAX_LINE

PREFIX = "todpack: error: "


def command(*words: object) -> None:
    """Run `todpack WORDS` and check how it ends."""
    streams, level = (sys.stdout, sys.stderr), logging.root.manager.disable
    out, err = io.StringIO(), io.StringIO()
    sys.stdout, sys.stderr = out, err
    logging.disable(logging.CRITICAL)  # notices and warnings are no errors
    try:
        code = main([str(word) for word in words])
    finally:
        sys.stdout, sys.stderr = streams
        logging.disable(level)
    lines = err.getvalue().splitlines()
    said = [line for line in lines if line.startswith(PREFIX)]
    if code not in (0, 1, 2) or (code == 1 and len(said) > 1) or len(said) not in (0, 1):
        raise DefectError(f"exit code {code}, {len(said)} errors: {lines[-1:]}")
    if code == 2:
        raise DefectError(f"wrong usage: {lines[-1:]}")
    if said and len(said[0]) > len(PREFIX) + MAX_LINE:
        raise DefectError("an error of more than 300 characters")
    if any(not line.isprintable() for line in (*lines, *out.getvalue().expandtabs().splitlines())):
        raise DefectError("control characters on the terminal")


def _archive(data: bytes) -> Path:
    path = scratch("a.tod")
    path.write_bytes(data)
    return path


def view(data: bytes) -> None:
    """`todpack view`: a page of the archive."""
    command("view", _archive(data), "-o", scratch("a.html"))


def inspect(data: bytes) -> None:
    """`todpack inspect`."""
    command("inspect", _archive(data))


@lru_cache(maxsize=1)
def _day() -> Path:
    """Originals of a size that some golden archives have."""
    folder = scratch("day")
    frames, valid = make_day(36, 44, 24)
    return write_day(folder, frames, valid)


def report(data: bytes) -> None:
    """`todpack eval report`, with the originals of another day where sizes fit."""
    command(
        "eval", "report", _archive(data), "--data", _day(), "-o", scratch("a.html"), "--no-lpips", "--crf", "",
        "--distance", "",
    )  # fmt: skip


def decompress(data: bytes) -> None:
    """`todpack decompress`, of one hour, what is whole of it."""
    out = scratch("frames")
    shutil.rmtree(out, ignore_errors=True)
    command("decompress", _archive(data), "-o", out, "--hours", "6.5", "--format", "npy", "--keep-going")


def _export(profile: str, data: bytes) -> None:
    out = scratch("export")
    shutil.rmtree(out, ignore_errors=True)
    command("export", _archive(data), "-o", out, "--profile", profile, "--overwrite")


def export(data: bytes) -> None:
    """`todpack export`, maps for shaders."""
    _export("load", data)


def _parts(data: bytes, n: int) -> list[bytes]:
    """Input of several files: all but the last have their sizes (u4) before them."""
    parts = []
    for _ in range(n - 1):
        size = int.from_bytes(data[:4], "little")
        parts.append(data[4 : 4 + size])
        data = data[4 + size :]
    return [*parts, data]


def joined(*files: bytes) -> bytes:
    """The inverse of what targets of several files do."""
    return b"".join(len(file).to_bytes(4, "little") + file for file in files[:-1]) + files[-1]


def run_folder(data: bytes) -> None:
    """`todpack pack` of a run folder: config.json, then arrays.npz."""
    run = scratch("run")
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    config, arrays = _parts(data, 2)
    (run / "config.json").write_bytes(config)
    (run / "arrays.npz").write_bytes(arrays)
    command("pack", run, "-o", scratch("packed.tod"))


def manifest(data: bytes) -> None:
    """A bundle's manifest, checked against a folder with one other file."""
    from todpack.submission.errors import SubmissionError
    from todpack.submission.manifest import manifest_faults, read_manifest

    bundle = scratch("bundle")
    bundle.mkdir(exist_ok=True)
    (bundle / "a.tod").write_bytes(b"")
    (bundle / "manifest.json").write_bytes(data)
    try:
        manifest_faults(bundle, read_manifest(bundle))
    except SubmissionError:
        return


def contest_config(data: bytes) -> None:
    """config.json of a contest's dataset."""
    from todpack.frames.contest_config import read_config
    from todpack.frames.errors import DataError

    dataset = scratch("dataset")
    dataset.mkdir(exist_ok=True)
    (dataset / "config.json").write_bytes(data)
    try:
        read_config(dataset / "config.json")
    except DataError:
        return


def space(data: bytes) -> None:
    """A search space: JSON where it begins with a brace, else TOML."""
    from todpack.eval.errors import EvalError
    from todpack.eval.search.space import read_space

    path = scratch("space.json" if data[:1] == b"{" else "space.toml")
    path.write_bytes(data)
    try:
        read_space(path)
    except EvalError:
        return


DOORS: dict[str, Callable[[bytes], None]] = {
    "view": view,
    "inspect": inspect,
    "report": report,
    "decompress": decompress,
    "export": export,
    "run_folder": run_folder,
    "manifest": manifest,
    "contest_config": contest_config,
    "space": space,
}
