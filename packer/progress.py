"""Progress of a command that works through stages of tiles, as bars on stderr."""

from __future__ import annotations

import sys

from tqdm import tqdm


class StageBars:
    """A bar for each stage, on a terminal; a `Progress` of the encoder. A context manager."""

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm[object] | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell that `done` of `total` tiles of a stage are done."""
        if self._bar is None or stage != self._stage or done < self._bar.n:
            self.close()
            self._stage = stage
            quiet = not sys.stderr.isatty()
            self._bar = tqdm(total=total, unit="tile", desc=stage, file=sys.stderr, leave=False, disable=quiet)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the last bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> StageBars:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
