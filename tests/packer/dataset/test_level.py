"""`todpack compress DATASET`: the same bytes however it is run, finished jobs kept, lost workers' jobs run again."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_day, write_day
from tests.contest_data import LEVEL_CONFIG, level_jobs, make_radiance, micro_dataset, write_dataset
from todpack.cli import main
from todpack.decompressor import open_archive
from todpack.decompressor.errors import OutputError, RequestError
from todpack.decompressor.files import exclusive_folder
from todpack.eval.measures.metrics import psnr_linear_db
from todpack.frames import DataError, open_dataset
from todpack.packer.dataset import workers
from todpack.packer.dataset.compress import compress_level, parts_folder
from todpack.packer.dataset.estimate import LevelPlan
from todpack.packer.dataset.job import LightmapJob
from todpack.packer.dataset.merge import merge_archives
from todpack.packer.dataset.plan import jobs_of
from todpack.packer.dataset.workers import ATTEMPTS, Task, run_local
from todpack.packer.errors import PackError

SMALL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "hprc_small"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("level") / "set"
    micro_dataset(folder)
    return folder


@pytest.fixture(scope="module")
def level(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("archive") / "level.tod"
    assert compress_level(level_jobs(dataset), out, n_jobs=1).n_lightmaps == 3
    return out


def killed_once(mark: Path, job: LightmapJob, on_warning: Callable[[str], object]) -> bytes:
    """A worker that is killed at the first try."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return job.encode(on_warning)


def process_id(job: LightmapJob, on_warning: Callable[[str], object]) -> bytes:
    """Which process it is."""
    on_warning(f"{job.entry.name} was here")
    return str(os.getpid()).encode()


