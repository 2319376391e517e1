"""Coverage-guided fuzzing by atheris: `make fuzz`, or `python -m tests.fuzz.run --help`.

Each target runs in a process of its own (the engine ends it), on a corpus that is kept between runs. Inputs that let
anything untyped out are copied to tests/fuzz/cases, where the test suite runs them for ever.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MAX_INPUT_BYTES = 1 << 21
TIMEOUT_S, MEMORY_MB = 30, 2048
SHARES = {
    "container": 40, "metadata": 100, "stream": 40, "tables": 30, "zstd": 150, "mask": 150, "planes": 100, "graph": 100,
    "archive": 50, "verify": 30, "level": 10, "raw": 5, "view": 15, "inspect": 20, "report": 1, "decompress": 15,
    "export": 10, "run_folder": 15, "manifest": 30, "contest_config": 30, "space": 30, "region": 30, "threads": 30,
    "decoders": 30, "encode": 3, "adaptive": 30, "packed": 20,
}  # fmt: skip
"""Executions of each target in a thousand or so of all; the slower a target, the fewer."""
KEPT, KEPT_BYTES = 12, 4096
"""Most inputs of a target, and bytes of each, that are kept in tests/fuzz/corpus: those that added coverage last."""


def fuzz_one(target: str, corpus: Path, runs: int, seconds: int, seed: int) -> None:
    """Fuzz a target until it is done; does not return."""
    import atheris

    with atheris.instrument_imports(include=["todpack"]):
        import tests.fuzz.targets  # noqa: F401
        import todpack.eval.report.command
        import todpack.eval.search.space
        import todpack.eval.view.command
        import todpack.export_command
        import todpack.packer.cli
        import todpack.submission.manifest  # noqa: F401
    from tests.fuzz.execute import execute
    from tests.fuzz.mutators import MUTATORS, mutate_bytes
    from tests.fuzz.seeds import seeds

    corpus.mkdir(parents=True, exist_ok=True)
    for index, data in enumerate(seeds()[target]):
        (corpus / f"seed-{index}").write_bytes(data)
    for path in (FOLDER / "corpus" / target).glob("*"):
        shutil.copy(path, corpus / path.name)
    mutate = MUTATORS.get(target, mutate_bytes)

    def change(data: bytes, max_size: int, number: int) -> bytes:
        rng = random.Random(number)
        if rng.random() < 0.25:
            return bytes(atheris.Mutate(data, max_size))
        return mutate(data, rng)[:max_size]

    options = [
        f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={MAX_INPUT_BYTES}", f"-seed={seed}",
        f"-artifact_prefix={corpus.parent}/{target}-", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}",
        "-print_final_stats=1", "-verbosity=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], lambda data: execute(target, data), custom_mutator=change)
    atheris.Fuzz()


def _executed(log: str) -> int:
    found = re.findall(r"(?:stat::number_of_executed_units:\s*|^#)(\d+)", log, re.M)
    return int(found[-1]) if found else 0


def _coverage(log: str) -> int:
    """Edges of our own code that inputs reached."""
    found = re.findall(r"\bcov: (\d+)", log)
    return int(found[-1]) if found else 0


def keep(corpus: Path, target: str) -> int:
    """Copy some inputs that added coverage into the repository; how many."""
    found = [path for path in corpus.iterdir() if not path.name.startswith("seed-")]
    small = [path for path in found if path.stat().st_size <= KEPT_BYTES]
    chosen = sorted(small, key=lambda path: path.stat().st_mtime)[-KEPT:]
    folder = FOLDER / "corpus" / target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in chosen:
        shutil.copy(path, folder / hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    return len(chosen)


def run_target(target: str, out: Path, runs: int, seconds: int, seed: int) -> dict[str, object]:
    """Fuzz a target in a process of its own; findings go to tests/fuzz/cases."""
    started = time.time()
    command = [
        sys.executable, "-m", "tests.fuzz.run", "--one", target, "--out", str(out), "--runs", str(runs),
        "--seconds", str(seconds), "--seed", str(seed),
    ]  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=FOLDER.parents[1], capture_output=True, text=True, errors="replace", check=False)
    log = done.stdout + done.stderr
    (out / f"{target}.log").write_text(log)
    findings = []
    for path in sorted(out.glob(f"{target}-*")):
        kept = FOLDER / "cases" / target / path.name.removeprefix(f"{target}-")
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, kept)
        findings.append(kept.name)
    return {
        "target": target, "executions": _executed(log), "seconds": round(time.time() - started), "findings": findings,
        "coverage": _coverage(log), "corpus": len(list((out / f"corpus-{target}").glob("*"))),
        "exit_code": done.returncode,
    }  # fmt: skip


def main() -> int:
    """Fuzz all targets, or some, one after the other; exit code 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=__doc__)
    parser.add_argument("--target", action="append", help="one or more; default: all")
    parser.add_argument("--runs", type=int, default=-1, help="executions of each target; -1: no end but the time")
    parser.add_argument("--total", type=int, help="executions of all targets instead, shared out by their speed")
    parser.add_argument("--seconds", type=int, default=60, help="seconds of each target; 0: no end but the runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="corpora, logs and report.jsonl")
    parser.add_argument("--keep", action="store_true", help="keep some inputs in tests/fuzz/corpus")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        fuzz_one(args.one, args.out.resolve() / f"corpus-{args.one}", args.runs, args.seconds, args.seed)
    from tests.fuzz.targets import TARGETS  # not before: the engine must see the decoder's import

    unknown = set(args.target or ()) - set(TARGETS)
    if unknown:
        parser.error(f"expected targets of {', '.join(TARGETS)}, found {', '.join(sorted(unknown))}")
    total = failed = 0
    for target in args.target or TARGETS:
        runs = args.runs if args.total is None else args.total * SHARES[target] // 1000
        result = run_target(target, args.out.resolve(), runs, args.seconds, args.seed)
        with (args.out / "report.jsonl").open("a") as report:
            report.write(json.dumps(result) + "\n")
        print(json.dumps(result), flush=True)
        if args.keep:
            keep(args.out.resolve() / f"corpus-{target}", target)
        total += int(str(result["executions"]))
        failed += result["exit_code"] != 0
    print(f"{total} executions, {failed} targets with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
