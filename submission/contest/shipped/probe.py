"""Runs a submission as the grader does, in a process of its own: one JSON line in per lightmap, one out.

Started as `python -I probe.py SUBMISSION DEVICE THREADS`; it knows nothing of the project that it is part of.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np
import torch

TOLERANCE = 1e-2
TEXELS_PER_TIME = 8
OTHER_TIMES = 4
AWAY_FROM_STORED_H = 24.0


class FaultError(Exception):
    """What a grader would reject."""


def check_result(result: Any, job: dict[str, Any], device: torch.device) -> None:
    """Raise FaultError unless a result is what the contract says."""
    expected = (1, 3, job["height"], job["width"])
    if not isinstance(result, torch.Tensor):
        raise FaultError(f"get_result: expected a torch.Tensor, found {type(result).__name__}")
    if tuple(result.shape) != expected:
        raise FaultError(f"get_result: expected shape {expected}, found {tuple(result.shape)}")
    if result.dtype != torch.float32:
        raise FaultError(f"get_result: expected torch.float32, found {result.dtype}")
    if result.device.type != device.type:
        raise FaultError(f"get_result: expected a tensor on {device}, found one on {result.device}")
    if result.requires_grad or result.is_inference():
        raise FaultError("get_result: expected a tensor that can be written, found one that autograd watches")
    if not bool(torch.isfinite(result).all()):
        raise FaultError("get_result: expected finite values, found NaN or infinity")


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that the clock counts its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed_result(lightmap: Any, time_h: float, device: torch.device) -> tuple[Any, float]:
    """What reconstruct and get_result give, and their seconds."""
    synchronize(device)
    started = time.perf_counter()
    lightmap.reconstruct(time_h)
    result = lightmap.get_result()
    synchronize(device)
    return result, time.perf_counter() - started


def check_texels(lightmap: Any, frame: torch.Tensor, time_h: float, places: np.ndarray, device: torch.device) -> None:
    """Compare random access with a frame."""
    for y, x in places:
        coord = np.array([[float(y), float(x), time_h]])
        texel = lightmap.random_test(coord)
        where = f"random_test at row {y}, column {x}, time {time_h:g}"
        if not isinstance(texel, torch.Tensor) or tuple(texel.shape) != (1, 3):
            raise FaultError(
                f"{where}: expected a tensor (1, 3), found {getattr(texel, 'shape', type(texel).__name__)}"
            )
        if texel.device.type != device.type:
            raise FaultError(f"{where}: expected a tensor on {device}, found one on {texel.device}")
        difference = float((texel[0] - frame[0, :, int(y), int(x)]).abs().max())
        if not difference <= TOLERANCE:
            raise FaultError(
                f"{where}: expected the frame's value within {TOLERANCE}, found {difference:.3g} beside it"
            )


def access_seconds(lightmap: Any, places: np.ndarray) -> float:
    """Median seconds of random_test at some places."""
    taken = []
    for y, x in places:
        started = time.perf_counter()
        lightmap.random_test(np.array([[float(y), float(x), 12.0]])).cpu()
        taken.append(time.perf_counter() - started)
    return float(np.median(taken))


def run(get: Any, job: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Decode all times of one lightmap and try everything a grader may do with it."""
    started = time.perf_counter()
    lightmap = get(job["config"], device)
    constructor_s = time.perf_counter() - started
    height, width = job["height"], job["width"]
    rng = np.random.default_rng(job["seed"])
    frames = np.memmap(job["out"], np.float32, "w+", shape=(len(job["hours"]), height, width, 3))
    seconds = []
    for index, (time_h, mask_path) in enumerate(zip(job["hours"], job["masks"])):  # noqa: B905
        result, taken = timed_result(lightmap, time_h, device)
        seconds.append(taken)
        check_result(result, job, device)
        places = np.stack([rng.integers(0, height, TEXELS_PER_TIME), rng.integers(0, width, TEXELS_PER_TIME)], 1)
        untouched = result.clone()
        invalid = torch.from_numpy(np.load(mask_path, allow_pickle=False) <= 0).to(device)
        try:
            result[:, :, invalid] = 0
        except RuntimeError as error:
            raise FaultError(f"get_result: expected a tensor that can be written, found: {error}") from error
        check_texels(lightmap, untouched, time_h, places, device)
        written = result.clone()
        again, _ = timed_result(lightmap, time_h, device)
        if not torch.equal(again, untouched):
            raise FaultError(
                f"time {time_h:g}: expected the same frame again after the result was written to, found another"
            )
        if not torch.equal(result, written):
            raise FaultError(f"time {time_h:g}: expected the result to stay as the caller left it, found it changed")
        frames[index] = result[0].permute(1, 2, 0).cpu().numpy()
    for time_h in rng.uniform(0.0, AWAY_FROM_STORED_H, OTHER_TIMES):
        result, _ = timed_result(lightmap, float(time_h), device)
        check_result(result, job, device)
        places = np.stack([rng.integers(0, height, TEXELS_PER_TIME), rng.integers(0, width, TEXELS_PER_TIME)], 1)
        check_texels(lightmap, result, float(time_h), places, device)
    first = np.zeros((48, 2), int)
    access_s = [access_seconds(lightmap, first), access_seconds(lightmap, first + [height - 1, width - 1])]
    frames.flush()
    return {"seconds": seconds, "constructor_s": constructor_s, "access_s": access_s}


def main(submission: str, device_name: str, threads: str) -> None:
    """Answer the lines of stdin."""
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)  # what a library writes past Python is no answer
    torch.set_num_threads(int(threads))
    device = torch.device(device_name)
    sys.path.insert(0, submission)
    # a development installation of a package must not stand in for what the submission lacks
    sys.meta_path[:] = [finder for finder in sys.meta_path if not finder.__module__.startswith("__editable__")]
    get: Any = None
    for line in sys.stdin:
        try:
            if get is None:
                get = importlib.import_module("Interface").get
            answer = run(get, json.loads(line), device)
        except FaultError as fault:
            answer = {"fault": str(fault)}
        except Exception as error:
            answer = {"fault": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
