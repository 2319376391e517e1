"""`todpack submit build --layout contest`: archive or dataset -> `Interface.py`, `Parameters/` and what they need."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from todpack import decompressor
from todpack.decompressor import open_archive
from todpack.decompressor.errors import require_packages
from todpack.decompressor.files import MOVE, check_output, check_outputs, write_json
from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.plain_text import plain_name
from todpack.eval.measures.contest import ratio_percent
from todpack.frames import is_contest
from todpack.packer.dataset.compress import compress_level
from todpack.packer.dataset.estimate import LevelPlan
from todpack.packer.dataset.plan import jobs_of
from todpack.packer.daybasis.refine.refiner import refiner
from todpack.packer.staging_folder import FolderKind

from .. import plain_bits
from ..errors import SubmissionError
from ..folder import check_name, copy_native, copy_package
from .handout import handout_files, write_handout
from .settings import jobs_at, read_settings
from .write_lightmap import plain_bits_of

TARGET_PSNR_DB = 55.05
"""Beyond 55 dB the contest gives nothing more."""
SHIPPED = (decompressor, plain_bits)
"""What `Interface.py` imports, copied as it is into the submission's own `todpack/`."""
INTERFACE = Path(__file__).with_name("shipped") / "Interface.py"
WRITTEN = (Path("todpack") / "written.json").as_posix()
"""Lists the files of a submission that todpack wrote, itself too; the others are the team's."""
MAX_FILE_NAME = 255
"""Bytes of most file systems."""
REQUIREMENTS = "# nothing beyond PyTorch and NumPy\n"
README = """# Lightmaps of a day, in the contest's layout

`Interface.py` gives `get(lightmap_config, device)`; `Parameters/` holds one file of plain quantized bits for each of
the {n_lightmaps} lightmap(s), {n_bytes} bytes in all; `todpack/` reads them. Python 3.10 or newer, PyTorch and NumPy.
{core}

    from Interface import get
    lightmap = get(config["lightmap_list"][0], "cuda")
    lightmap.reconstruct(12.0)
    noon = lightmap.get_result()                            # (1, 3, H, W) float32, linear radiance
    texel = lightmap.random_test([[10, 20, 18.5]])          # (1, 3): row 10, column 20, at 18:30
"""

WITH_CORE = """
`todpack/decompressor/_native*` is a native core, built for {platform} from `todpack/native/`, by which the constructor
takes a fraction of the time. Elsewhere, or without the file, NumPy reads the same maps; `python native/build.py` in
`todpack/` builds it anew.
"""
WITHOUT_CORE = """
Where `python native/build.py` in `todpack/` has built a native core by a C compiler, the constructor takes a fraction
of the time; without it, NumPy reads the same maps.
"""


@dataclass(frozen=True)
class ContestFolder:
    """What was built.

    Attributes:
        folder: The submission.
        parameter_bytes: Of `Parameters/`.
        ratio_percent: Over 24 hours of float32 RGB.
        kept: Pages beside it that were not made anew, as the team has changed them.
    """

    folder: Path
    parameter_bytes: int
    ratio_percent: float
    kept: list[Path] = field(default_factory=list)


