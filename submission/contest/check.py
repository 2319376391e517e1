"""`todpack submit check --layout contest`: a rehearsal of the contest's grader, in a fresh process elsewhere."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from todpack.decompressor.files import check_output, check_replaced, write_json
from todpack.decompressor.json_fields import is_number, parse_shallow
from todpack.decompressor.plain_text import one_line, plain_name
from todpack.decompressor.staging import scratch_folder
from todpack.eval.machine import cpu_name
from todpack.eval.measures.contest import Scorer, measures_of, score_json
from todpack.eval.measures.figures import Figures
from todpack.eval.measures.lpips_network import Lpips
from todpack.eval.measures.lpips_weights import LpipsAbsent
from todpack.eval.plan import kilotexels
from todpack.eval.progress import Progress, silent
from todpack.eval.tables import finite
from todpack.frames import ContestDataset, ContestEntry, open_contest

from ..environment import clean_variables, interpreter, last_line
from ..errors import SubmissionError
from ..folder import check_plain, named
from .build import parameter_bytes, parameter_file, written_files
from .handout import CHECKLIST, beside, foreign_parameters, handout_files, parameters_digest, write_handout

PROBE = Path(__file__).with_name("shipped") / "probe.py"
COMPRESSORS = {
    b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"\xfd7zXZ": "xz", b"BZh": "bzip2",
    b"7z\xbc\xaf": "7-Zip", b"\x04\x22\x4d\x18": "LZ4",
}  # fmt: skip
CORE_LIBRARY = "_native*.so"
SLOW_ACCESS = 10.0
"""Random access at one place may take so many times that at another; more is no random access."""
ACCESS_FLOOR_S = 1e-3  # below that a clock tells nothing


@dataclass
class ContestRehearsal:
    """What the rehearsal found.

    Attributes:
        faults: What the grader would reject, one line each.
        measures: By the names of `eval.contest_score.MEASURES`; empty where a fault kept from measuring.
        per_lightmap: Figures of each lightmap by name.
        frame_ms: Milliseconds of reconstruct and get_result together, all lightmaps and times.
        access_us: Median microseconds of random_test at the first texel and at the last, of the slowest lightmap.
        parameter_bytes: Size of Parameters/.
        parameters: Their `parameters_digest`.
        device: Where it ran.
        threads: How many torch may use.
        without_core_s: Seconds that all constructors took without the native core; None where there is none.
        lpips_absent: Why there is no LPIPS, else None.
        kept: Pages beside the submission that were not made anew, as the team has changed them.
        warnings: What is unusual about the dataset.
    """

    faults: list[str] = field(default_factory=list)
    measures: dict[str, float | None] = field(default_factory=dict)
    per_lightmap: dict[str, dict[str, Any]] = field(default_factory=dict)
    frame_ms: list[float] = field(default_factory=list)
    access_us: tuple[float, float] = (0.0, 0.0)
    parameter_bytes: int = 0
    parameters: str = ""
    device: str = "cpu"
    threads: int = 0
    without_core_s: float | None = None
    lpips_absent: str | None = None
    kept: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def frame_ms_median(self) -> float:
        """0 where nothing was decoded."""
        return float(np.median(self.frame_ms)) if self.frame_ms else 0.0

    @property
    def frame_ms_least(self) -> float:
        """The least disturbed call; 0 where nothing was decoded."""
        return min(self.frame_ms, default=0.0)

    def to_json(self, scorer: Scorer) -> dict[str, Any]:
        """As written to report.json."""
        return {
            "passed": not self.faults,
            "faults": self.faults,
            "per_lightmap": self.per_lightmap,
            "frame_ms_median": self.frame_ms_median,
            "frame_ms_least": self.frame_ms_least,
            "access_us": list(self.access_us),
            "parameter_bytes": self.parameter_bytes,
            "parameters": self.parameters,
            "device": self.device,
            "threads": self.threads,
            "without_core_s": self.without_core_s,
            "cpu": cpu_name(),
            "lpips_absent": self.lpips_absent,
            **(score_json(self.measures, scorer) if self.measures else {}),
        }


def folder_faults(folder: Path) -> list[str]:
    """What is wrong with the files alone, one line each."""
    faults = [f"{name}: missing" for name in ("Interface.py", "requirements.txt") if not (folder / name).is_file()]
    parameters = [file for file in sorted((folder / "Parameters").rglob("*")) if file.is_file()]
    if not parameters:
        faults.append("Parameters: expected at least one file, found none")
    for file in parameters:
        with file.open("rb") as opened:
            head = opened.read(8)
        for magic, name in COMPRESSORS.items():
            if head.startswith(magic):
                faults.append(f"{file.relative_to(folder)}: expected plain quantized data, found {name}")
    return faults


def _of_no_lightmap(folder: Path, names: Iterable[str]) -> list[str]:
    """Parameters that no lightmap of the dataset has, whose bytes would count for the ratio of the others."""
    known = {parameter_file(plain_name(name)) for name in names}
    others = [path.name for path in sorted((folder / "Parameters").glob("*.bin")) if path.name not in known]
    return [f"Parameters/{name}: expected those of the dataset's lightmaps, found another's" for name in others]


class _Grader:
    """The process that runs the submission."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Answer of one lightmap.

        Raises:
            SubmissionError: the process ended, or gave another answer than the probe's.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(json.dumps(job) + "\n")
            stdin.flush()
            line = stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise SubmissionError(f"the submission's process ended with exit code {self._process.wait()}")
        try:
            answer: dict[str, Any] = parse_shallow(json.loads, line)
            if "fault" in answer:
                return {"fault": str(answer["fault"])}
            first, last = answer["access_s"]
            if all(map(is_number, [*answer["seconds"], first, last, answer["constructor_s"]])):
                return answer
        except (ValueError, KeyError, TypeError):
            pass
        raise SubmissionError(f"the submission's process answered something else than times: {one_line(line[:60])}")


