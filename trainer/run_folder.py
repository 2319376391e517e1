"""The folder of a training, in the making and finished.

What the packer reads is written as packer/run_folder.py has it. Beside that:

baseline.png  the baseline frame, in residual mode
log.csv       one line per epoch
best.ckpt, last.ckpt
latent_map.npy, f2_state_dict.pt, f2_ts.pt of siren, where asked for
model.infnerf, checkpoints/best.pth of `nerf train`, instead of arrays.npz
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from todpack.decompressor.errors import OutputError
from todpack.decompressor.files import MOVE, check_replaced, make_folder, place_of
from todpack.decompressor.json_fields import read_shallow
from todpack.decompressor.signatures import is_earlier_output
from todpack.decompressor.staging import try_lock
from todpack.packer.errors import ConfigError
from todpack.packer.run_folder import ARRAYS_NAME, BEST_NAME, CHECKPOINT_NAME, CONFIG_NAME, has_run_config, is_run
from todpack.packer.staging_folder import put_folder, settle_folder

log = logging.getLogger("todpack.train")
_taken: dict[Path, int] = {}  # descriptors that hold the locks of this process's run folders
MARK_NAME = "unfinished"  # in a folder beside a run: a training, and not an older run that was replaced
BASELINE_NAME = "baseline.png"
LOG_NAME = "log.csv"
FRAMES = "frames"  # the figure by which a run without checkpoints knows its day
EXPORT_NAMES = LATENT_NAME, STATE_NAME, SCRIPT_NAME = "latent_map.npy", "f2_state_dict.pt", "f2_ts.pt"
NEURAL_NAMES = (CONFIG_NAME, ARRAYS_NAME, BASELINE_NAME, BEST_NAME, CHECKPOINT_NAME, LOG_NAME, MARK_NAME)
SIREN_NAMES = (*NEURAL_NAMES, *EXPORT_NAMES)
NERF_RESULTS = ("model.infnerf", "checkpoints/best.pth")
NERF_NAMES = (CONFIG_NAME, CHECKPOINT_NAME, LOG_NAME, MARK_NAME, *NERF_RESULTS)
RUN_NAMES = (*SIREN_NAMES, *NERF_RESULTS)
KEPT_NAMES = (BEST_NAME, *EXPORT_NAMES, *NERF_RESULTS)
"""What is of use without the rest of its run, so that folders may hold it alone."""
FRESH_NAMES = (CONFIG_NAME, ARRAYS_NAME, LOG_NAME, MARK_NAME)  # of trainings without checkpoints: see `fresh_folder`
NAMES_OF = {"gridmlp": NEURAL_NAMES, "siren": SIREN_NAMES, "inf_nerf": NERF_NAMES, "daybasis": FRESH_NAMES}


def _beside(out_dir: Path) -> Path:
    return out_dir.with_name(f".{out_dir.name}.todpack-new")  # a name that nobody else gives


def _take(place: Path, out_dir: Path) -> None:
    """Let no other process train here until `finish_run`, the end of `training` or that of this process."""
    if place in _taken:
        return
    try:
        lock = try_lock(place)
    except BlockingIOError as error:
        raise ConfigError(
            f"{out_dir}: another process trains there; wait for its end, or choose another folder"
        ) from error
    if lock is not None:
        _taken[place] = lock


def _give_back(place: Path) -> None:
    lock = _taken.pop(place, None)
    if lock is not None:
        os.close(lock)


@contextmanager
def training() -> Iterator[None]:
    """Gives back what trainings in this block hold of their run folders, however they end."""
    try:
        yield
    finally:
        for place in list(_taken):
            _give_back(place)


def work_folder(out_dir: Path, *, resume: bool, overwrite: bool, names: Sequence[str] = RUN_NAMES) -> Path:
    """Where a training writes until `finish_run`: the run folder itself, or, where that holds a run, one beside it.

    A run that is to be replaced stays as it is until the new one is complete: `.NAME.todpack-new` holds that meanwhile,
    and `resume` goes on there.

    Args:
        out_dir: The run folder; made if need be.
        resume: Continue what has a checkpoint.
        overwrite: Replace a run, finished or not.
        names: Files that this training writes.

    Raises:
        ConfigError: it holds a run, and is neither to be continued nor replaced; or it cannot be replaced; or another
            process trains there.
        OutputError: it cannot be written, or it holds files named as those of this training that are not of the run
            that is continued or replaced.
    """
    place = place_of(out_dir)
    if not place.name:
        raise ConfigError(f"{out_dir}: expected a folder for the run, found the root of the file system")
    beside = _beside(place)
    try:
        settle_folder(place, is_run)
        make_folder(out_dir)
        _take(place, out_dir)
        if beside.is_dir() and not (beside / MARK_NAME).exists():
            if not _is_left_over(beside, place):
                raise OutputError(f"{beside}: expected what a training left there, found something else; move it away")
            (place / MARK_NAME).unlink(missing_ok=True)  # of the training that has ended
            shutil.rmtree(beside)  # the older run, after a kill in `finish_run`
        if resume and _time(beside / CHECKPOINT_NAME) > max(
            _time(place / name) for name in (CHECKPOINT_NAME, CONFIG_NAME)
        ):
            _take(beside, out_dir)
            return beside
        is_continued = resume and (place / CHECKPOINT_NAME).is_file()
        held = is_run(place)
        if held and not (resume or overwrite):
            raise ConfigError(f"{out_dir}: already holds a run; continue it by --resume, or replace it by --overwrite")
        if held and not (is_continued or overwrite):
            raise ConfigError(f"{out_dir}: --resume: holds a run without a checkpoint; replace it by --overwrite")
        if is_continued:
            _check_continued(place, names)
            return out_dir
        if not held:
            _check_begun(place, names, overwrite=overwrite)
            if not resume:
                _clear(place, names, _is_ours)  # those of others stay until the training has its own
            return out_dir
        _check_replaced_run(place, out_dir, names)
        _clear(beside, RUN_NAMES, _is_runs)
        beside.mkdir(exist_ok=True)
        _take(beside, out_dir)  # it becomes the run folder while the other one is removed
        (beside / MARK_NAME).touch()
    except OSError as error:
        raise OutputError(f"{out_dir}: cannot be written: {error.strerror or error}") from error
    return beside


def _check_continued(place: Path, names: Sequence[str]) -> None:
    """Refuse files of others under names that a run which goes on has yet to write; what it has is its own."""
    later = (LOG_NAME, *EXPORT_NAMES, *NERF_RESULTS, *(() if has_run_config(place) else FRESH_NAMES[:2]))
    others = (place / name for name in names if name in later and not _is_ours(place / name))
    check_replaced(others, overwrite=False, way=MOVE)


def _check_begun(place: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Refuse what lies under a new run's names: of others, and without `overwrite` what is kept alone."""
    check_replaced((place / name for name in names), overwrite=False, way=MOVE)
    for name in () if overwrite else KEPT_NAMES:
        if name in names and (place / name).is_file():
            raise OutputError(f"{place / name}: is there, of an earlier training; replace it by --overwrite")


