"""One line per epoch for programs: `log.csv`."""

from __future__ import annotations

from pathlib import Path

from todpack.decompressor.files import write_text

COLUMNS = ("epoch", "loss", "psnr_estimate_db", "lr", "grid_lr", "seconds")
VALIDATION_COLUMNS = ("val_psnr_db", "val_ssim", "val_lpips")


class EpochLog:
    """`log.csv` of a run; when a run is resumed, lines of epochs that will be run again are dropped."""

    def __init__(self, path: Path, next_epoch: int, more_columns: tuple[str, ...] = ()) -> None:
        self._path = path
        rows: list[list[str]] = []
        if next_epoch > 0 and path.is_file():
            earlier = {str(epoch) for epoch in range(next_epoch)}
            text = path.read_text(encoding="utf-8", errors="replace")  # whatever came into it meanwhile
            rows = [row for line in text.splitlines() if (row := line.split(","))[0] in earlier]
        self._rows = [[*COLUMNS, *more_columns], *rows]
        self._write()

    def _write(self) -> None:
        write_text(self._path, "".join(f"{','.join(row)}\n" for row in self._rows))

    def append(
        self,
        epoch: int,
        loss: float,
        psnr_db: float,
        lr: float,
        grid_lr: float,
        seconds: float,
        more: tuple[str, ...] = (),
    ) -> None:
        """Add one epoch; `more` are the values of `more_columns`."""
        self._rows.append(
            [str(epoch), f"{loss:.9g}", f"{psnr_db:.4f}", f"{lr:.6g}", f"{grid_lr:.6g}", f"{seconds:.3f}", *more]
        )
        self._write()