@contextlib.contextmanager
def _grader(python: Path, submission: Path, device: str, threads: int, log: IO[str]) -> Iterator[_Grader]:
    command = [str(python), "-I", str(PROBE.resolve()), str(submission), device, str(threads)]
    try:
        process = subprocess.Popen(
            command, cwd=submission.parent / "elsewhere", env=clean_variables(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=log, text=True, errors="backslashreplace",
        )  # fmt: skip
    except OSError as error:
        raise SubmissionError(f"{python}: cannot be run: {error.strerror or error}") from error
    try:
        yield _Grader(process)
    finally:
        process.terminate()
        with contextlib.suppress(OSError):  # what was not sent yet is of no use to anyone
            process.communicate()


def _write_masks(dataset: ContestDataset, entry: ContestEntry, scratch: Path) -> list[str]:
    """Coverage of each time as a file; returns their paths."""
    paths = []
    for index in range(len(entry.keys)):
        path = scratch / f"mask_{index}.npy"
        np.save(path, np.where(dataset.mask(entry, index), 127, -1).astype(np.int8), allow_pickle=False)
        paths.append(str(path))
    return paths


def _grade_lightmap(
    dataset: ContestDataset, index: int, config: dict[str, Any], grader: _Grader, without_core: _Grader | None,
    scratch: Path, lpips: Lpips | None, seed: int, result: ContestRehearsal,
) -> Figures:  # fmt: skip
    """Decode and measure one lightmap; what is wrong goes to the faults."""
    entry, figures = dataset.entries[index], Figures()
    out = scratch / "frames.f32"
    masks = _write_masks(dataset, entry, scratch)
    job = {
        "config": config, "width": entry.width, "height": entry.height, "hours": list(entry.hours),
        "masks": masks, "out": str(out), "seed": seed + index,
    }  # fmt: skip
    answer = grader.ask(job)
    if "fault" in answer:
        result.faults.append(f"{entry.name}: {answer['fault']}")
        return figures
    day = dataset.read(entry)
    result.warnings += day.warnings
    try:
        frames = np.memmap(out, np.float32, "r", shape=day.radiance.shape)
    except (OSError, ValueError) as error:
        raise SubmissionError(f"expected the frames that the submission's process answered for: {error}") from error
    for t in range(len(entry.keys)):
        valid = np.load(masks[t], allow_pickle=False) > 0
        figures.add_frame(day.radiance[t], np.asarray(frames[t]), valid, lpips)
    del frames
    if without_core is not None:
        _compare_without_core(without_core, job, entry.name, result)
    result.frame_ms += [1e3 * s for s in answer["seconds"]]
    first, last = (1e6 * s for s in answer["access_s"])
    result.access_us = max(result.access_us, (first, last), key=max)
    if max(first, last) > max(SLOW_ACCESS * min(first, last), 1e6 * ACCESS_FLOOR_S):
        result.faults.append(
            f"{entry.name}: random_test: expected a cost independent of the place, "
            f"found {first:.0f} us at the first texel and {last:.0f} us at the last"
        )
    measured = measures_of(figures, sum(answer["seconds"]), 0, entry.width * entry.height)
    result.per_lightmap[entry.name] = {
        **{name: finite(measured[name]) for name in ("psnr_db", "ssim", "lpips", "time_s")},
        "constructor_s": answer["constructor_s"], "tiles": len(figures.psnr_db),
    }  # fmt: skip
    return figures


def require_folder(folder: Path) -> None:
    """Refuse what is no submission's folder.

    Raises:
        SubmissionError: it is none.
    """
    if not folder.is_dir():
        raise SubmissionError(f"{folder}: expected a folder with Interface.py and Parameters, found none")


def _compare_without_core(grader: _Grader, job: dict[str, Any], name: str, result: ContestRehearsal) -> None:
    """The same frames where the native core cannot be loaded."""
    out = Path(f"{job['out']}.without-core")
    answer = grader.ask({**job, "out": str(out)})
    if "fault" in answer:
        result.faults.append(f"{name}: without the native core: {answer['fault']}")
        return
    result.without_core_s = (result.without_core_s or 0.0) + answer["constructor_s"]
    with_core, plain = np.memmap(job["out"], np.float32, "r"), np.memmap(out, np.float32, "r")
    if not np.array_equal(with_core, plain):
        result.faults.append(f"{name}: expected the same frames without the native core, found others")
    del plain
    out.unlink()


def _copy_without_core(submission: Path, copy: Path) -> bool:
    """A copy of a submission without its native core; False where it has none."""
    if not list(submission.rglob(CORE_LIBRARY)):
        return False
    shutil.copytree(submission, copy, ignore=shutil.ignore_patterns(CORE_LIBRARY))
    return True


def check_contest(
    folder: Path,
    data: Path,
    *,
    scorer: Scorer,
    lpips: Lpips | LpipsAbsent,
    python: Path | None = None,
    device: str = "cpu",
    threads: int = 2,
    seed: int = 0,
    report_path: Path | None = None,
    progress: Progress = silent,
) -> ContestRehearsal:
    """Rehearse the contest's grader.

    Args:
        folder: The submission.
        data: The dataset.
        scorer: Ranges and weights.
        lpips: The measure, or why it is absent.
        python: Interpreter that has PyTorch and NumPy; None is this one.
        device: Torch's name of where to decode.
        threads: How many torch may use.
        seed: Chooses the random coordinates.
        report_path: Where report.json goes; None is beside the folder.
        progress: Told of each lightmap, in thousands of texels.

    Returns:
        The figures and the faults; report.json holds the same.

    Raises:
        SubmissionError: there is no such folder, or nothing can be run.
        DataError: the dataset cannot be read.
    """
    require_folder(folder)
    folder, python = named(folder), interpreter(python or Path(sys.executable))
    target = report_path or folder.parent / "report.json"
    if report_path is None:
        check_replaced([target], overwrite=False, way="name another place by --report")
    check_output(target)
    is_ours = beside(folder, CHECKLIST).is_file()
    if is_ours:
        check_replaced(handout_files(folder), overwrite=False, way="move it away, the rehearsal writes it anew")
    dataset = open_contest(data)
    configs = json.loads((dataset.path / "config.json").read_bytes())["lightmap_list"]  # of any encoding
    faults = folder_faults(folder)
    if written_files(folder) is not None:
        faults += [*foreign_parameters(folder), *_of_no_lightmap(folder, [entry.name for entry in dataset.entries])]
    result = ContestRehearsal(faults=faults, device=device, threads=threads)
    measure = None if isinstance(lpips, LpipsAbsent) else lpips
    result.lpips_absent = lpips.reason if isinstance(lpips, LpipsAbsent) else None
    result.parameter_bytes, result.parameters = parameter_bytes(folder), parameters_digest(folder)
    figures = Figures()
    check_plain(folder)
    with scratch_folder("todpack-contest-") as scratch:
        submission, without_core = scratch / "submission", scratch / "without-core"
        shutil.copytree(folder, submission)
        (scratch / "elsewhere").mkdir()
        with contextlib.ExitStack() as stack:
            log = stack.enter_context((scratch / "stderr.txt").open("w+", encoding="utf-8", errors="backslashreplace"))
            start = partial(_grader, python, device=device, threads=threads, log=log)
            grader = stack.enter_context(start(submission))
            has_core = _copy_without_core(submission, without_core)
            other = stack.enter_context(start(without_core)) if has_core else None
            works = [kilotexels(entry) for entry in dataset.entries]
            for index, config in enumerate(configs):
                progress(sum(works[:index]), sum(works), dataset.entries[index].name)
                try:
                    part = _grade_lightmap(
                        dataset, index, config, grader, other, scratch, measure, seed, result
                    )  # fmt: skip
                    figures.extend(part)
                except SubmissionError as error:
                    log.seek(0)
                    result.faults.append(f"{dataset.entries[index].name}: {error}: {last_line(log.read())}")
                    break
    if len(result.per_lightmap) == len(configs):
        n_texels = sum(entry.width * entry.height for entry in dataset.entries)
        result.measures = measures_of(figures, sum(result.frame_ms) / 1e3, result.parameter_bytes, n_texels)
    report = result.to_json(scorer)
    write_json(target, report)
    if is_ours and "measures" in report and not result.faults:
        result.kept = write_handout(folder, report)
    return result