def _check_replaced_run(place: Path, out_dir: Path, names: Sequence[str]) -> None:
    """Refuse to replace a folder that cannot be, or that has files of others under the new run's names."""
    of_run = _names_of(place)
    for name in names:
        if (place / name).is_file() and name != MARK_NAME and not (name in of_run and _is_runs(place / name)):
            raise OutputError(f"{place / name}: is there, and is not of the run that would be replaced; {MOVE}")
    mounted = any(path.is_dir() and not path.is_symlink() and path.is_mount() for path in place.rglob("*"))
    for what, is_so in (
        ("is a mount point", place.is_mount()),
        ("is the current folder", place == place_of(Path())),
        ("a mount point inside", mounted),
    ):
        if is_so:
            raise ConfigError(f"{out_dir}: holds a run and {what}; expected a folder that can be replaced")


def _is_left_over(older: Path, place: Path) -> bool:
    """Whether a folder holds nothing but a run, and what the run that took its place has too, see `_carry_over`."""
    for path in older.rglob("*"):
        name = path.relative_to(older).as_posix()
        if (path.is_dir() and not path.is_symlink()) or name in RUN_NAMES:
            continue
        try:
            if not os.path.samestat(path.lstat(), (place / name).lstat()):
                return False
        except OSError:
            return False
    return True


def _time(path: Path) -> float:
    """When it was written; of what is not there, before everything."""
    return path.stat().st_mtime if path.is_file() else -1.0


