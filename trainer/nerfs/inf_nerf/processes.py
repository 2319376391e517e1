"""What the processes of one training tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist

from todpack.packer.errors import ConfigError

from ...errors import TrainingError
from ...run_folder import NERF_NAMES, work_folder


def join() -> tuple[int, int]:
    """Rank and number of processes; joins torchrun's group if this process has not yet.

    Raises:
        ConfigError: torchrun's variables are not there.
    """
    if not dist.is_initialized():
        try:
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        except ValueError as error:
            raise ConfigError(f"distributed: expected the variables of torchrun, found none: {error}") from error
    return dist.get_rank(), dist.get_world_size()


def all_agree(here: bool, n_processes: int, device: torch.device) -> bool:
    """Whether something holds in all processes."""
    holds = torch.tensor(float(here), device=device)
    if n_processes > 1:
        dist.all_reduce(holds, dist.ReduceOp.MIN)
    return bool(holds)


def same_everywhere(value: int, n_processes: int, device: torch.device) -> bool:
    """Whether all processes have the same number."""
    both = torch.tensor([value, -value], device=device)
    if n_processes > 1:
        dist.all_reduce(both, dist.ReduceOp.MAX)
    return int(both[0]) == -int(both[1])


@contextmanager
def others_failing_is_one_line(n_processes: int) -> Iterator[None]:
    """Turn the end of another process into a typed error.

    Raises:
        TrainingError: a message between processes did not arrive.
    """
    try:
        yield
    except RuntimeError as error:
        is_message = isinstance(error, dist.DistError) or "gloo" in str(error)
        if n_processes == 1 or not is_message:
            raise
        raise TrainingError("another process of this training has ended; continue by --resume") from error


def shared_work_folder(out_dir: Path, rank: int, n_processes: int, *, resume: bool, overwrite: bool) -> Path:
    """`work_folder`, decided by the first process for all.

    Raises:
        ConfigError: as `work_folder`; in the other processes, that the first one gave up.
        OutputError: as `work_folder`.
    """
    if n_processes == 1:
        return work_folder(out_dir, resume=resume, overwrite=overwrite, names=NERF_NAMES)
    said: list[str | None] = [None]
    try:
        if rank == 0:
            said[0] = str(work_folder(out_dir, resume=resume, overwrite=overwrite, names=NERF_NAMES))
    finally:
        dist.broadcast_object_list(said, 0)
    if said[0] is None:
        raise ConfigError(f"{out_dir}: not used; the first process says why")
    return Path(said[0])
