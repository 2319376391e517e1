"""`todpack submit build`: archive + decompressor -> a folder and a zip that need nothing of this repository."""

from __future__ import annotations

import json
import platform
import re
import shlex
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from todpack import decompressor
from todpack.decompressor import Archive, DamagedArchiveError, open_archive
from todpack.decompressor.files import MOVE, check_outputs, identity_of
from todpack.decompressor.names import frame_names
from todpack.decompressor.verify import verify_archive
from todpack.packer.staging_folder import FolderKind

from .errors import SubmissionError
from .folder import check_name, copy_native, copy_package, write_zip
from .manifest import MANIFEST_NAME, bundle_files, is_inside, make_manifest, written_files
from .requirements import pinned_requirements

OWN_NAMES = ("decompressor", "native", "decompress.py", "requirements.txt", "README.md", MANIFEST_NAME)

_MARKDOWN = re.compile(r"[\\`*~<>\[\]&|]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")
"""What is not itself in a heading; underscores inside words are."""

README = """# Lightmaps of a day: {names}

`{archive}` holds {n_lightmaps} lightmap(s) at {n_hours} hours in {archive_bytes} bytes
(model `{model_type}`, todpack {version}).

    python -m pip install -r requirements.txt
    python decompress.py {word} -o frames

writes every stored hour as {frames} (8-bit RGB{what}). `python decompress.py --help`
tells how to decode other hours, regions, NumPy arrays, and how to choose threads or CUDA.

In Python, one hour or one texel at a time:

    from decompressor import open_archive
    with open_archive({text}) as archive:
        noon = archive.decode(12.0{of}{floats})           # (H, W, 3) {dtype}
        texel = archive.texel(10, 20, 18.5{of}{floats})   # (3,) {dtype}, the same cost anywhere

The decoder needs what `requirements.txt` names and nothing else; `--provider cuda` runs the archive's graph on a GPU.
{core}
`manifest.json` lists every file with its size and SHA-256; `decompressor/FORMAT.md` specifies the archive.
"""

WITH_CORE = """`decompressor/_native*` is its native core, built for {platform} from `native/`; elsewhere, or without
the file, NumPy and onnxruntime decode the same frames, slower. `python native/build.py` builds it anew."""
WITHOUT_CORE = """Where `python native/build.py` has built its native core by a C compiler, it is faster; without it,
NumPy and onnxruntime decode the same frames."""


BUNDLE = FolderKind("submission", written_files, SubmissionError)


@dataclass(frozen=True)
class Bundle:
    """What was built.

    Attributes:
        folder: The submission.
        zip_path: The same as one file.
        archive_bytes: Size of the archive in it.
        bundle_bytes: Size of all files.
    """

    folder: Path
    zip_path: Path
    archive_bytes: int
    bundle_bytes: int


def todpack_version() -> str:
    """Version of the installed package."""
    try:
        return version("todpack")
    except PackageNotFoundError:
        return "0 (not installed)"


def _needs_ans(archive: Archive) -> bool:
    return any(lightmap["model"].get("entropy") == "ans" for lightmap in archive.metadata["lightmaps"])


def _fill(folder: Path, zip_path: Path, archive_path: Path, archive: Archive, identity: tuple[int, ...] | None) -> None:
    """The zip comes first: a command that is ended before the folder is in its place can be given again."""
    shutil.copyfile(archive_path, folder / archive_path.name)
    if identity_of(archive_path) != identity:  # it is another than was verified
        raise SubmissionError(f"{archive_path}: expected an archive that stays meanwhile, found another in its place")
    copy_package(Path(decompressor.__file__).resolve().parent, folder / "decompressor")
    (folder / "decompressor" / "decompress.py").replace(folder / "decompress.py")
    has_library = copy_native(Path(decompressor.__file__).resolve().parent, folder)
    (folder / "requirements.txt").write_text(pinned_requirements(_needs_ans(archive)), encoding="utf-8")
    first, *_, last = frame_names(archive.hours.tolist()) * 2
    several, is_linear = len(archive.lightmaps) > 1, archive.lightmaps[0].transfer == "linear"
    inside = "frames/LIGHTMAP/" if several else "frames/"
    text = README.format(
        frames=f"`{inside}{first}.png` ... `{inside}{last}.png`",
        what=" previews; `--format npy` and `bin` give linear radiance" if is_linear else "",
        of=f", lightmap={archive.lightmaps[0].name!r}" if several else "",
        floats=', dtype="float32"' if is_linear else "",
        dtype="float32" if is_linear else "uint8",
        names=", ".join(_MARKDOWN.sub(r"\\\g<0>", lightmap.name) for lightmap in archive.lightmaps[:8]),
        archive=archive_path.name,
        word=shlex.quote(archive_path.name),
        text=json.dumps(archive_path.name, ensure_ascii=False),
        n_lightmaps=len(archive.lightmaps),
        n_hours=len(archive.hours),
        archive_bytes=archive.file_bytes,
        model_type=archive.model_type,
        version=todpack_version(),
        core=WITH_CORE.format(platform=f"{platform.system()} {platform.machine()}") if has_library else WITHOUT_CORE,
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    manifest = make_manifest(folder, archive_path.name, todpack_version())
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_zip(folder, [*bundle_files(folder), MANIFEST_NAME], zip_path)


def build(archive_path: Path, out: Path, *, overwrite: bool = False) -> Bundle:
    """Make a submission of an archive.

    Args:
        archive_path: The `.tod` file; it is verified first.
        out: Folder to write; `out` + `.zip` holds the same.
        overwrite: Replace a submission (a folder with our manifest) that is already there.

    Raises:
        ArchiveError: the archive is damaged.
        SubmissionError: the folder is there already, or holds something else than a submission.
        OutputError: it cannot be written, or the zip is the archive or somebody else's.
    """
    for path in (Path(archive_path), Path(out)):
        check_name(path)
    if Path(archive_path).name in OWN_NAMES:
        raise SubmissionError(f"{archive_path}: expected another name; the bundle has a file of this name itself")
    if not is_inside(Path(archive_path).name):
        raise SubmissionError(f"{archive_path}: expected a name that a file may have on any system, found another")
    if Path(archive_path).name.startswith("-"):
        raise SubmissionError(f"{archive_path}: expected a name that no command takes for an option, found one with -")
    out = Path(out)
    BUNDLE.check(out, overwrite)
    zip_path = out.with_name(f"{out.name}.zip")
    check_outputs([zip_path], [Path(archive_path)], overwrite=False, way=MOVE)
    before = identity_of(Path(archive_path))
    with open_archive(archive_path, provider="cpu") as archive:
        archive.container.verify()
        archive.prepare()  # every tile decodes
        verdict = verify_archive(archive_path)  # and frames are numbers
        if not verdict.whole:
            raise DamagedArchiveError(f"{archive_path}: {verdict.faults[0]}")
        BUNDLE.replace(out, lambda fresh: _fill(fresh, zip_path, Path(archive_path), archive, before), overwrite)
    total = sum((out / name).stat().st_size for name in [*bundle_files(out), MANIFEST_NAME])
    return Bundle(out, zip_path, (out / Path(archive_path).name).stat().st_size, total)