def written_files(folder: Path) -> set[str] | None:
    """Files of a submission in the contest's layout that todpack wrote; None where a folder is none of ours."""
    try:
        listed = read_shallow(folder / WRITTEN)["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    is_list = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
    return set(listed) if is_list and WRITTEN in listed else None


CONTEST = FolderKind("submission", written_files, SubmissionError)


def parameter_bytes(folder: Path) -> int:
    """Size of everything in `Parameters/`."""
    return sum(file.stat().st_size for file in (folder / "Parameters").rglob("*") if file.is_file())


def parameter_file(lightmap: str) -> str:
    """Name of the file of a lightmap."""
    return f"{quote(lightmap, safe='')}.bin"


def _check_lightmaps(names: Iterable[str], where: Path) -> None:
    """Refuse names that are too long for files of the contest's layout, before the work.

    Raises:
        SubmissionError: one is.
    """
    for name in names:
        n_bytes = len(parameter_file(name))
        if n_bytes > MAX_FILE_NAME:
            raise SubmissionError(
                f"{where}: lightmap {name}: expected a name of at most {MAX_FILE_NAME} bytes as a file of Parameters/, "
                f"found {n_bytes}"
            )


def _check_places(out: Path, beside: Sequence[Path], inputs: Sequence[Path], overwrite: bool) -> None:
    """Refuse places where the folder, or what goes beside it, cannot be written, before the work.

    Raises:
        SubmissionError: the folder is there already, holds something else, or has a name that a zip cannot hold.
        OutputError: a file beside it is somebody else's, or cannot be written.
    """
    check_name(out)
    CONTEST.check(out, overwrite)
    check_outputs(beside, inputs, overwrite=False, way=MOVE)
    if out.parent.is_dir():  # else it is made
        for path in beside:
            check_output(path)


def _write_decoder(folder: Path) -> bool:
    """Copy `Interface.py`, the packages that it imports, and the native core; whether that is built."""
    for package in SHIPPED:
        name = package.__name__.removeprefix("todpack.").replace(".", "/")
        copy_package(Path(package.__path__[0]), folder / "todpack" / name)
    for inner in ("todpack", "todpack/submission"):
        (folder / inner / "__init__.py").write_text('"""Reads the files of Parameters/."""\n', encoding="utf-8")
    shutil.copyfile(INTERFACE, folder / INTERFACE.name)
    return copy_native(Path(decompressor.__path__[0]), folder / "todpack")


def build_contest(archive_path: Path, out: Path, *, overwrite: bool = False) -> ContestFolder:
    """Make a submission in the contest's layout of an archive of linear radiance.

    Args:
        archive_path: The `.tod` file.
        out: Folder to write; beside it a zip of it, a checklist and a page of facts.
        overwrite: Replace a submission that is already there.

    Raises:
        ArchiveError: the archive is damaged.
        PackError: the archive is of another family or of 8-bit frames.
        SubmissionError: the folder is there already, or holds something else than a submission.
        OutputError: it cannot be written.
    """
    _check_places(out, handout_files(out), [archive_path], overwrite)
    with open_archive(archive_path, provider="cpu") as archive:
        archive.container.verify()
        _check_lightmaps((lightmap.name for lightmap in archive.lightmaps), archive_path)

        def fill(folder: Path) -> None:
            parameters = folder / "Parameters"
            parameters.mkdir()
            for index, lightmap in enumerate(archive.lightmaps):
                data = plain_bits_of(archive, index)
                (parameters / parameter_file(lightmap.name)).write_bytes(data)
            has_core = _write_decoder(folder)
            (folder / "requirements.txt").write_text(REQUIREMENTS, encoding="utf-8")
            core = WITH_CORE.format(platform=f"{platform.system()} {platform.machine()}") if has_core else WITHOUT_CORE
            text = README.format(n_lightmaps=len(archive.lightmaps), n_bytes=parameter_bytes(folder), core=core)
            (folder / "README.md").write_text(text, encoding="utf-8")
            files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
            write_json(folder / WRITTEN, {"files": sorted([*files, WRITTEN])})
            # before the folder is in its place: a command that is ended then can be given again
            kept.extend(write_handout(folder, place=out))

        kept: list[Path] = []
        CONTEST.replace(out, fill, overwrite)
    n_bytes = parameter_bytes(out)
    n_texels = sum(lightmap.height * lightmap.width for lightmap in archive.lightmaps)
    return ContestFolder(out, n_bytes, ratio_percent(n_bytes, n_texels), kept)


def build_from(
    source: Path,
    out: Path,
    *,
    target_psnr_db: float | None = None,
    steps: Path | None = None,
    n_jobs: int | None = None,
    overwrite: bool = False,
    on_plan: Callable[[LevelPlan], object] = lambda _plan: None,
    on_warning: Callable[[str], object] | None = None,
    dry_run: bool = False,
) -> ContestFolder | None:
    """`build_contest` of an archive, or of a dataset that is compressed first, into `out` + `.tod`.

    Args:
        source: Archive or dataset.
        out: Folder to write.
        target_psnr_db: Tiled PSNR that each lightmap meets.
        steps: Report of `todpack tune`, instead.
        n_jobs: Lightmaps at once.
        overwrite: Replace a submission that is already there.
        on_plan: Told what compressing the dataset takes, before it begins.
        on_warning: Told what is unusual about its lightmaps.
        dry_run: End after the plan, with nothing made and None for a result.

    Raises:
        SubmissionError: options that do not go together.
    """
    if not is_contest(source):
        if target_psnr_db is not None or steps is not None or n_jobs is not None or dry_run:
            raise SubmissionError(
                f"{source}: expected a dataset for --target-psnr, --steps, --jobs or --dry-run, found no config.json"
            )
        return build_contest(source, out, overwrite=overwrite)
    if target_psnr_db is not None and steps is not None:
        raise SubmissionError("--target-psnr, --steps: expected one of them, found both")
    require_packages("compressing a dataset", "scipy", "onnx", "threadpoolctl")
    archive = out.with_name(f"{out.name}.tod")
    _check_places(out, [archive, *handout_files(out)], [source] if steps is None else [source, steps], overwrite)
    if steps is None:
        target = TARGET_PSNR_DB if target_psnr_db is None else target_psnr_db
        jobs = [replace(job, refine=refiner(None, None)) for job in jobs_of(source, target_psnr_db=target)]
    else:
        jobs = jobs_at(source, read_settings(steps))
    _check_lightmaps((plain_name(job.entry.name) for job in jobs), source)
    compress_level(jobs, archive, n_jobs=n_jobs, on_plan=on_plan, on_warning=on_warning, dry_run=dry_run)
    if dry_run:
        return None
    return build_contest(archive, out, overwrite=overwrite)
