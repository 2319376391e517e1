"""How far long work is, on stderr: one line that is rewritten on a terminal, and elsewhere a line every 10 seconds."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable

from todpack.decompressor.plain_text import PlainText, printable

PERIOD_S = 10.0
"""Between lines where stderr is no terminal, such as a log of a batch job."""
REDRAW_S = 0.1
CLEAR = "\r\x1b[K"


def clock(seconds: float) -> str:
    """Seconds as minutes:seconds, from an hour on as hours:minutes:seconds."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def texels_text(count: int) -> str:
    """So many texels, for people."""
    return f"{count} texels" if count < 1_000_000 else f"{count / 1e6:.1f} million texels"


def duration_text(seconds: float) -> str:
    """So long, for people."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def is_terminal() -> bool:
    """Whether stderr shows lines that are rewritten."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class ProgressLine:
    """Progress of work that is done in steps. A context manager; `update` tells of steps.

    It also writes when no step is done for long: a thread sees to that until `close`.
    """

    def __init__(
        self,
        label: str,
        unit: str = "",
        total: int = 0,
        done: int = 0,
        *,
        left_s: Callable[[], float | None] | None = None,
        quiet: bool = False,
    ) -> None:
        """Begin.

        Args:
            label: What is done.
            unit: Of a step, such as "tile".
            total: Steps in all; 0: not known yet.
            done: Steps that were done before.
            left_s: Says how many seconds are left, None while that is not known; without it all steps are equally long.
            quiet: Write nothing.
        """
        self._label, self._unit, self._total, self._done, self._note = label, unit, total, done, ""
        self._left_s = left_s
        self._first, self._began, self._written = done, time.monotonic(), 0.0
        self._is_terminal, self._is_shown, self._lock = is_terminal(), False, threading.Lock()
        self._ended = threading.Event()
        self._thread = None if quiet else threading.Thread(target=self._beat, daemon=True, name="progress")
        if self._thread is not None:
            self._thread.start()

    @property
    def done(self) -> int:
        """Steps that are done."""
        return self._done

    def _beat(self) -> None:
        while not self._ended.wait(1.0 if self._is_terminal else PERIOD_S):
            self._write()

    def line(self) -> str:
        """As it is written: label, steps, the time taken, the time left, what is done now."""
        seconds = time.monotonic() - self._began
        steps = f"{self._done} of {self._total}" if self._total else str(self._done)
        text = f"{self._label}: {steps}{f' {self._unit}s' if self._unit else ''}, {clock(seconds)}"
        fresh, rest = self._done - self._first, self._total - self._done
        if rest > 0 and (fresh > 0 or self._left_s is not None):
            left = seconds * rest / fresh if self._left_s is None else self._left_s()
            text += "" if left is None else f", {clock(left)} left"
        return f"{text}, {self._note}" if self._note else text

    def _write(self) -> None:
        with self._lock:
            if self._ended.is_set():
                return
            self._written, self._is_shown = time.monotonic(), True
            if self._is_terminal:
                self._clear_line()
                sys.stderr.write(printable(self.line())[: shutil.get_terminal_size().columns - 1])
            else:
                sys.stderr.write(f"todpack: {self.line()}\n")
            sys.stderr.flush()

    def _clear_line(self) -> None:
        """The one sequence that a terminal obeys; PlainText would escape it."""
        stream = sys.stderr.stream if isinstance(sys.stderr, PlainText) else sys.stderr
        stream.write(CLEAR)

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Tell that `done` of `total` steps are done, and what else there is to say."""
        self._done, self._note = done, note
        self._total = self._total if total is None else total
        if self._thread is not None and self._is_terminal and time.monotonic() - self._written >= REDRAW_S:
            self._write()

    def clear(self) -> None:
        """Take the line away from a terminal, for other output."""
        with self._lock:
            if self._is_terminal and self._is_shown:
                self._clear_line()
                sys.stderr.flush()
                self._is_shown = False

    def close(self) -> None:
        """End; a terminal keeps no trace of it."""
        self.clear()
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.clear()

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class StageBars:
    """Progress through stages of tiles, a line for each; a `Progress` of the encoder. A context manager."""

    def __init__(self) -> None:
        self._stage = ""
        self._line: ProgressLine | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that `done` of `total` tiles of a stage are done; a note may follow the stage's name after a comma."""
        stage, _, note = stage.partition(", ")
        if self._line is None or stage != self._stage or done < self._line.done:
            self.close()
            self._stage, self._line = stage, ProgressLine(stage, "tile", total)
        self._line.update(done, total, note)

    def close(self) -> None:
        """End the last line."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def __enter__(self) -> StageBars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
