"""The threads of an open archive: one pool for its lightmaps, tiles and frames, made when it is first of use.

Work that is handed out is done by whoever comes first: a thread of the pool, or the one that needs the result. So
nothing waits for a thread that is not there, work may hand out work of its own, and a machine that has no threads left
is only slower.

A signal's exception may end the caller's call at any instruction, which what `threading` has in Python does not survive
(`Event`, `Semaphore`, `Thread.start`, and the executors on them): only raw locks and C's queue are used.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from .forks import Lock, resets

MOST_THREADS = 1024
"""That anybody may ask for."""
PATIENCE_S = 20.0
"""With threads that work when the process ends; a tile takes less."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def _bare(error: BaseException) -> BaseException:
    """An error that may wait to be raised again, without the local variables of where it came from: decoded maps."""
    one: BaseException | None = error
    while one is not None:
        trace, one = one.__traceback__, one.__context__  # a cause is the context too
        while trace is not None:
            with contextlib.suppress(RuntimeError):  # this function's caller still runs
                trace.tb_frame.clear()
            trace = trace.tb_next
    return error


class OwnTime:
    """Seconds of processors for what a thread does, and for what pools do for it meanwhile: `with OwnTime() as own:`.

    The process's clock would count what its other threads do, too.
    """

    _of_threads = threading.local()

    def __init__(self) -> None:
        self._of_pools = dict[int, float]()  # by thread, each of which writes its own
        self._began = time.thread_time()

    @classmethod
    def current(cls) -> OwnTime | None:
        """What the calling thread's time is counted for."""
        found: OwnTime | None = getattr(cls._of_threads, "own", None)
        return found

    @property
    def seconds(self) -> float:
        """So far; asked by the thread that made it."""
        return time.thread_time() - self._began + sum(list(self._of_pools.values()))

    def __enter__(self) -> OwnTime:
        self._before, self._of_threads.own = self.current(), self
        return self

    def __exit__(self, *_: object) -> None:
        self._of_threads.own = self._before

    def count(self, task: Task[Any]) -> None:
        """Do the work of a task for this one, in a thread of a pool."""
        began, thread = time.thread_time(), threading.get_ident()
        self._of_threads.own = self
        try:
            task.run()
        finally:
            self._of_threads.own = None
            self._of_pools[thread] = self._of_pools.get(thread, 0.0) + time.thread_time() - began


