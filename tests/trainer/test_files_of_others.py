"""Files in a run's folder that are not of the run: of the user's own, or of another training."""

from __future__ import annotations

from pathlib import Path

import pytest

from todpack.decompressor.errors import OutputError
from todpack.trainer.run_folder import NERF_NAMES, NEURAL_NAMES, finish_run, fresh_folder, training, work_folder

pytest.importorskip("torch")


def test_files_of_others_named_as_a_runs_stay(tmp_path: Path) -> None:
    """What --overwrite may replace is the run, not whatever lies in its folder."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text('{"family": "gridmlp", "run_format": 1, "config": {}}')
    others = ("latent_map.npy", "f2_state_dict.pt", "f2_ts.pt", "model.infnerf")
    for name in others:
        (run / name).write_text("mine")
    for name in ("baseline.png", "best.ckpt"):
        (run / name).write_text("mine")
        with pytest.raises(
            OutputError, match=f"{name}: is there, and is not of the run that would be replaced; move it"
        ):
            work_folder(run, resume=False, overwrite=True, names=NEURAL_NAMES)
        (run / name).unlink()
    work = work_folder(run, resume=False, overwrite=True, names=NEURAL_NAMES)
    (work / "config.json").write_text("{}")
    (work / "best.ckpt").write_text("new")
    finish_run(work, run)
    found = {path.name: path.read_text() for path in run.iterdir()}
    assert found == {**dict.fromkeys(others, "mine"), "config.json": "{}", "best.ckpt": "new"}


def test_what_other_families_have_left_stays(tmp_path: Path) -> None:
    """Models and exports of todpack itself whose runs are elsewhere; the family's own goes by --overwrite."""
    from todpack.trainer.checkpoint import save_checkpoint

    kept = ("best.ckpt", "f2_state_dict.pt")
    for name in kept:
        save_checkpoint(tmp_path / name, {"family": "mine"})
    before = {name: (tmp_path / name).read_bytes() for name in kept}
    with pytest.raises(OutputError, match=r"best\.ckpt: is there, of an earlier training; replace it by --overwrite"):
        work_folder(tmp_path, resume=False, overwrite=False, names=NEURAL_NAMES)
    with training():
        assert work_folder(tmp_path, resume=False, overwrite=False, names=NERF_NAMES) == tmp_path
    assert {name: (tmp_path / name).read_bytes() for name in kept} == before
    assert work_folder(tmp_path, resume=False, overwrite=True, names=NEURAL_NAMES) == tmp_path
    assert [name for name in kept if (tmp_path / name).exists()] == ["f2_state_dict.pt"]


@pytest.mark.parametrize("name", ["config.json", "arrays.npz", "checkpoints/best.pth"])
def test_resume_of_an_unfinished_run_replaces_no_results_of_others(tmp_path: Path, name: str) -> None:
    from todpack.trainer.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "last.ckpt", {"epoch": 1})
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"mine": 1}')
    with (
        training(),
        pytest.raises(OutputError, match=f"{name}: is there, and was not written by todpack; move it away"),
    ):
        work_folder(tmp_path, resume=True, overwrite=False)


def test_resume_replaces_no_exports_of_others(tmp_path: Path) -> None:
    from todpack.trainer.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "last.ckpt", {"epoch": 1})
    (tmp_path / "latent_map.npy").write_text("mine")
    assert work_folder(tmp_path, resume=True, overwrite=False, names=NEURAL_NAMES) == tmp_path
    with training(), pytest.raises(OutputError, match=r"latent_map\.npy: is there, and was not written by todpack"):
        work_folder(tmp_path, resume=True, overwrite=False)


def test_resume_replaces_no_log_of_others(tmp_path: Path) -> None:
    from todpack.trainer.checkpoint import save_checkpoint

    save_checkpoint(tmp_path / "last.ckpt", {"epoch": 1})
    (tmp_path / "log.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"log\.csv: is there, and was not written by todpack"):
        work_folder(tmp_path, resume=True, overwrite=False)
    assert (tmp_path / "log.csv").read_text() == "mine"


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    "name", ["config.json", "log.csv", "baseline.png", "unfinished", "f2_state_dict.pt", "checkpoints/best.pth"]
)
def test_files_of_a_folder_that_is_no_run_stay(tmp_path: Path, name: str, resume: bool) -> None:
    """They are only called as those of a run."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"name": "todpack"}')
    for overwrite in (False, True):  # which is of runs
        with pytest.raises(OutputError, match=f"{name}: is there, and was not written by todpack; move it away"):
            work_folder(tmp_path, resume=resume, overwrite=overwrite)
    assert (tmp_path / name).read_bytes() == b'{"name": "todpack"}'


def test_a_run_replaces_none_of_what_other_families_write(tmp_path: Path) -> None:
    """A file named as theirs is somebody else's in the folder of a run that has no such file."""
    run = tmp_path / "run"
    own = ("latent_map.npy", "checkpoints/best.pth", "notes.txt")
    (run / "checkpoints").mkdir(parents=True)
    for name in own:
        (run / name).write_bytes(b"mine")
    assert fresh_folder(run, "daybasis", {}, "f", resume=False, overwrite=True) == run  # as of a search
    config = '{"family": "daybasis", "run_format": 1, "figures": {"frames": "f"}}'
    for turn in range(2):
        (run / "config.json").write_text(config)
        (run / "arrays.npz").write_bytes(b"of this run")
        assert {name: (run / name).read_bytes() for name in own} == dict.fromkeys(own, b"mine"), turn
        with training():
            work = fresh_folder(run, "daybasis", {}, "f", resume=False, overwrite=True)
            assert work != run
            (work / "config.json").write_text(config)
            finish_run(work, run)
        assert not (run / "arrays.npz").exists()