def full_disk(_job: LightmapJob, _on_warning: Callable[[str], object]) -> bytes:
    """A worker whose temporary files do not fit."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed_always(mark: Path, _job: LightmapJob, _on_warning: Callable[[str], object]) -> bytes:
    """A worker that counts its tries and is killed."""
    with mark.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def test_every_lightmap_is_there(dataset, level):
    opened = open_dataset(dataset)
    with open_archive(level) as archive:
        assert [m.name for m in archive.lightmaps] == [e.name for e in opened.entries]
        own = [archive.lightmap_bytes(i) for i in range(len(archive.lightmaps))]
        assert archive.lightmap_bytes(-1) == own[-1]
        with pytest.raises(RequestError):
            archive.lightmap_bytes(len(own))
        sections = sum(section.stored_bytes for section in archive.container.sections.values())
        assert min(own) > 0
        assert sum(own) == sections < archive.file_bytes
        for entry in opened.entries:
            day, stored = opened.read(entry), archive.find(entry.name)
            np.testing.assert_array_equal(stored.valid, day.valid)
            decoded = np.stack([stored.decode(t, dtype="float32") for t in day.hours])
            assert psnr_linear_db(day.radiance, decoded, day.valid) > 45.0
    assert not parts_folder(level).exists()


def test_names_that_an_archive_cannot_tell_apart_are_refused_before_the_work(dataset, tmp_path):
    one, other, *_ = level_jobs(dataset)
    twins = [
        replace(job, entry=replace(job.entry, level=f"roof{c}", id=0)) for job, c in ((one, "\x01"), (other, "\x02"))
    ]
    with pytest.raises(PackError, match="expected another name than 'roof"):
        compress_level(twins, tmp_path / "x.tod", n_jobs=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_bytes_do_not_depend_on_the_number_of_jobs(dataset, level, tmp_path):
    compress_level(level_jobs(dataset), tmp_path / "again.tod", n_jobs=3)
    assert (tmp_path / "again.tod").read_bytes() == level.read_bytes()


@pytest.mark.thorough
def test_finished_jobs_are_not_done_again(dataset, level, tmp_path):
    out = tmp_path / "level.tod"
    jobs = level_jobs(dataset)
    folder = parts_folder(out)
    folder.mkdir()
    kept, damaged = (folder / f"{job.digest()}.tod" for job in jobs[:2])
    kept.write_bytes(jobs[0].encode())
    damaged.write_bytes(b"not whole")
    of_other_options, mine = folder / f"{'0a' * 32}.tod", folder / f"{'0b' * 32}.tod"
    of_other_options.write_bytes(kept.read_bytes())
    mine.write_bytes(b"mine")
    assert compress_level(jobs, out, n_jobs=1).n_kept == 1
    assert out.read_bytes() == level.read_bytes()
    assert list(folder.iterdir()) == [mine]


def touched(job: LightmapJob, on_warning: Callable[[str], object]) -> bytes:
    """A worker whose lightmap is exported anew, and put back, while it works."""
    path = job.dataset / "Data" / job.entry.lightmaps[0][0]  # type: ignore[union-attr]
    data = path.read_bytes()
    path.write_bytes(data[4:] + data[:4])
    try:
        return job.encode(on_warning)
    finally:
        path.write_bytes(data)


def test_what_was_changed_meanwhile_is_not_kept(tmp_path: Path) -> None:
    """Not under the digest of what was there before, from which the next run would take it."""
    micro_dataset(tmp_path / "set")
    job = level_jobs(tmp_path / "set")[0]
    task = Task(replace(job, content=job.digest()), tmp_path / "part.tod")
    failures = run_local([task], 1, lambda _task: None, touched)
    assert failures == [f"{job.entry.name}: {job.dataset}: {job.entry.name}: its files were changed meanwhile; "
                        "run the command again"]  # fmt: skip
    assert not task.part.exists()
    assert run_local([task], 1, lambda _task: None) == []
    assert task.part.exists()


@pytest.mark.thorough
def test_two_commands_do_not_work_in_one_folder(dataset: Path, tmp_path: Path) -> None:
    out, jobs = tmp_path / "level.tod", level_jobs(dataset)
    folder = parts_folder(out)
    with exclusive_folder(folder):
        with pytest.raises(OutputError, match=r"level\.tod\.parts: another todpack is at work there; let it end"):
            compress_level(jobs, out, n_jobs=1)
        plans: list[LevelPlan] = []
        compress_level(jobs, out, n_jobs=1, dry_run=True, on_plan=plans.append)
        assert [plan.n_lightmaps for plan in plans] == [3]
    assert not folder.exists()
    assert not out.exists()
    commands = [
        [sys.executable, "-m", "todpack", "compress", str(dataset), "-o", str(out), "--jobs", "1", "--refine", "none"]
    ] * 3
    running = [subprocess.Popen(one, stderr=subprocess.PIPE, text=True) for one in commands]
    told = [one.communicate()[1] for one in running]
    assert 0 in [one.returncode for one in running]
    for one, lines in zip(running, told, strict=True):
        assert one.returncode == 0 or "another todpack is at work there" in lines, lines
    with open_archive(out) as archive:
        assert len(archive.lightmaps) == 3
    assert sorted(tmp_path.iterdir()) == [out]


def test_digest_follows_content_and_options(dataset, tmp_path):
    job = level_jobs(dataset)[0]
    assert job.digest() == job.digest()
    assert replace(job, config=replace(LEVEL_CONFIG, q_step=7.0)).digest() != job.digest()
    assert replace(job, target_psnr_db=50.0).digest() != job.digest()
    micro_dataset(tmp_path / "set")
    moved = level_jobs(tmp_path / "set")[0]
    assert moved.digest() == job.digest()
    path = tmp_path / "set" / "Data" / job.entry.lightmaps[3][0]
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    assert moved.digest() != job.digest()


def test_digest_follows_the_times_of_the_frames(tmp_path: Path) -> None:
    """A part of frames at other times is not taken up, nor kept."""
    write_day(tmp_path / "level" / "a", make_day(16, 16, 3)[0], None)
    hours = tmp_path / "level" / "a" / "hours.txt"
    hours.write_text("6\n12\n18\n")
    [job] = jobs_of(tmp_path / "level")
    dated = replace(job, content=job.digest())
    assert dated.encode()
    for other in ("tod_00 18\ntod_01 12\ntod_02 6\n", "6\n12\n19\n"):
        hours.write_text(other)
        [now] = jobs_of(tmp_path / "level")
        assert now.digest() != dated.content
        with pytest.raises(DataError, match="its files were changed meanwhile"):
            dated.encode()


def test_a_process_does_one_job_after_another(dataset, tmp_path):
    tasks = [Task(job, tmp_path / job.entry.name) for job in level_jobs(dataset)]
    done: list[Task] = []
    lines: list[str] = []
    assert run_local(tasks, 1, done.append, process_id, lines.append) == []
    assert [task.job.values_bytes for task in done] == sorted((t.job.values_bytes for t in tasks), reverse=True)
    assert len({task.part.read_text() for task in tasks}) == 1
    assert sorted(lines) == [f"{task.job.entry.name} was here" for task in tasks]


@pytest.mark.thorough
def test_a_process_that_took_much_memory_is_not_kept(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "KEPT_BYTES", 0)
    tasks = [Task(job, tmp_path / job.entry.name) for job in level_jobs(dataset)]
    assert run_local(tasks, 1, lambda _task: None, process_id) == []
    assert len({task.part.read_text() for task in tasks}) == len(tasks)


@pytest.mark.thorough
def test_lost_worker_is_replaced(dataset, tmp_path):
    task = Task(level_jobs(dataset)[1], tmp_path / "part.tod")
    done: list[Task] = []
    assert run_local([task], 1, done.append, partial(killed_once, tmp_path / "tried")) == []
    assert done == [task]
    with open_archive(task.part) as archive:
        assert archive.lightmaps[0].name == "L_A_1"


@pytest.mark.thorough
def test_worker_that_is_always_lost_is_reported(dataset, tmp_path):
    task = Task(level_jobs(dataset)[1], tmp_path / "part.tod")
    failures = run_local([task], 2, pytest.fail, partial(killed_always, tmp_path / "tried"))
    assert failures == [f"L_A_1: its worker was lost {ATTEMPTS} times (exit -9)"]
    assert (tmp_path / "tried").read_text() == "x" * ATTEMPTS


@pytest.mark.thorough
def test_errors_of_the_system_are_reported_as_they_are(dataset, tmp_path):
    task = Task(level_jobs(dataset)[1], tmp_path / "part.tod")
    failures = run_local([task], 1, pytest.fail, full_disk)
    assert failures == [f"L_A_1: temporary files in {tempfile.gettempdir()}: No space left on device"]


@pytest.mark.thorough
def test_one_bad_lightmap_keeps_the_others(tmp_path):
    folder, out = tmp_path / "set", tmp_path / "level.tod"
    config = micro_dataset(folder)
    path = folder / "Data" / config["lightmap_list"][0]["lightmaps"]["700"]
    good = path.read_bytes()
    path.write_bytes(np.full(len(good) // 4, -1, "<f4").tobytes())
    with pytest.raises(PackError, match=r"1 of 3 lightmaps failed, the others are kept in .*level.tod.parts; L_A_0"):
        compress_level(level_jobs(folder), out, n_jobs=2)
    assert not out.exists()
    assert len(list(parts_folder(out).glob("*.tod"))) == 2
    path.write_bytes(good)
    assert compress_level(level_jobs(folder), out, n_jobs=2).n_kept == 2


def test_equal_graphs_are_stored_once(dataset, tmp_path):
    job = level_jobs(dataset)[0]
    paths = [tmp_path / "one.tod", tmp_path / "two.tod"]
    for path, name in zip(paths, ("L_A", "L_Z"), strict=True):
        path.write_bytes(replace(job, entry=replace(job.entry, level=name)).encode())
    writer = merge_archives(paths)
    writer.write(tmp_path / "both.tod")
    with open_archive(tmp_path / "both.tod") as archive:
        names = [name for name in archive.container.sections if name.endswith("frame.onnx")]
        assert names == ["0/frame.onnx"]
        one, two = (m.decode(9.0, dtype="float32") for m in archive.lightmaps)
        np.testing.assert_array_equal(one, two)


def test_different_times_do_not_go_together(tmp_path):
    keys = ("0", "600", "1200")
    folder = tmp_path / "set"
    config = write_dataset(folder, {("A", i): make_radiance(8, 8, keys, i) for i in (0, 1)}, keys)
    for kind in ("lightmaps", "masks"):
        del config["lightmap_list"][1][kind]["600"]
    from tests.contest_data import write_config

    write_config(folder, config)
    with pytest.raises(PackError, match="A_1: expected the 3 times of A_0, found others"):
        compress_level(level_jobs(folder), tmp_path / "out.tod")


@pytest.mark.thorough
def test_command(dataset, tmp_path, capsys):
    out = tmp_path / "level.tod"
    options = ["--q-step", "8", "--jobs", "2", "--reweight", "0", "--max-classes", "1"]
    assert main(["compress", str(dataset), "-o", str(out), *options]) == 0
    assert "3 lightmaps" in capsys.readouterr().out
    assert main(["decompress", str(out), "-o", str(tmp_path / "f"), "--format", "bin", "--hours", "5.9", "-q"]) == 0
    values = np.fromfile(tmp_path / "f" / "L_A_1" / "tod_05.90.bin", "<f4").reshape(17, 40, 3)
    with open_archive(out) as archive:
        np.testing.assert_array_equal(values, archive.decode(5.9, lightmap="L_A_1", dtype="float32"))
    assert main(["eval", "score", str(out), "--data", str(dataset), "--lightmap", "L_B_0", "--no-lpips"]) == 0
    run = tmp_path / "run"
    wish = ["--lightmap", "L_B_0", "--q-step", "6", "--refine", "none"]
    assert main(["train", str(dataset), "-o", str(run), *wish]) == 0
    assert main(["pack", str(run), "-o", str(tmp_path / "one.tod")]) == 0
    for wrong, message in (
        (["--jobs", "0"], "--jobs: expected a number >= 1, found 0"),
        (["--target-size", "1000"], "expected --target-psnr or --q-step for a dataset"),
        (["--mask", "m.png"], "a contest dataset has masks of its own"),
        (["--lightmap", "none"], "expected a lightmap of L_A_0"),
    ):
        capsys.readouterr()
        assert main(["compress", str(dataset), "-o", str(out), *wrong]) == 1
        assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not SMALL.is_dir(), reason="needs ../shared/data/hprc_small")
def test_shared_dataset(tmp_path):
    out = tmp_path / "small.tod"
    assert main(["compress", str(SMALL), "-o", str(out), "--jobs", "2"]) == 0
    assert out.stat().st_size < 130_000


def test_values_that_do_not_fit_into_memory(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before a file is read or made."""
    job = level_jobs(dataset)[0]
    huge = replace(job, entry=replace(job.entry, width=16384, height=16384))
    monkeypatch.setattr("todpack.packer.dataset.compress.available_bytes", lambda: 20_000_000_000)
    with pytest.raises(PackError, match=r"L_A_0: expected values that fit into 20\.0 GB .*, found 83\.8 GB"):
        compress_level([huge], tmp_path / "a.tod", n_jobs=1)
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_a_script_without_a_guard_runs_once(dataset, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nprint('once')\nfrom todpack import compress\n"
        "print(compress(*sys.argv[1:], jobs=2, refine='none').n_lightmaps)\n"
    )
    words = [sys.executable, str(script), str(dataset), str(tmp_path / "x.tod")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "once\n3\n"