class Task(Generic[Result]):
    """Work that is done once, by a thread of the pool or by `result`.

    Attributes:
        own: Whose time it is.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self.own = OwnTime.current()
        self._work: Callable[[], Result] | None = work  # until it is done or dropped: it stays in the queue meanwhile
        self._claim, self._done = threading.Lock(), threading.Lock()
        self._done.acquire()  # until it is done
        self._result: Result
        self._error: BaseException | None = None

    def run(self) -> None:
        """Do the work, unless somebody does already."""
        if not self._claim.acquire(blocking=False) or self._work is None:
            return
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = _bare(error)
        finally:
            self._work = None
            self._done.release()

    def drop(self) -> None:
        """Take back what nobody has begun."""
        if self._claim.acquire(blocking=False):
            self._work = None
            self._done.release()

    def wait(self) -> None:
        """Until it is done, or dropped."""
        with self._done:
            pass

    def result(self) -> Result:
        """What the work gives; raises what it raises."""
        self.run()
        return self.waited_for()

    def waited_for(self) -> Result:
        """The same of work that another thread does."""
        self.wait()
        if self._error is None:
            return self._result
        error, self._error = self._error, None
        try:
            raise error
        finally:
            del error  # its traceback keeps this frame, and what the work had made


_at_work: list[threading.Lock] = []
"""One of each thread, held while it works."""
_ends = False
"""Whether the process does: no work begins."""


def _serve(tasks: SimpleQueue[Task[Any] | None]) -> None:
    """What a thread does, until it is let go."""
    at_work = threading.Lock()
    _at_work.append(at_work)
    while (task := tasks.get()) is not None:
        with at_work:
            if _ends:
                return
            if task.own is None:
                task.run()
            else:
                task.own.count(task)
        del task  # and what it refers to, while the thread waits
    _at_work.remove(at_work)


@atexit.register
def _wait_for_work() -> None:
    """Let what threads have begun end before the interpreter does, and begin nothing more.

    A thread that comes back to an interpreter that has ended is unwound, which aborts the process where C++ has called
    (onnxruntime). After Ctrl-C, threads are at work still.
    """
    global _ends
    _ends = True
    until = time.monotonic() + PATIENCE_S
    for at_work in list(_at_work):
        if at_work.acquire(timeout=max(until - time.monotonic(), 0)):
            at_work.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_at_work.clear)  # the threads stayed with the parent


class _Threads:
    """Threads that share a queue; they end with the process if nobody lets them go."""

    def __init__(self) -> None:
        self.count = 0
        self.tasks: SimpleQueue[Task[Any] | None] = SimpleQueue()

    def end(self) -> None:
        """Let them go, each after what it does."""
        for _ in range(self.count):
            self.tasks.put(None)


class Pool:
    """Up to `workers` threads, the caller's own among them.

    Args:
        workers: At least 1, which makes no threads.
    """

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self._threads = _Threads()
        self._lock = Lock()
        resets(self)

    def after_fork(self) -> None:
        """The threads stayed with the parent."""
        self._threads = _Threads()

    def __del__(self) -> None:
        if "_threads" in vars(self):  # Ctrl-C may have come before
            self._threads.end()

    def start(self, work: Callable[[], Result]) -> Task[Result]:
        """Hand out work; its `result` must be asked for, or the task dropped."""
        task = Task(work)
        if self.workers > 1:
            with self._lock.raw:
                threads = self._threads
                if threads.count < self.workers - 1:
                    threads.count += 1  # before: a signal may come after it is started
                    try:
                        _thread.start_new_thread(_serve, (threads.tasks,))
                    except RuntimeError:  # no more threads, or the interpreter ends: then the caller does it
                        threads.count -= 1
                if threads.count:
                    threads.tasks.put(task)
        return task

    def elsewhere(self, work: Callable[[], Result]) -> Result:
        """The result of work that a thread of the pool does; the caller, where there is none."""
        task = self.start(work)
        if not self._threads.count:
            task.run()
        try:
            return task.waited_for()
        finally:
            task.drop()  # Ctrl-C: nobody wants it any more

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], at_most: int | None = None
    ) -> list[Result]:
        """Results in the order of the items; raises the first error, after the work that was begun has ended.

        Args:
            function: Of one item.
            items: Of the work.
            at_most: Items at once, where that is less than there are workers.
        """
        todo: Sequence[Item] = items if isinstance(items, Sequence) else list(items)
        lanes = min(len(todo), self.workers if at_most is None else min(at_most, self.workers))
        if lanes <= 1:
            return [function(item) for item in todo]
        results: list[Any] = [None] * len(todo)
        numbers, errors = itertools.count(), list[BaseException]()

        def lane() -> None:
            while not errors:
                number = next(numbers)
                if number >= len(todo):
                    return
                try:
                    results[number] = function(todo[number])
                except BaseException as error:
                    errors.append(_bare(error))

        try:
            helpers = [self.start(lane) for _ in range(lanes - 1)]
            lane()
            for helper in helpers:
                helper.drop()
            for helper in helpers:
                helper.wait()
        except BaseException:  # Ctrl-C: the others begin no further item
            errors.append(KeyboardInterrupt())
            raise
        if errors:
            error = errors[0]
            errors.clear()
            try:
                raise error
            finally:
                del error  # else its traceback keeps this frame and what was decoded, until a collection
        return results

    def close(self) -> None:
        """Let the threads go; work that comes later makes new ones."""
        with self._lock.raw:
            threads, self._threads = self._threads, _Threads()
        threads.end()


ALONE = Pool()
"""Whoever calls it does all the work."""
