"""Calls on a Ray cluster: the one that RAY_ADDRESS names, or one of this machine alone that ends with the work.

A call is small: it gets paths and options, reads and writes files itself, and gives little back, so Ray's object store
stays empty. What a killed worker or node did is done again elsewhere.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from todpack.decompressor.errors import needs

from .dataset.workers import ATTEMPTS
from .errors import PackError

OBJECT_STORE_BYTES = 80_000_000  # of a cluster that is started here; Ray takes no less
CONNECT_S = 10.0
CALLS_PER_CORE = 2
"""Of those that Ray is told at a time: no worker waits for the next one, and a hundred thousand are no burden."""
Key = TypeVar("Key")


@dataclass(frozen=True)
class Call(Generic[Key]):
    """What is to be done once.

    Attributes:
        key: What the result is of.
        arguments: Of the function.
        options: Of the Ray task: `num_cpus`, `num_gpus`, `memory`, `runtime_env`.
    """

    key: Key
    arguments: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Lost:
    """A call whose worker was lost ATTEMPTS times, and the name of Ray's error."""

    reason: str


class RayCluster:
    """A cluster that is connected; made by `ray_cluster`."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray

    def _largest(self, resource: str) -> float:
        return max((node["Resources"].get(resource, 0) for node in self._ray.nodes() if node["Alive"]), default=0)

    def fitting(self, memory_bytes: int) -> int:
        """That much memory, or all of the largest node: Ray would wait forever for a larger one."""
        return min(memory_bytes, int(self._largest("memory")))

    def run(
        self, function: Callable[..., Any], calls: Sequence[Call[Key]], at_once: int | None = None
    ) -> Iterator[tuple[Key, Any]]:
        """Do all calls, about in their order.

        Args:
            function: Importable on every node.
            calls: Of it.
            at_once: Calls that run at the same time; None: as many as the nodes take, those that join later too.

        Yields:
            The key of a call that ended, and what the function gave, or `Lost`.

        Raises:
            PackError: no node has the cores or GPUs that a call asks for.
        """
        for option, resource, words in (("num_cpus", "CPU", "cores"), ("num_gpus", "GPU", "GPUs")):
            asked, largest = max((call.options.get(option, 0) for call in calls), default=0), self._largest(resource)
            if asked > largest:
                raise PackError(f"--engine ray: expected a node of {asked:g} {words}, found {largest:g} at most")
        remote = self._ray.remote(max_retries=ATTEMPTS - 1)(function)
        waiting, pending = list(reversed(calls)), dict[Any, Key]()
        try:
            while waiting or pending:
                cores = int(self._ray.cluster_resources().get("CPU", 1))
                while waiting and len(pending) < (at_once or max(1, CALLS_PER_CORE * cores)):
                    call = waiting.pop()
                    pending[remote.options(**call.options).remote(*call.arguments)] = call.key
                (done,), _ = self._ray.wait(list(pending))
                key = pending.pop(done)
                try:
                    yield key, self._ray.get(done)
                except self._ray.exceptions.RayTaskError:
                    raise  # the function's own fault
                except self._ray.exceptions.RayError as error:
                    yield key, Lost(type(error).__name__)
        finally:
            for one in pending:
                self._ray.cancel(one, force=True)


@contextmanager
def ray_cluster(n_cores: int | None = None) -> Iterator[RayCluster]:
    """A connection for the length of the block.

    Args:
        n_cores: Of a cluster that is started here, which is the case where RAY_ADDRESS is not set; None takes all.

    Raises:
        MissingPackageError: Ray is not installed.
        PackError: there is no cluster at RAY_ADDRESS.
    """
    address = os.environ.get("RAY_ADDRESS") or None
    _prepare(is_own=address is None)
    with needs("ray", "--engine ray"):
        import ray
    if ray.is_initialized():  # by the program that calls this library
        yield RayCluster(ray)
        return
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        _connect(ray, address, n_cores)
        yield RayCluster(ray)
    finally:
        ray.shutdown()


def _prepare(*, is_own: bool) -> None:
    """Set variables that Ray reads when it is imported; those that are set already stay."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # it would print what the nodes say to stdout
    if is_own and "ray" not in sys.modules:
        os.environ.setdefault("RAY_process_group_cleanup_enabled", "1")  # what a killed worker started ends with it
        if os.environ.setdefault("RAY_AUTH_MODE", "token") == "token":  # else Ray puts a token into the home folder
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _connect(ray: Any, address: str | None, n_cores: int | None) -> None:
    host, colon, port = (address or "").rpartition(":")
    own = {"num_cpus": n_cores, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    try:
        if colon and port.isdigit() and "/" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), CONNECT_S).close()
        with _own_signals():
            ray.init(address or "local", log_to_driver=False, configure_logging=False, **({} if address else own))
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise PackError(f"--engine ray: no cluster at {address or 'this machine'}: {reason}") from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """What Ctrl-C and SIGTERM do stays as it is; Ray would take SIGTERM for itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
