"""A run that is replaced stays until the new one is complete; what is not a run's comes with it."""

from __future__ import annotations

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trainer.small_run import SMALL, train
from todpack.decompressor.errors import OutputError
from todpack.decompressor.signatures import sign_zip
from todpack.decompressor.staging import try_lock
from todpack.frames import Day
from todpack.packer.errors import ConfigError
from todpack.trainer.run_folder import NEURAL_NAMES, finish_run, fresh_folder, training, work_folder

pytest.importorskip("torch")

OTHER = replace(SMALL, seed=3)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_an_interrupted_replacement_leaves_the_older_run(
    sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from todpack.trainer.gridmlp.fit import GridMlpFit

    run = train(sequence, tmp_path / "run")
    older = content(run)
    train_epoch = GridMlpFit.train_epoch

    def stopped(fit: GridMlpFit, epoch: int) -> float:
        if epoch == 3:
            raise KeyboardInterrupt
        return train_epoch(fit, epoch)

    monkeypatch.setattr(GridMlpFit, "train_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(sequence, run, OTHER, overwrite=True)
    assert content(run) == older
    assert (tmp_path / ".run.todpack-new" / "last.ckpt").is_file()
    monkeypatch.undo()
    train(sequence, run, OTHER, resume=True)
    whole = train(sequence, tmp_path / "whole", OTHER)
    assert (run / "arrays.npz").read_bytes() == (whole / "arrays.npz").read_bytes()
    assert (run / "arrays.npz").read_bytes() != older["arrays.npz"]
    assert list(tmp_path.glob(".*")) == []
    assert sorted(content(run)) == sorted(content(whole))


def test_files_that_are_no_runs_come_with_the_new_one(sequence: Day, tmp_path: Path) -> None:
    run = train(sequence, tmp_path / "run")
    (run / "notes.txt").write_text("mine")
    (run / "frames").mkdir()
    (run / "frames" / "config.json").write_text("mine too")
    train(sequence, run, OTHER, overwrite=True)
    assert (run / "notes.txt").read_text() == "mine"
    assert (run / "frames" / "config.json").read_text() == "mine too"
    assert list(tmp_path.glob(".*")) == []


def test_foreign_files_in_folders_of_a_run_come_too(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "best.ckpt").mkdir()
    (run / "config.json").write_text('{"family": "inf_nerf", "scene": {}}')
    for name in ("checkpoints/mine.txt", "best.ckpt/mine.txt", "unfinished"):
        (run / name).write_text(name)
    (run / "checkpoints" / "best.pth").write_bytes(b"INFNERF\x01")
    beside = work_folder(run, resume=False, overwrite=True)
    (beside / "checkpoints").mkdir()
    finish_run(beside, run)
    found = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    assert found == ["best.ckpt/mine.txt", "checkpoints/mine.txt", "unfinished"]
    assert (run / "unfinished").read_text() == "unfinished"
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are another thing elsewhere")
def test_a_private_folder_stays_private(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    run.chmod(0o700)
    (run / "config.json").write_text('{"family": "gridmlp", "run_format": 1, "config": {}}')
    finish_run(work_folder(run, resume=False, overwrite=True, names=NEURAL_NAMES), run)
    assert run.stat().st_mode & 0o777 == 0o700


def test_exports_of_an_older_run_do_not_come_with_the_new_one(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text('{"family": "siren", "run_format": 1, "config": {}}')
    (run / "latent_map.npy").write_bytes(b"numbers")
    with (run / "f2_state_dict.pt").open("w+b") as file:
        zipfile.ZipFile(file, "w").close()
        sign_zip(file)
    work = work_folder(run, resume=False, overwrite=True)
    finish_run(work, run)
    assert list(run.iterdir()) == []


@pytest.mark.parametrize("stored", ["last.ckpt", "another family", "other options"])
def test_resume_replaces_no_other_run(tmp_path: Path, stored: str) -> None:
    """Where there is nothing to continue, --resume is no --overwrite."""
    from todpack.trainer.checkpoint import save_checkpoint

    run = tmp_path / "run"
    run.mkdir()
    if stored == "last.ckpt":
        save_checkpoint(run / "last.ckpt", {"epoch": 1})
    else:
        family = "gridmlp" if stored == "another family" else "daybasis"
        (run / "config.json").write_text(
            f'{{"family": "{family}", "run_format": 1, "config": {{"a": 1}}, "figures": {{"frames": "f"}}}}'
        )
    before = content(run)
    with pytest.raises(ConfigError, match="--resume: holds another run; replace it by --overwrite"):
        fresh_folder(run, "daybasis", {"a": 2}, "f", resume=True, overwrite=False)
    if stored != "last.ckpt":
        with pytest.raises(ConfigError, match="--resume: holds a run without a checkpoint"):
            work_folder(run, resume=True, overwrite=False)
    assert content(run) == before
    if stored == "other options":
        beside = fresh_folder(run, "daybasis", {"a": 1}, "f", resume=True, overwrite=False)
        save_checkpoint(beside / "last.ckpt", {"epoch": 1})
        with pytest.raises(ConfigError, match="--resume: holds another run"):
            fresh_folder(run, "daybasis", {"a": 1}, "f", resume=True, overwrite=False)
        assert (beside / "last.ckpt").is_file()


def test_resume_replaces_nothing_of_others(tmp_path: Path) -> None:
    run, name = tmp_path / "run", "log.csv"
    run.mkdir()
    (run / "config.json").write_text(
        '{"family": "daybasis", "run_format": 1, "config": {"a": 1}, "figures": {"frames": "f"}}'
    )
    (run / name).write_text("mine")
    before = content(run)
    with pytest.raises(OutputError, match=f"{name}: is there, and was not written by todpack"):
        fresh_folder(run, "daybasis", {"a": 1}, "f", resume=True, overwrite=False)
    assert content(run) == before


def test_resume_of_files_that_only_look_like_a_runs(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"log.csv: .*--overwrite"):
        fresh_folder(tmp_path, "daybasis", {}, "f", resume=True, overwrite=False)
    assert (tmp_path / "log.csv").read_text() == "mine"


def test_through_a_link_and_from_within(sequence: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(sequence, tmp_path / "run")
    (tmp_path / "link").symlink_to("run")
    train(sequence, tmp_path / "link", OTHER, overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert b'"seed": 3' in (run / "config.json").read_bytes()
    monkeypatch.chdir(run)
    before = content(run)
    with pytest.raises(ConfigError, match=r"^\.: holds a run and is the current folder; expected a folder that can be"):
        train(sequence, Path("."), SMALL, overwrite=True)  # whoever stands in it would stand in none
    assert content(run) == before
    assert list(tmp_path.glob(".*")) == []


def test_only_a_checkpoint_beside_is_continued(tmp_path: Path) -> None:
    """A replacement that never came to its first checkpoint does not hide the older run from --resume."""
    from todpack.trainer.checkpoint import save_checkpoint

    run = tmp_path / "run"
    run.mkdir()
    save_checkpoint(run / "last.ckpt", {"epoch": 1})
    beside = work_folder(run, resume=False, overwrite=True)
    assert beside == tmp_path / ".run.todpack-new"
    assert work_folder(run, resume=True, overwrite=False) == run
    save_checkpoint(beside / "last.ckpt", {"epoch": 2})
    assert work_folder(run, resume=True, overwrite=False) == beside
    assert work_folder(run, resume=False, overwrite=True) == beside
    assert sorted(content(beside)) == ["unfinished"]


def test_what_a_kill_in_the_end_leaves_is_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    newer = '{"family": "gridmlp", "run_format": 1}'
    (run / "config.json").write_text('{"family": "siren", "run_format": 1}')
    beside = work_folder(run, resume=False, overwrite=True)
    (beside / "config.json").write_text(newer)
    finish_run(beside, run)
    assert (run / "config.json").read_text() == newer
    assert not beside.exists()
    beside.mkdir()  # the older run, not yet removed
    (beside / "config.json").write_text("older")
    (beside / "last.ckpt").write_text("older")
    assert work_folder(run, resume=True, overwrite=True) == beside
    assert sorted(content(beside)) == ["unfinished"]


@pytest.mark.skipif(os.name != "posix", reason="locks of folders")
def test_another_process_that_trains_there_is_told_of(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    lock = try_lock(run)  # what another process would hold
    assert lock is not None
    for resume in (False, True):
        with pytest.raises(ConfigError, match="run: another process trains there"):
            work_folder(run, resume=resume, overwrite=True)
    os.close(lock)
    for _ in range(2):  # of one process, after an error
        assert work_folder(run, resume=False, overwrite=False) == run
    finish_run(run, run)
    os.close(try_lock(run) or -1)
    with pytest.raises(KeyboardInterrupt), training():
        work_folder(run, resume=False, overwrite=False)
        raise KeyboardInterrupt
    os.close(try_lock(run) or -1)


def test_the_root_is_no_run_folder() -> None:
    with pytest.raises(ConfigError, match="/: expected a folder for the run, found the root of the file system"):
        work_folder(Path("/"), resume=False, overwrite=True)


def test_hidden_folders_of_others_stay(tmp_path: Path) -> None:
    """Whatever they are called."""
    mine = tmp_path / ".run.todpack-new" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    with pytest.raises(
        OutputError, match=r"\.run\.todpack-new: expected what a training left there, found something else"
    ):
        work_folder(tmp_path / "run", resume=False, overwrite=True)
    assert mine.read_text() == "precious"
    mine.parent.rename(tmp_path / ".run.todpack-old")
    assert work_folder(tmp_path / "run", resume=False, overwrite=False) == tmp_path / "run"
    assert (tmp_path / ".run.todpack-old" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize("name", ["last.ckpt", "config.json"])
def test_an_older_training_beside_a_newer_run_is_not_resumed(tmp_path: Path, name: str) -> None:
    run, beside = tmp_path / "run", tmp_path / ".run.todpack-new"
    for folder, seconds in ((beside, 1000), (run, 2000)):
        folder.mkdir()
        (folder / "last.ckpt").write_text("x")
        os.utime(folder / "last.ckpt", (1000, 1000))
        if folder == run:
            (folder / name).write_text('{"family": "siren", "run_format": 1}')
            os.utime(folder / name, (seconds, seconds))
    (beside / "unfinished").touch()
    assert work_folder(run, resume=True, overwrite=False) == run
    os.utime(beside / "last.ckpt", (3000, 3000))
    assert work_folder(run, resume=True, overwrite=False) == beside


def run_of_a_user(folder: Path) -> tuple[Path, Path]:
    """A run with a file of others, and what is to replace it."""
    run = folder / "run"
    (run / "mine").mkdir(parents=True)
    (run / "config.json").write_text('{"family": "siren", "run_format": 1}')
    (run / "mine" / "a.txt").write_text("precious")
    return run, work_folder(run, resume=False, overwrite=True)


def finish_killed_at(place: str, beside: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"todpack.trainer.run_folder.{place}", killed)
        with pytest.raises(KeyboardInterrupt):
            finish_run(beside, run)


def test_files_of_others_are_in_the_older_run_until_the_newer_one_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, beside = run_of_a_user(tmp_path)
    finish_killed_at("put_folder", beside, run, monkeypatch)
    assert (run / "mine" / "a.txt").read_text() == "precious"
    finish_run(beside, run)
    assert (run / "mine" / "a.txt").read_text() == "precious"
    assert not beside.exists()


def test_a_kill_after_the_exchange_is_mended_with_files_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, beside = run_of_a_user(tmp_path)
    (beside / "config.json").write_text('{"family": "siren", "run_format": 1, "newer": 1}')
    finish_killed_at("shutil.rmtree", beside, run, monkeypatch)
    assert (beside / "mine" / "a.txt").is_file()
    with training():
        assert work_folder(run, resume=False, overwrite=True) == beside
    assert sorted(content(beside)) == ["unfinished"]
    assert "newer" in (run / "config.json").read_text()
    assert (run / "mine" / "a.txt").read_text() == "precious"