def fresh_folder(
    out_dir: Path, family: str, config: dict[str, Any], frames: str, *, resume: bool, overwrite: bool
) -> Path:
    """`work_folder` of a training that keeps no checkpoint: `resume` begins the same one afresh, and no other.

    Args:
        out_dir: The run folder; made if need be.
        family: As `RunRecord` has it.
        config: As `RunRecord` has it.
        frames: `frames_digest` of the day, which goes into the run's figures.
        resume: Replace a run of the same family, configuration and frames.
        overwrite: Replace a run, finished or not.

    Raises:
        ConfigError: as `work_folder`; or another run would be lost by `resume`.
        OutputError: as `work_folder`.
    """
    if resume and not overwrite:
        place = place_of(out_dir)
        overwrite = is_run(place)
        if (_beside(place) / CHECKPOINT_NAME).is_file() or (overwrite and not _is_same(place, family, config, frames)):
            raise ConfigError(f"{out_dir}: --resume: holds another run; replace it by --overwrite")
        others = (place / name for name in FRESH_NAMES if name not in (CONFIG_NAME, ARRAYS_NAME))  # which are the run's
        check_replaced(others, overwrite=False)
        log.info("--resume: this training keeps nothing of an unfinished run; it begins afresh")
    return work_folder(out_dir, resume=False, overwrite=overwrite, names=FRESH_NAMES)


def _is_same(run: Path, family: str, config: dict[str, Any], frames: str) -> bool:
    try:
        stored = read_shallow(run / CONFIG_NAME)
    except (OSError, ValueError):
        return False
    wanted = {"family": family, "config": json.loads(json.dumps(config))}
    if not isinstance(stored, dict) or any(stored.get(name) != value for name, value in wanted.items()):
        return False
    figures = stored.get("figures")
    return isinstance(figures, dict) and figures.get(FRAMES) == frames


def finish_run(work: Path, out_dir: Path) -> None:
    """Put a complete run in its place, in one step where the system can; files that are no run's come with it.

    Raises:
        OutputError: the folder cannot be replaced; the new run is complete in `work`.
    """
    place = place_of(out_dir)
    if place_of(work) == place:
        _give_back(place)
        return
    try:
        _carry_over(place, work, _names_of(place))
        shutil.copymode(place, work)
        put_folder(work, place)
        if (work / MARK_NAME).is_file():  # of a finished run it is somebody else's
            (work / MARK_NAME).replace(place / MARK_NAME)
        else:
            (place / MARK_NAME).unlink()
        if work.exists():
            shutil.rmtree(work)
        _give_back(place)
        _give_back(work)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{out_dir}: cannot be replaced: {reason}; the new run is in {work}") from error


def _carry_over(old: Path, new: Path, names: Sequence[str], inside: str = "") -> None:
    """Take over what is none of the older run's files; where both have it, the new one stays."""
    for entry in list(old.iterdir()):
        name, target = f"{inside}{entry.name}", new / entry.name
        is_folder = entry.is_dir() and not entry.is_symlink()
        if is_folder and any(one.startswith(f"{name}/") for one in names):
            target.mkdir(exist_ok=True)
            _carry_over(entry, target, names, f"{name}/")
            if not any(target.iterdir()):
                target.rmdir()
        elif (is_folder or name not in names or not _is_runs(entry)) and not os.path.lexists(target):
            _link(entry, target)


def _is_runs(path: Path) -> bool:
    """Whether a file in a run's folder, named as one of a run's, is one: not every training writes all of these."""
    return path.name in (CONFIG_NAME, ARRAYS_NAME, LOG_NAME) or _is_ours(path)


def _is_ours(path: Path) -> bool:
    """Whether a file in any folder, named as one of a run's, was written by a training."""
    if path.name == LATENT_NAME:  # has no place for a mark; the one beside it, which is written with it, has
        return is_earlier_output(path.with_name(STATE_NAME))
    return is_earlier_output(path)


def _link(entry: Path, target: Path) -> None:
    """The same at another place too: until the folders have changed places, both have it."""
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, target, symlinks=True, copy_function=_link_file)
    else:
        _link_file(str(entry), str(target))


def _link_file(entry: str, target: str) -> None:
    try:
        os.link(entry, target, follow_symlinks=False)
    except OSError:  # the file system has no such links
        shutil.copy2(entry, target, follow_symlinks=False)


def _names_of(run: Path) -> Sequence[str]:
    """Files that the run may have written: one that knows its frames keeps no checkpoint, and has few."""
    try:
        stored = read_shallow(run / CONFIG_NAME)
    except (OSError, ValueError):
        return RUN_NAMES
    if not isinstance(stored, dict):
        return RUN_NAMES
    figures, family = stored.get("figures"), stored.get("family")
    if isinstance(figures, dict) and FRAMES in figures:
        return FRESH_NAMES
    return NAMES_OF.get(family, RUN_NAMES) if isinstance(family, str) else RUN_NAMES


def _clear(path: Path, names: Sequence[str], is_old: Callable[[Path], bool]) -> None:
    """Remove what an older training left, so that it is not taken for the new one's."""
    for left in [path / name for name in names if (path / name).is_file() and is_old(path / name)]:
        left.unlink()
