"""The public functions: compress a day or a level, score an archive. Everything heavy is imported when it is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from todpack.decompressor.errors import RequestError, needs, require_packages
from todpack.decompressor.files import check_output, check_outputs
from todpack.decompressor.given import given_function, given_integer, given_kind, given_number, given_path, repr_of
from todpack.frames import Dataset, Day, ReadOptions, TileSource, day_of_array, is_dataset, open_dataset, open_day
from todpack.frames.errors import DataError
from todpack.frames.from_array import check_day
from todpack.packer.errors import PackError

if TYPE_CHECKING:
    from todpack.eval.measures.score import ScoreReport
    from todpack.packer.dataset.compress import CodedLightmap
    from todpack.packer.dataset.estimate import LevelPlan
    from todpack.packer.daybasis.config import DayBasisConfig, DayBasisPackOptions
    from todpack.packer.daybasis.encoder import Refine

Progress = Callable[[str, int, int], object]
"""Told of a stage of the work: its name, steps done, steps in all."""

RAW_TIMES = 24


@dataclass(frozen=True)
class CompressReport:
    """What `compress` made.

    Attributes:
        path: The archive.
        size_bytes: Its size.
        n_lightmaps: Lightmaps in it.
        psnr_db: Against the original, over all stored times: of 8-bit codes over valid texels (peak 255); of linear
            radiance the contest's mean over tiles and times, where fireflies, stored exactly, count as what is around
            them (as they are, `score` gives more). NaN without any light; None for a level of several lightmaps.
        q_step: Width of a quantizer bin; None for a level.
        n_components: K, latent maps; None for a level.
        n_kept: Lightmaps of a level that an earlier, interrupted run had finished.
        is_refined: Whether codes were refined; None for a level.
        lightmaps: Of a level: those with the most bits a texel first.
        raw_bytes: Of a level: what its archive stands for: its 8-bit codes, or float32 at 24 hours as the contest
            counts it.
    """

    path: Path
    size_bytes: int
    n_lightmaps: int = 1
    psnr_db: float | None = None
    q_step: float | None = None
    n_components: int | None = None
    n_kept: int = 0
    raw_bytes: int = 0
    is_refined: bool | None = None
    lightmaps: tuple[CodedLightmap, ...] = ()


def compress(
    source: str | os.PathLike[str] | np.ndarray | Day,
    out: str | os.PathLike[str],
    *,
    q_step: float | None = None,
    target_psnr_db: float | None = None,
    target_size_bytes: int | None = None,
    refine: str | Mapping[str, Any] | None = None,
    hours: str | os.PathLike[str] | Sequence[float] | None = None,
    valid: str | os.PathLike[str] | np.ndarray | None = None,
    first_hour: float | None = None,
    encoding: str = "none",
    layer: str | None = None,
    transfer: str | None = None,
    entropy: str | None = None,
    lightmap: str | None = None,
    jobs: int | None = None,
    engine: str = "local",
    progress: Progress | None = None,
    on_warning: Callable[[str], object] | None = None,
    config: DayBasisConfig | None = None,
    options: DayBasisPackOptions | None = None,
    linear_options: Sequence[str] = (),
    on_plan: Callable[[LevelPlan], object] = lambda _plan: None,
    dry_run: bool = False,
    overwrite: bool = False,
) -> CompressReport:
    """Compress a day of lightmaps, or all lightmaps of a dataset, into one archive.

    Args:
        source: A folder of frames, or a dataset (the contest's, or a folder with one folder of frames per lightmap); or
            the frames themselves: an array (T, H, W, 3) of uint8 sRGB codes or of float32 linear radiance >= 0; or a
            `Day`.
        out: Archive to write; an old one is replaced only by one that was read back, another file not.
        q_step: Width of a quantizer bin, in codes.  Default: 16, for linear radiance 2.5.
        target_psnr_db: Instead of a step: the smallest archive with at least this PSNR, as the report has it.
        target_size_bytes: Instead of a step: the best archive of at most this size.
        refine: "none", "fast" or "full": descent over the codes, about 10 % fewer bytes; or fields of a `RefineConfig`.
            Default: "fast" where its kernels were built and the day fits into memory.
        hours: Time of each frame in hours, of an array ascending in [0, 24); of a folder also a text or a file with
            them. Default: see `read_day`; of an array frame i of T is at 24 i / T.
        valid: Mask of an array, (H, W) bool; or for a folder the path of a mask image, "alpha" or "none". Default: see
            `read_day`; of an array every texel.
        first_hour: Of a folder: see `read_day`; `encoding` and `layer` too.
        encoding: How the values of a folder's files are coded.
        layer: Of EXR files.
        transfer: Domain in which linear radiance is coded: "gamma" (default), "linear" or "log".
        entropy: "ans" (default), or "zstd": 4 to 7 % larger, and decoders need no `constriction`.
        lightmap: Only this lightmap of a dataset.
        jobs: Lightmaps of a level coded at once. Default: the number of cores.
        engine: Where these run: "local" processes, or "ray".
        progress: Told of the tiles of each stage.
        on_warning: Told of what the user should know of the input, a line each.
        config: All options of the transform at once.
        options: All options of the coder at once.
        linear_options: Names of options that were given and are for linear radiance only.
        on_plan: Told what will be done, before it begins.
        dry_run: End after the plan: nothing is made, and the report says 0 bytes.
        overwrite: Replace a file at `out` that todpack did not write.

    Raises:
        RequestError: an argument of another kind.
        DataError: the source cannot be read as a day.
        ConfigError: an option out of range.
        PackError: options that do not go together, or a target that cannot be met.
        OutputError: the archive cannot be written, would replace an input, or a file that todpack did not write.
        MissingPackageError: a package is not installed; the message names the extra that brings it.
    """
    with needs("pack", "compress"):
        from todpack.packer.dataset.compress import ENGINES
        from todpack.packer.dataset.estimate import plan_of
        from todpack.packer.dataset.job import LightmapJob
        from todpack.packer.daybasis.config import LINEAR_STEP, DayBasisConfig, DayBasisPackOptions
        from todpack.packer.daybasis.encoder import encode_day
        from todpack.packer.daybasis.refine.refiner import refiner
    paths = str, os.PathLike
    if not isinstance(source, (*paths, np.ndarray, Day)):
        raise RequestError(f"source: expected a path, an array or a Day, found {repr_of(source):.80}")
    path = given_path(out, "out: expected a path")
    if isinstance(source, paths):
        source = given_path(source, "source: expected a path")
    for name, text in (("transfer", transfer), ("entropy", entropy)):
        given_kind(text, str, f"{name}: expected a name")
    for name, function in (("progress", progress), ("on_warning", on_warning), ("on_plan", on_plan)):
        given_function(function, name)
    given_kind(lightmap, str, "lightmap: expected a name")
    given_kind(refine, (str, Mapping), "refine: expected none, fast or full")
    given_kind(config, DayBasisConfig, "config: expected a DayBasisConfig")
    given_kind(options, DayBasisPackOptions, "options: expected DayBasisPackOptions")
    if engine not in ENGINES:
        raise RequestError(f"engine: expected {' or '.join(ENGINES)}, found {repr_of(engine):.80}")
    if target_size_bytes is not None:
        target_size_bytes = given_integer(target_size_bytes, "target_size_bytes: expected a whole number")
    if jobs is not None:
        jobs = given_integer(jobs, "jobs: expected a whole number")
    q_step, target_psnr_db, first_hour = (
        None if number is None else given_number(number, f"{name}: expected a number")
        for name, number in (("q_step", q_step), ("target_psnr_db", target_psnr_db), ("first_hour", first_hour))
    )
    check_output(path)
    read = [Path(one) for one in (source, valid, hours) if isinstance(one, paths) and os.path.exists(one)]
    check_outputs([path], read, overwrite=overwrite, way="replace it by overwrite=True")
    if entropy in (None, "ans") and (options is None or options.entropy == "ans"):
        require_packages("--entropy ans", "constriction")
    config = config or DayBasisConfig()
    if transfer is not None:
        config = replace(config, transfer=transfer)
    options = replace(options or DayBasisPackOptions(), packs_metadata=True)
    if entropy is not None:
        options = replace(options, entropy=entropy)
    if q_step is not None and (target_psnr_db is not None or target_size_bytes is not None):
        raise PackError("--q-step: expected a step or a target, found both")
    if jobs is not None and jobs < 1:
        raise PackError(f"--jobs: expected a number >= 1, found {jobs}")
    refinement = refiner(refine, options.smoothing, on_warning)

    def at_step(is_linear: bool) -> DayBasisConfig:
        step = q_step if q_step is not None else LINEAR_STEP if is_linear else config.q_step
        return replace(config, q_step=step)

    def refuse_linear_options(where: object) -> None:
        if transfer is not None or linear_options:
            name = "transfer" if transfer is not None else linear_options[0]
            raise PackError(f"--{name}: an option of linear radiance, found 8-bit frames in {where}")

    if isinstance(source, str | os.PathLike):
        reading = _reading(source, valid, hours, first_hour, encoding, layer)
        if lightmap is None and is_dataset(Path(source)):
            if target_size_bytes is not None:
                raise PackError(
                    "--target-size: expected --target-psnr or --q-step for a dataset; sizes are met one by one"
                )
            dataset = open_dataset(Path(source), reading)
            if any(entry.transfer == "srgb8" for entry in dataset.entries):
                refuse_linear_options(source)
            return _compress_level(
                dataset, path, at_step, options, refinement, target_psnr_db, jobs, engine, on_warning, on_plan, dry_run
            )
        day: TileSource = open_day(Path(source), reading, lightmap=lightmap)
        day = day.compact() if isinstance(day, Day) else day
    else:
        if lightmap is not None or isinstance(valid, str | os.PathLike) or isinstance(hours, str | os.PathLike):
            raise DataError("frames in memory: expected valid and hours as arrays and no lightmap, found others")
        if (first_hour, encoding, layer) != (None, "none", None):
            raise DataError("frames in memory: expected no first_hour, encoding or layer")
        if isinstance(source, Day):
            check_day(source)
        day = source if isinstance(source, Day) else day_of_array(source, hours, valid)
    for warning in getattr(day, "warnings", ()):
        if on_warning is not None:
            on_warning(warning)
    if day.transfer == "srgb8":
        refuse_linear_options(source if isinstance(source, str | os.PathLike) else day.name)
    here = LightmapJob(path, cast(Any, day), config, options, target_psnr_db, refinement)
    on_plan(plan_of([here], path, 1))
    if dry_run:
        return CompressReport(path, 0)
    encoded = encode_day(
        day,
        at_step(day.transfer == "linear"),
        options,
        refine=refinement,
        target_psnr_db=target_psnr_db,
        target_size_bytes=target_size_bytes,
        progress=progress,
    )
    for warning in encoded.warnings:
        if on_warning is not None:
            on_warning(warning)
    size = encoded.write(path)
    return CompressReport(
        path, size, 1, encoded.psnr_db, encoded.q_step, encoded.n_components, is_refined=encoded.is_refined
    )


def _compress_level(
    dataset: Dataset,
    out: Path,
    at_step: Callable[[bool], DayBasisConfig],
    options: DayBasisPackOptions,
    refine: Refine | None,
    target_psnr_db: float | None,
    n_jobs: int | None,
    engine: str,
    on_warning: Callable[[str], object] | None,
    on_plan: Callable[[LevelPlan], object],
    dry_run: bool,
) -> CompressReport:
    from todpack.packer.dataset.compress import compress_level
    from todpack.packer.dataset.job import LightmapJob

    jobs, raw = [], 0
    for entry in dataset.entries:
        is_linear = entry.transfer == "linear"
        jobs.append(LightmapJob(dataset.path, entry, at_step(is_linear), options, target_psnr_db, refine))
        raw += entry.width * entry.height * 3 * (4 * RAW_TIMES if is_linear else len(entry.hours))
    done = compress_level(
        jobs, out, n_jobs=n_jobs, engine=engine, on_warning=on_warning, on_plan=on_plan, dry_run=dry_run
    )
    return CompressReport(
        out, done.size_bytes, done.n_lightmaps, n_kept=done.n_kept, raw_bytes=raw, lightmaps=done.lightmaps
    )


def _reading(
    source: str | os.PathLike[str],
    valid: str | os.PathLike[str] | np.ndarray | None,
    hours: str | os.PathLike[str] | Sequence[float] | None,
    first_hour: float | None,
    encoding: str,
    layer: str | None,
) -> ReadOptions:
    """How a folder is read."""
    given_kind(valid, (str, os.PathLike), f"{source}: valid: expected the path of a mask image")
    times = os.fspath(hours) if isinstance(hours, os.PathLike) else hours
    return ReadOptions.of(None if valid is None else os.fspath(cast(Any, valid)), times, first_hour, encoding, layer)


def score(
    archive: str | os.PathLike[str],
    source: str | os.PathLike[str],
    *,
    valid: str | os.PathLike[str] | None = None,
    hours: str | os.PathLike[str] | Sequence[float] | None = None,
    first_hour: float | None = None,
    encoding: str = "none",
    layer: str | None = None,
    lightmap: str | None = None,
    lpips_weights: str | os.PathLike[str] | None = None,
    with_lpips: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
    on_warning: Callable[[str], object] | None = None,
) -> ScoreReport:
    """Decode an archive at the hours of the originals, and measure it.

    Args:
        archive: The archive.
        source: The originals, anything that `compress` reads.
        valid: Mask of the originals as for `compress`; their valid texels are scored.
        hours: As for `compress`; `first_hour`, `encoding` and `layer` too.
        first_hour: Of frames whose names only count.
        encoding: How the values are coded.
        layer: Of EXR files.
        lightmap: Which one of a level.
        lpips_weights: AlexNet's weights; None looks where LPIPS_ALEXNET names them, then in torch hub's cache.
        with_lpips: Measure LPIPS where its weights are found; without them the figure is absent, never a number.
        threads: Decoder threads; None takes what the machine has.
        progress: Told of the frames.
        on_warning: Told of what the user should know of the originals, a line each.

    Raises:
        ArchiveError: the archive cannot be decoded.
        DataError: the originals cannot be read, or are of another size.
    """
    archive = given_path(archive, "archive: expected a path")
    source = given_path(source, "source: expected a path")
    weights = None if lpips_weights is None else given_path(lpips_weights, "lpips_weights: expected a path")
    for name, function in (("progress", progress), ("on_warning", on_warning)):
        given_function(function, name)
    from todpack.eval.archive import score as score_archive
    from todpack.eval.measures.perceptual import LpipsAbsent, load_lpips

    lpips = load_lpips(weights) if with_lpips else LpipsAbsent("not asked for")

    def on_frame(done: int, total: int, _what: str) -> None:
        if progress is not None:
            progress("score", done, total)

    return score_archive(
        archive,
        source,
        lpips=lpips,
        reading=_reading(source, valid, hours, first_hour, encoding, layer),
        lightmap=lightmap,
        threads=threads,
        progress=on_frame,
        on_warning=on_warning or (lambda _line: None),
    )
